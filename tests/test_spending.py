"""What models use is counted, priced, recorded once and kept below the caps."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from supportbot import reports
from supportbot.cli.output import money
from supportbot.config.models import ModelSection
from supportbot.config.spending import CapSection, PriceSection, SpendingSection
from supportbot.errors import ModelError, ModelOverBudget, StoreUnavailable
from supportbot.messages import Contact, Message, Prompt, Turn, Words
from supportbot.metrics import Metrics
from supportbot.model import price
from supportbot.model.chain import Chain
from supportbot.model.client import Endpoint
from supportbot.model.wire import Reply
from supportbot.spending import Caps, Till
from supportbot.testing.fakes import ScriptedModel
from supportbot.testing.model_replies import ModelReply, problem
from supportbot.testing.model_server import FakeModelServer
from supportbot.usage import Spent, Usage
from tests.durable import inbound, opened, rows_of, running
from tests.operators import Operator

if TYPE_CHECKING:
    from pathlib import Path

    from supportbot.store import Store
    from tests.durable import Durable


PRICE = PriceSection(input=0.15, output=0.60, cached_input=0.075)
SECTION = ModelSection(model="m", base_url="http://127.0.0.1:9/v1", price=PRICE)


def turn(name: str = "turn_1", **more: Any) -> Turn:
    said = Message(id="msg_1", seq=1, author="customer", text="hello", created_at=0)
    values = {
        "conversation_id": "conv_1",
        "tenant": "default",
        "channel": "web",
        "external_id": "c",
        "address": {},
        "contact": Contact(id="contact_1", external_id="anna"),
        "fence": 1,
        "attempt": 1,
        "messages": (said,),
    }
    return Turn(id=name, **{**values, **more})


def asking(of: Turn) -> Prompt:
    """Return a prompt of a turn, or the one of a summary."""
    return Prompt(turn=of, words=(), purpose="answer" if of.id else "summary")


PROMPT = Prompt(turn=turn(), words=(Words(role="user", content="hello"),), tokens=40)


def till(store: Store, *, alone: bool = True, **section: Any) -> Till:
    caps = Caps.of(SpendingSection.model_validate(section))
    return Till(store, caps, alone=alone, counts=Metrics())


class NoStore:
    """A till that is only asked needs no store."""


def till_alone(**section: Any) -> Till:
    return till(NoStore(), **section)  # type: ignore[arg-type]


def reply(usage: Usage, *, length: int = 5) -> Reply:
    return Reply(stop_reason="stop", usage=usage, length=length)


def test_money_is_whole_billionths() -> None:
    """What a float cannot hold is exact: 0.1 + 0.2 is 0.3."""
    assert 300_000_000 == price.nano(0.1) + price.nano(0.2)
    assert 150_000_000 == price.nano(0.15)


@pytest.mark.parametrize(
    ("prompt", "cached", "completion", "expected"),
    [(1_000_000, 0, 0, 150_000_000), (1_000_000, 1_000_000, 0, 75_000_000), (0, 0, 1, 600), (1, 1, 0, 75)],
)
def test_a_request_costs_its_tokens(prompt: int, cached: int, completion: int, expected: int) -> None:
    """Prompt, cached part of it and answer each have their price for a million tokens."""
    assert expected == price.cost(PRICE, prompt=prompt, cached=cached, completion=completion)


def test_without_a_price_for_the_cache_it_costs_as_all() -> None:
    """An endpoint that has no discount gives none."""
    plain = PriceSection(input=1, output=1)
    assert 1000 * 1000 == price.cost(plain, prompt=1000, cached=1000, completion=0)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage(prompt_tokens=30, completion_tokens=7), (0, 30, 7)),
        (Usage(), (1, 40, 2)),
        (Usage(prompt_tokens=0, completion_tokens=0), (1, 40, 2)),
        (Usage(prompt_tokens=10**9, completion_tokens=10**9), (1, 40, 2)),
        (Usage(prompt_tokens=30), (1, 30, 2)),
    ],
    ids=["told", "not told", "nothing", "absurd", "half"],
)
def test_what_an_endpoint_does_not_say_is_estimated(usage: Usage, expected: tuple[int, int, int]) -> None:
    """Missing, zero and impossible figures count as not said, and the sum says that it is an estimate."""
    spent = price.used(SECTION, PROMPT, reply(usage), "Hello")
    assert spent is not None
    assert expected == (spent.estimated, spent.prompt_tokens, spent.completion_tokens)


def test_a_cache_holds_no_more_than_the_prompt() -> None:
    """An endpoint that claims otherwise lowers no bill below nothing."""
    spent = price.used(SECTION, PROMPT, reply(Usage(prompt_tokens=10, cached_tokens=50)), "Hello")
    assert spent is not None
    assert 10 == spent.cached_tokens


def test_a_request_that_nothing_came_of_costs_nothing() -> None:
    """No connection, no word, no figures: nothing was used."""
    assert None is price.used(SECTION, PROMPT, reply(Usage(), length=0), "")


def test_a_sum_knows_what_of_it_has_a_price() -> None:
    """A model without a price adds tokens and no money."""
    free, paid = Spent(model="a", prompt_tokens=1), Spent(model="b", prompt_tokens=2, cost=5)
    assert (3, 5) == (free.plus(paid).tokens, free.plus(paid).cost)
    assert None is free.plus(free).cost


def test_a_day_begins_at_midnight_where_the_shop_is() -> None:
    """The last minutes of the day before are its own, also when the clocks change."""
    caps = Caps.of(SpendingSection(time_zone="Europe/Amsterdam"))
    summer_ends = 1_792_877_400_000  # 2026-10-24 23:30 in Amsterdam
    day = caps.day_of(summer_ends)
    assert ("2026-10-24", summer_ends + 30 * 60_000) == (day.name, day.ends_at)
    following = caps.day_of(day.ends_at)
    assert ("2026-10-25", 25 * 3_600_000) == (following.name, following.ends_at - day.ends_at)


@pytest.mark.parametrize("cap", ["day", "conversation"])
async def test_a_cap_keeps_models_from_being_asked(cap: str) -> None:
    """Once it is used up the next request is refused, and the problem says until when."""
    purse = till_alone(**{cap: {"tokens": 100}})
    assert "" == purse.refusal(asking(turn()), priced=True)
    purse.spent(asking(turn()), Spent(model="m", prompt_tokens=99))
    assert "" == purse.refusal(asking(turn()), priced=True)
    purse.spent(asking(turn()), Spent(model="m", completion_tokens=1))
    assert f"the {cap}'s cap is reached" == purse.refusal(asking(turn()), priced=True)
    assert (cap == "day") is bool(purse.problem())


def test_what_was_spent_before_counts_for_a_conversation() -> None:
    """The claim brings it."""
    purse = till_alone(conversation={"cost": 0.5})
    assert purse.refusal(asking(turn(spent_cost=500_000_000)), priced=True)
    assert "" == purse.refusal(asking(turn(spent_cost=499_999_999)), priced=True)


def test_a_limit_of_money_keeps_no_free_model_back() -> None:
    """A model on one's own machine goes on answering."""
    purse = till_alone(day={"cost": 1})
    purse.spent(asking(turn()), Spent(model="m", cost=10**9))
    assert purse.refusal(asking(turn()), priced=True)
    assert "" == purse.refusal(asking(turn()), priced=False)


