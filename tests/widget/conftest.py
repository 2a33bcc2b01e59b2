"""A browser for the tests of this folder."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import async_playwright

from tests.acceptance.conftest import patience
from tests.widget.stage import Stage, stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Browser

__all__ = ["patience"]

CHROMIUM_VARIABLE = "SUPPORTBOT_TEST_CHROMIUM"


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the system's Chromium."""
    found = os.environ.get(CHROMIUM_VARIABLE) or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip(f"needs Chromium: apt-get install chromium, or set {CHROMIUM_VARIABLE} to its path")
    return found


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """Chromium, with nothing in it."""
    async with async_playwright() as playwright:
        # Its own sandbox cannot be had as root, which is what tests in a container run as.
        launched = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        await launched.close()


@pytest.fixture
async def here(tmp_path: Path, browser: Browser) -> AsyncIterator[Stage]:
    """Model, bot, website and browser."""
    async with stage(tmp_path / "bot", browser) as started:
        yield started
