"""Where people want to be written to, when nobody is there to answer them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select, update

from supportbot.ids import now_ms
from supportbot.journal import note
from supportbot.storable import clean_key, clean_text
from supportbot.store import Statement
from supportbot.tables import contacts, conversations

if TYPE_CHECKING:
    from supportbot.store import Store, Tx

_LONGEST = 254  # characters of an address (RFC 5321, section 4.5.3.1.3)

_FIND = Statement(
    select(contacts, conversations.c.id.label("conversation_id"))
    .join(conversations, conversations.c.contact_id == contacts.c.id)
    .where(
        conversations.c.tenant_id == bindparam("tenant"),
        conversations.c.channel == bindparam("of"),
        conversations.c.external_id == bindparam("external"),
    )
)
_WRITE_TO = Statement(
    update(contacts).where(contacts.c.id == bindparam("contact")).values(reply_to=bindparam("address"))
)


class ChannelContacts:
    """The people of one channel; see ``supportbot.channel.Contacts``."""

    def __init__(self, store: Store, channel: str, tenant: str = "default") -> None:
        self._store = store
        self._where = {"of": channel, "tenant": tenant}

    async def write_to(self, external_id: str, email: str) -> bool:
        """Store the address at which whoever began a conversation wants to be written to.

        It stands beside ``contacts.email``, which tools trust where the contact is verified.
        """
        address, external = clean_text(email)[:_LONGEST], clean_key(external_id)

        def unit(tx: Tx) -> bool:
            row = tx.row(_FIND, external=external, **self._where)
            if row is None:
                return False
            if row.reply_to != address:
                tx.run(_WRITE_TO, contact=row.id, address=address)
                note(tx, row.conversation_id, "contact.address_given", at=now_ms(), actor="customer")
            return True

        return await self._store.write(unit)

    async def address(self, external_id: str) -> str:
        """Return that address, or the one that is known anyway; empty when there is none."""
        external = clean_key(external_id)
        row: Any = await self._store.read(lambda tx: tx.row(_FIND, external=external, **self._where))
        return "" if row is None else row.reply_to or row.email