async def test_the_rest_of_the_chain_answers_when_the_money_is_gone() -> None:
    """The endpoint is not even connected to."""
    purse = till_alone(day={"tokens": 1})
    purse.spent(asking(turn()), Spent(model="m", prompt_tokens=1))
    endpoint = Endpoint(SECTION, purse=purse)
    with pytest.raises(ModelOverBudget):
        await endpoint.complete(PROMPT, Unheard())
    answer = await Chain([endpoint, ScriptedModel("from the articles")]).complete(PROMPT, Unheard())
    assert ("from the articles", 0) == (answer.text, endpoint.figures.attempts)
    await endpoint.close()


class Unheard:
    async def append(self, text: str) -> None:
        """Nobody reads."""

    async def restart(self) -> None:
        """Nobody reads."""


async def test_an_answer_is_charged_with_its_turn(database_url: str) -> None:
    """What a turn used stands with it, and in the sums by day, model and conversation."""
    async with running(database_url) as durable:
        purse = till(durable.store)
        durable.outbox._charge, durable.outbox._currency = purse.charge, "EUR"

        def say(asked: Turn) -> str:
            purse.spent(
                asking(asked), Spent(model="one", prompt_tokens=10, completion_tokens=2, cost=7, estimated=1)
            )
            purse.spent(asking(asked), Spent(model="two", prompt_tokens=5, completion_tokens=1))
            return "yes"

        durable.worker.say = say
        for _ in range(2):
            await durable.accept("hello")
        await durable.replies(2)
        (first, *_) = (await reports.turns(durable.store)).rows
        assert (15, 3, 1, 7) == (
            first.prompt_tokens,
            first.completion_tokens,
            first.estimated,
            first.cost,
        )
        by_model = await reports.usage(durable.store, by="model")
        assert [("one", 2, 20, 14, "USD"), ("two", 2, 10, 0, "")] == [
            (row.key, row.requests, row.prompt_tokens, row.cost, row.currency) for row in by_model
        ]
        days = await reports.usage(durable.store)
        assert {"USD": 14, "": 0} == {row.currency: row.cost for row in days}
        totals = await reports.usage_totals(durable.store)
        assert [("all", "", 0), ("all", "USD", 14)] == [(row.key, row.currency, row.cost) for row in totals]
        assert 2 == len(await reports.usage(durable.store, by="conversation", since=days[0].key))
        assert () == await reports.usage(durable.store, until="2020-01-01")
        assert {} == purse._tabs


