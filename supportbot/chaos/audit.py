"""What became of everything that was acknowledged: read from the tables, the API and the callbacks.

The audit believes the bot nothing. It compares what the customers were promised (``Load``), what the model
was asked and meant to say (``ListeningModel``) and what the platform was posted (``Receiver``) with the rows.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from supportbot.authorship import KNOWLEDGE
from supportbot.chaos.model import markers
from supportbot.chaos.troubles import Pace, held_up
from supportbot.chaos.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from supportbot.chaos.load import Conversation
    from supportbot.chaos.model import Call
    from supportbot.chaos.receiver import Posted
    from supportbot.chaos.troubles import Trouble

_CONVERSATIONS = sa.text("SELECT id, external_id, last_seq, due_at, open_turn_id FROM conversations")
_MESSAGES = sa.text(
    "SELECT conversation_id, seq, id, author, text, state, turn_id FROM messages"
    " ORDER BY conversation_id, seq"
)
_TURNS = sa.text("SELECT id, conversation_id, state, model FROM turns")
_DELIVERIES = sa.text("SELECT id, message_id, turn_id, state, reason, updated_at FROM deliveries")
_OPEN = sa.text(
    "SELECT (SELECT count(*) FROM messages WHERE state = 'pending')"
    " + (SELECT count(*) FROM deliveries WHERE state IN ('planned', 'sending'))"
)

_AROUND = 10.0
"""Seconds before a post within which it is told what befell the bot."""


class Tables:
    """The bot's tables, read by somebody else than the bot."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url, poolclass=NullPool)

    def rows(self, statement: sa.Executable) -> list[Any]:
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
        tables = [sa.select(sa.text("*")).select_from(sa.table(name)) for name in names]
        return "\n".join(str(row) for table in tables for row in self.rows(table))

    def stored(self) -> Stored:
        """Return the rows that an audit looks at."""
        return Stored(
            conversations=self.rows(_CONVERSATIONS),
            messages=self.rows(_MESSAGES),
            turns=self.rows(_TURNS),
            deliveries=self.rows(_DELIVERIES),
        )


