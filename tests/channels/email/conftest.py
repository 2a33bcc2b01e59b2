from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from supportbot.testing.host import MemoryRecords
from tests.channels.email.dovecot import dovecot
from tests.channels.email.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from tests.channels.email.dovecot import Dovecot


@pytest.fixture(scope="session")
def server() -> Iterator[Dovecot]:
    with dovecot() as running:
        yield running


@pytest.fixture
def wire(server: Dovecot) -> AbstractAsyncContextManager[Wire]:
    return Wire(server.port)


@pytest.fixture
def address(request: pytest.FixtureRequest) -> str:
    """A mailbox of the test's own."""
    return f"u{abs(hash(request.node.nodeid)):x}@example.com"


@pytest.fixture
def records() -> MemoryRecords:
    return MemoryRecords()


async def until(holds: Callable[[], object], within: float = 20.0) -> None:
    """Wait for something that another process brings about."""
    async with asyncio.timeout(within):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.02)
