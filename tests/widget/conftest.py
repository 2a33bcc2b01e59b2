"""A browser for the tests of this folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

from tests.acceptance.conftest import patience
from tests.widget.browsers import Browsers, running
from tests.widget.stage import Stage, stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from playwright.async_api import Browser

__all__ = ["patience"]

_HERE = Path(__file__).parent

CHROMIUM_VARIABLE = "SUPPORTBOT_TEST_CHROMIUM"


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the system's Chromium, which runs."""
    found = os.environ.get(CHROMIUM_VARIABLE) or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip(f"needs Chromium: apt-get install chromium, or set {CHROMIUM_VARIABLE} to its path")
    with running(found, tmp_path_factory.mktemp("chromium")) as address:
        yield address


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of this folder in one event loop: what steers the browser lives as long as that."""
    for item in items:
        if item.path.parent == _HERE and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """Chromium, with what steers it: to start that takes a second."""
    async with async_playwright() as playwright:
        yield await playwright.chromium.connect_over_cdp(chromium)


@pytest_asyncio.fixture(loop_scope="session")
async def browsers(browser: Browser) -> AsyncIterator[Browsers]:
    """Browsers, each with nothing in it."""
    opened = Browsers(browser)
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def here(tmp_path: Path, browsers: Browsers) -> AsyncIterator[Stage]:
    """Model, bot, website and browsers."""
    async with stage(tmp_path / "bot", browsers) as started:
        yield started
