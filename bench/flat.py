"""Opening a turn costs the same however much there is.

    python -m bench.flat [--rounds 300]

For conversations of 10 and of 100,000 messages, and for stores of 1,000 and of 1,000,000
conversations, prints the median milliseconds from handing a message to the inbox until it is on disk
with its turn claimed and opened (one transaction, one fsync), and of that the microseconds of the
unit without its commit. With 10 messages the window of history, 20, is not full: a few rows less to read.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import bindparam, delete

from supportbot import schema
from supportbot.config.models import PromptsSection
from supportbot.feed import Feed
from supportbot.ids import now_ms
from supportbot.inbox import Inbox
from supportbot.messages import Inbound, Sender, Turn
from supportbot.metrics import Metrics
from supportbot.store import Statement, open_store
from supportbot.tables import messages
from supportbot.turns import Rules, ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from supportbot.store import Tx

WINDOW = PromptsSection().history_messages
RULES = Rules(owner="bench", lease_ms=60_000, attempts=3, history=2 * WINDOW)
FORGET = Statement(
    delete(messages).where(
        messages.c.conversation_id == bindparam("conversation"), messages.c.seq > bindparam("last")
    )
)
CASES = {  # conversations, messages in each
    "10 messages": (1_000, 10),
    "100,000 messages": (1, 100_000),
    "1,000 conversations": (1_000, 4),
    "1,000,000 conversations": (1_000_000, 4),
}


def fill(path: Path, *, conversations: int, each: int) -> None:
    """Write conversations c0, c1, … of so many messages each."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous=OFF")
    now = now_ms()
    connection.execute(
        "INSERT INTO contacts VALUES ('p', 'default', 'web', 'p', '', '', 'anonymous', '', '', ?)", (now,)
    )
    connection.executemany(
        "INSERT INTO conversations (id, tenant_id, channel, external_id, contact_id, state, address,"
        " last_seq, seen_seq, written_in, fence, created_at, updated_at)"
        " VALUES (?, 'default', 'web', ?, 'p', 'bot', '{}', ?, 0, '', 0, ?, ?)",
        ((f"conv{n}", f"c{n}", each, now + n, now + n) for n in range(conversations)),
    )
    connection.executemany(
        "INSERT INTO messages (id, conversation_id, seq, author, text, state, reason, fixed_for, request,"
        " client_key, attachments, citations, choices, assurance, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, '', '', '', '', '[]', '[]', '[]', 'anonymous', ?)",
        _messages(conversations, each, now),
    )
    if each > WINDOW:  # then the prompts before have cut the history
        begin = each - WINDOW + 1
        connection.executemany(
            "INSERT INTO memories VALUES (?, ?, '[]', 'About a lamp.', ?, 'm', 1, NULL, 0, NULL, '', ?)",
            ((f"conv{n}", begin, begin - 1, now) for n in range(conversations)),
        )
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _messages(conversations: int, each: int, now: int) -> Iterator[tuple[Any, ...]]:
    for number in range(conversations):
        for seq in range(1, each + 1):
            author, state = ("customer", "answered") if seq % 2 else ("bot", "said")
            text = f"Message {seq} of conversation {number}, about as long as such a thing is."
            yield f"m{number}-{seq}", f"conv{number}", seq, author, text, state, now


def undo(tx: Tx, turn: Turn) -> None:
    """Leave the conversation as it was: what a measurement adds must not be what the next one measures."""
    closed = ledger.close(tx, turn, now_ms(), replies=-1)
    tx.run(FORGET, conversation=turn.conversation_id, last=closed.last_seq)


async def measure(path: Path, *, conversations: int, rounds: int) -> tuple[float, float]:
    """Return the median milliseconds of opening a turn, and the median microseconds of its unit."""
    store = open_store(f"sqlite:///{path}")
    whole: list[float] = []
    unit: list[float] = []
    opened: list[Turn] = []

    def enlist(tx: Tx, conversation_id: str, _due: int) -> None:
        turn = ledger.claim(tx, conversation_id, now_ms(), RULES)
        assert isinstance(turn, Turn)
        opened.append(turn)

    class TimedInbox(Inbox):
        def _take(self, tx: Tx, *given: Any) -> Any:
            begun = time.perf_counter()
            accepted = super()._take(tx, *given)
            unit.append(time.perf_counter() - begun)
            return accepted

    inbox = TimedInbox(store, Feed(), enlist=enlist, interrupt=lambda _: None, counts=Metrics())
    for number in range(rounds):
        inbound = Inbound(
            channel="web",
            conversation=f"c{number * 7919 % conversations}",
            sender=Sender(id="p"),
            text="And how long does that take?",
            keys=(uuid4().hex,),
        )
        begun = time.perf_counter()
        await inbox.accept(inbound)
        whole.append(time.perf_counter() - begun)
        turn = opened.pop()
        await store.write(lambda tx, turn=turn: undo(tx, turn))  # type: ignore[misc]
    await store.close()
    return statistics.median(whole) * 1e3, statistics.median(unit) * 1e6


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=300)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        paths: dict[str, Path] = {}
        for name, (conversations, each) in CASES.items():
            paths[name] = Path(folder) / f"{conversations}-{each}.db"
            schema.prepare(f"sqlite:///{paths[name]}")
            fill(paths[name], conversations=conversations, each=each)
        figures: dict[str, list[tuple[float, float]]] = {name: [] for name in paths}
        for _ in range(5):  # interleaved: a busy spell of the machine hits all of them
            for name, path in paths.items():
                figures[name].append(await measure(path, conversations=CASES[name][0], rounds=rounds))
        for name, runs in figures.items():
            whole, unit = (statistics.median(values) for values in zip(*runs, strict=True))
            print(f"{name:>24}: {whole:5.2f} ms, of which the unit {unit:5.0f} µs")


if __name__ == "__main__":
    asyncio.run(main())
