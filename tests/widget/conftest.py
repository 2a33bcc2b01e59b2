"""A browser for the tests of this folder."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import async_playwright

from tests.acceptance.conftest import patience
from tests.widget.browsers import Browsers, running
from tests.widget.stage import Stage, stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

__all__ = ["patience"]

CHROMIUM_VARIABLE = "SUPPORTBOT_TEST_CHROMIUM"


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the system's Chromium, which runs."""
    found = os.environ.get(CHROMIUM_VARIABLE) or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip(f"needs Chromium: apt-get install chromium, or set {CHROMIUM_VARIABLE} to its path")
    with running(found, tmp_path_factory.mktemp("chromium")) as address:
        yield address


@pytest.fixture
async def browsers(chromium: str) -> AsyncIterator[Browsers]:
    """Browsers, each with nothing in it."""
    async with async_playwright() as playwright:
        opened = Browsers(await playwright.chromium.connect_over_cdp(chromium))
        yield opened
        await opened.close()


@pytest.fixture
async def here(tmp_path: Path, browsers: Browsers) -> AsyncIterator[Stage]:
    """Model, bot, website and browsers."""
    async with stage(tmp_path / "bot", browsers) as started:
        yield started
