"""kill -9 while a summary is being written."""

from __future__ import annotations

import asyncio
import json
import shutil
from typing import TYPE_CHECKING, Any

from supportbot.chaos.clients import Http
from supportbot.chaos.folder import BotFolder
from supportbot.chaos.program import program
from tests.acceptance import ROOT
from tests.acceptance.conftest import asked_about

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

    from supportbot.chaos.model import Call, ListeningModel
    from supportbot.chaos.program import Program

ASKS = "You keep the notes"


async def test_a_summary_survives_kill_9(
    tmp_path: Path, model: ListeningModel, session: aiohttp.ClientSession
) -> None:
    """The next process writes it; turns were answered meanwhile, each once, and the next prompt tells it."""
    folder = BotFolder(tmp_path / "bot", model_url=model.url, prompts={"history_messages": 4})
    for name in ("summary.md.j2", "summarise.md.j2"):
        shutil.copy(ROOT / "prompts" / name, folder.root / "prompts" / name)

    async def hang(call: Call) -> None:
        if ASKS in call.text:
            await asyncio.Event().wait()

    model.before = hang
    async with program(folder) as bot:
        visitor = await Http(bot, session).visitor()
        for number in range(1, 6):
            await visitor.say(f"kmemory1-{number} and what else?")
            await visitor.answered(f"kmemory1-{number}")
        while not asked_about(model, ASKS):  # noqa: ASYNC110 - another process asks, when it gets to it
            await asyncio.sleep(0.02)
        await bot.kill()
        model.before = None
        await bot.start()
        while not (memory := await _memory(bot))["summary"]:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.1)
        assert memory["summary"].startswith("re kmemory1-1")
        assert (memory["from_seq"] - 1, None) == (memory["summary_seq"], memory["due_at"])
        await visitor.say("kmemory1-6 and then?")
        await visitor.answered("kmemory1-6")
        assert memory["summary"] in model.calls[-1].text
        replies = [m["text"] for m in await visitor.read() if m["author"] == "bot"]
        assert [f"re kmemory1-{number}" for number in range(1, 7)] == replies


async def _memory(bot: Program) -> dict[str, Any]:
    _, listed = await bot.run("conversations", "list", "--json")
    (conversation,) = json.loads(listed)["rows"]
    _, story = await bot.run("explain", conversation["id"], "--json")
    found: dict[str, Any] = json.loads(story)["memory"]
    return found