class Stored:
    """All rows that matter. Rows have their columns as attributes."""

    def __init__(
        self,
        *,
        conversations: Iterable[Any],
        messages: Iterable[Any],
        turns: Iterable[Any],
        deliveries: Iterable[Any],
    ) -> None:
        self.conversations = {row.external_id: row for row in conversations}
        self.turns = {row.id: row for row in turns}
        self.deliveries = list(deliveries)
        self.messages: dict[str, list[Any]] = defaultdict(list)
        for row in messages:
            self.messages[row.conversation_id].append(row)

    def of(self, conversation: Conversation) -> list[Any]:
        """Return a conversation's messages in their order; none when it is not there."""
        row = self.conversations.get(conversation.key)
        return [] if row is None else self.messages[row.id]

    def is_from_knowledge(self, turn_id: str) -> bool:
        """Say whether no model's answer ended a turn, but the knowledge's."""
        turn = self.turns.get(turn_id)
        return turn is not None and turn.model == KNOWLEDGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that an audit compares."""

    conversations: Sequence[Conversation]
    """What the customers were promised."""
    stored: Stored
    calls: Sequence[Call]
    """What the model was asked."""
    said: frozenset[str]
    """All answers that were meant to be given, whole."""
    tries: Sequence[Posted]
    """What the platform was posted, in order."""
    forged: int = 0
    """Posts without a good signature."""
    wrong: Sequence[str] = ()
    """What the model found wrong with its prompts."""
    overlapping: Sequence[str] = ()
    """The words of conversations for which the model was called while it was at work for them."""
    troubles: Sequence[Trouble] = ()
    """When which process was killed, frozen or stopped, or the database was down."""


def examine(evidence: Evidence) -> Verdict:
    """Compare what was promised with what happened, once all is drained."""
    stored = evidence.stored
    verdict = Verdict(
        accepted=sum(len(conversation.acknowledged) for conversation in evidence.conversations),
        turns=len(stored.turns),
        model_calls=len(evidence.calls),
        callback_tries=len(evidence.tries),
        retried=len(evidence.tries) - len({tried.id for tried in evidence.tries}),
        cross_talk=sum("cross-talk" in wrong for wrong in evidence.wrong),
        overlapping=len(evidence.overlapping),
        problems=list(evidence.wrong),
    )
    prompts: dict[str, list[tuple[int, ...]]] = defaultdict(list)
    for call in evidence.calls:
        prompts[call.word].append(call.told)
    for conversation in evidence.conversations:
        if conversation.acknowledged:
            _Examined(verdict, conversation, stored, evidence.said).examine(prompts[conversation.word])
    for delivery in stored.deliveries:
        if delivery.state != "delivered":
            verdict.lost += 1
            verdict.problems.append(f"delivery {delivery.id} is {delivery.state}: {delivery.reason}")
    verdict.problems += [
        f"turn {turn.id} is {turn.state}" for turn in stored.turns.values() if turn.state == "running"
    ]
    _examine_callbacks(verdict, evidence)
    _examine_repeats(verdict, evidence)
    return verdict


class _Examined:
    """One conversation under examination."""

    def __init__(
        self, verdict: Verdict, conversation: Conversation, stored: Stored, said: frozenset[str]
    ) -> None:
        self._verdict = verdict
        self._conversation = conversation
        self._stored = stored
        self._said = said
        self._row = stored.conversations.get(conversation.key)
        self._messages = stored.of(conversation)
        self._replies: dict[str, list[Any]] = defaultdict(list)  # by turn
        for message in self._messages:
            if message.author == "bot":
                self._replies[message.turn_id].append(message)
        self._written = [(self._number(m), m) for m in self._messages if m.author == "customer"]

    def examine(self, prompts: Sequence[tuple[int, ...]]) -> None:
        if self._row is None:
            self._verdict.lost += len(self._conversation.acknowledged)
            self._find("the conversation is gone")
            return
        if [m.seq for m in self._messages] != list(range(1, self._row.last_seq + 1)):
            self._find(f"the numbers are {[m.seq for m in self._messages]}")
        if self._row.due_at is not None or self._row.open_turn_id is not None:
            self._find("is still due")
        self._once()
        self._ends()
        self._words()
        self._order(prompts)

    def _once(self) -> None:
        """Nothing is stored twice, no turn has two replies, nothing is answered by two."""
        numbers = Counter(number for number, _ in self._written)
        self._duplicated("is stored {} times", numbers)
        self._duplicated("has {} replies", {turn: len(replies) for turn, replies in self._replies.items()})
        self._duplicated("is answered {} times", Counter(n for _, _, n in self._told() if n))

    def _ends(self) -> None:
        """Everything acknowledged is there and has ended as it should."""
        by_number = dict(self._written)
        told = {(turn, number) for turn, word, number in self._told() if word == self._conversation.word}
        for number, ids in self._conversation.acknowledged.items():
            message = by_number.get(number)
            if message is None:
                self._lose(number, "missing")
                continue
            if {message.id} != ids:
                self._find(f"message {number} was acknowledged as {sorted(ids)}, stored as {message.id}")
            known = self._stored.is_from_knowledge(message.turn_id)
            if message.state == "dead":
                self._verdict.dead += 1
                self._find(f"message {number} is dead")
            elif message.state != "answered":
                self._lose(number, message.state)
            elif not self._replies[message.turn_id]:
                self._lose(number, "answered without a reply")
            elif not known and (message.turn_id, number) not in told:
                self._lose(number, "answered by a reply that does not know of it")
            else:
                self._verdict.answered += 1
                self._verdict.from_knowledge += known

    def _words(self) -> None:
        """Replies hold whole answers, and no other conversation's words."""
        for turn, word, _ in self._told():
            if word and word != self._conversation.word:
                self._verdict.cross_talk += 1
                self._find(f"turn {turn} speaks of {word}")
        dead = {message.turn_id for _, message in self._written if message.state == "dead"}
        for turn, replies in self._replies.items():
            if turn in dead or self._stored.is_from_knowledge(turn):
                continue  # fixed words of ours, and the articles'
            for reply in replies:
                if reply.text not in self._said:
                    self._verdict.truncated += 1
                    self._find(f"turn {turn} says {reply.text!r}, which nobody meant to say")

    def _order(self, prompts: Sequence[tuple[int, ...]]) -> None:
        """Replies stand in the order of what they answer; a prompt holds everything before its question."""
        asked: dict[str, list[int]] = defaultdict(list)
        for _, message in self._written:
            asked[message.turn_id].append(message.seq)
        replies = [m for m in self._messages if m.author == "bot" and asked.get(m.turn_id)]
        for reply in replies:
            if reply.seq < max(asked[reply.turn_id]):
                self._disorder(f"turn {reply.turn_id} answers before it is asked")
        for before, after in pairwise(replies):
            if before.turn_id != after.turn_id and max(asked[before.turn_id]) > min(asked[after.turn_id]):
                self._disorder(f"turn {after.turn_id} answers what was asked before {before.turn_id}")
        stored = tuple(number for number, _ in self._written)
        for told in prompts:
            if told != stored[: len(told)]:
                self._disorder(f"a prompt holds {told} of {stored}")

    def _told(self) -> list[tuple[str, str, int]]:
        """Return whom the replies speak of, as (turn, word, number)."""
        return [
            (turn, *found)
            for turn, replies in self._replies.items()
            for reply in replies
            for found in markers(reply.text)
        ]

    def _number(self, message: Any) -> int:
        found = markers(message.text)
        if len(found) != 1 or found[0][0] != self._conversation.word:
            self._verdict.cross_talk += 1
            self._find(f"holds the message {message.text!r}")
            return 0
        return found[0][1]

    def _duplicated(self, what: str, counts: Mapping[Any, int]) -> None:
        for name, count in counts.items():
            if count > 1:
                self._verdict.duplicated += count - 1
                self._find(f"{name} {what.format(count)}")

    def _lose(self, number: int, why: str) -> None:
        self._verdict.lost += 1
        self._find(f"message {number} is {why}")

    def _disorder(self, what: str) -> None:
        self._verdict.out_of_order += 1
        self._find(what)

    def _find(self, what: str) -> None:
        self._verdict.problems.append(f"{self._conversation.word}: {what}")


