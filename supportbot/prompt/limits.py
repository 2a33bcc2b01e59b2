"""How long a rendering may take and how much it may make."""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from jinja2.exceptions import SecurityError

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES = 256 * 1024
"""The most a template may produce, in bytes of UTF-8."""

MOST_CHARACTERS = 256 * 1024
"""The longest text a template may make on its way, in characters."""

MOST_SECONDS = 0.25
"""The longest a rendering may take, in seconds of this thread's CPU time: a busy machine fails no turn."""

_STEPS_PER_LOOK = 16  # at the clock, which costs more than most steps


class Watch:
    """One rendering: when it must end, how much it has made, and which templates it used."""

    def __init__(self, first: str) -> None:
        """Start the clock on the template of this name."""
        self.used = {first}
        self._deadline = time.thread_time() + MOST_SECONDS
        self._steps = 0
        self._bytes = 0

    def step(self) -> None:
        """Count one round of a loop, one call or one piece of output.

        Raises:
            SecurityError: the time is up.
        """
        self._steps += 1
        if self._steps % _STEPS_PER_LOOK == 0 and time.thread_time() > self._deadline:
            raise SecurityError(
                f"it takes more than {MOST_SECONDS * 1000:.0f} ms; look for a loop without end"
            )

    def wrote(self, text: str) -> None:
        """Count some output.

        Raises:
            SecurityError: there is too much of it, or the time is up.
        """
        self.step()
        self._bytes += len(text) if text.isascii() else len(text.encode())
        if self._bytes > MOST_BYTES:
            raise SecurityError(f"it makes more than {MOST_BYTES // 1024} KiB; shorten what it prints")


_watch: ContextVar[Watch | None] = ContextVar("supportbot_prompt_watch", default=None)


@contextmanager
def watching(first: str) -> Iterator[Watch]:
    """Watch the rendering that happens inside."""
    watch = Watch(first)
    token = _watch.set(watch)
    try:
        yield watch
    finally:
        _watch.reset(token)


def step() -> None:
    """Count one step of the rendering that goes on; none does while a template is compiled.

    Raises:
        SecurityError: its time is up.
    """
    if watch := _watch.get():
        watch.step()


def use(template: str) -> None:
    """Note that the rendering that goes on uses a template."""
    if watch := _watch.get():
        watch.used.add(template)


def bounded(text: str, length: int) -> str:
    """Return ``text`` if what is to be made of it, ``length`` characters, may be made.

    Raises:
        SecurityError: it would be too long. Nothing has been made yet.
    """
    if length > MOST_CHARACTERS:
        raise SecurityError(f"it makes a text of {length} characters; {MOST_CHARACTERS} are the most")
    return text
