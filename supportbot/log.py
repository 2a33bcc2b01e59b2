"""What the program writes about itself: one line per event, to stderr, with the secrets masked.

Every line goes the same way, whether it comes from ``structlog.get_logger()`` here or from the
standard ``logging`` of a library: context variables are merged in, values are made harmless
(secrets masked, control characters escaped, 500 characters at most), and the line is rendered,
as JSON or for a person at a terminal.

Both structlog and ``logging`` are configured process-wide; that is their nature. ``set_up``
is called once, by the command line, and by no library code: a program that embeds the bot keeps
the logging it has. The last call wins.

Callers see to it themselves that no customer's text is logged at ``info`` or above.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO
from urllib.parse import quote

import structlog
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.stdlib import ProcessorFormatter

from supportbot.errors import SupportBotError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from structlog.typing import EventDict, Processor, WrappedLogger

    from supportbot.config.models import LogSection

MASK = "[secret]"
"""What stands in a line where a secret stood."""

MAX_VALUE = 500
"""Longest value in a line, in characters."""

MAX_TRACEBACK = 8_000
"""Longest traceback, in characters; its end says most, so the beginning goes."""

_SCAN = 16_384  # no more than this of a value is searched: whatever lies behind it is cut off anyway

_TOKENS = re.compile(
    r"""
      LLM\|[\w|.-]+                                   # Llama API keys
    | \bxox[a-z](?:\.xox[a-z])?-[\w.-]+               # Slack tokens, also rotated ones
    | \bxapp-[\w-]+
    | \bsk-[\w-]{8,}                                  # OpenAI and its imitators
    | \bwhsec_[\w+/=-]+                               # Standard Webhooks secrets
    | \bgh[opsur]_\w{16,} | \bgithub_pat_\w{16,}
    | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b                   # AWS
    | \bAIza[\w-]{35}                                # Google
    | (?i:\b(?:bearer|basic)\s+)[\w.~+/|=-]{8,}       # an Authorization header's value
    | (?<=://)[^\s/:@]*:[^\s@/]+(?=@)                 # user:password in an address
    """,
    re.VERBOSE,
)

# C0 and C1 controls, line and paragraph separators, what turns the writing direction round, lone surrogates.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_QUIET = ("aiohttp.access", "aiohttp.internal", "alembic", "asyncio", "sqlalchemy")
"""Loggers whose lines below WARNING help nobody run a bot, or (aiohttp.internal) come once per bad cookie."""


def set_up(section: LogSection, *, secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Configure structlog and ``logging`` for this process.

    Args:
        section: least level, and whether lines are JSON or for a person.
        secrets: values that must never be seen, in addition to whatever looks like a token.
        stream: where lines go; stderr by default.
    """
    stream = stream or sys.stderr
    level = getattr(logging, section.level.upper())
    as_json = section.format == "json" or (section.format == "auto" and not stream.isatty())
    structlog.configure(
        processors=[merge_contextvars, *_stamp(), ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = _Handler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[merge_contextvars, *_stamp()],
            processors=[
                ProcessorFormatter.remove_processors_meta,
                _render_exception,
                Harmless(secrets),
                *(_as_json() if as_json else _for_a_person(stream)),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)


def about(**values: str) -> AbstractContextManager[None]:
    """Put these values (``turn=turn_id``, ``conversation=…``) on every line written inside the block,
    by this task and those it starts."""
    return bound_contextvars(**values)


def whereabouts(error: BaseException) -> str:
    """Say where an error came from without repeating what it says, for its words may be a stranger's:
    ``ValueError at inbox.py:40 accept < bot.py:12 answer``, the innermost five places."""
    frames = traceback.extract_tb(error.__traceback__)[-5:]
    places = [
        f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in reversed(frames)
    ]
    return f"{type(error).__name__} at {' < '.join(places) or 'an unknown place'}"


def in_one_line(error: BaseException) -> str:
    """Say what went wrong: our own errors explain themselves, of others their ``whereabouts``."""
    return str(error) if isinstance(error, SupportBotError) else whereabouts(error)


class Harmless:
    """A structlog processor that makes every value of a line safe to write and short enough to read.

    Args:
        secrets: exact values to mask, wherever they occur. Shorter ones than four characters are
            left alone: masking them would eat every line and protect nothing.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets if len(secret) >= 4 for form in (secret, quote(secret, safe=""))}
        longest_first = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """Return the line with harmless values; numbers, booleans and None stay what they are."""
        return {key: self._value(key, value) for key, value in event.items()}

    def mask(self, text: str) -> str:
        """Replace every known secret, and everything that looks like one, by ``[secret]``."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return _TOKENS.sub(MASK, text)

    def _value(self, key: str, value: object) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        text = _text(value)
        if key == "exception":
            return _escape_lines(self.mask(text[-_SCAN:])[-MAX_TRACEBACK:])
        return _escape(_cut(self.mask(text[:_SCAN]), MAX_VALUE))


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines; a line that cannot be written never shows its content."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        with suppress(OSError, ValueError):  # when stderr is gone there is nobody left to tell
            self.stream.write(f"a line of logger {record.name[:60]!r} could not be written\n")


def _stamp() -> list[Processor]:
    return [structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True, key="time")]


def _as_json() -> list[Processor]:
    return [structlog.processors.JSONRenderer()]


def _for_a_person(stream: TextIO) -> list[Processor]:
    return [structlog.dev.ConsoleRenderer(colors=stream.isatty(), timestamp_key="time", pad_event_to=0)]


def _render_exception(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Turn ``exc_info`` into text here, so that what follows can mask it."""
    return structlog.processors.format_exc_info(logger, method, event)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return repr(value) if isinstance(value, dict | list | tuple | set) else str(value)
    except Exception:  # noqa: BLE001 - whatever a foreign __str__ raises, the line must be written
        return f"<{type(value).__name__} that cannot be shown>"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _escape(text: str) -> str:
    """Write control characters out, so that no value can begin a line of its own or steer a terminal."""
    return _CONTROLS.sub(lambda match: ascii(match[0])[1:-1], text)


def _escape_lines(text: str) -> str:
    """The same for a traceback, which keeps its lines: each is marked, so that none can pass for an event."""
    return "\n".join(f"  | {_escape(line)}" for line in text.split("\n"))
