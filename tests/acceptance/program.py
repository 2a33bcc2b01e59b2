"""The real program: ``supportbot serve`` in a process of its own, started, killed and started again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

ROOT = Path(__file__).parent.parent.parent
START_WITHIN = 30.0
"""Seconds; the machine that runs the tests may be busy."""

SECRET = "whsec_" + "YWNjZXB0YW5jZSB0ZXN0cyBzaWduIHdpdGggdGhpcw=="
API_KEY = "sk-acceptance-0123456789abcdef"
ADMIN_TOKEN = "admin-acceptance-0123456789"
ENVIRONMENT = {"BOT_SECRET": SECRET, "BOT_API_KEY": API_KEY, "BOT_ADMIN_TOKEN": ADMIN_TOKEN}
"""What bot.yaml names as ``${…}``."""

UNLIMITED = dict.fromkeys(
    ("requests_per_address", "sessions_per_address", "messages_per_session", "messages_per_channel")
)

_SYSTEM = "You are {{ bot.name }}. The customer is {{ contact.name }} <{{ contact.email }}>.\n"
_KNOWLEDGE = "{% for passage in passages %}\n{{ passage.title }}\n{{ passage.text | quoted }}\n{% endfor %}\n"
_ARTICLE = "# Parcels\n\nA parcel takes three days. You can follow it in your account.\n"


class BotFolder:
    """A bot.yaml and what it names, quick to fail and to try again unless a test says otherwise."""

    def __init__(
        self,
        root: Path,
        *,
        model_url: str = "",
        database: str = "sqlite:///data/bot.db",
        webhook: Mapping[str, Any] | None = None,
        prompt: str = _SYSTEM,
        article: str = _ARTICLE,
        tools: Sequence[str] = (),
        **sections: Mapping[str, Any],
    ) -> None:
        """Write it.

        Args:
            root: an empty folder.
            model_url: a model's ``base_url``; without one the bot answers from its knowledge.
            database: as in bot.yaml.
            webhook: more keys of the channel ``web``.
            prompt: the system prompt.
            article: the one article of the knowledge.
            tools: as in bot.yaml.
            sections: more keys of ``turns``, ``deliveries``, ``server``, ``log`` and so on.
        """
        self.root = root
        self.file = root / "bot.yaml"
        self.database = database
        content: dict[str, Any] = {
            "tools": list(tools),
            "database": database,
            "bot": {"name": "Fern"},
            "knowledge": {},
            "prompts": {"history_messages": 1000, "history_tokens": 100_000},
            "turns": {"retry_delay": 0.1},
            "deliveries": {"retry_delay": 0.1, "settle_delay": 0.1, "attempts": 100},
            "server": {"port": 0, "admin_token": "${BOT_ADMIN_TOKEN}"},
            "channels": {
                "web": {"type": "webhook", "secrets": ["${BOT_SECRET}"], "limits": UNLIMITED}
                | dict(webhook or {}),
            },
        }
        for name, section in sections.items():
            content[name] = content.get(name, {}) | dict(section)
        if model_url:
            content["model"] = [
                {
                    "dialect": "openai",
                    "model": "test-model",
                    "base_url": model_url,
                    "api_key": "${BOT_API_KEY}",
                    "context_tokens": 200_000,
                }
            ]
        root.mkdir(exist_ok=True)
        self.file.write_text(json.dumps(content, indent=2), "utf-8")
        for name, text in {
            "prompts/system.md.j2": prompt,
            "prompts/knowledge.md.j2": _KNOWLEDGE,
            "knowledge/parcels.md": article,
        }.items():
            path = root / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")

    @property
    def database_file(self) -> Path:
        """The SQLite file."""
        return self.root / self.database.removeprefix("sqlite:///")

    def integrity(self) -> str:
        """Return what SQLite says about the file: ``ok``."""
        connection = sqlite3.connect(self.database_file)
        try:
            return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
        finally:
            connection.close()


class Program:
    """``supportbot serve`` on a bot's folder, one process after the other."""

    def __init__(
        self, folder: BotFolder, *, environment: Mapping[str, str] | None = None, roles: str = ""
    ) -> None:
        self.folder = folder
        self._serve = ("serve", "--roles", roles) if roles else ("serve",)
        self.url = ""
        """Where the newest process listens."""
        self.errors: list[str] = []
        """The lines that all processes wrote to stderr."""
        self._environment = ENVIRONMENT | dict(environment or {})
        self._up = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None

    # -- one process ----------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the program and wait until it says where it listens.

        Raises:
            AssertionError: it ended instead.
        """
        await self.begin()
        process = self._alive()
        assert process.stdout is not None
        async with asyncio.timeout(START_WITHIN):
            line = (await process.stdout.readline()).decode()
        assert " is ready on " in line, (line, self.errors[-5:])
        self.url = line.split(" is ready on ")[1].strip()
        self._up.set()

    async def begin(self) -> None:
        """Start the program and do not wait for it."""
        self._process = await self.spawn(*self._serve)

    async def spawn(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start ``supportbot`` with these arguments; its stderr is collected in ``errors``."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "supportbot", "-c", str(self.folder.file), *arguments),
            cwd=ROOT,
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
        self._alive().send_signal(number)

    async def ended(self, *, within: float) -> int:
        """Wait for the end of the process and return the exit code."""
        self._up.clear()
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
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        return self._alive().pid

    @property
    def resident(self) -> int:
        """Memory in use, in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text("utf-8")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))

    @property
    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def log(self, *, level: str = "") -> list[dict[str, Any]]:
        """Return the lines of the log, of one level if named; what is no such line has the level ``raw``."""
        lines = [_log_line(line) for line in self.errors]
        return [line for line in lines if level in {"", line["level"]}]

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


@asynccontextmanager
async def program(folder: BotFolder, **options: Any) -> AsyncIterator[Program]:
    """Start the program; whatever becomes of the test, nothing of it is left running."""
    started = Program(folder, **options)
    try:
        await started.start()
        yield started
    except BaseException:
        print("\n".join(["", "The program wrote at last:", *started.errors[-20:]]))
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