async def test_what_no_answer_came_of_is_recorded_all_the_same(database_url: str) -> None:
    """A try that failed adds to its turn; a summary has no turn and adds to the sums."""
    async with running(database_url) as durable:
        await durable.accept("hello")
        await durable.replies(1)
        ((turn_id, conversation),) = await durable.rows("SELECT id, conversation_id FROM turns")
        purse = till(durable.store)
        await purse.start()
        failed = turn(turn_id, conversation_id=conversation, fence=99)
        purse.spent(asking(failed), Spent(model="m", prompt_tokens=10, cost=3))
        purse.close(failed)
        purse.spent(asking(turn("", conversation_id=conversation)), Spent(model="m", prompt_tokens=1, cost=1))
        await durable.until_rows(
            "SELECT purpose, cost FROM spending ORDER BY purpose", [("answer", 3), ("summary", 1)]
        )
        await purse.stop()
        (row,) = (await reports.turns(durable.store)).rows
        assert (10, 3) == (row.prompt_tokens, row.cost)


async def test_a_commit_that_nobody_waited_for_is_not_charged_twice(database_url: str) -> None:
    """A try is cancelled while its answer is being committed: the answer holds what it used."""
    async with running(database_url) as durable:
        purse = till(durable.store)

        def charge(tx: Any, asked: Turn) -> Spent | None:
            total = purse.charge(tx, asked)
            purse.close(asked)  # as the cancelled try does, before anybody hears of the commit
            return total

        def say(asked: Turn) -> str:
            purse.spent(asking(asked), Spent(model="m", prompt_tokens=10, cost=3))
            return "yes"

        durable.outbox._charge, durable.worker.say = charge, say
        await durable.accept("hello")
        await durable.replies(1)
        assert 1 == len(purse._unrecorded)
        await purse.stop()
        assert [(1, 10, 3)] == await durable.rows("SELECT requests, prompt_tokens, cost FROM spending")
        assert [(10, 3)] == await durable.rows("SELECT prompt_tokens, cost FROM turns")


