"""The audit of a trial finds out whatever is wrong: a clean ledger passes, a doctored one does not."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import pytest

from supportbot.chaos.audit import Evidence, Stored, examine, needless
from supportbot.chaos.clients import SignedProgram
from supportbot.chaos.folder import BotFolder
from supportbot.chaos.load import Conversation
from supportbot.chaos.model import Call, ListeningModel
from supportbot.chaos.program import Program
from supportbot.chaos.receiver import HANG_UP, Posted, Receiver
from supportbot.chaos.troubles import Trouble, Troubles, holder
from supportbot.chaos.verdict import FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from supportbot.chaos.clients import Http

ENOUGH = 3
"""Messages of each of the two conversations."""

UNIX = 1.8e9
"""When the trial's clock was zero."""


class Ledger:
    """A trial of two conversations in which nothing went wrong, as rows that a test can change."""

    def __init__(self) -> None:
        self.promised: dict[str, Conversation] = {}
        self.conversations: list[Any] = []
        self.messages: list[Any] = []
        self.turns: list[Any] = []
        self.deliveries: list[Any] = []
        self.calls: list[Call] = []
        self.said: set[str] = set()
        self.tries: list[Posted] = []
        self.troubles: list[Trouble] = []
        self.wrong: list[str] = []
        self.overlapping: list[str] = []
        for word in ("kanna0", "kbert2"):
            self._converse(word)

    def _converse(self, word: str) -> None:
        promised = Conversation(word, SignedProgram(cast("Http", None), f"ticket-{word}"))
        self.promised[word] = promised
        self.conversations.append(
            SimpleNamespace(
                id=word, external_id=promised.key, last_seq=2 * ENOUGH, due_at=None, open_turn_id=None
            )
        )
        for number in range(1, ENOUGH + 1):
            turn, seq = f"turn-{word}-{number}", 2 * number - 1
            promised.acknowledged[number] = {f"msg-{word}-{seq}"}
            self.add(word, seq, f"{word}-{number} where is my parcel?", turn, "customer", "answered")
            self.add(word, seq + 1, f"re {word}-{number}.", turn, "bot", "said")
            self.turns.append(
                SimpleNamespace(id=turn, conversation_id=word, state="answered", model="test-model")
            )
            self.calls.append(Call({}, {}, word, tuple(range(1, number + 1)), (number,)))
            self.said.add(f"re {word}-{number}.")
            self.post(word, seq + 1, f"re {word}-{number}.")
            done = {"id": f"dlv-{word}-{seq + 1}", "state": "delivered", "reason": ""}
            self.deliveries.append(
                SimpleNamespace(**done, updated_at=int(1000 * (UNIX + self.tries[-1].answered_at)))
            )

    def add(self, word: str, seq: int, text: str, turn: str, author: str, state: str) -> None:  # noqa: PLR0917
        row = {"conversation_id": word, "seq": seq, "id": f"msg-{word}-{seq}", "author": author}
        self.messages.append(SimpleNamespace(**row, text=text, state=state, turn_id=turn))

    def post(self, word: str, seq: int, text: str, *, name: str = "") -> None:
        data = {"conversation": f"ticket-{word}", "seq": seq, "text": text}
        raw = json.dumps({"data": data}).encode()
        at = float(len(self.tries))
        self.tries.append(Posted(name or f"dlv-{word}-{seq}", raw, at=at, status=204, answered_at=at + 0.1))

    def message(self, word: str, seq: int) -> Any:
        return next(m for m in self.messages if (m.conversation_id, m.seq) == (word, seq))

    @property
    def evidence(self) -> Evidence:
        return Evidence(
            conversations=list(self.promised.values()),
            stored=Stored(
                conversations=self.conversations,
                messages=sorted(self.messages, key=lambda m: (m.conversation_id, m.seq)),
                turns=self.turns,
                deliveries=self.deliveries,
            ),
            calls=self.calls,
            said=frozenset(self.said),
            tries=self.tries,
            troubles=self.troubles,
            clock=UNIX,
            wrong=self.wrong,
            overlapping=self.overlapping,
        )


def test_a_clean_ledger_passes() -> None:
    """Everything accepted was answered, so the promise holds."""
    verdict = examine(Ledger().evidence)
    assert [] == verdict.problems
    assert (2 * ENOUGH, 2 * ENOUGH, True) == (verdict.accepted, verdict.answered, verdict.passed)


