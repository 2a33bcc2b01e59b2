"""How PostgreSQL goes about the statements of a turn: a full database, and each statement's plan."""

from __future__ import annotations

import importlib
import json
import pkgutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from supportbot.store import Statement
from supportbot.store.wire import Wire

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from supportbot.store.statement import Prepared

_FILL = """
INSERT INTO contacts (id, tenant_id, channel, external_id, name, email, assurance, reply_to, language,
    created_at)
SELECT 'contact_' || n, 'default', 'web', 'person-' || n, '', '', 'claimed', '', '', n
FROM generate_series(1, {conversations}) AS n;

INSERT INTO conversations (id, tenant_id, channel, external_id, contact_id, state, address, last_seq,
    seen_seq, written_in, fence, created_at, updated_at)
SELECT 'conv_' || n, 'default', 'web', 'c' || n, 'contact_' || n, 'bot', '{{}}', {each},
    0, '', {each} / 2, n, n
FROM generate_series(1, {conversations}) AS n;

INSERT INTO turns (id, conversation_id, state, fence, attempt, reason, model, template_hash, estimated,
    currency, created_at, finished_at, deaths, company)
SELECT 'turn_' || n || '_' || m, 'conv_' || n, 'answered', m, 1, '', 'model', '', 0, '', n, n, 0, 0
FROM generate_series(1, {conversations}) AS n, generate_series(1, {each} / 2) AS m;

INSERT INTO messages (id, conversation_id, seq, author, contact_id, text, state, reason, fixed_for, request,
    client_key, turn_id, attachments, citations, choices, assurance, created_at)
SELECT 'msg_' || n || '_' || m, 'conv_' || n, m, CASE m % 2 WHEN 1 THEN 'customer' ELSE 'bot' END,
    CASE m % 2 WHEN 1 THEN 'contact_' || n END, 'How long do I have to return something? ' || m,
    CASE m % 2 WHEN 1 THEN 'answered' ELSE 'said' END, '', '', '', 'key-' || n || '-' || m,
    'turn_' || n || '_' || (m + 1) / 2, '[]', '[]', '[]', 'claimed', n
FROM generate_series(1, {conversations}) AS n, generate_series(1, {each}) AS m;

INSERT INTO seen (tenant_id, channel, key, message_id, seen_at)
SELECT 'default', 'web', client_key, id, created_at FROM messages WHERE author = 'customer';

INSERT INTO deliveries (id, conversation_id, message_id, turn_id, channel, kind, seq, state, attempt, sends,
    looks, waits, external_id, reason, death, address, thread, missed, in_reply_to, sources, handoff, choices,
    planned_at, created_at, updated_at)
SELECT 'dlv_' || id, conversation_id, id, turn_id, 'web', 'reply', seq, 'delivered', 1, 1,
    0, 0, '', '', '', '{{}}', '', '{{}}', '', '[]', '', '[]', created_at, created_at, created_at
FROM messages WHERE author = 'bot';

INSERT INTO deliveries (id, conversation_id, message_id, turn_id, channel, kind, seq, state, attempt, sends,
    looks, waits, external_id, reason, death, address, thread, missed, in_reply_to, sources, handoff, choices,
    planned_at, created_at, updated_at)
SELECT 'dlv_notice_' || id, conversation_id, id, turn_id, 'desk', 'notice', seq, 'delivered', 1, 1,
    0, 0, 'post-' || id, '', '', '{{}}', '', '{{}}', '', '[]', '', '[]', created_at, created_at, created_at
FROM messages WHERE author = 'bot' AND seq = 2;

INSERT INTO withdrawals (delivery_id, channel, external_id, address, state, fence, tries, looks, reason,
    due_at, planned_at, deleted_at, created_at, updated_at)
SELECT 'dlv_gone_' || n, 'desk', 'post-' || n, '{{}}', 'planned', 1, 1, 0, '', 9000000000000, n, n, n, n
FROM generate_series(1, {conversations}) AS n;

INSERT INTO memories (conversation_id, from_seq, pinned, summary, summary_seq, model, fence, attempt, reason,
    updated_at)
SELECT id, 1, '[]', '', 0, '', 0, 0, '', 1 FROM conversations;

INSERT INTO records (channel, key, value, expires_at)
SELECT 'web', 'key-' || n, '{{}}', 9000000000000 FROM generate_series(1, {conversations}) AS n;

INSERT INTO routes (conversation_id, tenant_id, channel, external_id, email, proven, address, told_seq, told,
    here_at, created_at)
SELECT 'conv_' || n, 'default', 'mail', 'route-' || n, '', 1, '{{}}', {each}, '[]', n, n
FROM generate_series(1, {conversations}) AS n;

INSERT INTO tool_calls (turn_id, step, ordinal, conversation_id, contact_id, call_id, tool, arguments, said,
    state, result, fence, started_at)
SELECT 'turn_' || n || '_1', 1, 1, 'conv_' || n, 'contact_' || n, 'call', 'find', '{{}}', '', 'done', '', 1, n
FROM generate_series(1, {conversations}) AS n;

INSERT INTO triages (turn_id, conversation_id, state, topic, language, sentiment, urgency, wants_person,
    model, reason, created_at)
SELECT 'turn_' || n || '_1', 'conv_' || n, 'done', 'parcels', 'en', 'calm', 'low', 0, 'model', '', n
FROM generate_series(1, {conversations}) AS n;

INSERT INTO ratings (turn_id, rater, conversation_id, verdict, rated_at)
SELECT 'turn_' || n || '_1', 'person-' || n, 'conv_' || n, 'good', n
FROM generate_series(1, {conversations}) AS n;

INSERT INTO surveys (conversation_id, rater, score, comment, rated_at)
SELECT 'conv_' || n, 'person-' || n, 5, '', n FROM generate_series(1, {conversations}) AS n;

INSERT INTO spending (conversation_id, day, model, purpose, currency, requests, estimated, prompt_tokens,
    cached_tokens, completion_tokens, cost)
SELECT 'conv_' || n, (date '2020-01-01' + n % 2000)::text, 'model', 'answer', 'USD', 1, 0, 1, 0, 1, 1
FROM generate_series(1, {conversations}) AS n;

INSERT INTO drafts (delivery_id, conversation_id, turn_id, channel, outcome, length, left_at)
SELECT 'dlv_msg_' || n || '_2', 'conv_' || n, 'turn_' || n || '_1', 'web', 'used', 1, n
FROM generate_series(1, {conversations}) AS n;

INSERT INTO limits (name, state, expires_at)
SELECT 'limit-' || n, '{{}}', 9000000000000 FROM generate_series(1, {conversations}) AS n;

INSERT INTO files (message_id, ordinal, data)
SELECT 'msg_' || n || '_1', 0, 'x' FROM generate_series(1, {conversations}) AS n;

INSERT INTO events (conversation_id, kind, actor, at, data)
SELECT conversation_id, 'message.accepted', 'customer', created_at, '{{}}' FROM messages;
"""


