"""``supportbot ask``: one question to the models themselves, and what is sent."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from supportbot.cli.ask import _Growing
from supportbot.cli.commands import app
from supportbot.testing.model_replies import ModelReply, problem
from supportbot.testing.model_server import FakeModelServer
from tests.bot_folder import BotFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

PAGE = (Path(__file__).parent.parent / "docs" / "models.md").read_text("utf-8")
KEY = "LLM|1234567890|abcdefghijklmnopqrstuvwxyz"
LLAMA_API_EXAMPLE = {
    # https://llama.developer.meta.com/docs/features/chat-completion, the first request
    "model": "Llama-4-Maverick-17B-128E-Instruct-FP8",
    "messages": [
        {"role": "system", "content": "You are a helpful assistant that provides concise answers."},
        {"role": "user", "content": "What is the capital of France?"},
    ],
    "max_tokens": 256,
}


@pytest.fixture
def folder(tmp_path: Path) -> BotFolder:
    return BotFolder(tmp_path)


@contextmanager
def served(*replies: ModelReply, **behaviour: Any) -> Iterator[FakeModelServer]:
    """Run a fake model server beside the command, which has an event loop of its own."""
    started, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    server = FakeModelServer(*replies, **behaviour)

    async def serve() -> None:
        async with server:
            started.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    started.wait()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def ask(folder: BotFolder, bot_yaml: Any, *args: str, **environ: str) -> Result:
    folder.file.write_text(bot_yaml if isinstance(bot_yaml, str) else json.dumps(bot_yaml), "utf-8")
    arguments = ["-c", str(folder.file), "ask", *args]
    return CliRunner().invoke(app, arguments, env=environ, catch_exceptions=False)  # type: ignore[return-value]


def entry(server: FakeModelServer, **more: Any) -> dict[str, Any]:
    return {"model": "test-model", "base_url": server.base_url("openai"), "attempts": 1, **more}


def test_the_llama_api_s_own_example(folder: BotFolder):
    """The bot.yaml on the page sends exactly the request on Meta's page; the page shows what is printed."""
    section = PAGE.partition("### The Llama API's own example")[2]
    bot_yaml, shown = re.findall(r"```(?:yaml|json)\n(.*?)```", section, re.DOTALL)[:2]
    system = folder.root / "prompts" / "system.md.j2"
    system.write_text(LLAMA_API_EXAMPLE["messages"][0]["content"] + "\n", "utf-8")  # type: ignore[index]
    result = ask(folder, bot_yaml, "--show-request", "What is the capital of France?", LLAMA_API_KEY=KEY)
    assert (0, LLAMA_API_EXAMPLE) == (result.exit_code, json.loads(result.stdout))
    assert shown == result.stdout


def test_the_shown_command_sends_the_same_and_holds_no_key(folder: BotFolder):
    """It can be pasted into a shell, quotes and all; the key is a variable in it."""
    section = {"dialect": "llama", "model": "m", "api_key": "${SECRET}"}
    result = ask(folder, {"model": [section]}, "--show-request", 'It\'s "late" & <b>', SECRET=KEY)
    command = shlex.split(result.stderr.replace("\\\n", ""))
    assert "https://api.llama.com/v1/chat/completions" == command[1]
    assert "Authorization: Bearer $LLAMA_API_KEY" in command
    assert json.loads(result.stdout) == json.loads(command[-1])
    assert 'It\'s "late" & <b>' == json.loads(command[-1])["messages"][-1]["content"]
    assert KEY not in result.stdout + result.stderr


def test_the_tools_of_a_new_customer_are_shown(folder: BotFolder):
    """What the bot would offer; those for customers who are known are named beside it."""
    code = (
        "from supportbot.tools import tool\n\n\n"
        '@tool\ndef hours() -> str:\n    """When the shop is open."""\n    return "9"\n\n\n'
        '@tool(requires="verified")\ndef orders() -> str:\n'
        '    """What the customer has ordered."""\n    return "A-1"\n'
    )
    (folder.root / "ask_shown_tools.py").write_text(code, "utf-8")
    section = {"dialect": "llama", "model": "m", "api_key": "${SECRET}"}
    bot = {"model": [section], "tools": ["ask_shown_tools:hours", "ask_shown_tools:orders"]}
    result = ask(folder, bot, "--show-request", "Hi", SECRET=KEY)
    assert ["hours"] == [each["function"]["name"] for each in json.loads(result.stdout)["tools"]]
    assert "known: orders\n" in result.stderr


