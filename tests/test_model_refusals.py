"""What an endpoint refuses for good: told once, explained in one sentence, shown in /readyz; and prompts that
are too long, which get one more try."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientSession
from pydantic import SecretStr
from structlog.testing import capture_logs

from supportbot.config.models import ModelSection
from supportbot.errors import ModelError, ModelRefused
from supportbot.history import cost
from supportbot.messages import Words
from supportbot.model import Chain, Endpoint, build
from supportbot.model.breaker import Breaker
from supportbot.model.overflow import says_too_long, shorter
from supportbot.testing.bots import started_bot
from supportbot.testing.fakes import ScriptedModel
from supportbot.testing.model_calls import RecordingSink, a_prompt
from supportbot.testing.model_replies import Dialect, ModelReply, problem
from supportbot.testing.model_server import FakeModelServer

if TYPE_CHECKING:
    from pathlib import Path

    from supportbot.messages import Prompt

both_dialects = pytest.mark.parametrize("dialect", ["llama", "openai"])
REFUSALS = [400, 401, 403, 404, 422]
TOO_LONG = problem(400, "Bad Request", "This model's maximum context length is 4096 tokens.")


class Counted(list[tuple[str, str]]):
    """Remembers (model, outcome) of every request."""

    def model_called(self, model: str, outcome: str, seconds: float | None) -> None:
        assert (outcome == "skipped") == (seconds is None)
        self.append((model, outcome))

    def model_waited(self, model: str, seconds: float) -> None:
        assert seconds >= 0


def endpoint(server: FakeModelServer, dialect: Dialect = "openai", **more: Any) -> Endpoint:
    parts = {name: more.pop(name) for name in ("breaker", "quota", "counts") if name in more}
    settings = {"model": "test-model", "name": "main", **more}
    section = ModelSection(dialect=dialect, base_url=server.base_url(dialect), **settings)
    return Endpoint(section, jitter=lambda: 0.0, **parts)


def chained(model: Endpoint) -> Chain:
    """The same with something behind it."""
    return Chain([model, ScriptedModel()])


async def failure_of(model: Endpoint | Chain, prompt: Prompt | None = None) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await model.complete(prompt or a_prompt(), RecordingSink())
    return caught.value


# -- told once ---------------------------------------------------------------------------------


@both_dialects
@pytest.mark.parametrize("status", REFUSALS)
async def test_a_refusal_is_not_tried_again_and_told_once(dialect: Dialect, status: int):
    """Three questions: three requests, one line in the log, one problem."""
    async with FakeModelServer(problem(status, "No")) as server:
        model = chained(endpoint(server, dialect))
        with capture_logs() as logs:
            answers = [await model.complete(a_prompt(), RecordingSink()) for _ in range(3)]
        await model.close()
    assert (["scripted"] * 3, 3) == ([answer.model for answer in answers], len(server.requests))
    assert [("error", "model.refused", status)] == [(e["log_level"], e["event"], e["status"]) for e in logs]
    assert {"main": logs[0]["cause"]} == model.problems()


async def test_each_cause_is_told_and_told_again_after_a_success():
    """Another cause is news, and so is the same one once all had been well."""
    replies = [problem(401, "a"), problem(403, "b"), problem(401, "a"), ModelReply(), problem(401, "a")]
    async with FakeModelServer(*replies) as server:
        model = chained(endpoint(server))
        with capture_logs() as logs:
            for _ in range(5):
                await model.complete(a_prompt(), RecordingSink())
        await model.close()
    assert [401, 403, 401] == [entry["status"] for entry in logs]


async def test_causes_without_end_do_not_fill_the_log():
    """A host that puts a new number into every message."""
    async with FakeModelServer(*(problem(400, f"request {n}") for n in range(40))) as server:
        model = chained(endpoint(server))
        with capture_logs() as logs:
            for _ in range(40):
                await model.complete(a_prompt(), RecordingSink())
        await model.close()
    assert (20, {"main": "HTTP 400: request 39"}) == (len(logs), model.problems())


@pytest.mark.parametrize("status", REFUSALS)
async def test_a_refusal_stands_until_the_endpoint_answers(status: int):
    """An answer, and all is well again."""
    async with FakeModelServer(problem(status, "No"), ModelReply()) as server:
        model = endpoint(server)
        assert isinstance(await failure_of(model), ModelRefused)
        assert f"HTTP {status}: No" in model.problem()
        await model.complete(a_prompt(), RecordingSink())
        await model.close()
    assert "" == model.problem()


@pytest.mark.parametrize(("status", "hint"), [(401, "'api_key'"), (403, "'api_key'"), (404, "'base_url'")])
async def test_the_cause_says_what_to_check(status: int, hint: str):
    """The key that is wrong in bot.yaml, as far as the status tells."""
    async with FakeModelServer(problem(status, "No")) as server:
        model = endpoint(server)
        await failure_of(model)
        await model.close()
    assert f"check {hint} in bot.yaml" in model.problem()


async def test_an_endpoint_that_is_left_alone_is_a_problem():
    """Until it answers again."""
    async with FakeModelServer(problem(500, "Oh"), ModelReply()) as server:
        model = endpoint(server, breaker=Breaker(failures=1, rest=0), attempts=1)
        await failure_of(model)
        assert "it is left alone after failing: HTTP 500: Oh" == model.problem()
        await model.complete(a_prompt(), RecordingSink())
        await model.close()
    assert "" == model.problem()


@pytest.mark.parametrize(("wish", "told"), [("5", ""), ("45", "45"), ("86400", "600")])
async def test_a_long_pause_that_an_endpoint_asks_for_is_a_problem(wish: str, told: str):
    """Nobody asks it meanwhile, so its customers get less; never longer than ten minutes."""
    async with FakeModelServer(problem(429, "Slow down", retry_after=wish)) as server:
        model = endpoint(server, attempts=1)
        assert "" == model.problem()
        await failure_of(model)
        assert (f"it asked to be left alone for {told} s more" if told else "") == model.problem()
        await model.close()


async def test_readyz_shows_it_and_stays_ready(tmp_path: Path):
    """The knowledge answers, so the bot is degraded, not unready; /metrics names both."""
    async with FakeModelServer(problem(401, "Unauthorized", "Invalid API key")) as server:
        section = {"model": "m", "name": "main", "base_url": server.base_url("openai")}
        async with started_bot({"model": [section]}, tmp_path) as bot, ClientSession() as browser:
            before = await (await browser.get(f"{bot.url}/readyz")).json()
            reply = await bot.say("Do you ship to Mars?")
            after = await browser.get(f"{bot.url}/readyz")
            metrics = await (await browser.get(f"{bot.url}/metrics")).text()
            state = await after.json()
    assert (False, "ok") == (before["degraded"], before["checks"]["model main"])
    assert (200, True, True) == (after.status, state["ready"], state["degraded"])
    assert "HTTP 401: Invalid API key: check 'api_key' in bot.yaml" == state["checks"]["model main"]
    assert bot.loaded.config.texts.unknown == reply.text
    assert 'supportbot_model_calls_total{model="main",outcome="refused"} 1.0' in metrics
    assert 'supportbot_model_calls_total{model="knowledge",outcome="ok"} 1.0' in metrics


# -- no such model -----------------------------------------------------------------------------


@both_dialects
async def test_the_retired_service_becomes_one_clear_sentence(dialect: Dialect):
    """A 400 to every model, and an empty list, for which it is asked once."""
    async with FakeModelServer(retired=True, api_key="k") as server:
        model = endpoint(server, dialect, api_key=SecretStr("k"))
        errors = [str(await failure_of(model)) for _ in range(3)]
        await model.close()
    assert "the service was retired" in errors[0]
    assert "check 'base_url' and 'model' in bot.yaml" in errors[0]
    assert (1, 1) == (len(set(errors)), server.lists)


async def test_a_model_that_is_not_there_is_named_with_those_that_are():
    """The list says what could be written instead."""
    names = tuple(f"model-{number}" for number in range(7))
    async with FakeModelServer(models=names) as server:
        model = endpoint(server, model="modle-1")
        error = str(await failure_of(model))
        await model.close()
    wanted = "it offers no model 'modle-1': set another 'model' in bot.yaml; there are model-0, model-1, "
    assert f"{wanted}model-2, model-3, model-4 and 2 more" in error


@pytest.mark.parametrize(
    "message",
    [
        "Invalid model name",
        "The model `x` does not exist or you do not have access to it.",
        'model "x" not found, try pulling it first',
        "The model `x` has been decommissioned and is no longer supported.",
        "Unknown model: x",
    ],
)
async def test_every_host_has_its_own_words_for_it(message: str):
    """All of them are understood: 404 from most, 400 from some."""
    async with FakeModelServer(problem(404, "Not Found", message), models=("other",)) as server:
        model = endpoint(server, model="other")
        await failure_of(model)
        await model.close()
    assert (1, f"HTTP 404: {message}: check 'model' in bot.yaml") == (server.lists, model.problem())


async def test_other_refusals_ask_for_no_list():
    """A wrong path or a bad field has nothing to do with models."""
    async with FakeModelServer(
        problem(404, "Not Found", "Path '/chat/completions' was not found"),
        problem(400, "Bad", "top_p is odd"),
    ) as server:
        model = endpoint(server)
        for _ in range(2):
            await failure_of(model)
        await model.close()
    assert 0 == server.lists


# -- too long ----------------------------------------------------------------------------------

LONG = a_prompt(
    ("system", "Rules."),
    *[(role, f"{role} said number {n}. " * 20) for n in range(20) for role in ("user", "assistant")],
    ("system", "Articles."),
    ("user", "And now?"),
)


@both_dialects
async def test_a_prompt_that_is_too_long_is_shortened_once(dialect: Dialect):
    """The rules, the articles and the newest words stay; the answer says what it was made of."""
    async with FakeModelServer(TOO_LONG, ModelReply()) as server:
        model = endpoint(server, dialect)
        answer = await model.complete(LONG, RecordingSink())
        await model.close()
    before, after = [[m["content"] for m in request.body["messages"]] for request in server.requests]
    assert ("Rules.", ["Articles.", "And now?"]) == (after[0], after[-2:])
    assert len(after) < len(before) / 2
    assert after == [w.content for w in answer.prompt.words]
    assert ("", "It ships tomorrow.") == (model.problem(), answer.text)


async def test_it_is_shortened_once_only_and_within_the_attempts():
    """A second overflow is a refusal; with one attempt there is no second one."""
    async with FakeModelServer(TOO_LONG) as server:
        three, one = endpoint(server, attempts=3), endpoint(server, attempts=1)
        errors = [await failure_of(three, LONG), await failure_of(one, LONG)]
        for model in (three, one):
            await model.close()
    assert ([ModelRefused] * 2, 3) == ([type(error) for error in errors], len(server.requests))


async def test_nothing_is_sent_twice_when_nothing_can_be_left_out():
    """Rules and one question cannot get shorter."""
    async with FakeModelServer(TOO_LONG) as server:
        model = endpoint(server)
        await failure_of(model)
        await model.close()
    assert 1 == len(server.requests)


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens",
        "the request exceeds the available context size. try increasing the context size",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "Please reduce the length of the messages or completion.",
        "`inputs` tokens + `max_new_tokens` must be <= 4096",
        "Input is too long for requested model.",
    ],
)
def test_every_host_has_its_own_words_for_too_long(message: str):
    """OpenAI and vLLM, llama.cpp, Anthropic's, Groq, text-generation-inference, Bedrock."""
    assert says_too_long(message)


