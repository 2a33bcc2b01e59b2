"""kill -9 while a tool runs that must act only once."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from supportbot.chaos.clients import Http
from supportbot.chaos.folder import BotFolder
from supportbot.chaos.program import program
from supportbot.testing.model_replies import ModelReply, ToolCallReply
from supportbot.testing.model_server import FakeModelServer

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

    from supportbot.chaos.program import Program

_TOOLS = '''
import time
from pathlib import Path

from supportbot.tools import Caller, tool

FOLDER = Path(__file__).parent


def note(name, words):
    with (FOLDER / name).open("a") as file:
        file.write(words + "\\n")


@tool(effects="none")
def balance() -> str:
    """Look up what is left."""
    note("balance.txt", "looked")
    return "10"


@tool(effects="once")
def pay(caller: Caller, amount: int) -> str:
    """Pay money back."""
    note("paid.txt", f"{amount} {caller.key}")
    while not (FOLDER / "go").exists():
        time.sleep(0.01)
    return "paid"
'''


async def test_a_payment_in_flight_is_not_made_twice(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    """Killed while it is made: it was made once, the customer is told, a person is asked for."""
    balance = ToolCallReply(id="b", name="balance", arguments=("{}",))
    pay = ToolCallReply(id="p", name="pay", arguments=('{"amount": 5}',))
    async with FakeModelServer(
        ModelReply(pieces=(), tool_calls=(balance,), stop_reason="tool_calls"),
        ModelReply(pieces=(), tool_calls=(pay,), stop_reason="tool_calls"),
        ModelReply(pieces=("A person will check.",)),
    ) as model:
        folder = BotFolder(
            tmp_path / "bot", model_url=model.base_url("openai"), tools=_tools(tmp_path / "bot")
        )
        async with program(folder) as bot:
            visitor = await Http(bot, session).visitor()
            assert 202 == (await visitor.post("c1", "Pay me")).status
            await _written(folder.root / "paid.txt")
            await bot.kill()
            await bot.start()
            said = await visitor.answered("A person will check.")
            assert 1 == len((folder.root / "paid.txt").read_text("utf-8").splitlines())
            assert 1 == len((folder.root / "balance.txt").read_text("utf-8").splitlines())
            told = [m["content"] for m in model.requests[2].body["messages"] if m["role"] == "tool"]
            assert "10" == told[0]
            assert "Nobody knows whether this was done" in told[1]
            assert 3 == len(model.requests)
            await _is_explained(bot, said["id"])


def _tools(root: Path) -> list[str]:
    """Write the tools beside a bot.yaml that is about to be written; return what it names."""
    root.mkdir()
    (root / "shop_tools.py").write_text(_TOOLS, "utf-8")
    return ["shop_tools:balance", "shop_tools:pay"]


async def test_a_clean_stop_does_not_wait_for_a_tool_that_hangs(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    """It ends in time; and the payment that was in flight is not made again by the next process."""
    pay = ToolCallReply(id="p", name="pay", arguments=('{"amount": 5}',))
    async with FakeModelServer(
        ModelReply(pieces=(), tool_calls=(pay,), stop_reason="tool_calls"),
        ModelReply(pieces=("A person will check.",)),
    ) as model:
        folder = BotFolder(
            tmp_path / "bot", model_url=model.base_url("openai"), tools=_tools(tmp_path / "bot")
        )
        async with program(folder) as bot:
            visitor = await Http(bot, session).visitor()
            assert 202 == (await visitor.post("c1", "Pay me")).status
            await _written(folder.root / "paid.txt")
            assert 0 == await bot.stop(within=15)
            await bot.start()
            await visitor.answered("A person will check.")
            assert 1 == len((folder.root / "paid.txt").read_text("utf-8").splitlines())


async def _written(path: Path) -> None:
    """Wait until another process has written a line."""
    async with asyncio.timeout(10):
        while not await asyncio.to_thread(_has_a_line, path):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)


def _has_a_line(path: Path) -> bool:
    return path.exists() and path.read_text("utf-8").endswith("\n")


async def _is_explained(bot: Program, message: str) -> None:
    """The operator reads what was called, with what, and that somebody must look."""
    code, printed = await bot.run("explain", message, "--json")
    story = json.loads(printed)
    assert 0 == code
    assert [("balance", "done"), ("pay", "unknown")] == [(c["tool"], c["state"]) for c in story["tool_calls"]]
    assert "queued" == story["conversation"]["state"]
    assert any("Nobody can tell whether pay was run" in line for line in story["advice"])
    code, printed = await bot.run("explain", message)
    assert "pay: unknown" in printed
