"""``supportbot chat``: with a running bot, without one, and while one is restarted."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from supportbot import app, config
from supportbot.cli import line as client
from supportbot.cli.background import Background
from supportbot.cli.chat import _greet, _reached
from supportbot.cli.line import Address, Line, Reply, Show
from supportbot.errors import BotGone, ChatRefused
from tests.bot_folder import BotFolder
from tests.durable import inbound, opened, rows_of, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

BOT = "server: {port: 0}\nchannels:\n  terminal: {type: terminal}\n  web: {type: webhook}\n"
ARTICLE = """---
title: Returning an item
---

## How to return something

Send it back within 30 days in its box, and you get your money back.
"""


@pytest.fixture
def folder(tmp_path: Path) -> BotFolder:
    """The folder of a bot that knows one thing."""
    made = BotFolder(tmp_path)
    made.file.write_text(BOT, "utf-8")
    (tmp_path / "knowledge" / "returns.md").write_text(ARTICLE, "utf-8")
    return made


def database(folder: BotFolder) -> str:
    return f"sqlite:///{folder.root}/data/bot.db"


def chat(folder: BotFolder, *args: str, types: str = "") -> subprocess.CompletedProcess[str]:
    """Call the program."""
    return subprocess.run(
        [sys.executable, "-m", "supportbot", "-c", str(folder.file), "chat", *args],
        input=types,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


def test_a_question_needs_no_running_bot(folder: BotFolder) -> None:
    """The answer, its source, nothing else; it is in the store as any other conversation."""
    done = chat(folder, "--once", "How do I return something?", "--conversation", "friday")
    assert (0, "") == (done.returncode, done.stderr)
    answer, source = done.stdout.splitlines()
    assert "within 30 days" in answer
    assert source.startswith("Source: Returning an item")
    assert "returns.md" in source
    states = asyncio.run(_rows(folder, "SELECT external_id, state, channel FROM conversations"))
    assert [("friday", "bot", "terminal")] == states


async def test_a_running_bot_is_asked(folder: BotFolder) -> None:
    """With a bot at work the question goes to it, and both answers stand in one conversation."""
    async with app.running(config.load(folder.file, {})):
        for question in ("How do I return something?", "I want to talk to a person"):
            done = await asyncio.to_thread(
                chat, folder, "--once", question, "--conversation", "friday", "--json"
            )
            assert 0 == done.returncode, done.stderr
            answer = json.loads(done.stdout)
        assert ("queued", "friday", question) == (answer["state"], answer["conversation"], answer["question"])
        silent = await asyncio.to_thread(chat, folder, "--once", "hello?", "--conversation", "friday")
        assert (0, "") == (silent.returncode, silent.stdout)
        assert f"supportbot conversations state {answer['conversation_id']} bot" in silent.stderr
    assert [(5,)] == await _rows(folder, "SELECT last_seq FROM conversations")


def test_piped_questions_are_answered_line_by_line(folder: BotFolder) -> None:
    """Blank lines are no questions; bytes that are no text do no harm."""
    done = chat(folder, "--json", types="hello\n\nthank you\n")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert ["hello", "thank you"] == [answer["question"] for answer in answers]
    assert 1 == len({answer["conversation_id"] for answer in answers})


def test_a_conversation_s_name_is_checked(folder: BotFolder) -> None:
    """A name that no conversation can have is refused before anything starts."""
    done = chat(folder, "--once", "x", "--conversation", "a b")
    assert (2, "") == (done.returncode, done.stdout)
    assert "letters, digits" in done.stderr


async def test_a_bot_without_a_terminal_says_so(folder: BotFolder) -> None:
    """When the running bot has no channel for it, the chat says what to add."""
    folder.file.write_text("server: {port: 0}\nchannels:\n  web: {type: webhook}\n", "utf-8")
    async with app.running(config.load(folder.file, {})):
        done = await asyncio.to_thread(chat, folder, "--once", "x")
        assert (2, "") == (done.returncode, done.stdout)
        assert "has no channel of type 'terminal'" in done.stderr


async def test_the_chat_s_own_bot_leaves_other_channels_alone(folder: BotFolder) -> None:
    """What waits for another channel waits on: it is neither answered nor given up by the chat's bot."""
    (folder.root / "data").mkdir()
    async with opened(database(folder)) as store:
        del store
    async with running(database(folder), channels={}, debounce=0.001) as durable:
        durable.engine.use(_Never())  # the message stays pending, as after a crash
        await durable.inbox.accept(inbound("left behind"))
    done = await asyncio.to_thread(chat, folder, types="hello\nthank you\nhello\n")
    assert 0 == done.returncode, done.stderr
    states = await _rows(folder, "SELECT text, state FROM messages WHERE text = 'left behind'")
    assert [("left behind", "pending")] == states


class _Never:
    """A worker that answers nothing."""

    async def answer(self, _turn: object) -> None:
        await asyncio.Event().wait()

    def give_up(self, _tx: object, _turn: object) -> None:
        raise AssertionError("it was never tried to the end")


# -- the line ------------------------------------------------------------------------------------


