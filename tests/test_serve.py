"""``supportbot serve`` as a process: what it says, and how it takes signals."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from supportbot import config
from supportbot.cli.reload import applied, channels_keep, needs_restart, no_longer_judged
from tests.bot_folder import BotFolder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BOT = "server: {port: 0}\nchannels:\n  terminal: {type: terminal}\n"
STARTS_WITHIN = 30  # seconds, on a busy machine

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")


class Served:
    """A bot that serves, as a process of its own."""

    def __init__(self, folder: BotFolder) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "supportbot", "-c", str(folder.file), "serve"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._read = b""

    def first_line(self) -> str:
        """Wait for the line that says that it is ready."""
        return self.next_line()

    def next_line(self) -> str:
        """Wait for a line on stdout."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode()

    def logged(self, event: str) -> dict[str, Any]:
        """Wait for a line of the log."""
        assert self.process.stderr is not None
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline:
            *lines, self._read = self._read.split(b"\n")
            for number, line in enumerate(lines):
                if event.encode() in line:
                    self._read = b"\n".join([*lines[number + 1 :], self._read])
                    found: dict[str, Any] = json.loads(line)
                    return found
            if select.select([self.process.stderr], [], [], 1)[0]:
                self._read += os.read(self.process.stderr.fileno(), 65536)
        raise AssertionError(f"{event} was not logged")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(20)


@pytest.fixture
def folder(tmp_path: Path) -> BotFolder:
    """The folder of a bot that picks a free port."""
    made = BotFolder(tmp_path)
    made.file.write_text(BOT, "utf-8")
    return made


@pytest.fixture
def served(folder: BotFolder) -> Iterator[Served]:
    """A bot that is starting."""
    made = Served(folder)
    with made.process as process:
        yield made
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_stops_cleanly(served: Served, number: int) -> None:
    """One line when it is ready; a signal ends it with exit code 0."""
    assert served.first_line().startswith("SupportBot is ready on http://127.0.0.1:")
    assert 0 == served.stop(number)


def test_it_says_where_people_can_chat(folder: BotFolder) -> None:
    """The website's page, whose address is the channel's with its slash."""
    folder.file.write_text("server: {port: 0}\nchannels:\n  shop: {type: webhook}\n", "utf-8")
    served = Served(folder)
    with served.process as process:
        url = served.first_line().rpartition(" ")[2].strip()
        assert f"Chat with it: {url}/channels/shop/\n" == served.next_line()
        process.kill()


def test_a_second_bot_is_refused(served: Served) -> None:
    """On one SQLite file there is one bot; the second says so in a line, with exit code 2."""
    served.first_line()
    second = subprocess.run(
        [sys.executable, "-m", "supportbot", "-c", str(served.folder.file), "serve"],
        capture_output=True,
        check=False,
        text=True,
        timeout=30,
    )
    assert (2, "") == (second.returncode, second.stdout)
    assert second.stderr.startswith("Another bot is running on ")
    assert 1 == len(second.stderr.splitlines())
    assert 0 == served.stop()


def test_it_reads_bot_yaml_again(served: Served) -> None:
    """SIGHUP takes over what it can and names what it cannot; a wrong file changes nothing."""
    served.first_line()
    served.folder.file.write_text(f"{BOT}bot: {{name: Fern}}\nturns: {{debounce: 1}}\n", "utf-8")
    served.process.send_signal(signal.SIGHUP)
    assert "bot.name" == served.logged("config.reloaded")["keys"]
    assert "turns.debounce" == served.logged("config.needs_restart")["keys"]
    served.folder.file.write_text("bot: {nmae: Fern}\n", "utf-8")
    served.process.send_signal(signal.SIGHUP)
    assert "nmae" in served.logged("config.rejected")["problems"]
    assert 0 == served.stop()


def test_only_what_cannot_change_needs_a_restart(tmp_path: Path) -> None:
    """Texts, models, knowledge and prompts are taken over; all else is named by its key."""
    folder = BotFolder(tmp_path)
    before = folder.load(BOT)
    after = folder.load(
        "server: {port: 0}\ndatabase: sqlite:///other.db\nbot: {name: Fern}\nlog: {level: error}\n"
        "texts: {greeting: Hi}\nknowledge: {passages: 2}\n"
        "prompts: {history_tokens: 500, history_messages: 30}\ndeliveries: {attempts: 2}\n"
        "channels:\n  web: {type: webhook}\n"
    )
    assert [
        "prompts.history_messages",
        "deliveries.attempts",
        "database",
        "channels.terminal",
        "channels.web",
    ] == needs_restart(before, after)
    assert [] == needs_restart(before, config.load(_written(folder, BOT), {}))
    assert ["bot.name"] == channels_keep(before, after)


def test_what_counts_at_once_is_said_and_so_is_what_is_judged_no_longer(tmp_path: Path) -> None:
    """Moderation, triage and tools count from the next turn on; that less is judged is a warning."""
    folder = BotFolder(tmp_path)
    (folder.root / "prompts" / "triage.md.j2").write_text("Sort it.\n", "utf-8")
    model = "model:\n  - {name: m, model: m, base_url: 'https://models.example.com/v1'}\n"
    guard = "guard: {model: g, base_url: 'https://models.example.com/v1'}"
    triage = "triage: {enabled: true, topics: {returns: sending back}}\n"
    plain = folder.load(BOT + model)
    judged = folder.load(f"{BOT}{model}{triage}moderation: {{{guard}, input: {{}}, output: {{}}}}\n")
    less = folder.load(f"{BOT}{model}{triage}moderation: {{{guard}, output: {{}}}}\n")
    assert [] == needs_restart(plain, judged)
    assert [
        "triage.enabled",
        "triage.topics",
        "moderation.guard",
        "moderation.input",
        "moderation.output",
    ] == applied(plain, judged)
    assert [] == no_longer_judged(plain, judged)
    assert ["moderation.input"] == no_longer_judged(judged, less)
    assert ["moderation.input", "moderation.output"] == no_longer_judged(judged, plain)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "'--roles' names no role. Give one or several of mail, slack, web, worker, separated by commas"),
        (" , ", "'--roles' names no role."),
        ("web,", "'--roles web,' has an empty entry"),
    ],
)
def test_roles_that_name_none_are_an_error(tmp_path: Path, given: str, said: str) -> None:
    """As a variable that was never set makes them: not everything at once, in silence."""
    assert said in _refused(tmp_path, BOT, given)


def test_a_role_that_no_channel_needs_is_an_error(tmp_path: Path) -> None:
    """Alone it would do nothing, for ever and in silence."""
    bot = f"database: postgresql+psycopg://bot@127.0.0.1:1/bot\n{BOT}"
    assert "'--roles mail' would do nothing" in _refused(tmp_path, bot, "mail")


def test_beside_another_it_is_a_warning(tmp_path: Path) -> None:
    """The same roles may be given to several bots."""
    bot = f"database: postgresql+psycopg://bot@127.0.0.1:1/bot\n{BOT}"
    said = _refused(tmp_path, bot, "worker,mail", code=1)  # there is no server
    assert "warning: --roles: no channel of bot.yaml needs 'mail'" in said


def _refused(tmp_path: Path, bot: str, roles: str, code: int = 2) -> str:
    folder = BotFolder(tmp_path)
    command = ["-m", "supportbot", "-c", str(_written(folder, bot)), "serve", "--roles", roles]
    ended = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=STARTS_WITHIN, check=False
    )
    assert (code, "") == (ended.returncode, ended.stdout)
    return ended.stderr


def _written(folder: BotFolder, content: str) -> Path:
    folder.file.write_text(content, "utf-8")
    return folder.file
