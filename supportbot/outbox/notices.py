"""What the team is told when a customer is handed over to a person, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, literal_column, select

from supportbot.channel import CanNotify
from supportbot.messages import Contact, Notice
from supportbot.store import Statement
from supportbot.store.values import from_json
from supportbot.tables import contacts, messages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot.channel import Channel
    from supportbot.store import Tx

_LAST_WORDS = Statement(
    select(
        messages.c.text,
        messages.c.request,
        contacts.c.id,
        contacts.c.external_id,
        contacts.c.name,
        contacts.c.email,
        contacts.c.assurance,
    )
    .join(contacts, contacts.c.id == messages.c.contact_id)
    .where(
        messages.c.conversation_id == bindparam("conversation"),
        messages.c.author == literal_column("'customer'"),
        messages.c.state != literal_column("'ignored'"),  # machine mail is nobody's words
        messages.c.seq < bindparam("before"),
    )
    .order_by(messages.c.seq.desc())
    .limit(bindparam("most"))
)


class Team:
    """Where the team is told of hand-overs: the channels that can, with their addresses of it."""

    def __init__(self, channels: Mapping[str, Channel], *, only: str = "") -> None:
        """Ask the channels; with ``only``, that one alone: whoever tries the bot out alarms nobody."""
        asked = {n: c for n, c in channels.items() if isinstance(c, CanNotify) and only in {"", n}}
        found = {name: channel.team_address() for name, channel in asked.items()}
        self._addresses = {name: address for name, address in found.items() if address is not None}

    def told_of(self, channel: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the channels that tell of a hand-over in ``channel``, each with its address of the team.

        One that can tells of its own conversations, and no other does; those of all the rest, each tells of.
        """
        own = self._addresses.get(channel)
        return self._addresses if own is None else {channel: own}


def notice_of(tx: Tx, row: Any) -> Notice:
    """Return what a notice tells, as it is now: what its author deleted meanwhile is not told any more.

    Whoever pressed "talk to a person" said nothing by that: what they wrote before stands with it.
    """
    said = tx.rows(_LAST_WORDS, conversation=row.conversation_id, before=row.seq, most=2)
    last = said[0]
    texts = [last.text] if last.request != "person" else [one.text for one in reversed(said)]
    return Notice(
        channel=row.conversation_channel,
        address=from_json(row.conversation_address),
        contact=Contact(
            id=last.id,
            external_id=last.external_id,
            name=last.name,
            email=last.email,
            assurance=last.assurance,
        ),
        text="\n".join(filter(None, texts)),
    )
