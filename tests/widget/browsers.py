"""Chromium, started as people start it: Playwright's own switches give frames no storage of their own."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.async_api import Browser, BrowserContext

_SWITCHES = (
    "--headless=new",
    "--no-sandbox",  # cannot be had as root, which is what tests in a container run as
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-port=0",
)
_SAYS = "DevTools listening on "


@contextmanager
def running(path: str, profile: Path) -> Iterator[str]:
    """Run Chromium; yields where its DevTools listen."""
    command = [path, *_SWITCHES, f"--user-data-dir={profile}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if line.startswith(_SAYS))
            yield line.removeprefix(_SAYS).strip()
        finally:
            process.kill()


class Browsers:
    """Windows of people who know nothing of each other."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._opened: list[BrowserContext] = []

    async def open(self, **options: Any) -> BrowserContext:
        """Return somebody's browser."""
        context = await self._browser.new_context(**({"viewport": {"width": 1000, "height": 760}} | options))
        self._opened.append(context)
        context.set_default_timeout(15_000)
        return context

    async def close(self) -> None:
        """Close what was opened; Chromium goes on, which ends with the windows of its own."""
        for context in self._opened:
            await context.close()
