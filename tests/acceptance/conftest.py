"""Fixtures: the other ends of the bot's connections."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

from supportbot.chaos.model import ListeningModel
from supportbot.chaos.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from supportbot.chaos.verdict import Verdict

ARTEFACTS = Path(__file__).parent.parent / "artefacts"
SEED_VARIABLE = "SUPPORTBOT_TEST_SEED"
PATIENCE_VARIABLE = "SUPPORTBOT_TEST_PATIENCE"


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """No test may wait for ever: after so many seconds (120, or what the environment says) it has failed."""
    seconds = int(os.environ.get(PATIENCE_VARIABLE, "120"))

    def ring(*_: object) -> None:
        raise TimeoutError(f"the test took more than {seconds} s; more: {PATIENCE_VARIABLE}")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def filled_postgres() -> str:
    """Databases are empty here: the real program fills them."""
    return "template1"


@pytest.fixture
async def model() -> AsyncIterator[ListeningModel]:
    """A model that listens."""
    async with ListeningModel() as listening:
        yield listening


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver of callbacks."""
    async with Receiver() as listening:
        yield listening


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Connections to the bot; a request that takes ten seconds has failed."""
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout
    ) as opened:
        yield opened


@pytest.fixture
def seed() -> int:
    """What chance is made of: printed, and taken from the environment if it is there, to be repeated."""
    seed = int(os.environ.get(SEED_VARIABLE, "20251"))
    print(f"\n{SEED_VARIABLE}={seed}")
    return seed


def asked_about(model: ListeningModel, text: str) -> int:
    """Return in how many calls of a model the newest words held this text."""
    return sum(text in call.body["messages"][-1]["content"] for call in model.calls)


def check(name: str, verdict: Verdict) -> None:
    """Print a verdict, keep it among the tests' artefacts, and fail unless the promise was kept."""
    print(f"\n{name}: {verdict.line}")
    ARTEFACTS.mkdir(exist_ok=True)
    (ARTEFACTS / f"{name}.txt").write_text("\n".join([verdict.line, *verdict.problems]) + "\n", "utf-8")
    assert [] == verdict.problems
    assert verdict.passed, verdict.line
