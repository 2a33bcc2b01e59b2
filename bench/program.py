"""The real program, started for a measurement, and what it used."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from supportbot import lockfile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECRET = "whsec_" + "c3VwcG9ydGJvdC1iZW5jaG1hcmstc2VjcmV0LTAwMDE="
ROOT = Path(__file__).parents[1]
NO_LIMITS = dict.fromkeys(
    ("requests_per_address", "sessions_per_address", "messages_per_session", "messages_per_channel")
)


@dataclass
class Program:
    """A running bot."""

    pid: int
    host: str
    port: int
    started_in: float
    """Seconds from the start of the process until it listens."""
    folder: Path

    def cpu(self) -> float:
        """Seconds of CPU it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mib(self) -> float:
        """Its resident memory."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


def settings(**more: object) -> dict[str, object]:
    """Return a bot.yaml for measurements: the demo bot without rate limits, programs allowed."""
    return {
        "bot": {"name": "Bench", "company": "Bench"},
        "knowledge": {"path": str(ROOT / "knowledge")},
        "prompts": {"path": "prompts"},
        "server": {"port": 0},
        "log": {"level": "warning"},
        "channels": {
            "web": {"type": "webhook", "secrets": [SECRET], "limits": NO_LIMITS, "streams": {"total": 20_000}}
        },
        **more,
    }


def _lay_out(folder: Path, config: dict[str, object]) -> None:
    if not (folder / "prompts").exists():
        shutil.copytree(ROOT / "prompts", folder / "prompts")
    (folder / "bot.yaml").write_text(yaml.safe_dump(config))


@contextlib.asynccontextmanager
async def running(folder: Path, config: dict[str, object]) -> AsyncIterator[Program]:
    """Start ``supportbot serve`` in a folder of its own, and stop it cleanly."""
    _lay_out(folder, config)
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "supportbot",
        "-c",
        str(folder / "bot.yaml"),
        "serve",
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        while not (url := (lockfile.read(folder / "data" / "bot.db") or {}).get("url")):
            if process.returncode is not None:
                raise RuntimeError(f"the program ended with {process.returncode}")
            await asyncio.sleep(0.01)
        host, port = url.removeprefix("http://").split(":")
        yield Program(process.pid, host, int(port), time.perf_counter() - begun, folder)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.wait()