async def test_a_new_start_knows_what_the_day_has_used(database_url: str) -> None:
    """Another process's spending, and an earlier one's, count for the day's cap."""
    async with opened(database_url) as store:
        first = till(store, day={"tokens": 10})
        await first.start()
        first.spent(asking(turn()), Spent(model="m", prompt_tokens=10))
        await first.stop()
        second = till(store, day={"tokens": 10})
        await second.start()
        assert second.refusal(asking(turn("turn_2")), priced=False)
        await second.stop()


async def test_a_claim_reads_what_the_conversation_has_used(database_url: str) -> None:
    """Where there is a cap on it; else nothing is read."""
    async with running(database_url) as durable:
        await durable.accept("hello")
        await durable.replies(1)
        ((conversation,),) = await rows_of(durable.store, "SELECT id FROM conversations")
        purse = till(durable.store)
        purse.spent(asking(turn("", conversation_id=conversation)), Spent(model="m", prompt_tokens=8, cost=9))
        await purse.stop()
        for capped, expected in ((False, (0, 0)), (True, (8, 9))):
            durable.engine._rules = _capped(durable.engine._rules, capped)
            await durable.inbox.accept(inbound("again"))
            await durable.replies(2 + capped)
            newest = durable.worker.turns[-1]
            assert expected == (newest.spent_tokens, newest.spent_cost)


def _capped(rules: Any, capped: bool) -> Any:
    from dataclasses import replace

    return replace(rules, capped=capped)


async def test_a_store_that_cannot_be_written_loses_no_spending() -> None:
    """What could not be recorded is recorded later."""

    class Broken:
        fails = True
        written = 0

        async def write(self, _unit: Any) -> None:
            if self.fails:
                raise StoreUnavailable(cause="full")
            self.written += 1

    store = Broken()
    purse = till(store)  # type: ignore[arg-type]
    purse.spent(asking(turn("")), Spent(model="m", prompt_tokens=1))
    await purse.stop()
    store.fails = False
    await asyncio.wait_for(purse.stop(), 5)
    assert 1 == store.written


@pytest.mark.parametrize("dialect", ["openai", "llama"])
async def test_every_request_of_an_endpoint_is_put_down(dialect: Any) -> None:
    """An answer that was cut off and one that is told without usage count as well; a refusal does not."""
    purse = till_alone()
    replies = (
        ModelReply(stop_reason="length", usage=(30, 4)),
        ModelReply(usage=None),
        problem(503, "down"),
        ModelReply(usage=(-5, 10**12)),
    )
    async with FakeModelServer(*replies) as server:
        section = ModelSection(
            dialect=dialect, model="m", base_url=server.base_url(dialect), price=PRICE, attempts=1
        )
        endpoint = Endpoint(section, purse=purse)
        for _ in replies:
            with suppress(ModelError):
                await endpoint.complete(PROMPT, Unheard())
        await endpoint.close()
    (tab,) = purse._tabs.values()
    total = tab.total
    assert total is not None
    assert (3, 2, 30 + 40 + 40) == (total.requests, total.estimated, total.prompt_tokens)
    assert total.cost is not None
    assert total.cost > 0


def test_the_operator_is_told_once() -> None:
    """One line for a cap that is reached, however often it is met; each refusal is counted."""
    counts = Metrics()
    purse = Till(NoStore(), Caps.of(SpendingSection(day=CapSection(tokens=1))), alone=True, counts=counts)  # type: ignore[arg-type]
    purse.spent(asking(turn()), Spent(model="m", prompt_tokens=1, cost=2_000_000_000))
    with capture_logs() as lines:
        for number in range(3):
            purse.refusal(asking(turn(f"turn_{number}")), priced=True)
    assert ["spending.cap_reached"] == [line["event"] for line in lines]
    shown = counts.exposition().decode()
    assert 'supportbot_spending_refused_total{cap="day"} 3.0' in shown
    assert 'supportbot_model_cost_total{currency="USD",model="m"} 2.0' in shown
    assert 'supportbot_model_tokens_total{kind="input",model="m"} 1.0' in shown


