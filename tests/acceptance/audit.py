"""What became of everything that was acknowledged: read from the tables, the API and the callbacks."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from tests.acceptance.model import markers

if TYPE_CHECKING:
    from tests.acceptance.load import Conversation, Load
    from tests.acceptance.model import ListeningModel
    from tests.acceptance.receiver import Receiver

ARTEFACTS = Path(__file__).parent.parent / "artefacts"

_CONVERSATIONS = sa.text("SELECT id, external_id, last_seq, due_at, open_turn_id FROM conversations")
_MESSAGES = sa.text(
    "SELECT conversation_id, seq, id, author, text, state, turn_id FROM messages"
    " ORDER BY conversation_id, seq"
)
_TURNS = sa.text("SELECT id, conversation_id, state FROM turns")
_DELIVERIES = sa.text("SELECT id, message_id, turn_id, state FROM deliveries")
_OPEN = sa.text(
    "SELECT (SELECT count(*) FROM messages WHERE state = 'pending')"
    " + (SELECT count(*) FROM deliveries WHERE state IN ('planned', 'sending'))"
)


@dataclass
class Counts:
    """The result in one line."""

    accepted: int = 0
    duplicates: int = 0
    kills: int = 0
    turns: int = 0
    model_calls: int = 0
    callback_tries: int = 0
    answered: int = 0
    lost: int = 0
    answered_twice: int = 0
    out_of_order: int = 0
    cross_talk: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """All counts."""
        values = {k: v for k, v in vars(self).items() if k != "problems"} | {"problems": len(self.problems)}
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())

    def report(self, name: str) -> None:
        """Print the line and keep it among the tests' artefacts."""
        print(f"\n{name}: {self.line}")
        ARTEFACTS.mkdir(exist_ok=True)
        (ARTEFACTS / f"{name}.txt").write_text("\n".join([self.line, *self.problems]) + "\n", "utf-8")

    def check(self) -> None:
        """Fail unless all that was accepted was answered, once, in order, to whom it concerns."""
        assert [] == self.problems
        assert (0, 0, 0, 0) == (self.lost, self.answered_twice, self.out_of_order, self.cross_talk)
        assert 0 < self.accepted == self.answered