def test_nothing_accepted_is_no_pass() -> None:
    """A trial in which nobody was heard proves nothing."""
    nothing = Stored(conversations=[], messages=[], turns=[], deliveries=[])
    evidence = Evidence(conversations=[], stored=nothing, calls=[], said=frozenset(), tries=[])
    assert not examine(evidence).passed


def _forget(ledger: Ledger) -> None:
    """An acknowledged message is gone, and its reply with it."""
    ledger.messages = [m for m in ledger.messages if m.conversation_id != "kanna0" or m.seq < 5]
    ledger.conversations[0].last_seq = 4
    ledger.tries = [t for t in ledger.tries if t.id != "dlv-kanna0-6"]


def _forget_all(ledger: Ledger) -> None:
    del ledger.conversations[0]


def _leave_pending(ledger: Ledger) -> None:
    ledger.message("kanna0", 5).state = "pending"


def _ignore(ledger: Ledger) -> None:
    ledger.message("kanna0", 5).state = "ignored"


def _claim_an_answer(ledger: Ledger) -> None:
    """A message says that it was answered, by a turn that said nothing."""
    ledger.message("kanna0", 5).turn_id = "turn-nobody"


def _overlook(ledger: Ledger) -> None:
    """A reply answers one of the two messages of its turn."""
    ledger.message("kanna0", 1).turn_id = "turn-kanna0-2"


def _never_post(ledger: Ledger) -> None:
    ledger.tries = [t for t in ledger.tries if t.id != "dlv-kanna0-6"]


def _give_up_delivery(ledger: Ledger) -> None:
    ledger.deliveries[0].state = "dead"


def _bury(ledger: Ledger) -> None:
    ledger.message("kanna0", 5).state = "dead"


def _store_twice(ledger: Ledger) -> None:
    ledger.conversations[0].last_seq = 7
    ledger.add("kanna0", 7, "kanna0-3 where is my parcel?", "turn-kanna0-3", "customer", "answered")


def _answer_twice(ledger: Ledger) -> None:
    ledger.conversations[0].last_seq = 7
    ledger.add("kanna0", 7, "re kanna0-3.", "turn-kanna0-3", "bot", "said")


def _answer_again_in_another_turn(ledger: Ledger) -> None:
    ledger.message("kanna0", 6).text = "re kanna0-2 kanna0-3."
    ledger.said.add("re kanna0-2 kanna0-3.")


def _post_twice(ledger: Ledger) -> None:
    """The platform got one reply under two ids."""
    ledger.post("kanna0", 6, "re kanna0-3.", name="another")


def _post_again(ledger: Ledger) -> None:
    """The platform took a reply, and got it again under the same id though nothing had happened."""
    ledger.tries.append(replace(ledger.tries[2], at=30.0, answered_at=30.1))
    ledger.troubles = [Trouble(10.0, 11.0), Trouble(29.0, 31.0)]  # long after the first was written down


def _post_in_disorder(ledger: Ledger) -> None:
    ledger.tries[0], ledger.tries[1] = ledger.tries[1], ledger.tries[0]


def _answer_in_disorder(ledger: Ledger) -> None:
    """The first message's reply stands behind the second's."""
    first, second = ledger.message("kanna0", 2), ledger.message("kanna0", 4)
    first.turn_id, second.turn_id = second.turn_id, first.turn_id
    first.text, second.text = second.text, first.text


def _ask_without_an_earlier_message(ledger: Ledger) -> None:
    ledger.calls[2] = replace(ledger.calls[2], told=(1, 3))


def _speak_of_another(ledger: Ledger) -> None:
    ledger.message("kanna0", 6).text = "re kanna0-3 kbert2-1."
    ledger.said.add("re kanna0-3 kbert2-1.")


def _store_at_another(ledger: Ledger) -> None:
    ledger.message("kanna0", 5).text = "kbert2-3 where is my parcel?"


def _ask_with_another(ledger: Ledger) -> None:
    """The model was told two conversations in one prompt."""
    ledger.wrong.append("cross-talk: ['kanna0', 'kbert2'] in one prompt")


def _overlap(ledger: Ledger) -> None:
    ledger.overlapping.append("kanna0")
    ledger.wrong.append("kanna0: two calls at once")


def _cut_off(ledger: Ledger) -> None:
    ledger.message("kanna0", 6).text = "re kanna0-3"