_FILL_QUEUE = """
INSERT INTO supportbot_queue.procrastinate_jobs (queue_name, task_name, priority, lock, args)
SELECT 'turns', 'supportbot.drain', -n % 3, 'waits_' || n, '{{}}' FROM generate_series(1, {jobs}) AS n;
"""


def fill(url: str, *, conversations: int, each: int) -> None:
    """Put answered conversations of so many messages each into a migrated database, and take its measures."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(_FILL.format(conversations=conversations, each=each))  # type: ignore[arg-type]
        connection.execute("VACUUM ANALYZE")


def fill_queue(url: str, *, jobs: int) -> None:
    """Let so many jobs wait, which nobody can work off."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(_FILL_QUEUE.format(jobs=jobs))  # type: ignore[arg-type]
        connection.execute("VACUUM ANALYZE")


class Statements:
    """The statements that were run, each once, with what it was first given."""

    def __init__(self) -> None:
        self.run: dict[Prepared, Sequence[Any]] = {}

    def plan(self, url: str, statement: Prepared, *, options: str = "FORMAT JSON") -> Any:
        """Return the plan of one; what it would change stays as it is."""
        given = self.run[statement]
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.execute(b"PREPARE it AS " + statement.sql)
            call = sql.SQL("EXPLAIN ({}) EXECUTE it").format(sql.SQL(options))  # type: ignore[arg-type]
            if given:
                values = sql.SQL(", ").join(sql.Literal(value) for value in given)
                call = call + sql.SQL(" (") + values + sql.SQL(")")
            rows = connection.execute(call).fetchall()
            connection.rollback()
        if "JSON" not in options:
            return "\n".join(row[0] for row in rows)
        plan = rows[0][0]
        return json.loads(plan) if isinstance(plan, str) else plan


@contextmanager
def watched() -> Iterator[Statements]:
    """Keep the statements of every store while the block runs."""
    statements, send = Statements(), Wire.send

    def keep(self: Wire, statement: Prepared, params: Sequence[Any]) -> Any:
        statements.run.setdefault(statement, params)
        return send(self, statement, params)

    Wire.send = keep  # type: ignore[method-assign]
    try:
        yield statements
    finally:
        Wire.send = send  # type: ignore[method-assign]