async def test_a_capped_turn_says_so_in_its_story(database_url: str) -> None:
    """The journal names the cap that kept the model from it."""
    async with running(database_url) as durable:
        purse = till(durable.store, conversation={"tokens": 1})
        durable.outbox._charge = purse.charge

        def say(asked: Turn) -> str:
            assert purse.refusal(asking(asked.evolve(spent_tokens=5)), priced=True)
            return "from the articles"

        durable.worker.say = say
        await durable.accept("hello")
        await durable.replies(1)
        kinds = await durable.rows("SELECT kind FROM events WHERE kind LIKE 'turn.%' ORDER BY id")
        assert [("turn.claimed",), ("turn.capped",), ("turn.answered",)] == kinds


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(0, "0.00 EUR"), (1, "0.000000001 EUR"), (1_500_000_000, "1.50 EUR"), (38_000, "0.000038 EUR")],
)
def test_money_is_shown_exactly(amount: int, shown: str) -> None:
    """To the last digit, and at least two of them."""
    assert shown == money(amount, "EUR")


def test_usage_is_shown_by_day_model_and_conversation(tmp_path: Path) -> None:
    """As a table with its sum, and as JSON."""
    operator = Operator(tmp_path)

    async def spend(durable: Durable) -> None:
        purse = till(durable.store)
        for name in ("conv_1", "conv_2"):
            of = turn("", conversation_id=name)
            purse.spent(asking(of), Spent(model="m", prompt_tokens=1000, completion_tokens=5, cost=10**9))
        await purse.stop()

    operator.live(lambda durable: durable.accept("hello"))
    assert "" == operator.says("usage")
    operator.live(spend)
    table = operator.says("usage", "--by", "conversation").split()
    assert ["all", "2", "2,000", "0", "10", "2.00", "USD"] == table[-7:]
    (row,) = operator.json("usage", "--by", "model")["rows"]
    assert ("m", 2, 2 * 10**9) == (row["key"], row["requests"], row["cost"])
    assert [] == operator.json("usage", "--until", "2020-01-01")["rows"]


def test_the_sum_is_of_everything_however_few_rows_are_shown(tmp_path: Path) -> None:
    """A bill must not shrink with ``--limit``; that there is more is said."""
    operator = Operator(tmp_path)

    async def spend(durable: Durable) -> None:
        purse = till(durable.store)
        for name, cost in (("conv_1", 3), ("conv_2", 2), ("conv_3", 1)):
            of = turn("", conversation_id=name)
            purse.spent(
                asking(of), Spent(model="m", prompt_tokens=100, completion_tokens=5, cost=cost * 10**9)
            )
        await purse.stop()

    operator.live(spend)
    for limit in ("1", "2"):
        shown = operator.run("usage", "--by", "conversation", "--limit", limit)
        assert ["all", "3", "300", "0", "15", "6.00", "USD"] == shown.stdout.split()[-7:]
        assert f"There is more than these {limit}" in shown.stderr
    report = operator.json("usage", "--by", "conversation", "--limit", "2")
    assert (2, True, [6 * 10**9]) == (
        len(report["rows"]),
        report["more"],
        [total["cost"] for total in report["totals"]],
    )
    assert "" == operator.run("usage", "--by", "conversation", "--limit", "3").stderr


def test_days_that_end_before_they_begin_are_refused(tmp_path: Path) -> None:
    """Nobody is told that nothing was used."""
    operator = Operator(tmp_path)
    operator.live(lambda durable: durable.accept("hello"))
    assert "--since" in operator.refused("usage", "--since", "2026-11-30", "--until", "2026-11-01")
    assert "--since" in operator.refused("drafts", "stats", "--since", "2026-11-30", "--until", "2026-11-01")
