"""The audit of a trial finds out whatever is wrong: a clean ledger passes, a doctored one does not."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
import orjson
import pytest

from supportbot.chaos.audit import Evidence, Stored, examine, needless
from supportbot.chaos.model import ListeningModel, marker
from supportbot.chaos.receiver import HANG_UP, Posted, Receiver
from supportbot.chaos.troubles import Trouble
from supportbot.chaos.verdict import FAULTS
from tests.trial_ledger import ENOUGH, Ledger

if TYPE_CHECKING:
    from collections.abc import Callable


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


async def test_a_call_whose_client_hung_up_is_over() -> None:
    """Who breaks a call off and asks again at once makes one call, though nobody was told of its end."""
    async with ListeningModel() as model:
        port = urlsplit(model.url).port
        model.before = lambda _: asyncio.Event().wait()
        body = orjson.dumps({"messages": [{"role": "user", "content": f"hello {marker('kanna0', 1)}"}]})
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
        (_, first), (_, second) = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        first.write(head.encode() + body)
        await model.asked_times(1)
        first.transport.abort()
        second.write(head.encode() + body)
        await model.asked_times(2)
        second.transport.abort()
    assert [] == model.overlapping


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


async def test_the_platform_tells_nobody_who_has_gone() -> None:
    """Whoever waited too long hears no answer, and posts again as it should."""
    async with Receiver() as receiver, aiohttp.ClientSession() as session:
        gone = asyncio.Event()

        async def answer(_: Posted) -> int:
            await gone.wait()
            return 204

        receiver.before = answer
        headers = {"webhook-id": "r1"}
        waiting = asyncio.create_task(session.post(receiver.url, data=b"{}", headers=headers))
        await receiver.got(1)
        waiting.cancel()
        await asyncio.wait([waiting])
        gone.set()
        async with asyncio.timeout(10):
            while not receiver.tries[0].status:  # noqa: ASYNC110 - the handler goes on by itself
                await asyncio.sleep(0.01)
        assert (HANG_UP, False) == (receiver.tries[0].status, receiver.tries[0].is_taken)


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