def _post_less(ledger: Ledger) -> None:
    """The platform got less than what is stored."""
    ledger.tries = [t for t in ledger.tries if t.id != "dlv-kanna0-6"]
    ledger.post("kanna0", 6, "re kan")


@pytest.mark.parametrize(
    ("count", "doctor"),
    [
        ("lost", _forget),
        ("lost", _forget_all),
        ("lost", _leave_pending),
        ("lost", _ignore),
        ("lost", _claim_an_answer),
        ("lost", _overlook),
        ("lost", _never_post),
        ("lost", _give_up_delivery),
        ("dead", _bury),
        ("duplicated", _store_twice),
        ("duplicated", _answer_twice),
        ("duplicated", _answer_again_in_another_turn),
        ("duplicated", _post_twice),
        ("duplicated", _post_again),
        ("out_of_order", _post_in_disorder),
        ("out_of_order", _answer_in_disorder),
        ("out_of_order", _ask_without_an_earlier_message),
        ("cross_talk", _speak_of_another),
        ("cross_talk", _store_at_another),
        ("cross_talk", _ask_with_another),
        ("overlapping", _overlap),
        ("truncated", _cut_off),
        ("truncated", _post_less),
    ],
)
def test_a_doctored_ledger_is_found_out(count: str, doctor: Callable[[Ledger], None]) -> None:
    """Each thing that must not be is counted where it belongs, named, and spoils the verdict."""
    ledger = Ledger()
    doctor(ledger)
    verdict = examine(ledger.evidence)
    assert 0 < getattr(verdict, count), verdict.line
    assert verdict.problems
    assert not verdict.passed


@pytest.mark.parametrize("count", FAULTS)
def test_any_fault_spoils_the_verdict(count: str) -> None:
    """Each count alone is enough, also one that left no words."""
    verdict = examine(Ledger().evidence)
    assert verdict.passed
    setattr(verdict, count, 1)
    assert not verdict.passed


@pytest.mark.parametrize("status", [500, 429, HANG_UP, 0])
def test_a_post_that_failed_may_be_repeated(status: int) -> None:
    """Whoever was not told that it was taken has to."""
    ledger = Ledger()
    ledger.tries.append(replace(ledger.tries[2], at=30.0, answered_at=30.1))
    ledger.tries[2] = replace(ledger.tries[2], status=status)
    verdict = examine(ledger.evidence)
    assert ([], 0, True) == (verdict.problems, verdict.reposted, verdict.passed)


@pytest.mark.parametrize("trouble", [(2.0, 2.05), (2.9, 2.9), (0.5, 9.0)])
def test_a_post_that_may_not_have_been_written_down_may_be_repeated(trouble: tuple[float, float]) -> None:
    """The process died, or stood still, just when it was told: that is counted, and spoils nothing."""
    ledger = Ledger()
    ledger.tries.append(replace(ledger.tries[2], at=30.0, answered_at=30.1))
    ledger.troubles = [Trouble(*trouble)]
    verdict = examine(ledger.evidence)
    assert ([], 1, True) == (verdict.problems, verdict.reposted, verdict.passed)


@pytest.mark.parametrize(
    ("trouble", "excused"),
    [
        (Trouble(2.0, 2.05, "one"), True),  # it died before it wrote that down
        (Trouble(2.0, 2.05, "two"), False),  # another one did
        (Trouble(2.0, 2.05), True),  # the database did
        (Trouble(1.0, 8.0, "two", slept=True), True),  # whoever posts it again slept, and did not know
        (Trouble(5.0, 8.0, "two", slept=True), False),  # it slept later, when it could be known
        (Trouble(5.0, 8.0, "one"), False),
        (Trouble(5.0, 8.0), False),
    ],
)
def test_only_what_befell_the_poster_excuses_a_second_post(trouble: Trouble, *, excused: bool) -> None:
    """With a kill every other moment somebody always dies: that is no excuse for the others."""
    ledger = Ledger()
    ledger.tries.append(replace(ledger.tries[2], at=8.1, answered_at=8.2, by="two"))
    ledger.tries[2] = replace(ledger.tries[2], by="one")
    ledger.troubles = [trouble]
    verdict = examine(ledger.evidence)
    assert (int(excused), int(not excused)) == (verdict.reposted, verdict.duplicated)


