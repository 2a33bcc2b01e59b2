"""The schema: what is stored, and which columns are the truth about what.

A leaf: it imports nothing of ours. Times are Unix milliseconds; JSON columns hold JSON *text*
(``jsonb`` on PostgreSQL). ``migrations/`` makes these tables; a test compares the two.

How a conversation is worked on, in one column: ``conversations.due_at`` is when somebody should
next look at it. A message that arrives sets it; a claim moves it to the end of its lease; the commit
of the answer clears it or sets it for what arrived meanwhile. So a turn whose worker died becomes due
by itself, and one index finds all work. ``deliveries.due_at`` means the same for a delivery,
``memories.due_at`` for a summary, and ``routes.due_at`` for what somebody may have missed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    and_,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Json = Text().with_variant(JSONB(), "postgresql")
Bytewise = Text().with_variant(Text(collation="C"), "postgresql")  # sorted as SQLite sorts, in any language
_EMPTY = text("''")  # Alembic does not recognise "" again in SQLite
BigKey = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows only for INTEGER


def _partial(name: str, where: ColumnElement[bool], *columns: Column[Any]) -> None:
    """Index the rows that fulfil a condition."""
    Index(name, *columns, sqlite_where=where, postgresql_where=where)


tenants = Table(
    "tenants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("assurance", Text, nullable=False),
    Column("reply_to", Text, nullable=False),  # where they want to be written to; on their own word
    Column("language", Text, nullable=False, server_default=_EMPTY),  # what they read, if they said so
    Column("created_at", BigInteger, nullable=False),
    Index("uq_contacts_external", "tenant_id", "channel", "external_id", unique=True),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("contact_id", Text, ForeignKey("contacts.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("address", Json, nullable=False),
    Column("last_seq", Integer, nullable=False),
    Column("seen_seq", Integer, nullable=False, server_default="0"),  # acknowledged last, where readers do
    Column("written_in", Text, nullable=False, server_default=_EMPTY),  # its route's, if last used there
    Column("fence", Integer, nullable=False),
    Column("owner", Text),  # the process that holds the claim
    Column("open_turn_id", Text),  # the turn being worked on, or waiting for its next try
    Column("due_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("uq_conversations_external", "tenant_id", "channel", "external_id", unique=True),
    Index("ix_conversations_updated", "updated_at"),
    Index("ix_conversations_contact", "contact_id", "created_at"),
)
_partial("ix_conversations_due", conversations.c.due_at.is_not(None), conversations.c.due_at)

routes = Table(  # where else a conversation goes on: its second address
    "routes",
    metadata,
    Column("conversation_id", Text, ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("external_id", Text, nullable=False),  # that channel's key of it: unguessable, another per e-mail
    Column("email", Text, nullable=False),
    Column("proven", Integer, nullable=False),  # by the website, or because its owner answered
    Column("address", Json, nullable=False),
    Column("told_seq", Integer, nullable=False),  # what was missed up to here was told there
    Column("told", Json, nullable=False),  # and so were these numbers after it
    Column("here_at", BigInteger, nullable=False),  # when its reader was last known to be there
    Column("due_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Index("uq_routes_external", "tenant_id", "channel", "external_id", unique=True),
    sqlite_with_rowid=False,
)
_partial("ix_routes_due", routes.c.due_at.is_not(None), routes.c.due_at)

messages = Table(
    "messages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("conversation_id", Text, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("author", Text, nullable=False),
    Column("contact_id", Text, ForeignKey("contacts.id")),
    Column("text", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),  # why it ended so
    Column("fixed_for", Text, nullable=False),  # of the bot's: why it is a fixed text and no answer
    Column("request", Text, nullable=False),  # what was asked for besides the text: "" or "person"
    Column("client_key", Text, nullable=False),
    Column("turn_id", Text),
    Column("attachments", Json, nullable=False),
    Column("citations", Json, nullable=False),
    Column("choices", Json, nullable=False),  # what the customer may press for an answer
    Column("assurance", Text, nullable=False),  # of its sender, when it came
    Column("sent_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Index("uq_messages_seq", "conversation_id", "seq", unique=True),
    Index("ix_messages_turn", "turn_id"),
)
_partial("ix_messages_pending", messages.c.state == "pending", messages.c.conversation_id, messages.c.seq)

files = Table(
    "files",
    metadata,
    Column("message_id", Text, ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),  # among the message's attachments
    Column("data", LargeBinary, nullable=False),
)

memories = Table(
    "memories",
    metadata,
    Column("conversation_id", Text, ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("from_seq", Integer, nullable=False),  # the history that a model reads begins here
    Column("pinned", Json, nullable=False),
    Column("summary", Text, nullable=False),
    Column("summary_seq", Integer, nullable=False),  # the summary tells of everything up to here
    Column("model", Text, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("owner", Text),
    Column("attempt", Integer, nullable=False),
    Column("due_at", BigInteger),
    Column("reason", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
_partial("ix_memories_due", memories.c.due_at.is_not(None), memories.c.due_at)

seen = Table(
    "seen",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("message_id", Text, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

turns = Table(
    "turns",
    metadata,
    Column("id", Text, primary_key=True),
    Column("conversation_id", Text, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("state", Text, nullable=False),  # running | waiting | answered | handed_over | dead | replayed
    Column("fence", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("template_hash", Text, nullable=False),
    Column("prompt_tokens", BigInteger),  # of everything that models were asked for it
    Column("completion_tokens", BigInteger),
    Column("estimated", Integer, nullable=False),  # so many requests did not say what they used
    Column("cost", BigInteger),  # in billionths of the currency
    Column("currency", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("deaths", Integer, nullable=False),  # of processes that worked on it among others
    Column("company", Integer, nullable=False),  # so many suspects were begun together, it included; or 0
    Index("ix_turns_conversation", "conversation_id", "created_at"),
)
_partial("ix_turns_dead", turns.c.state == "dead", turns.c.finished_at)
_died = and_(turns.c.deaths > 0, turns.c.state.in_(("running", "waiting")))
_partial("ix_turns_died", _died, turns.c.deaths)

spending = Table(  # no key of conversations: what was spent stays spent when one is deleted
    "spending",
    metadata,
    Column("conversation_id", Text, primary_key=True),
    Column("day", Text, primary_key=True),  # as 2026-11-25, in spending.time_zone
    Column("model", Text, primary_key=True),
    Column("purpose", Text, primary_key=True),  # answer | summary | triage | moderation
    Column("currency", Text, primary_key=True),  # empty where the model has no price
    Column("requests", BigInteger, nullable=False),
    Column("estimated", BigInteger, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("cost", BigInteger, nullable=False),
    Index("ix_spending_day", "day"),
    sqlite_with_rowid=False,
)

tool_calls = Table(
    "tool_calls",
    metadata,
    Column("turn_id", Text, primary_key=True),
    Column("step", Integer, primary_key=True),  # the how-manieth time that the model asked for tools
    Column("ordinal", Integer, primary_key=True),  # among the calls of the step
    Column("conversation_id", Text, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("contact_id", Text, nullable=False),
    Column("call_id", Text, nullable=False),  # the model's
    Column("tool", Text, nullable=False),
    Column("arguments", Text, nullable=False),  # as the model wrote them: they may be no JSON
    Column("said", Text, nullable=False),  # beside the step's calls; with the first of them
    Column("state", Text, nullable=False),
    # started | done | failed | unknown | refused | invalid | asked | confirmed | cancelled | expired
    Column("result", Text, nullable=False),  # what the model got to read
    Column("fence", Integer, nullable=False),  # of the try that ran it last
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Index("ix_tool_calls_conversation", "conversation_id"),
    sqlite_with_rowid=False,
)

triages = Table(
    "triages",
    metadata,
    Column("turn_id", Text, primary_key=True),
    Column("conversation_id", Text, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("state", Text, nullable=False),  # done | failed
    Column("topic", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("sentiment", Text, nullable=False),
    Column("urgency", Text, nullable=False),
    Column("wants_person", Integer, nullable=False),
    Column("model", Text, nullable=False),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("reason", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("ix_triages_conversation", "conversation_id"),
    sqlite_with_rowid=False,
)

ratings = Table(
    "ratings",
    metadata,
    Column("turn_id", Text, primary_key=True),
    Column("rater", Text, primary_key=True),  # the channel's own key of a person
    Column("conversation_id", Text, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("verdict", Text, nullable=False),  # good | bad
    Column("rated_at", BigInteger, nullable=False),
    Index("ix_ratings_conversation", "conversation_id"),
    sqlite_with_rowid=False,
)

surveys = Table(
    "surveys",
    metadata,
    Column("conversation_id", Text, ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("rater", Text, primary_key=True),  # the channel's own key of a person
    Column("score", Integer, nullable=False),  # 1 to 5
    Column("comment", Text, nullable=False),
    Column("rated_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("conversation_id", Text, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("message_id", Text, ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
    Column("turn_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("kind", Text, nullable=False, server_default="reply"),  # reply | follow_up | notice
    Column("seq", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("sends", Integer, nullable=False),  # hand-overs to the channel, but for those asked to wait
    Column("looks", Integer, nullable=False),  # how often an unclear one was not found on the platform
    Column("waits", Integer, nullable=False),  # how often in a row it could not even be tried or looked for
    Column("owner", Text),
    Column("due_at", BigInteger),
    Column("planned_at", BigInteger, nullable=False, server_default="0"),
    # last: from then on its patience counts; 0: it was planned once, when it was created
    Column("external_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("death", Text, nullable=False),  # what a dead one died of: ``outbox.claims.Death``; else empty
    Column("address", Json, nullable=False),
    Column("thread", Text, nullable=False, server_default=_EMPTY),  # that channel's key of the conversation
    Column("missed", Json, nullable=False, server_default="{}"),  # of a follow-up: what it tells
    Column("in_reply_to", Text, nullable=False),
    Column("sources", Json, nullable=False),
    Column("handoff", Text, nullable=False),
    Column("choices", Json, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("ix_deliveries_conversation", "conversation_id"),
    Index("ix_deliveries_turn", "turn_id"),
    Index("ix_deliveries_message", "message_id"),
    Index("ix_deliveries_state", "state", "updated_at"),
)
_open = deliveries.c.state.in_(("planned", "sending"))
_due, _notice = deliveries.c.due_at.is_not(None), deliveries.c.kind == "notice"
for _name, _columns, _where in (
    ("ix_deliveries_due", (deliveries.c.due_at,), _due),
    ("ix_deliveries_notices", (deliveries.c.state, deliveries.c.updated_at), _notice),
    ("ix_deliveries_told", (deliveries.c.conversation_id, deliveries.c.seq), _notice),
    ("ix_deliveries_open", (deliveries.c.conversation_id, deliveries.c.seq), _open),
):
    Index(_name, *_columns, sqlite_where=_where, postgresql_where=_where)

leases = Table(  # what one process at a time does for all
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

limits = Table(  # what all processes together did of what a limit allows
    "limits",
    metadata,
    Column("name", Text, primary_key=True),
    Column("state", Json, nullable=False),
    Column(
        "expires_at", BigInteger, nullable=False
    ),  # when it says nothing any more, by the database's clock
    sqlite_with_rowid=False,
)

drafts = Table(
    "drafts",
    metadata,
    Column("delivery_id", Text, primary_key=True),
    Column("conversation_id", Text, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("turn_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("outcome", Text, nullable=False),  # open | used | edited | ignored | deleted | replaced
    Column("length", Integer, nullable=False),
    Column("changed", Integer),
    Column("left_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Index("ix_drafts_conversation", "conversation_id"),
    Index("ix_drafts_left", "left_at"),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("conversation_id", Text, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),  # customer | bot | person | operator | system
    Column("message_id", Text),
    Column("turn_id", Text),
    Column("delivery_id", Text),
    Column("data", Json, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ix_events_conversation", "conversation_id", "id"),
)

withdrawals = Table(
    "withdrawals",
    metadata,
    Column("delivery_id", Text, primary_key=True),  # of the notice, which is gone
    Column("channel", Text, nullable=False),
    Column("external_id", Text, nullable=False),  # the post; empty: nobody knows whether there is one
    Column("address", Json, nullable=False),
    Column("state", Text, nullable=False),  # planned | unknown | dead
    Column("fence", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("looks", Integer, nullable=False),  # how often a post without a receipt was not found
    Column("reason", Text, nullable=False),
    Column("due_at", BigInteger),
    Column("planned_at", BigInteger, nullable=False),  # last: from then on its patience counts
    Column("deleted_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("ix_withdrawals_state", "state", "updated_at"),
    Index("ix_withdrawals_deleted", "deleted_at"),
    sqlite_with_rowid=False,
)
_partial("ix_withdrawals_due", withdrawals.c.due_at.is_not(None), withdrawals.c.due_at)

records = Table(
    "records",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("key", Bytewise, primary_key=True),  # read by its beginning
    Column("value", Json, nullable=False),
    Column("expires_at", BigInteger),
    sqlite_with_rowid=False,
)
_partial("ix_records_expires", records.c.expires_at.is_not(None), records.c.expires_at)
