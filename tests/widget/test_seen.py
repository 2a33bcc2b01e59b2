"""What was on the visitor's screen is told to the bot, and nothing else: what they miss is mailed to them."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from tests.widget.stage import stage

if TYPE_CHECKING:
    from pathlib import Path

    from tests.widget.browsers import Browsers
    from tests.widget.stage import Stage

SUPPORT = {
    "type": "email",
    "address": "support@shop.example",
    "imap": {"host": "127.0.0.1", "port": 9, "security": "none"},  # nobody is there, and nobody need be
    "password": "a password",
}


def seen(here: Stage) -> int:
    with closing(sqlite3.connect(here.folder.database_file)) as database:
        [(number,)] = database.execute("select seen_seq from conversations").fetchall()
    return int(number)


async def until_seen(here: Stage, number: int) -> None:
    async with asyncio.timeout(10):
        while seen(here) != number:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.02)


async def test_an_answer_is_seen_in_the_open_chat(tmp_path: Path, browsers: Browsers) -> None:
    """In a chat that was closed before it came it is counted and not seen, until the chat is opened."""
    rule = {"follow_up": {"mailbox": "support"}}
    async with stage(tmp_path / "bot", browsers, channels={"support": SUPPORT}, webhook=rule) as here:
        visitor = await here.visitor()
        await visitor.open()
        await visitor.write("First?")
        await here.model.asked()
        here.model.say("One.")
        here.model.finish()
        await visitor.sees("One.")
        await until_seen(here, 2)
        await visitor.write("Second?")
        await here.model.asked()
        await until_seen(here, 3)
        await visitor.launcher.click()
        here.model.say("Two.")
        here.model.finish()
        await visitor.page.get_by_role("button", name="Open chat, 1 unread").wait_for()
        assert 3 == seen(here)
        await visitor.launcher.click()
        await until_seen(here, 4)
        assert [] == visitor.errors


async def test_what_is_written_elsewhere_is_in_the_chat_s_language(here: Stage) -> None:
    """The language that the visitor reads the chat in is stored with their first message."""
    visitor = await here.visitor(url=f"{here.site.origin}/?lang=de-AT")
    await visitor.open()
    await visitor.write("Ist da jemand?")
    await here.model.asked()
    with closing(sqlite3.connect(here.folder.database_file)) as database:
        assert [("de",)] == database.execute("select language from contacts").fetchall()
    assert [] == visitor.errors