def test_the_next_one_is_asked_in_a_sentence_of_its_own(folder: BotFolder):
    """What was wrong with the first ends in a full stop."""
    with served(ModelReply(stop_reason="length"), ModelReply(pieces=("Yes.",))) as server:
        models = [entry(server, name=name, attempts=1) for name in ("a", "b")]
        result = ask(folder, {"model": models}, "Hi")
    assert "cut off at max_tokens. Asking the next one." in result.stderr


def test_what_is_shown_is_what_is_sent(folder: BotFolder):
    """The same JSON, streamed or not."""
    with served() as server:
        bot = {"model": [entry(server, temperature=0.5, extra={"top_k": 3})]}
        shown = [ask(folder, bot, "Hi", "--show-request", *more).stdout for more in ([], ["--no-stream"])]
        for more in ([], ["--no-stream"]):
            assert 0 == ask(folder, bot, "Hi", *more).exit_code
    assert [json.loads(text) for text in shown] == [request.body for request in server.requests]
    assert [True, False] == ["stream" in request.body for request in server.requests]


def test_the_answer_is_printed(folder: BotFolder):
    """Nothing but the answer on stdout; who gave it, and what it cost, on stderr."""
    with served() as server:
        result = ask(folder, {"model": [entry(server, name="main")]}, "When does it ship?")
    assert (0, "It ships tomorrow.\n") == (result.exit_code, result.stdout)
    assert re.fullmatch(r"main: 30 tokens in, 4 out, \d\.\d s\n", result.stderr)
    assert "You are SupportBot." == server.requests[0].body["messages"][0]["content"]


def test_the_next_one_is_asked(folder: BotFolder):
    """The first one's failure is said; half of its answer goes to no script."""
    with served(ModelReply(fault="end"), ModelReply(pieces=("Yes.",))) as server:
        bot = {"model": [entry(server, name="a"), entry(server, name="b")]}
        result = ask(folder, bot, "Well?")
    assert (0, "Yes.\n") == (result.exit_code, result.stdout)
    assert "The model 'a' did not answer: the stream ended before the answer did" in result.stderr


def test_one_alone_is_asked_by_its_name(folder: BotFolder):
    """By its name, or by the model's id."""
    with served() as server:
        bot = {"model": [entry(server, name="a", model="one"), entry(server, name="b", model="two")]}
        for name in ("b", "two"):
            assert 0 == ask(folder, bot, "Well?", "--model", name).exit_code
    assert ["two", "two"] == [request.body["model"] for request in server.requests]


def test_no_answer_is_said_and_is_no_success(folder: BotFolder):
    """One line with the cause, exit code 1, nothing on stdout."""
    with served(problem(401, "Unauthorized", "Invalid API key")) as server:
        result = ask(folder, {"model": [entry(server, name="a")]}, "Well?")
    wanted = "refused the request (401): HTTP 401: Invalid API key: check 'api_key' in bot.yaml\n"
    assert (1, "") == (result.exit_code, result.stdout)
    assert f"The model endpoint 'a' {wanted}" == result.stderr


ELSEWHERE = {"model": "one", "base_url": "http://127.0.0.1:9/v1"}


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ([], "There is no model to ask in bot.yaml. Add a section 'model' to it"),
        ([ELSEWHERE], "There is no model 'x' to ask in bot.yaml. There are: one"),
    ],
)
def test_no_such_model(folder: BotFolder, models: list[dict[str, str]], said: str):
    """Nothing was asked; what to do is said."""
    result = ask(folder, {"model": models}, "Well?", "--model", "x")
    assert (2, True) == (result.exit_code, said in result.stderr)


async def test_on_a_terminal_a_void_answer_is_marked(capsys: pytest.CaptureFixture[str]):
    """What was shown and turned out to be half an answer is not left standing as one."""
    screen = _Growing()
    screen.void()
    await screen.append("It shi")
    await screen.restart()
    await screen.append("No.")
    assert "It shi\n[what stands above is no complete answer]\nNo." == capsys.readouterr().out