class Heard(Show):
    """Remembers what was shown."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.breaks = 0

    def writing(self, text: str) -> None:
        self.texts.append(text)

    def away(self) -> None:
        self.breaks += 1


@asynccontextmanager
async def answering(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[Line]:
    """A line to a server that answers as the handler says."""
    application = web.Application()
    application.router.add_post("/messages", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]

    async def find() -> Address:
        return Address(f"http://127.0.0.1:{port}/messages", "t")

    try:
        yield Line(find, "c")
    finally:
        await runner.cleanup()


async def stream(request: web.Request, *lines: Any) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for line in lines:
        await response.write(json.dumps(line).encode() + b"\n")
    return response


async def test_words_are_shown_as_they_come() -> None:
    """Deltas grow the text; one at offset 0 begins anew; the reply is what counts."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return await stream(
            request,
            {"accepted": {"conversation_id": "conv_1", "seq": 1}},
            {"typing": True},
            {"delta": {"offset": 0, "text": "You "}},
            {"delta": {"offset": 4, "text": "can"}},
            {"delta": {"offset": 0, "text": "Of course"}},
            {"reply": {"text": "Of course.", "citations": [], "state": "bot"}},
        )

    heard = Heard()
    async with answering(handler) as line:
        reply = await line.ask("x", heard)
    assert Reply(conversation_id="conv_1", text="Of course.") == reply
    assert ["You ", "You can", "Of course"] == heard.texts


async def test_a_broken_line_asks_again_under_the_same_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks, the question goes out with one key until there is an answer."""
    monkeypatch.setattr(client, "_PAUSE", 0.001)
    keys: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        keys.append((await request.json())["key"])
        match len(keys):
            case 1:
                return web.Response(status=503)
            case 2:
                return await stream(request, {"accepted": {"conversation_id": "conv_1", "seq": 1}})
            case 3:
                return web.Response(status=401)
            case _:
                return await stream(request, {"reply": {"text": "Yes.", "citations": [], "state": "bot"}})

    heard = Heard()
    async with answering(handler) as line:
        reply = await line.ask("x", heard)
    assert ("Yes.", 3) == (reply.text, heard.breaks)
    assert (4, 1) == (len(keys), len(set(keys)))


async def test_a_refusal_is_told_and_not_repeated() -> None:
    """What the bot will never take is an error with its words."""
    calls = 0

    async def handler(_request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        return web.json_response({"error": {"message": "text: too long"}}, status=422)

    async with answering(handler) as line:
        with pytest.raises(ChatRefused, match="text: too long"):
            await line.ask("x", Heard())
    assert 1 == calls


async def test_a_bot_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some time the chat says where the answer will be: in the terminal's conversations."""
    monkeypatch.setattr(client, "_PAUSE", 0.001)
    monkeypatch.setattr(client, "_PATIENCE", 0.01)

    async def nowhere() -> Address | None:
        return None

    with pytest.raises(BotGone, match=r"to read the answer: supportbot conversations list --channel shell$"):
        await Line(nowhere, "c", channel="shell").ask("x", Heard())


async def test_a_bot_that_goes_away_with_a_question_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the bot has named the conversation, the chat says how to read exactly that one."""
    monkeypatch.setattr(client, "_PAUSE", 0.001)
    monkeypatch.setattr(client, "_PATIENCE", 0.01)

    async def handler(request: web.Request) -> web.StreamResponse:
        return await stream(request, {"accepted": {"conversation_id": "conv_1", "seq": 1}})

    async with answering(handler) as line:
        with pytest.raises(BotGone, match=r"to read the answer: supportbot conversations show conv_1$"):
            await line.ask("x", Heard())


def test_a_conversation_that_goes_on_says_where_its_past_is(
    folder: BotFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dialogue begins with the command that shows what was said before; a new one has no past."""
    loaded = config.load(folder.file, {})
    with Background() as background:
        friday = background.run(_reached(background, loaded, "friday").ask("hello", Show())).conversation_id
    for name, past in (
        ("friday", [f"What was said before: supportbot conversations show {friday}"]),
        ("", []),
    ):
        with Background() as background:
            _greet(loaded, _reached(background, loaded, name))
        assert past == [line for line in capsys.readouterr().out.splitlines() if "before" in line]


def test_the_background_ends_what_it_began() -> None:
    """Work is done in the other thread; what was entered is left, what still runs is cancelled."""
    said: list[str] = []

    @asynccontextmanager
    async def entered() -> AsyncIterator[str]:
        said.append("in")
        task = asyncio.create_task(asyncio.Event().wait())
        task.add_done_callback(lambda _: said.append("cancelled"))
        yield "value"
        said.append("out")

    async def double(number: int) -> int:
        return 2 * number

    with Background() as background:
        assert "value" == background.enter(entered())
        assert 4 == background.run(double(2))
    assert ["in", "out", "cancelled"] == said


async def _rows(folder: BotFolder, sql: str) -> list[tuple[Any, ...]]:
    async with opened(database(folder)) as store:
        return await rows_of(store, sql)
