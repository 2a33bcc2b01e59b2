"""the first tables

Frozen: it says what version 0001 is, whatever ``supportbot.tables`` says later.
"""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from supportbot.migrations import queue

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_JSON = sa.Text().with_variant(JSONB(), "postgresql")
_BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_EMPTY = sa.text("''")
_BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers rows only for INTEGER


def upgrade() -> None:
    """Go from an empty database to 0001."""
    for make in _TABLES:
        make()
    if op.get_bind().dialect.name == "postgresql":
        queue.install(op.get_bind())


def downgrade() -> None:
    """Go back to an empty database: everything that was stored is gone."""
    if op.get_bind().dialect.name == "postgresql":
        queue.remove(op.get_bind())
    for make in reversed(_TABLES):
        op.drop_table(make.__name__.removeprefix("_"))


def _tenants() -> None:
    tenants = op.create_table(
        "tenants",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenants"),
    )
    now = time.time_ns() // 1_000_000
    op.bulk_insert(tenants, [{"id": "default", "name": "Default", "created_at": now}])


def _contacts() -> None:
    op.create_table(
        "contacts",
        *_filled(
            sa.Text, "id", "tenant_id", "channel", "external_id", "name", "email", "assurance", "reply_to"
        ),
        sa.Column("language", sa.Text, nullable=False, server_default=_EMPTY),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_contacts"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_contacts_tenant_id"),
    )
    op.create_index("uq_contacts_external", "contacts", ["tenant_id", "channel", "external_id"], unique=True)


def _conversations() -> None:
    op.create_table(
        "conversations",
        *_filled(sa.Text, "id", "tenant_id", "channel", "external_id", "contact_id", "state"),
        sa.Column("address", _JSON, nullable=False),
        sa.Column("last_seq", sa.Integer, nullable=False),
        sa.Column("seen_seq", sa.Integer, nullable=False, server_default="0"),
        sa.Column("written_in", sa.Text, nullable=False, server_default=_EMPTY),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("open_turn_id", sa.Text),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_conversations_tenant_id"),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name="fk_conversations_contact_id"),
    )
    op.create_index(
        "uq_conversations_external", "conversations", ["tenant_id", "channel", "external_id"], unique=True
    )
    op.create_index("ix_conversations_updated", "conversations", ["updated_at"])
    op.create_index("ix_conversations_contact", "conversations", ["contact_id", "created_at"])
    _partial_index("ix_conversations_due", "conversations", ["due_at"], "due_at IS NOT NULL")


