"""Fixtures of the webhook channel's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.channels.webhook.driver import ORIGIN, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.channels.webhook.driver import Site, Visitor


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A running channel: one secret, one allowed website, no limits."""
    async with running(visitors={"allowed_origins": [ORIGIN]}) as started:
        yield started


@pytest.fixture
async def visitor(site: Site) -> Visitor:
    """A visitor of that channel, with a session."""
    return await site.visitor()
