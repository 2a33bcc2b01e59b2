"""One SQLite file, one bot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supportbot import lockfile
from supportbot.chaos.clients import Http
from supportbot.chaos.folder import BotFolder
from supportbot.chaos.program import Program, program

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

    from supportbot.chaos.model import ListeningModel


async def test_a_second_process_is_refused(
    tmp_path: Path, model: ListeningModel, session: aiohttp.ClientSession
) -> None:
    """It ends with 2 and one line that names the first, which goes on as if nothing had been."""
    folder = BotFolder(tmp_path / "bot", model_url=model.url)
    async with program(folder) as first:
        visitor = await Http(first, session).visitor()
        assert 202 == (await visitor.post("c1", "ktwo1-1 hello")).status
        second = Program(folder)
        code, printed = await second.run("serve")
        assert (2, "", 1) == (code, printed, len(second.errors))
        assert str(first.pid) in second.errors[0]
        told = lockfile.read(folder.database_file)
        assert told is not None
        assert (first.pid, first.url) == (told["pid"], told["url"])
        assert 202 == (await visitor.post("c2", "ktwo1-2 still there?")).status
        assert "re ktwo1-2" in (await visitor.answered("ktwo1-2"))["text"]
    assert [] == model.wrong


async def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    """After kill -9 nobody has to remove anything: the next process starts."""
    folder = BotFolder(tmp_path / "bot")
    async with program(folder) as bot:
        await bot.kill()
        assert None is lockfile.read(folder.database_file)
        await bot.start()
        assert 0 == await bot.stop()