def statements_of(package: ModuleType) -> dict[str, Statement]:
    """Return the statements that a package's modules hold, by module and name."""
    found: dict[str, Statement] = {}
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__") and ".migrations." not in module.name:
            names = vars(importlib.import_module(module.name))
            of_it = {f"{module.name}.{name}": it for name, it in names.items() if isinstance(it, Statement)}
            found |= {name: it for name, it in of_it.items() if it not in found.values()}
    return found


def general_plan(connection: psycopg.Connection[Any], statement: Statement) -> Any:
    """Return PostgreSQL's plan of a statement for whatever it is given: the one it keeps after some calls."""
    connection.execute("SET plan_cache_mode = force_generic_plan")
    connection.execute(b"PREPARE it AS " + statement.for_postgres().sql)
    (given,) = connection.execute(
        "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'it'"
    ).fetchall()[0]
    nothing = f" ({', '.join(['NULL'] * given)})" if given else ""
    plan = connection.execute(f"EXPLAIN (FORMAT JSON) EXECUTE it{nothing}".encode()).fetchall()[0][0]
    connection.execute("DEALLOCATE it")
    return plan


def read_whole(plan: Any) -> list[str]:
    """Return the tables and the indexes that a plan reads from end to end."""
    if isinstance(plan, list):
        return [name for part in plan for name in read_whole(part)]
    found = scanned({**plan, "Plans": [], "Plan": []})
    if "Index Name" in plan and "Index Cond" not in plan:
        found.append(str(plan["Index Name"]))
    return found + read_whole(plan.get("Plans", [])) + read_whole(plan.get("Plan", []))


def scanned(plan: Any) -> list[str]:
    """Return the tables that a plan reads from end to end."""
    if isinstance(plan, list):
        return [table for part in plan for table in scanned(part)]
    found = [str(plan["Relation Name"])] if plan.get("Node Type") == "Seq Scan" else []
    return found + scanned(plan.get("Plans", [])) + (scanned(plan["Plan"]) if "Plan" in plan else [])


def fill_long(connection: sqlite3.Connection, name: str, *, messages: int, notices: int) -> None:
    """Put one conversation into a SQLite file, whose customer was handed over so many times."""
    contact, every = f"{name}_contact", messages // notices
    connection.execute("BEGIN")
    connection.execute(
        "INSERT INTO contacts (id, tenant_id, channel, external_id, name, email, assurance, reply_to,"
        " language, created_at) VALUES (?, 'default', 'web', ?, '', '', 'claimed', '', '', 1)",
        (contact, name),
    )
    connection.execute(
        "INSERT INTO conversations (id, tenant_id, channel, external_id, contact_id, state, address, last_seq"
        ", seen_seq, written_in, fence, created_at, updated_at)"
        " VALUES (?, 'default', 'web', ?, ?, 'queued', '{}', ?, 0, '', 1, 1, 1)",
        (name, name, contact, messages),
    )
    connection.executemany(
        "INSERT INTO messages (id, conversation_id, seq, author, contact_id, text, state, reason, fixed_for,"
        " request, client_key, turn_id, attachments, citations, choices, assurance, created_at)"
        " VALUES (?, ?, ?, ?, ?, 'Help', ?, '', '', '', ?, '', '[]', '[]', '[]', 'claimed', 1)",
        [
            (
                f"{name}_{seq}",
                name,
                seq,
                *(("bot", None, "said") if seq % 2 == 0 else ("customer", contact, "answered")),
                f"{name}_{seq}",
            )
            for seq in range(1, messages + 1)
        ],
    )
    told = [messages - number * every for number in range(notices)]
    connection.executemany(
        "INSERT INTO deliveries (id, conversation_id, message_id, turn_id, channel, kind, seq, state, attempt"
        ", sends, looks, waits, external_id, reason, death, address, thread, missed, in_reply_to, sources,"
        " handoff, choices, planned_at, created_at, updated_at)"
        " VALUES (?, ?, ?, '', ?, ?, ?, 'delivered', 1, 1, 0, 0, 'post', '', '', '{}', '', '{}', '', '[]',"
        " '', '[]', 1, 1, 1)",
        [
            (f"{name}_reply_{seq}", name, f"{name}_{seq}", "web", "reply", seq)
            for seq in range(2, messages + 1, 2)
        ]
        + [
            (f"{name}_notice_{number}", name, f"{name}_{seq}", "desk", "notice", seq)
            for number, seq in enumerate(told)
        ],
    )
    connection.executemany(
        "INSERT INTO events (conversation_id, kind, actor, at, data) VALUES (?, 'message.accepted',"
        " 'customer', 1, '{}')",
        [(name,)] * messages,
    )
    connection.execute(
        "INSERT INTO events (conversation_id, kind, actor, at, data) VALUES (?, 'state.changed', 'bot', 1,"
        ' \'{"after": "queued"}\')',
        (name,),
    )
    connection.execute("COMMIT")