@pytest.mark.parametrize(
    ("taken_by", "again_by", "trouble", "unattributed"),
    [
        ("one", "two", Trouble(2.0, 2.05, "one"), 0),
        ("", "two", Trouble(2.0, 2.05, "one"), 1),  # it may have been any process
        ("", "two", Trouble(2.0, 2.05), 0),  # all of them lost their database: whoever it was
        ("one", "", Trouble(1.0, 8.0, "two", slept=True), 1),
        ("", "two", Trouble(1.0, 8.0, "two", slept=True), 0),
    ],
)
def test_an_excuse_without_a_name_is_counted_apart(
    taken_by: str, again_by: str, trouble: Trouble, unattributed: int
) -> None:
    """Where a connection could not be traced, what befell anybody is an excuse; but one that shows."""
    ledger = Ledger()
    ledger.tries.append(replace(ledger.tries[2], at=8.1, answered_at=8.2, by=again_by))
    ledger.tries[2] = replace(ledger.tries[2], by=taken_by)
    ledger.troubles = [trouble]
    verdict = examine(ledger.evidence)
    assert (1, unattributed, 0) == (verdict.reposted, verdict.unattributed, verdict.duplicated)


@pytest.mark.parametrize(
    ("seconds", "others", "excused"),
    [
        (0.3, {}, True),
        (1.5, {}, False),  # it was written down long before
        (1.5, {4: 900}, True),  # the machine was busy: another one took nearly as long just then
        (1.5, {0: 900}, True),
        (1.5, {4: 700}, False),
        (2.5, {4: 900}, False),
        (1.5, {-1: 900}, False),  # that was much later
    ],
)
def test_a_machine_that_is_busy_takes_longer_to_write_down(
    seconds: float, others: dict[int, int], *, excused: bool
) -> None:
    """How long a process may have needed before it was killed, the others' posts of that time tell."""
    ledger = Ledger()
    ledger.tries[-1] = replace(ledger.tries[-1], at=50.0, answered_at=50.1)
    ledger.deliveries[-1].updated_at = int(1000 * (UNIX + 50.1))
    for number, ms in others.items():
        ledger.deliveries[number].updated_at += ms
    ledger.tries.append(replace(ledger.tries[2], at=20.0, answered_at=20.1))
    ledger.tries[2] = replace(ledger.tries[2], by="one")
    died = ledger.tries[2].answered_at + seconds
    ledger.troubles = [Trouble(died, died, "one")]
    verdict = examine(ledger.evidence)
    assert (int(excused), int(not excused)) == (verdict.reposted, verdict.duplicated)
    assert max([0, *others.values()]) == pytest.approx(1000 * verdict.written_down_within, abs=51)


@pytest.mark.parametrize("trouble", [Trouble(4.0, 9.0), Trouble(4.0, 9.0, "one", slept=True)])
def test_what_waited_for_the_database_says_nothing_of_the_machine(trouble: Trouble) -> None:
    """Nor does what a process that stood still wrote down: others were as quick as ever."""
    ledger = Ledger()
    ledger.tries[4] = replace(ledger.tries[4], by="one")
    ledger.deliveries[4].updated_at += 5000
    ledger.troubles = [trouble]
    assert 0 == examine(ledger.evidence).written_down_within


async def test_the_end_of_one_process_is_no_excuse_for_the_next(tmp_path: Path) -> None:
    """It has the same name, and wrote down what it was told."""
    program = Program(BotFolder(tmp_path / "bot", model_url="http://127.0.0.1:9"), name="process 1")
    troubles = Troubles()
    who = []
    for _ in range(2):
        await program.begin()
        who.append(program.who)
        with troubles.last(program.who):
            await program.kill()
    (first, second), at = troubles.seen, troubles.seen[0].begun
    assert [first.of, second.of] == who
    taken, again = (Posted("r1", b"", at=at, answered_at=at, by=by) for by in who)
    assert first.excuses(taken, again)
    assert not first.excuses(again, again)


async def test_the_platform_knows_who_posts() -> None:
    """On Linux a connection is traced to its process; where it cannot be, nobody is named."""
    ours = os.getpid()
    async with Receiver() as receiver, aiohttp.ClientSession() as session:
        receiver.who = lambda ends: "we" if holder([1, ours], ends) == ours else ""
        for number in range(2):
            await session.post(receiver.url, data=b"{}", headers={"webhook-id": f"r{number}"})
        known = "we" if sys.platform == "linux" else ""
        assert [known, known] == [tried.by for tried in receiver.tries]
        port = int(receiver.url.split(":")[2].split("/")[0])
        assert holder([ours], (1, port)) is None