class Tables:
    """The bot's tables, read by somebody else than the bot."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url, poolclass=NullPool)

    def rows(self, statement: sa.TextClause) -> list[Any]:
        """Run a query."""
        with self._engine.connect() as connection:
            return list(connection.execute(statement).all())

    async def drained(self, within: float) -> None:
        """Wait until nothing is pending and nothing is on its way.

        Raises:
            TimeoutError: something still is.
        """
        async with asyncio.timeout(within):
            while (await asyncio.to_thread(self.rows, _OPEN))[0][0]:  # noqa: ASYNC110 - a table tells nobody
                await asyncio.sleep(0.05)

    def whole(self) -> str:
        """Return everything in the tables as text."""
        names = sa.inspect(self._engine).get_table_names()
        tables = [sa.text(f'SELECT * FROM "{name}"') for name in names]
        return "\n".join(str(row) for table in tables for row in self.rows(table))


def examine(load: Load, tables: Tables, model: ListeningModel, receiver: Receiver, *, kills: int) -> Counts:
    """Compare what was promised with what happened, once all is drained."""
    counts = Counts(
        accepted=load.accepted,
        duplicates=load.duplicates,
        kills=kills,
        model_calls=len(model.calls),
        callback_tries=len(receiver.tries),
        problems=list(model.wrong),
    )
    stored = _Stored(tables)
    counts.turns = len(stored.turns)
    for conversation in load.conversations:
        _examine_conversation(counts, conversation, stored)
    counts.cross_talk += sum("cross-talk" in problem for problem in model.wrong)
    counts.problems += [f"turn {t.id} is {t.state}" for t in stored.turns if t.state != "answered"]
    counts.problems += [f"{d.id} is {d.state}" for d in stored.deliveries if d.state != "delivered"]
    replies = Counter(d.turn_id for d in stored.deliveries)
    counts.problems += [f"{turn} has {number} replies" for turn, number in replies.items() if number > 1]
    if replies.keys() != {t.id for t in stored.turns}:
        counts.problems.append("not every turn has a reply")
    _examine_callbacks(counts, load, stored, receiver)
    return counts


class _Stored:
    """All rows that matter."""

    def __init__(self, tables: Tables) -> None:
        self.conversations = {row.external_id: row for row in tables.rows(_CONVERSATIONS)}
        self.turns = tables.rows(_TURNS)
        self.deliveries = tables.rows(_DELIVERIES)
        self.messages: dict[str, list[Any]] = defaultdict(list)
        for row in tables.rows(_MESSAGES):
            self.messages[row.conversation_id].append(row)


def _examine_conversation(counts: Counts, conversation: Conversation, stored: _Stored) -> None:
    word, problems = conversation.word, counts.problems
    if not conversation.acknowledged:
        return
    row = stored.conversations.get(conversation.key)
    if row is None:
        counts.lost += len(conversation.acknowledged)
        problems.append(f"{word}: the conversation is gone")
        return
    messages = stored.messages[row.id]
    if [m.seq for m in messages] != list(range(1, row.last_seq + 1)):
        problems.append(f"{word}: the numbers are {[m.seq for m in messages]}")
    if row.due_at is not None or row.open_turn_id is not None:
        problems.append(f"{word}: is still due")
    written = [m for m in messages if m.author == "customer"]
    numbers = [number for m in written for _, number in markers(m.text)]
    if numbers != sorted(set(numbers)):
        problems.append(f"{word}: the messages are stored as {numbers}")
    by_number = dict(zip(numbers, written, strict=True))
    said = [m for m in messages if m.author == "bot"]
    problems += [f"{word}: an answer to nothing: {m.text}" for m in said if not markers(m.text)]
    answers = [(m, found) for m in said for found in markers(m.text)]
    told = [number for _, (of, number) in answers if of == word]
    counts.cross_talk += sum(of != word for _, (of, _) in answers)
    counts.out_of_order += sum(a >= b for a, b in pairwise(told))
    counts.answered_twice += len(told) - len(set(told))
    counts.answered += len(set(told) & conversation.acknowledged.keys())
    for number, ids in conversation.acknowledged.items():
        message = by_number.get(number)
        if message is None or number not in told:
            counts.lost += 1
            problems.append(f"{word}-{number}: {'missing' if message is None else message.state}")
        elif {message.id} != ids or message.state != "answered":
            problems.append(f"{word}-{number}: acknowledged as {ids}, stored as {message.id} {message.state}")
    for answer, (_, number) in answers:
        asked = by_number.get(number)
        if asked is None or asked.turn_id != answer.turn_id or asked.seq > answer.seq:
            problems.append(f"{word}-{number}: answered by another turn")


def _examine_callbacks(counts: Counts, load: Load, stored: _Stored, receiver: Receiver) -> None:
    """Each reply to a program was posted under one id, with the same words on every try, in order."""
    by_conversation: dict[str, list[Any]] = defaultdict(list)
    bodies: dict[str, bytes] = {}
    for tried in receiver.tries:
        if tried.id not in bodies:
            bodies[tried.id] = tried.raw
            by_conversation[tried.data["conversation"]].append(tried.data)
        elif bodies[tried.id] != tried.raw:
            counts.problems.append(f"callback {tried.id} changed its words")
    if receiver.forged:
        counts.problems.append(f"{receiver.forged} callbacks had no good signature")
    for conversation in load.conversations:
        if not conversation.by_callback or conversation.key not in stored.conversations:
            continue
        messages = stored.messages[stored.conversations[conversation.key].id]
        said = [(m.seq, m.text) for m in messages if m.author == "bot"]
        posted = [(data["seq"], data["text"]) for data in by_conversation[conversation.key]]
        if posted != said:
            counts.problems.append(f"{conversation.word}: said {said}, posted {posted}")


async def compare_with_api(load: Load, tables: Tables) -> list[str]:
    """Return which conversations the API shows otherwise than the tables."""
    stored = _Stored(tables)
    wrong = []
    for conversation in load.conversations:
        if not conversation.acknowledged:
            continue
        shown = [(m["seq"], m["id"], m["author"], m["text"]) for m in await conversation.writer.read()]
        rows = stored.messages[stored.conversations[conversation.key].id]
        if shown != [(m.seq, m.id, m.author, m.text) for m in rows]:
            wrong.append(f"{conversation.word}: {shown}")
    return wrong
