"""The real model of ``scripts/serve --local-model``, started for tests, and a bot that asks it."""

from __future__ import annotations

import asyncio
import json
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.acceptance import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from supportbot.chaos.folder import BotFolder

_ENVIRONMENT = ROOT / ".venv-local-model"
SLOW = 120.0
"""Seconds in which a machine that has other things to do too answers a short question."""

NAME = "SmolLM2-135M-Instruct"
_SENTENCE = r'root ::= [A-Z] [a-z ,]{30,90} "."'
"""A grammar, which llama.cpp takes beside OpenAI's fields: the model writes nonsense, but comes to an end."""


@dataclass(frozen=True)
class LocalModel:
    """The model, listening."""

    url: str
    key: str
    pid: int

    def asked_by(self, folder: BotFolder, **fields: Any) -> dict[str, str]:
        """Have a bot ask the model for one sentence at a time; returns what its environment has to hold."""
        section = {
            "model": NAME,
            "base_url": self.url,
            "api_key": "${BOT_API_KEY}",
            "context_tokens": 200_000,  # more than there is: the bot has to learn it from the model's refusal
            "max_tokens": 64,
            "first_token_timeout": SLOW,
            "total_timeout": SLOW,
            "attempts": 1,
            "extra": {"grammar": _SENTENCE},
        }
        content = json.loads(folder.file.read_text("utf-8"))
        content["model"] = [section | fields]
        folder.file.write_text(json.dumps(content), "utf-8")
        return {"BOT_API_KEY": self.key}

    async def complete(self, question: str, **fields: Any) -> tuple[int, Any]:
        """Ask it directly; returns the status and the body."""
        body = {"model": NAME, "messages": [{"role": "user", "content": question}], **fields}
        async with self._client() as client, client.post(f"{self.url}/chat/completions", json=body) as answer:
            return answer.status, await answer.json()

    async def figures(self) -> dict[str, float]:
        """Return what it counts, by name."""
        async with self._client() as client, client.get(f"{self._root}/metrics") as answer:
            lines = [line for line in (await answer.text()).splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.partition(" ") for line in lines)}

    async def idle(self, *, within: float) -> None:
        """Wait until it writes no answer any more.

        Raises:
            TimeoutError: it still does.
        """
        async with asyncio.timeout(within), self._client() as client:
            while True:
                async with client.get(f"{self._root}/slots") as answer:
                    if not any(slot["is_processing"] for slot in await answer.json()):
                        return
                await asyncio.sleep(0.05)

    @property
    def _root(self) -> str:
        return self.url.removesuffix("/v1")

    def _client(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self.key}"}, timeout=aiohttp.ClientTimeout(total=SLOW)
        )


def needed() -> None:
    """Skip the test where the model has not been set up."""
    if not (_ENVIRONMENT / ".packages").exists():
        pytest.skip("needs the local model: scripts/serve --local-model sets it up")


@contextmanager
def local_model(*, window: int = 8192) -> Iterator[LocalModel]:
    """Start the model; it ends with the test."""
    needed()
    with subprocess.Popen(
        [_ENVIRONMENT / "bin" / "python", ROOT / "scripts" / "local_model.py", f"--window={window}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        url, key = process.stdout.readline().split()
        yield LocalModel(url, key, process.pid)
        process.communicate(timeout=10)  # closes its standard input, upon which it ends
    assert 0 == process.returncode