@pytest.mark.parametrize(
    ("count", "found"),
    [
        ("model_calls", "6 turns took 7 calls"),
        ("retried", "5 callbacks took 6 tries"),
        ("from_knowledge", "1 messages were answered by the knowledge"),
        ("failed_starts", "1 processes did not start"),
    ],
)
def test_where_nothing_is_made_to_fail_nothing_is_excused(count: str, found: str) -> None:
    """What a fault would explain is a problem of a calm trial."""
    verdict = examine(Ledger().evidence)
    assert [] == needless(verdict)
    setattr(verdict, count, getattr(verdict, count) + 1)
    assert [found] == needless(verdict)


def _change_a_callback(ledger: Ledger) -> None:
    ledger.tries[0] = replace(ledger.tries[0], status=500)
    again = replace(ledger.tries[0], raw=ledger.tries[0].raw + b" ", status=204)
    ledger.tries.append(again)


def _leave_a_gap(ledger: Ledger) -> None:
    ledger.conversations[0].last_seq = 8


def _stay_due(ledger: Ledger) -> None:
    ledger.conversations[0].due_at = 1


def _acknowledge_otherwise(ledger: Ledger) -> None:
    ledger.promised["kanna0"].acknowledged[1].add("msg-other")


@pytest.mark.parametrize("doctor", [_change_a_callback, _leave_a_gap, _stay_due, _acknowledge_otherwise])
def test_what_fits_no_count_is_a_problem(doctor: Callable[[Ledger], None]) -> None:
    """What is wrong in another way is told in words, and spoils the verdict too."""
    ledger = Ledger()
    doctor(ledger)
    verdict = examine(ledger.evidence)
    assert 1 == len(verdict.problems), verdict.problems
    assert not verdict.passed


def test_the_knowledge_may_answer_instead() -> None:
    """When the model fails too often the articles answer: that is an answer, though it names nothing."""
    ledger = Ledger()
    ledger.message("kanna0", 6).text = "A parcel takes three days."
    ledger.tries = [t for t in ledger.tries if t.id != "dlv-kanna0-6"]
    ledger.post("kanna0", 6, "A parcel takes three days.")
    ledger.turns[2].model = "knowledge"
    verdict = examine(ledger.evidence)
    assert [] == verdict.problems
    assert (1, True) == (verdict.from_knowledge, verdict.passed)


async def _ask(session: aiohttp.ClientSession, model: ListeningModel, *said: str) -> None:
    messages = [{"role": "user", "content": text} for text in said]
    request = {"model": "test-model", "messages": messages, "stream": True}
    async with session.post(f"{model.url}/chat/completions", json=request) as response:
        await response.read()


async def test_the_model_notices_calls_that_overlap_and_prompts_that_mix() -> None:
    """Two calls at once for a conversation; another conversation's words; one after the other is right."""
    async with ListeningModel() as model, aiohttp.ClientSession() as session:
        await _ask(session, model, "kanna0-1 hello")
        await asyncio.gather(_ask(session, model, "kanna0-1 hello"), _ask(session, model, "kbert2-1 hello"))
        assert ([], []) == (model.overlapping, model.wrong)
        go = asyncio.Event()
        model.before = lambda _: go.wait()
        first = asyncio.create_task(_ask(session, model, "kanna0-1 hello"))
        await model.asked_times(4)
        second = asyncio.create_task(_ask(session, model, "kanna0-1 hello"))
        await model.asked_times(5)
        go.set()
        await asyncio.gather(first, second)
        assert ["kanna0"] == model.overlapping
        await _ask(session, model, "kanna0-1 hello", "kbert2-1 hello")
        assert "cross-talk: ['kanna0', 'kbert2'] in one prompt" in model.wrong


async def test_the_platform_remembers_how_it_answered() -> None:
    """A post that was taken can be told from one that failed."""
    async with Receiver() as receiver, aiohttp.ClientSession() as session:
        statuses = [204, 500, HANG_UP]

        async def answer(_: Posted) -> int:
            return statuses[len(receiver.tries) - 1]

        receiver.before = answer
        for number in range(3):
            with suppress(aiohttp.ClientError):
                await session.post(receiver.url, data=b"{}", headers={"webhook-id": f"r{number}"})
        assert [204, 500, HANG_UP] == [tried.status for tried in receiver.tries]
        assert [True, False, False] == [tried.is_taken for tried in receiver.tries]
        assert all(tried.at <= tried.answered_at for tried in receiver.tries)