def _examine_callbacks(verdict: Verdict, evidence: Evidence) -> None:
    """Each reply to a program was posted under one id, with the same words on every try, in order."""
    by_conversation: dict[str, list[Any]] = defaultdict(list)
    bodies: dict[str, bytes] = {}
    for tried in evidence.tries:
        if tried.id not in bodies:
            bodies[tried.id] = tried.raw
            by_conversation[tried.data["conversation"]].append(tried.data)
        elif bodies[tried.id] != tried.raw:
            verdict.problems.append(f"callback {tried.id} changed its words")
    if evidence.forged:
        verdict.problems.append(f"{evidence.forged} callbacks had no good signature")
    for conversation in evidence.conversations:
        if conversation.by_callback:
            said = {m.seq: m.text for m in evidence.stored.of(conversation) if m.author == "bot"}
            posted = [(data["seq"], data["text"]) for data in by_conversation[conversation.key]]
            _examine_posts(verdict, conversation.word, said, posted)


def _examine_posts(
    verdict: Verdict, word: str, said: Mapping[int, str], posted: Sequence[tuple[int, str]]
) -> None:
    """Compare a conversation's replies with the first tries to post them."""
    numbers = [number for number, _ in posted]
    missing, twice = said.keys() - set(numbers), len(numbers) - len(set(numbers))
    disorder = sum(before > after for before, after in pairwise(numbers))
    other = [text for number, text in posted if said.get(number) != text]
    verdict.lost += len(missing)
    verdict.duplicated += twice
    verdict.out_of_order += disorder
    verdict.truncated += len(other)
    if missing or twice or disorder or other:
        verdict.problems.append(f"{word}: said {dict(said)}, posted {posted}")