async def test_a_rate_limit_on_tokens_is_not_a_prompt_that_is_too_long():
    """The Llama API's own words for it speak of too many tokens as well."""
    words = "You have exceeded the maximum number of tokens. Too many tokens; the context length is fine."
    async with FakeModelServer(problem(429, "Too Many Requests", words), ModelReply()) as server:
        model = endpoint(server)
        answer = await model.complete(LONG, RecordingSink())
        await model.close()
    assert (LONG, 2) == (answer.prompt, len(server.requests))


def test_the_newest_words_stay_even_if_they_lose_their_middle():
    """One gigantic message is squeezed; the entries of the system stay whole, in their places."""
    prompt = a_prompt(("system", "Rules."), ("system", "Articles."), ("user", "Help! " * 2000))
    less = shorter(prompt)
    assert less is not None
    assert prompt.words[:2] == less.words[:2]
    assert cost(less.words) == less.tokens
    assert cost(less.words[2:]) <= cost(prompt.words[2:]) / 4
    assert "characters left out" in less.words[2].content
    assert Words(role="user", content=less.words[2].content) == less.words[2]


# -- the gate and the breaker in an endpoint ---------------------------------------------------


async def test_a_full_gate_hands_over_to_the_next_model_at_once():
    """Nothing is sent, nothing is held against the endpoint, and the wait is counted as none."""
    counted = Counted()
    async with FakeModelServer() as server:
        sections = [
            ModelSection(
                model="test-model", name="main", base_url=server.base_url("openai"), requests_per_minute=1,
                total_timeout=20,
            )
        ]  # fmt: skip
        model = build(sections, ScriptedModel("From the articles.", name="knowledge"), counted)
        first = await model.complete(a_prompt(), RecordingSink())
        second = await model.complete(a_prompt(), RecordingSink())
        await model.close()
    assert ("main", "knowledge", 1) == (first.model, second.model, len(server.requests))
    assert [("main", "ok"), ("main", "skipped"), ("knowledge", "ok")] == counted
    assert isinstance(model, Chain)
    assert {"main": ""} == model.problems()


