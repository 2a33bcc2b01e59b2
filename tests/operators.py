"""Somebody at the keyboard, on a real store."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from typer.testing import CliRunner

from supportbot.cli.commands import app
from tests.bot_folder import BotFolder
from tests.durable import opened, running

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from click.testing import Result

    from supportbot.store import Store
    from tests.durable import Durable

HOSTILE = "[bold]red[/] \x1b[31mred\x1b[0m \u202eright\u2066 \x9b2J\x00 [/nothing] \U000e0041"


class Operator:
    """Somebody at the keyboard, in the folder of a bot."""

    def __init__(self, root: Path) -> None:
        self.folder = BotFolder(root)
        self.folder.file.write_text("channels:\n  web: {type: webhook}\n", "utf-8")
        self.url = f"sqlite:///{root}/data/bot.db"
        (root / "data").mkdir()

    def run(self, *args: str, types: str = "") -> Result:
        """Run a command."""
        file = str(self.folder.file)
        return CliRunner().invoke(app, ["-c", file, *args], input=types, catch_exceptions=False)  # type: ignore[arg-type,return-value]

    def says(self, *args: str, types: str = "") -> str:
        """Run a command that succeeds; return what it prints."""
        result = self.run(*args, types=types)
        assert (0, "") == (result.exit_code, result.stderr if result.exit_code else "")
        return result.stdout

    def json(self, *args: str) -> Any:
        """Run a command that succeeds; return the JSON that it prints."""
        return json.loads(self.says(*args, "--json"))

    def refused(self, *args: str, types: str = "") -> str:
        """Run a command that is refused; return its line on stderr."""
        result = self.run(*args, types=types)
        assert (2, "") == (result.exit_code, result.stdout)
        return result.stderr

    def live(self, what: Callable[[Durable], Awaitable[Any]], **options: Any) -> Any:
        """Let a bot work on the store for a while."""

        async def lived() -> Any:
            async with running(self.url, **options) as durable:
                return await what(durable)

        return asyncio.run(lived())

    def look(self, work: Callable[[Store], Awaitable[Any]]) -> Any:
        """Look into the store."""

        async def looked() -> Any:
            async with opened(self.url) as store:
                return await work(store)

        return asyncio.run(looked())


async def deliveries_ended(durable: Durable, count: int) -> None:
    await durable.until_rows(
        "SELECT count(*) FROM deliveries WHERE state IN ('delivered', 'unknown', 'dead')", [(count,)]
    )


def talk(*questions: str, **more: Any) -> Callable[[Durable], Awaitable[str]]:
    """A conversation; returns its id."""

    async def held(durable: Durable) -> str:
        for number, question in enumerate(questions, 1):
            accepted = await durable.accept(question, **more)
            await deliveries_ended(durable, number)
        return accepted.conversation_id

    return held


async def fail(durable: Durable) -> str:
    """A message that is put aside as dead; returns its id."""

    def boom(_turn: object) -> str:
        raise RuntimeError("no")

    durable.worker.say = boom
    accepted = await durable.accept("poison")
    await deliveries_ended(durable, 1)
    return accepted.message_id
