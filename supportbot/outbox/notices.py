"""What the team is told when a customer is handed over to a person, and by whom."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, literal_column, select

from supportbot import withdrawals
from supportbot.channel import CanNotify
from supportbot.ids import now_ms
from supportbot.messages import Contact, Notice
from supportbot.speaking import last_change
from supportbot.store import Statement
from supportbot.store.values import from_json
from supportbot.tables import contacts, deliveries, messages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot.channel import Channel
    from supportbot.store import Store, Tx

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


_UNTOLD_FOR = 3_600_000
"""Milliseconds for which a notice that died is a problem of its channel."""

_NOTICES = deliveries.c.kind == literal_column("'notice'")
_DEAD = Statement(
    select(deliveries.c.channel, deliveries.c.conversation_id, deliveries.c.reason, deliveries.c.updated_at)
    .where(
        _NOTICES,
        deliveries.c.state == literal_column("'dead'"),
        deliveries.c.external_id == literal_column("''"),  # else it was told, and is only not up to date
        deliveries.c.updated_at > bindparam("since"),
    )
    .order_by(deliveries.c.updated_at)
)
_TOLD_LAST = Statement(
    select(deliveries.c.channel, func.max(deliveries.c.updated_at).label("at"))
    .where(
        _NOTICES,
        deliveries.c.state == literal_column("'delivered'"),
        deliveries.c.updated_at > bindparam("since"),
    )
    .group_by(deliveries.c.channel)
)


_LONG = 3_600_000
"""Milliseconds after which a post that is to be withdrawn, and is not, is a problem of its channel."""

_MOST = 1_000
"""So many of them are counted."""


class Untold:
    """The customers of whom the team was not told, since a notice died: nobody comes, and nobody knows.

    And those whose words it can still read, though their conversations were deleted.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._problems: Mapping[str, str] = {}

    async def look(self) -> None:
        """Look what died within the last hour and was followed by no notice that its channel delivered, and
        which posts have waited for more than an hour to be withdrawn.

        Raises:
            StoreUnavailable: it cannot be read; what was known stands.
        """
        self._problems = await self._store.read(_problems)

    def problems(self) -> Mapping[str, str]:
        """Return what there is to say of each channel, as of the last look."""
        return self._problems


def _problems(tx: Tx) -> dict[str, str]:
    found = _untold(tx)
    standing = Counter(
        (row.channel, row.state == "unknown") for row in withdrawals.older(tx, now_ms() - _LONG, _MOST)
    )
    for (channel, may_be_gone), number in sorted(standing.items()):
        posts = "1 post" if number == 1 else f"{number} posts"
        holds = "may hold" if may_be_gone else "still holds" if number == 1 else "still hold"
        said = f"{posts} {holds} words of deleted conversations"
        found[channel] = "; ".join(filter(None, (found.get(channel, ""), said)))
    return found


def _untold(tx: Tx) -> dict[str, str]:
    since = now_ms() - _UNTOLD_FOR
    dead = tx.rows(_DEAD, since=since)
    told = {row.channel: row.at for row in tx.rows(_TOLD_LAST, since=dead[0].updated_at)} if dead else {}
    reasons: dict[str, str] = {}
    customers: dict[str, set[str]] = {}
    for row in dead:
        if row.updated_at >= told.get(row.channel, 0):
            reasons[row.channel] = row.reason
            customers.setdefault(row.channel, set()).add(row.conversation_id)
    return {
        channel: f"the team was not told of {_many(len(customers[channel]))}: {reason}"
        for channel, reason in reasons.items()
    }


def _many(customers: int) -> str:
    return "1 customer" if customers == 1 else f"{customers} customers"


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


def notice_of(tx: Tx, row: Any, *, standing: str) -> Notice:
    """Return what a notice tells, as it is now: what its author deleted meanwhile is not told any more.

    ``standing`` is the receipt of the post that tells it already, empty where there is none.

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
        change=last_change(tx, row.conversation_id),
        standing=standing,
    )
