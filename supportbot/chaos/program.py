"""The real program: ``supportbot serve`` in a process of its own, started, killed and started again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from supportbot.chaos.folder import ENVIRONMENT
from supportbot.errors import BotDidNotStart

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from supportbot.chaos.folder import BotFolder

START_WITHIN = 60.0
"""Seconds; the machine may be busy."""


_MOST_LINES = 5000
_WORDS = 400
"""Characters of a process's last words that an error repeats."""


class Program:
    """``supportbot serve`` on a bot's folder, one process after the other."""

    def __init__(
        self,
        folder: BotFolder,
        *,
        environment: Mapping[str, str] | None = None,
        roles: str = "",
        name: str = "",
    ) -> None:
        self.folder = folder
        self.name = name
        """Tells it from others of its bot, also after a new start."""
        self._serve = ("serve", "--roles", roles) if roles else ("serve",)
        self.url = ""
        """Where the newest process listens."""
        self.errors: list[str] = []
        """The lines that all processes wrote to stderr, the newest some thousand."""
        self.is_frozen = False
        """Stopped by ``freeze``."""
        self._environment = ENVIRONMENT | dict(environment or {})
        self._up = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None

    # -- one process ----------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the program and wait until it says where it listens.

        Raises:
            BotDidNotStart: it ended instead, or took too long.
        """
        await self.begin()
        process = self._alive()
        assert process.stdout is not None
        line = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(START_WITHIN):
                line = await process.stdout.readline()
        _, found, url = line.decode().partition(" is ready on ")
        if not found:
            await self._end(signal.SIGKILL, within=10)
            raise BotDidNotStart(cause=self._last_words() or f"nothing within {START_WITHIN:.0f} s")
        self.url = url.strip()
        self._up.set()

    async def begin(self) -> None:
        """Start the program and do not wait for it."""
        self._process = await self.spawn(*self._serve)

    async def spawn(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start ``supportbot`` with these arguments; its stderr is collected in ``errors``."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "supportbot", "-c", str(self.folder.file), *arguments),
            cwd=self.folder.root,
            env=_own_environment() | self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=1 << 24,
        )
        self._listening = asyncio.create_task(self._listen(process))
        return process

    async def run(self, *arguments: str) -> tuple[int, str]:
        """Run a command beside the program; returns its exit code and what it printed."""
        process = await self.spawn(*arguments)
        assert process.stdout is not None
        async with asyncio.timeout(START_WITHIN):
            printed = (await process.stdout.read()).decode()
            return await process.wait(), printed

    async def kill(self) -> None:
        """Kill it as ``kill -9`` does, and wait until it is gone."""
        await self._end(signal.SIGKILL, within=10)

    async def stop(self, *, within: float = 15.0) -> int:
        """Send SIGTERM and return the exit code.

        Raises:
            TimeoutError: it took longer than ``within`` seconds.
        """
        return await self._end(signal.SIGTERM, within=within)

    def send(self, number: signal.Signals) -> None:
        """Send a signal and go on."""
        with suppress(ProcessLookupError):  # it has just ended by itself
            self._alive().send_signal(number)

    def freeze(self) -> None:
        """Stop it in mid-step as SIGSTOP does: it keeps its connections and answers nothing."""
        self.is_frozen = True
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on, unless it was killed meanwhile."""
        self.is_frozen = False
        if self.is_running:
            self.send(signal.SIGCONT)

    async def ended(self, *, within: float) -> int:
        """Wait for the end of the process and return the exit code."""
        self._up.clear()
        self.is_frozen = False
        process = self._alive()
        async with asyncio.timeout(within):
            code = await process.wait()
        if self._listening is not None:
            await self._listening
        self._process = None
        return code

    async def up(self) -> None:
        """Wait until a process is up."""
        await self._up.wait()

    @property
    def is_up(self) -> bool:
        """It said where it listens, and nobody has ended it since."""
        return self._up.is_set()

    @property
    def is_running(self) -> bool:
        """There is a process."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._alive().pid

    @property
    def who(self) -> str:
        """This process of it: another one after a new start, which what befell this one does not excuse."""
        return f"{self.name}, pid {self.pid}"

    def log(self, *, level: str = "") -> list[dict[str, Any]]:
        """Return the lines of the log, of one level if named; what is no such line has the level ``raw``."""
        lines = [_log_line(line) for line in self.errors]
        return [line for line in lines if level in {"", line["level"]}]

    def _last_words(self) -> str:
        """Return what the process wrote at last, but for the hint where to read more."""
        lines = [line for line in self.errors if not line.startswith("To see all of it")]
        return " ".join(lines[-1:])[-_WORDS:]

    async def _end(self, number: signal.Signals, *, within: float) -> int:
        self._up.clear()
        self.send(number)
        return await self.ended(within=within)

    def _alive(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "the program is not running"
        return self._process

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            self.errors.append(line.decode(errors="replace").rstrip("\n"))
            if len(self.errors) > 2 * _MOST_LINES:
                del self.errors[:-_MOST_LINES]


@asynccontextmanager
async def program(folder: BotFolder, **options: Any) -> AsyncIterator[Program]:
    """Start the program; whatever becomes of the block, nothing of it is left running."""
    started = Program(folder, **options)
    try:
        await started.start()
        yield started
    except BaseException as error:
        error.add_note("\n".join(["The program wrote at last:", *started.errors[-20:]]))
        raise
    finally:
        if started.is_running:
            await started.kill()


def _log_line(line: str) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except ValueError:
        fields = None
    return fields if isinstance(fields, dict) else {"level": "raw", "event": line}


def _own_environment() -> dict[str, str]:
    """Return this process's environment without what steers SupportBot or holds its secrets."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SUPPORTBOT_", "BOT_", "LLAMA_", "OPENAI_", "COV_"))
    }
