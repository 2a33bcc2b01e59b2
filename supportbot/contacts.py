"""Who writes, and where they want to be written to when nobody is there to answer them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip  # both databases speak its ON CONFLICT

from supportbot.ids import new_id, now_ms
from supportbot.journal import note
from supportbot.storable import clean_key, clean_text
from supportbot.store import Statement
from supportbot.tables import contacts, conversations

if TYPE_CHECKING:
    from supportbot.messages import Sender
    from supportbot.store import Store, Tx

_LONGEST = 254  # characters of an address (RFC 5321, section 4.5.3.1.3)

_FIND_CONTACT = Statement(
    select(contacts).where(
        contacts.c.tenant_id == bindparam("tenant"),
        contacts.c.channel == bindparam("channel"),
        contacts.c.external_id == bindparam("external"),
    )
)
_ADD_CONTACT = Statement(insert_or_skip(contacts).inline().on_conflict_do_nothing())
_LEARN_CONTACT = Statement(
    update(contacts)
    .where(contacts.c.id == bindparam("contact"))
    .values(
        name=bindparam("new_name"),
        email=bindparam("new_email"),
        assurance=bindparam("new_assurance"),
        language=bindparam("new_language"),
    )
)
_OF_CHANNEL = (
    conversations.c.tenant_id == bindparam("tenant"),
    conversations.c.channel == bindparam("of"),
    conversations.c.external_id == bindparam("external"),
)
_LOCK = Statement(select(conversations.c.id).where(*_OF_CHANNEL).with_for_update())
_FIND = Statement(
    select(contacts, conversations.c.id.label("conversation_id"))
    .join(conversations, conversations.c.contact_id == contacts.c.id)
    .where(*_OF_CHANNEL)
)
_SURE = {"anonymous": 0, "claimed": 1, "verified": 2}

_WRITE_TO = Statement(
    update(contacts).where(contacts.c.id == bindparam("contact")).values(reply_to=bindparam("address"))
)


class Reaches(Protocol):
    """The contacts' side of the follow-ups."""

    def goes_on(self, channel: str, email: str) -> bool:
        """Say whether what is missed in a channel will be told at an address."""

    def reach(
        self, tx: Tx, conversation_id: str, channel: str, email: str, now: int, *, proven: bool
    ) -> None:
        """Inside a transaction: a conversation may go on at an address; one that is ``proven`` gives way to
        one that was given."""


class ChannelContacts:
    """The people of one channel; see ``supportbot.host.Contacts``."""

    def __init__(
        self, store: Store, channel: str, tenant: str = "default", *, reaches: Reaches | None = None
    ) -> None:
        self._store = store
        self._channel = channel
        self._reaches = reaches
        self._where = {"of": channel, "tenant": tenant}

    async def write_to(self, external_id: str, email: str, *, proven: bool = False) -> bool:
        """Store the address at which whoever began a conversation wants to be written to.

        It stands beside ``contacts.email``, which tools trust where the contact is verified.
        """
        address, external = clean_text(email)[:_LONGEST], clean_key(external_id)

        def unit(tx: Tx) -> bool:
            # first the conversation, then its contact, as the inbox does: else each may wait for the other
            tx.lock(_LOCK, external=external, **self._where)
            row = tx.row(_FIND, external=external, **self._where)
            if row is None:
                return False
            now = now_ms()
            if not proven and row.reply_to != address:
                tx.run(_WRITE_TO, contact=row.id, address=address)
                note(tx, row.conversation_id, "contact.address_given", at=now, actor="customer")
            another = row.reply_to.lower() not in {"", address.lower()}  # which they asked for
            if self._reaches is not None and not (proven and another):
                vouched = proven or (row.assurance == "verified" and row.email.lower() == address.lower())
                self._reaches.reach(tx, row.conversation_id, self._channel, address, now, proven=vouched)
            return True

        return await self._store.write(unit)

    def goes_on(self, email: str) -> bool:
        """Say whether answers that are missed will be sent to such an address."""
        return self._reaches is not None and self._reaches.goes_on(self._channel, email)

    async def address(self, external_id: str) -> str:
        """Return that address, or the one that is known anyway; empty when there is none."""
        external = clean_key(external_id)
        row: Any = await self._store.read(lambda tx: tx.row(_FIND, external=external, **self._where))
        return "" if row is None else row.reply_to or row.email


def contact_of(tx: Tx, tenant: str, channel: str, sender: Sender, now: int) -> str:
    """Return the id of the sender's contact; make or complete it where needed."""
    known = tx.row(_FIND_CONTACT, tenant=tenant, channel=channel, external=sender.id)
    if known is None:
        tx.send(
            _ADD_CONTACT,
            id=new_id("contact"),
            tenant_id=tenant,
            channel=channel,
            external_id=sender.id,
            name=sender.name,
            email=sender.email,
            assurance=sender.assurance,
            reply_to="",
            language=sender.language,
            created_at=now,
        )
        known = tx.row(_FIND_CONTACT, tenant=tenant, channel=channel, external=sender.id)
        assert known is not None
    # an address that somebody only claimed is none that their proof vouches for
    proven = sender.assurance == "verified" != known.assurance
    email = sender.email if proven else sender.email or known.email
    language = sender.language or known.language
    learnt = (sender.name or known.name, email, sender.assurance, language)
    as_sure = _SURE[sender.assurance] >= _SURE[known.assurance]  # else it might not even be the same person
    if as_sure and learnt != (known.name, known.email, known.assurance, known.language):
        new = zip(("new_name", "new_email", "new_assurance", "new_language"), learnt, strict=True)
        tx.send(_LEARN_CONTACT, contact=known.id, **dict(new))
    return str(known.id)