async def test_tokens_are_counted_by_what_was_used():
    """Set aside is the longest answer; what the endpoint reports counts in the end: 34 tokens a question."""
    async with FakeModelServer() as server:
        model = endpoint(server, tokens_per_minute=1200, max_tokens=1000, total_timeout=20)
        for _ in range(3):
            await model.complete(a_prompt(), RecordingSink())
        await model.close()
    assert 3 == len(server.requests)


async def test_a_wish_to_wait_holds_all_conversations():
    """One of them hears of it; the other one does not even ask before."""
    async with FakeModelServer(problem(429, "Slow down", retry_after="30"), ModelReply()) as server:
        model = endpoint(server, total_timeout=10)
        errors = [str(await failure_of(model)) for _ in range(2)]
        await model.close()
    assert ("Slow down" in errors[0], "leave no room in time, the next one in 30 s" in errors[1]) == (
        True,
        True,
    )
    assert (1, 1) == (len(server.requests), model.figures.skipped)


async def test_what_the_headers_say_is_heeded():
    """The endpoint says that nothing is left: the next one is not sent."""
    spent = {"x-ratelimit-limit-requests": "10", "x-ratelimit-remaining-requests": "0"}
    async with FakeModelServer(ModelReply(headers=spent)) as server:
        model = endpoint(server, total_timeout=10)
        await model.complete(a_prompt(), RecordingSink())
        error = str(await failure_of(model))
        await model.close()
    assert ("leave no room" in error, 1) == (True, len(server.requests))


