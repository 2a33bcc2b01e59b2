"""What is read of a conversation when a turn is claimed, beside its messages: in one statement."""

from __future__ import annotations

from sqlalchemy import BigInteger, Text, bindparam, cast, func, select

from supportbot.store import Statement
from supportbot.tables import contacts, memories, spending

_known = (
    select(contacts, memories.c.from_seq, memories.c.pinned, memories.c.summary, memories.c.summary_seq)
    .select_from(
        contacts.outerjoin(memories, memories.c.conversation_id == bindparam("conversation", type_=Text))
    )
    .where(contacts.c.id == bindparam("contact"))
)
KNOWN = Statement(_known)
"""Its first contact, and its memory."""

_spent_here = spending.c.conversation_id == bindparam("conversation", type_=Text)
_tokens = func.coalesce(func.sum(spending.c.prompt_tokens + spending.c.completion_tokens), 0)
_cost = func.coalesce(func.sum(spending.c.cost), 0)
KNOWN_AND_SPENT = Statement(
    _known.add_columns(
        cast(select(_tokens).where(_spent_here).scalar_subquery(), BigInteger).label("spent_tokens"),
        cast(select(_cost).where(_spent_here).scalar_subquery(), BigInteger).label("spent_cost"),
    )
)
"""The same, and what models have used for it; where there is a cap on that."""
