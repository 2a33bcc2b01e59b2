"""A real language model over the real wire. What it says is nonsense; how it is asked and heard is not."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import jsonschema
import pytest

from supportbot.chaos.clients import Http, Visitor, events, next_event
from supportbot.chaos.folder import ADMIN_TOKEN, ENVIRONMENT, BotFolder
from supportbot.chaos.program import program
from tests.acceptance import ROOT
from tests.acceptance.local_model import NAME, SLOW, LocalModel, local_model, needed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import aiohttp

    from supportbot.chaos.program import Program

ENDLESS = {"max_tokens": 4000, "extra": {"ignore_eos": True}}
"""A minute of writing and more."""

NUMBERS = "1234567890 " * 2900
"""Nearly the longest message that a visitor may send; the model reads every digit as a token of its own."""

UNKNOWN = "I could not find an answer to that"
"""Begins what the bot says without a model to a question that its one article does not answer."""


@pytest.fixture(scope="module")
def local() -> Iterator[LocalModel]:
    """The model, with the window that it has."""
    with local_model() as started:
        yield started


@pytest.fixture
def folder(tmp_path: Path) -> BotFolder:
    """A bot without a model."""
    return BotFolder(tmp_path / "bot")


class Conversation:
    """A website's visitor who watches the bot write."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self._seen = 0

    async def ask(self, text: str) -> tuple[list[str], str]:
        """Say something; returns the pieces of the answer as they came, and the whole answer."""
        pieces: list[str] = []
        async with asyncio.timeout(SLOW), self.visitor.follow(self._seen) as response:
            assert 202 == (await self.visitor.say(text)).status
            async for name, data in events(response):
                if name == "delta":
                    pieces.append(data["text"])
                elif name == "message" and data["author"] == "bot":
                    self._seen = data["seq"]
                    return pieces, data["text"]
        raise EOFError(text)


async def begun(bot: Program, session: aiohttp.ClientSession) -> Conversation:
    return Conversation(await Http(bot, session).visitor())


async def test_a_conversation_is_streamed_and_remembered(
    local: LocalModel, folder: BotFolder, session: aiohttp.ClientSession
) -> None:
    """Words come while they are written, and each request begins with all of the one before."""
    environment = local.asked_by(folder)
    before = await local.figures()
    async with program(folder, environment=environment) as bot:
        conversation = await begun(bot, session)
        for question in ("Do you sell lamps?", "And candles?", "Thank you."):
            pieces, answer = await conversation.ask(question)
            assert len(pieces) > 2
            assert answer == "".join(pieces)
            assert answer.endswith(".")
        admin = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        metrics = await conversation.visitor.http.ask("GET", "//metrics", headers=admin)
    assert f'supportbot_model_calls_total{{model="{NAME}",outcome="ok"}} 3.0' in metrics.body.decode()
    after = await local.figures()
    from_memory = "llamacpp:prompt_tokens_cached_total"
    assert after[from_memory] > before[from_memory]


async def test_an_answer_that_nobody_waits_for_is_not_written(
    local: LocalModel, folder: BotFolder, session: aiohttp.ClientSession
) -> None:
    """When its patience ends, the bot hangs up and answers without the model, which is free for the next."""
    environment = local.asked_by(folder, **ENDLESS, total_timeout=5)
    async with program(folder, environment=environment) as bot:
        pieces, answer = await (await begun(bot, session)).ask("Tell me everything.")
    assert pieces
    assert answer.startswith(UNKNOWN)
    await local.idle(within=10)
    status, _ = await local.complete("Hello?", max_tokens=4)
    assert 200 == status


async def test_a_bot_that_dies_leaves_no_answer_being_written(
    local: LocalModel, folder: BotFolder, session: aiohttp.ClientSession
) -> None:
    """kill -9 in the middle of an answer frees the model too."""
    environment = local.asked_by(folder, **ENDLESS)
    async with program(folder, environment=environment) as bot:
        visitor = await Http(bot, session).visitor()
        async with asyncio.timeout(SLOW), visitor.follow() as response:
            await visitor.say("Tell me everything.")
            await next_event(response, "delta")
            await bot.kill()
    await local.idle(within=10)


async def test_a_history_that_does_not_fit_is_shortened(
    folder: BotFolder, session: aiohttp.ClientSession
) -> None:
    """The model refuses what is longer than its window; with less of the history it answers."""
    with local_model(window=1024) as small:
        status, refusal = await small.complete(NUMBERS[:600] * 2)
        assert (400, "exceed_context_size_error") == (status, refusal["error"]["type"])
        async with program(folder) as bot:
            conversation = await begun(bot, session)
            for _ in range(2):
                await conversation.ask(NUMBERS[:600])
        environment = small.asked_by(folder)
        async with program(folder, environment=environment) as bot:
            conversation.visitor.http.program = bot
            pieces, answer = await conversation.ask("Do you sell lamps?")
    assert len(pieces) > 2
    assert answer == "".join(pieces)


async def test_a_history_that_cannot_be_shortened_enough_is_answered_without_the_model(
    local: LocalModel, folder: BotFolder, session: aiohttp.ClientSession
) -> None:
    """Beyond 8,192 tokens however much is left out: refused at once, and the knowledge answers."""
    async with program(folder) as bot:
        conversation = await begun(bot, session)
        await conversation.ask(NUMBERS)
    environment = local.asked_by(folder)
    async with program(folder, environment=environment) as bot:
        conversation.visitor.http.program = bot
        _, answer = await conversation.ask(NUMBERS)
        assert answer.startswith(UNKNOWN)
        assert "exceeds the available context size" in "\n".join(bot.errors)


@dataclass(frozen=True)
class Served:
    """A bot that a script started."""

    url: str

    async def up(self) -> None:
        """It is."""


async def test_the_script_starts_both_and_ctrl_c_ends_both(
    folder: BotFolder, session: aiohttp.ClientSession
) -> None:
    """``scripts/serve --local-model``: the bot asks the model; after one Ctrl-C nothing is left running."""
    needed()
    process = await asyncio.create_subprocess_exec(
        *(ROOT / "scripts" / "serve", "--local-model"),
        env=os.environ | ENVIRONMENT | {"SUPPORTBOT_CONFIG": str(folder.file)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(SLOW):
            url = (await process.stdout.readline()).decode().strip().partition(" is ready on ")[2]
            visitor = await Http(cast("Program", Served(url)), session).visitor()
            async with visitor.follow() as response:
                await visitor.say("Who are you?")
                await next_event(response, "delta")
            os.killpg(process.pid, signal.SIGINT)
            _, errors = await process.communicate()  # has an end when both have ended
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert 0 == process.returncode
    assert b"not for its answers" in errors


SCHEMA = {
    "type": "object",
    "properties": {
        "topic": {"enum": ["delivery", "returns", "other"]},
        "urgency": {"type": "integer", "minimum": 0, "maximum": 3},
        "wants_person": {"type": "boolean"},
    },
    "required": ["topic", "urgency", "wants_person"],
    "additionalProperties": False,
}


async def test_the_endpoint_answers_in_a_given_shape(local: LocalModel) -> None:
    """``response_format: json_schema``, which llama.cpp holds the model to."""
    status, body = await local.complete(
        "My parcel is three weeks late. Let me talk to somebody!",
        response_format={"type": "json_schema", "json_schema": {"name": "triage", "schema": SCHEMA}},
        max_tokens=100,
    )
    assert (200, "stop") == (status, body["choices"][0]["finish_reason"])
    jsonschema.validate(json.loads(body["choices"][0]["message"]["content"]), SCHEMA)