def _examine_repeats(verdict: Verdict, evidence: Evidence) -> None:
    """What the platform took is not posted again, unless its poster was kept from writing that down.

    Then nobody knows that it was taken, and a callback's receiver cannot be asked: it gets it again under the
    same id. After a failure a post is repeated as it should be.
    """
    pace = _pace(evidence)
    verdict.written_down_within = round(pace.slowest, 1)
    taken: dict[str, Posted] = {}
    for tried in evidence.tries:
        before = taken.get(tried.id)
        if before is not None:
            within = held_up(before, pace.about(before.answered_at), evidence.troubles)
            excuses = [trouble for trouble in evidence.troubles if trouble.excuses(before, tried, within)]
            if excuses:
                verdict.reposted += 1
                verdict.unattributed += not any(trouble.befell(before, tried) for trouble in excuses)
            else:
                verdict.duplicated += 1
                verdict.problems.append(_needless(before, tried, evidence.troubles))
        if tried.is_taken:
            taken[tried.id] = tried


def _needless(taken: Posted, again: Posted, troubles: Sequence[Trouble]) -> str:
    """Tell of a post that was made again, and of what befell the bot around it: it was no excuse."""
    befell = [
        f"{trouble.of or 'the database'} from {trouble.begun - taken.answered_at:+.1f} s"
        f" to {trouble.ended - taken.answered_at:+.1f} s"
        for trouble in troubles
        if trouble.begun <= again.at and trouble.ended >= taken.at - _AROUND
        if trouble.slept or trouble.of in {"", taken.by, again.by}
    ]
    return (
        f"callback {taken.id} was posted again though it had been taken: by {again.by or 'somebody'}"
        f" {again.at - taken.answered_at:.1f} s after {taken.by or 'somebody'}; trouble of"
        f" {', '.join(befell) or 'nobody'}"
    )


def _pace(evidence: Evidence) -> Pace:
    """Return how long the bot took to write down what the platform had taken, where nothing befell it."""
    tries = Counter(tried.id for tried in evidence.tries)
    once = {tried.id: tried for tried in evidence.tries if tried.is_taken and tries[tried.id] == 1}
    seen = []
    for row in evidence.stored.deliveries:
        if row.id in once and row.state == "delivered":
            tried = once[row.id]
            took = row.updated_at / 1000 - tried.answered_unix
            if not any(trouble.delayed(tried, took) for trouble in evidence.troubles):
                seen.append((tried.answered_at, took))
    return Pace(seen)


def needless(verdict: Verdict) -> list[str]:
    """Return what was done twice or otherwise than meant in a trial in which nothing was made to fail."""
    first_tries = verdict.callback_tries - verdict.retried
    return [
        what
        for is_wrong, what in (
            (verdict.model_calls != verdict.turns, f"{verdict.turns} turns took {verdict.model_calls} calls"),
            (verdict.retried, f"{first_tries} callbacks took {verdict.callback_tries} tries"),
            (verdict.from_knowledge, f"{verdict.from_knowledge} messages were answered by the knowledge"),
            (verdict.failed_starts, f"{verdict.failed_starts} processes did not start"),
        )
        if is_wrong
    ]


async def compare_with_api(conversations: Iterable[Conversation], stored: Stored) -> list[str]:
    """Return which conversations the API shows otherwise than the tables."""
    wrong = []
    for conversation in conversations:
        if not conversation.acknowledged:
            continue
        shown = [(m["seq"], m["id"], m["author"], m["text"]) for m in await conversation.writer.read()]
        if shown != [(m.seq, m.id, m.author, m.text) for m in stored.of(conversation)]:
            wrong.append(f"{conversation.word}: the API shows {shown}")
    return wrong