def _routes() -> None:
    op.create_table(
        "routes",
        *_filled(sa.Text, "conversation_id", "tenant_id", "channel", "external_id", "email"),
        *_filled(sa.Integer, "proven"),
        *_filled(_JSON, "address"),
        *_filled(sa.Integer, "told_seq"),
        *_filled(_JSON, "told"),
        *_filled(sa.BigInteger, "here_at"),
        sa.Column("due_at", sa.BigInteger),
        *_filled(sa.BigInteger, "created_at"),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_routes"),
        _of_conversation("routes"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_routes_tenant_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("uq_routes_external", "routes", ["tenant_id", "channel", "external_id"], unique=True)
    _partial_index("ix_routes_due", "routes", ["due_at"], "due_at IS NOT NULL")


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("conversation_id", sa.Text, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("contact_id", sa.Text),
        *_filled(sa.Text, "text", "state", "reason", "fixed_for", "request", "client_key"),
        sa.Column("turn_id", sa.Text),
        *_filled(_JSON, "attachments", "citations", "choices"),
        sa.Column("assurance", sa.Text, nullable=False),
        sa.Column("sent_at", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        _of_conversation("messages"),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name="fk_messages_contact_id"),
    )
    op.create_index("uq_messages_seq", "messages", ["conversation_id", "seq"], unique=True)
    op.create_index("ix_messages_turn", "messages", ["turn_id"])
    _partial_index("ix_messages_pending", "messages", ["conversation_id", "seq"], "state = 'pending'")


def _files() -> None:
    op.create_table(
        "files",
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("message_id", "ordinal", name="pk_files"),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name="fk_files_message_id", ondelete="CASCADE"
        ),
    )


def _memories() -> None:
    op.create_table(
        "memories",
        sa.Column("conversation_id", sa.Text, nullable=False),
        sa.Column("from_seq", sa.Integer, nullable=False),
        sa.Column("pinned", _JSON, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("summary_seq", sa.Integer, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_memories"),
        _of_conversation("memories"),
        sqlite_with_rowid=False,
    )
    _partial_index("ix_memories_due", "memories", ["due_at"], "due_at IS NOT NULL")


def _seen() -> None:
    op.create_table(
        "seen",
        *_filled(sa.Text, "tenant_id", "channel", "key", "message_id"),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "channel", "key", name="pk_seen"),
        sqlite_with_rowid=False,
    )


def _turns() -> None:
    op.create_table(
        "turns",
        *_filled(sa.Text, "id", "conversation_id", "state"),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        *_filled(sa.Text, "reason", "model", "template_hash"),
        sa.Column("prompt_tokens", sa.BigInteger),
        sa.Column("completion_tokens", sa.BigInteger),
        sa.Column("estimated", sa.Integer, nullable=False),
        sa.Column("cost", sa.BigInteger),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("deaths", sa.Integer, nullable=False),
        sa.Column("company", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_turns"),
        _of_conversation("turns"),
    )
    op.create_index("ix_turns_conversation", "turns", ["conversation_id", "created_at"])
    _partial_index("ix_turns_dead", "turns", ["finished_at"], "state = 'dead'")
    died = "deaths > 0 AND state IN ('running', 'waiting')"
    _partial_index("ix_turns_died", "turns", ["deaths"], died)


def _spending() -> None:
    op.create_table(
        "spending",
        *_filled(sa.Text, "conversation_id", "day", "model", "purpose", "currency"),
        *_filled(sa.BigInteger, "requests", "estimated"),
        *_filled(sa.BigInteger, "prompt_tokens", "cached_tokens", "completion_tokens", "cost"),
        sa.PrimaryKeyConstraint("conversation_id", "day", "model", "purpose", "currency", name="pk_spending"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_spending_day", "spending", ["day"])


def _tool_calls() -> None:
    op.create_table(
        "tool_calls",
        sa.Column("turn_id", sa.Text, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("conversation_id", sa.Text, nullable=False),
        sa.Column("contact_id", sa.Text, nullable=False),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("tool", sa.Text, nullable=False),
        sa.Column("arguments", sa.Text, nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("turn_id", "step", "ordinal", name="pk_tool_calls"),
        _of_conversation("tool_calls"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_tool_calls_conversation", "tool_calls", ["conversation_id"])


def _triages() -> None:
    op.create_table(
        "triages",
        *_filled(sa.Text, "turn_id", "conversation_id", "state", "topic", "language", "sentiment", "urgency"),
        sa.Column("wants_person", sa.Integer, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("prompt_tokens", sa.Integer),
        sa.Column("completion_tokens", sa.Integer),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("turn_id", name="pk_triages"),
        _of_conversation("triages"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_triages_conversation", "triages", ["conversation_id"])


def _ratings() -> None:
    op.create_table(
        "ratings",
        *_filled(sa.Text, "turn_id", "rater", "conversation_id", "verdict"),
        sa.Column("rated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("turn_id", "rater", name="pk_ratings"),
        _of_conversation("ratings"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_ratings_conversation", "ratings", ["conversation_id"])


def _surveys() -> None:
    op.create_table(
        "surveys",
        sa.Column("conversation_id", sa.Text, nullable=False),
        sa.Column("rater", sa.Text, nullable=False),
        sa.Column("score", sa.Integer, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("rated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "rater", name="pk_surveys"),
        _of_conversation("surveys"),
        sqlite_with_rowid=False,
    )


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        *_filled(sa.Text, "id", "conversation_id", "message_id", "turn_id", "channel"),
        sa.Column("kind", sa.Text, nullable=False, server_default="reply"),
        *_filled(sa.Integer, "seq"),
        *_filled(sa.Text, "state"),
        *_filled(sa.Integer, "attempt", "sends", "looks", "waits"),
        sa.Column("owner", sa.Text),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("planned_at", sa.BigInteger, nullable=False, server_default="0"),
        *_filled(sa.Text, "external_id", "reason", "death"),
        *_filled(_JSON, "address"),
        sa.Column("thread", sa.Text, nullable=False, server_default=_EMPTY),
        sa.Column("missed", _JSON, nullable=False, server_default="{}"),
        *_filled(sa.Text, "in_reply_to"),
        *_filled(_JSON, "sources"),
        *_filled(sa.Text, "handoff"),
        *_filled(_JSON, "choices"),
        *_filled(sa.BigInteger, "created_at", "updated_at"),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        _of_conversation("deliveries"),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name="fk_deliveries_message_id", ondelete="CASCADE"
        ),
    )
    for of in ("conversation", "turn", "message"):
        op.create_index(f"ix_deliveries_{of}", "deliveries", [f"{of}_id"])
    op.create_index("ix_deliveries_state", "deliveries", ["state", "updated_at"])
    _partial_index("ix_deliveries_due", "deliveries", ["due_at"], "due_at IS NOT NULL")
    _partial_index("ix_deliveries_notices", "deliveries", ["state", "updated_at"], "kind = 'notice'")
    _partial_index("ix_deliveries_told", "deliveries", ["conversation_id", "seq"], "kind = 'notice'")
    unfinished = "state IN ('planned', 'sending')"
    _partial_index("ix_deliveries_open", "deliveries", ["conversation_id", "seq"], unfinished)


def _drafts() -> None:
    op.create_table(
        "drafts",
        *_filled(sa.Text, "delivery_id", "conversation_id", "turn_id", "channel", "outcome"),
        sa.Column("length", sa.Integer, nullable=False),
        sa.Column("changed", sa.Integer),
        sa.Column("left_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("delivery_id", name="pk_drafts"),
        _of_conversation("drafts"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_drafts_conversation", "drafts", ["conversation_id"])
    op.create_index("ix_drafts_left", "drafts", ["left_at"])


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", _BIG_KEY, autoincrement=True, nullable=False),
        *_filled(sa.Text, "conversation_id", "kind", "actor"),
        sa.Column("message_id", sa.Text),
        sa.Column("turn_id", sa.Text),
        sa.Column("delivery_id", sa.Text),
        sa.Column("data", _JSON, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        _of_conversation("events"),
    )
    op.create_index("ix_events_conversation", "events", ["conversation_id", "id"])


def _withdrawals() -> None:
    op.create_table(
        "withdrawals",
        *_filled(sa.Text, "delivery_id", "channel", "external_id"),
        *_filled(_JSON, "address"),
        *_filled(sa.Text, "state"),
        *_filled(sa.Integer, "fence", "tries", "looks"),
        *_filled(sa.Text, "reason"),
        sa.Column("due_at", sa.BigInteger),
        *_filled(sa.BigInteger, "planned_at", "deleted_at", "created_at", "updated_at"),
        sa.PrimaryKeyConstraint("delivery_id", name="pk_withdrawals"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_withdrawals_state", "withdrawals", ["state", "updated_at"])
    op.create_index("ix_withdrawals_deleted", "withdrawals", ["deleted_at"])
    _partial_index("ix_withdrawals_due", "withdrawals", ["due_at"], "due_at IS NOT NULL")


def _records() -> None:
    op.create_table(
        "records",
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("key", _BYTEWISE, nullable=False),
        sa.Column("value", _JSON, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("channel", "key", name="pk_records"),
        sqlite_with_rowid=False,
    )
    _partial_index("ix_records_expires", "records", ["expires_at"], "expires_at IS NOT NULL")


def _leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
        sqlite_with_rowid=False,
    )


def _limits() -> None:
    op.create_table(
        "limits",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", _JSON, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_limits"),
        sqlite_with_rowid=False,
    )


def _filled(kind: Any, *names: str) -> list[sa.Column[Any]]:
    """Return columns of one kind that always hold something."""
    return [sa.Column(name, kind, nullable=False) for name in names]


def _of_conversation(table: str) -> sa.ForeignKeyConstraint:
    """Tie a table's rows to their conversation: they go when it goes."""
    return sa.ForeignKeyConstraint(
        ["conversation_id"], ["conversations.id"], name=f"fk_{table}_conversation_id", ondelete="CASCADE"
    )


def _partial_index(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


_TABLES = (  # in an order in which each finds those it names; a function is called as its table is
    _tenants,
    _contacts,
    _conversations,
    _routes,
    _messages,
    _files,
    _memories,
    _seen,
    _turns,
    _spending,
    _tool_calls,
    _triages,
    _ratings,
    _surveys,
    _deliveries,
    _drafts,
    _events,
    _withdrawals,
    _records,
    _leases,
    _limits,
)
