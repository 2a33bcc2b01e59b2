"""``supportbot serve``: run the bot until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from typing import TYPE_CHECKING

import typer

from supportbot.cli.failures import BROKE, say
from supportbot.cli.settings import settings_of
from supportbot.cli.setup import warn

if TYPE_CHECKING:
    from collections.abc import Callable

    from supportbot.app import Running
    from supportbot.cli.settings import Settings
    from supportbot.config import Loaded

_LOOK_FOR_CYCLES_AFTER = 20_000
"""Objects that must have come on top before Python looks for cycles among them. With its usual 700 it looks
in almost every round of the event loop, finds hardly any, and looks again and again at the turns that wait
for a model: a twentieth of the bot's time, a quarter with a thousand of them. With many more, what failed
turns leave behind would lie about for long, and a look at all of it takes 20 to 40 ms."""

_STOP_WITHIN = 14.5
"""Seconds a clean stop may take. What it did not get done by then, the next start finds and does."""


def serve(
    context: typer.Context,
    roles: str | None = typer.Option(
        None,
        help="What this process does of web,worker,mail,slack; all of it when left out. Needs PostgreSQL.",
    ),
) -> None:
    """Run the bot. SIGTERM or Ctrl-C stops it cleanly, once more at once; SIGHUP reads bot.yaml again."""
    gc.disable()  # the start lets hardly anything go again: searching for it would be a tenth of its time
    try:
        _import_structlog()
        from supportbot.app import configure_logging

        settings = settings_of(context)
        report = settings.check()
        warn(report.warnings)
        loaded = report.sound()
        configure_logging(loaded)
        with asyncio.Runner(loop_factory=_fastest_loop()) as runner:
            runner.run(_Service(settings, loaded, _named(roles)).run())
    finally:
        gc.enable()


def _named(roles: str | None) -> list[str] | None:
    return None if roles is None else [name.strip() for name in roles.split(",")]


def _import_structlog() -> None:
    """Import structlog without rich.

    It takes rich where it finds it (typer brings it), for coloured tracebacks that we never print;
    importing rich and its pygments takes another tenth of the start.
    """
    if "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment] # None: "cannot be imported"
    try:
        import structlog  # noqa: F401
    finally:
        del sys.modules["rich"]


def _fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's maker of event loops where uvloop exists."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return None
    return uvloop.new_event_loop


class _Service:
    """The bot as a process that is told by signals what to do."""

    def __init__(self, settings: Settings, loaded: Loaded, roles: list[str] | None) -> None:
        self._settings = settings
        self._roles = roles
        self._loaded = loaded
        self._stop = asyncio.Event()
        self._starting: asyncio.Task[None] | None = None
        self._running: Running | None = None

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT.

        Raises:
            SupportBotError: it cannot start.
        """
        self._starting = asyncio.current_task()
        self._listen()
        try:
            await self._serve()
        except asyncio.CancelledError:
            if not self._stop.is_set():
                raise

    async def _serve(self) -> None:
        from supportbot.app import running
        from supportbot.processes import idle_roles, roles_of
        from supportbot.store import sqlite_path

        roles = roles_of(self._roles, self._loaded.database)
        if self._roles is not None and sqlite_path(self._loaded.database) is None:
            for name in idle_roles(roles, self._loaded.channels):
                say(f"warning: --roles: no channel of bot.yaml needs '{name}': leave it out, or add one")
        async with running(self._loaded, roles=roles) as bot:
            self._starting = None
            self._running = bot
            # What the start has made stays: looking through it again would stop everything for 70 ms.
            gc.collect()
            gc.freeze()
            gc.set_threshold(_LOOK_FOR_CYCLES_AFTER)
            gc.enable()
            _announce(bot)
            await self._stop.wait()
            self._running = None

    # -- signals --------------------------------------------------------------------------------

    def _listen(self) -> None:
        _on_signal(signal.SIGINT, self._on_stop)
        _on_signal(signal.SIGTERM, self._on_stop)
        if sys.platform != "win32":
            _on_signal(signal.SIGHUP, self._on_reload)

    def _on_stop(self) -> None:
        if self._stop.is_set():
            os._exit(BROKE)  # asked twice: at once. The next start goes on where this one was.
        self._stop.set()
        asyncio.get_running_loop().call_later(_STOP_WITHIN, os._exit, BROKE)
        if self._starting is not None:
            self._starting.cancel()

    def _on_reload(self) -> None:
        if self._running is not None:
            from supportbot.cli.reload import reload

            reload(self._running, self._settings.check())


def _on_signal(number: signal.Signals, react: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(number, react)
    except NotImplementedError:  # Windows
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(react))


def _announce(bot: Running) -> None:
    """Say where it listens, and where people can look at it; on a terminal also what to do next."""
    lines = [f"{bot.loaded.config.bot.name} is ready on {bot.url}"]
    lines += [f"Chat with it: {page}" for page in bot.pages]
    if sys.stdout.isatty():
        lines += _next_steps(bot)
    typer.echo("\n".join(lines))
    sys.stdout.flush()


def _next_steps(bot: Running) -> list[str]:
    from sqlalchemy.engine import make_url

    from supportbot.store import sqlite_path

    database = bot.loaded.database
    lies = sqlite_path(database) or make_url(database).render_as_string(hide_password=True)
    kinds = {name: section.type for name, section in bot.loaded.channels.items()}
    steps = ["", f"  Its data:           {lies}"]
    if "terminal" in kinds.values():
        steps.append("  Talk to it:         supportbot chat   (in another terminal)")
    web = next((name for name, kind in kinds.items() if kind == "webhook"), None)
    if web is not None:
        api = f"{bot.url}/channels/{web}"
        steps += [
            f"  As a website does:  curl {api}/sessions -H 'Content-Type: application/json' -d '{{}}'",
            f"  All of the API:     {api}/openapi.json",
        ]
    return [*steps, "  Stop it:            Ctrl-C", ""]