async def test_the_breaker_stops_tries_that_are_left():
    """It opened after two failures: the third try is not made, and neither is another turn's first."""
    async with FakeModelServer(problem(500, "Oh")) as server:
        model = endpoint(server, breaker=Breaker(failures=2, rest=60), attempts=5)
        errors = [str(await failure_of(model)) for _ in range(2)]
        await model.close()
    assert ("HTTP 500: Oh" in errors[0], "left alone" in errors[1], 2) == (True, True, len(server.requests))


async def test_whoever_waited_while_it_broke_down_asks_no_more():
    """The breaker is asked again behind the gate, and the place is given back unused."""
    breaker = Breaker(failures=1, rest=60)
    async with FakeModelServer() as server:
        model = endpoint(server, concurrency=1, breaker=breaker)
        async with model._gate.place(1, until=0):
            waiting = asyncio.create_task(failure_of(model))
            await asyncio.sleep(0)
            breaker.failed()
        error = str(await waiting)
        await model.close()
    assert ("left alone" in error, []) == (True, server.requests)


@pytest.mark.parametrize(
    ("replies", "outcomes"),
    [
        ([problem(500, "Oh"), ModelReply()], ["failed", "ok"]),
        ([problem(403, "No")], ["refused"]),
        ([ModelReply(fault="end")], ["cut"]),
        ([ModelReply(stop_reason="length")], ["cut"]),
        ([ModelReply(fault="stall")], ["cut"]),
        ([ModelReply(fault="stall", fault_after=0)], ["failed"]),
    ],
    ids=["tried again", "refused", "ends", "cut off", "stalls", "hangs"],
)
async def test_every_request_is_counted_by_its_end(replies: list[ModelReply], outcomes: list[str]):
    """Tries that failed too: /metrics shows what the endpoint was asked."""
    counted = Counted()
    async with FakeModelServer(*replies) as server:
        model = endpoint(server, counts=counted, total_timeout=0.5)
        with suppress(ModelError):
            await model.complete(a_prompt(), RecordingSink())
        await model.close()
    assert [("main", outcome) for outcome in outcomes] == counted
