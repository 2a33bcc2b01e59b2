"""log: one harmless line per event, whoever wrote it."""

from __future__ import annotations

import io
import json
import logging
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from supportbot.config.models import LogSection
from supportbot.log import MASK, MAX_TRACEBACK, MAX_VALUE, Harmless, about, set_up, whereabouts

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECRET = "correct horse/battery"


class _Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    """Both configurations are process-wide; the next test gets them as they were."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def stream() -> io.StringIO:
    """Where the lines of a JSON log at level info go."""
    stream = io.StringIO()
    set_up(LogSection(), secrets=[_SECRET], stream=stream)
    return stream


def _fail(words: str) -> None:
    raise ValueError(words)


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_time_level_and_values(stream: io.StringIO) -> None:
    """Away from a terminal every line is one JSON object; numbers and booleans stay what they are."""
    structlog.get_logger("x").info("turn answered", tokens=12, cost=0.5, streamed=True, model=None)
    (line,) = _lines(stream)
    assert line.pop("time").endswith("Z")
    assert {
        "event": "turn answered",
        "level": "info",
        "tokens": 12,
        "cost": 0.5,
        "streamed": True,
        "model": None,
    } == line


def test_what_is_below_the_level_is_not_written(stream: io.StringIO) -> None:
    """Neither ours nor a library's."""
    structlog.get_logger("x").debug("no")
    logging.getLogger("some.library").debug("no")
    assert "" == stream.getvalue()


def test_a_librarys_lines_look_like_ours(stream: io.StringIO) -> None:
    """Standard logging goes the same way, with its arguments filled in and its secrets masked."""
    with about(turn="turn_1"):
        logging.getLogger("aiohttp.server").warning("bad %s", f"Bearer {'x' * 20} {_SECRET}")
    (line,) = _lines(stream)
    assert ("warning", "turn_1") == (line["level"], line["turn"])
    assert f"bad {MASK} {MASK}" == line["event"]


def test_every_line_of_a_turn_says_so(stream: io.StringIO) -> None:
    """The turn's id stands on each line inside the block and on none outside."""
    log = structlog.get_logger("x")
    with about(turn="turn_1", conversation="conv_2"):
        log.info("inside")
    log.info("outside")
    inside, outside = _lines(stream)
    assert ("turn_1", "conv_2") == (inside["turn"], inside["conversation"])
    assert "turn" not in outside


@pytest.mark.parametrize(
    "secret",
    [
        "LLM|1234567890|AbC-dEf_123",
        "xoxb-" + "1234-5678-abcDEF",
        "xoxe.xoxp-" + "1-Mi0yLTEy",
        "xapp-" + "1-A0B-123-abc",
        "sk-" + "proj-abcdefgh12345678",
        "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "Bearer abcdef.ghijkl-mnop",
        "basic dXNlcjpwYXNzd29yZA==",
        "ghp_" + "a" * 36,
        "github_pat_" + "a" * 22 + "_" + "b" * 59,
        "ASIA" + "A1B2C3D4E5F6G7H8",
        "AIza" + "a" * 35,
        _SECRET,
        "correct%20horse%2Fbattery",
    ],
)
def test_secrets_are_masked_everywhere(stream: io.StringIO, secret: str) -> None:
    """In the event, in a value, inside a structure, in a traceback; known ones and likely ones."""
    log = structlog.get_logger("x")
    try:
        _fail(f"refused {secret}")
    except ValueError:
        log.exception(f"saw {secret}", value=secret, nested={"headers": [secret]})  # noqa: G004
    logging.getLogger("x").warning("saw %s", secret, exc_info=ValueError(secret))
    written = stream.getvalue()
    assert secret not in written
    assert secret.rsplit(" ", maxsplit=1)[-1] not in written
    assert written.count(MASK) >= 6


def test_a_password_in_an_address_is_masked(stream: io.StringIO) -> None:
    """A database's address stays readable without its password."""
    structlog.get_logger("x").info("database", url="postgresql+psycopg://bot:hunter22@db.example/bot")
    assert f"postgresql+psycopg://{MASK}@db.example/bot" == _lines(stream)[0]["url"]


def test_ordinary_words_are_not_masked() -> None:
    """What merely resembles a token is left as it is."""
    text = "a bearer of news, task-based risk-free desk-work at https://example.com/a:b@c, basic plan"
    assert text == Harmless().mask(text)


def test_a_secret_too_short_to_be_one_is_not_masked() -> None:
    """An empty or tiny secret would eat every line."""
    assert "a banana" == Harmless(["", "a"]).mask("a banana")


def test_a_longer_secret_goes_before_one_it_contains() -> None:
    """Nothing of the longer one is left over."""
    assert MASK == Harmless(["abcd", "abcdefgh"]).mask("abcdefgh")


def test_values_are_cut_after_masking(stream: io.StringIO) -> None:
    """A value has 500 characters at most, and a secret at the edge is not left in half."""
    structlog.get_logger("x").info("long", value="x" * (MAX_VALUE - 5) + _SECRET + "y" * 10_000_000)
    value = _lines(stream)[0]["value"]
    assert MAX_VALUE == len(value)
    assert "corr" not in value


def test_a_traceback_keeps_its_end(stream: io.StringIO) -> None:
    """A long traceback is cut at its beginning: what was raised stands last."""
    try:
        _fail("x" * 50_000 + " the end")
    except ValueError:
        structlog.get_logger("x").exception("failed")
    exception = _lines(stream)[0]["exception"]
    assert exception.endswith("the end")
    assert len(exception) <= MAX_TRACEBACK + 10


_FORGERY = "hello\n2099-01-01T00:00:00Z [error    ] everything is on fire\r\x1b[31m\x9b2J\u2028\u202etxt"


@pytest.mark.parametrize("screen", [False, True], ids=["json", "console"])
def test_a_value_cannot_forge_a_line(screen: bool) -> None:
    """Newlines, escape sequences and direction marks are written out, in both forms, in tracebacks too."""
    stream = _Screen() if screen else io.StringIO()
    set_up(LogSection(), stream=stream)
    structlog.get_logger("x").warning(_FORGERY, value=_FORGERY)
    first = stream.getvalue()
    assert 1 == first.count("\n")
    logging.getLogger("x").error("failed", exc_info=ValueError(_FORGERY))
    for line in stream.getvalue().splitlines():
        assert not line.startswith("2099")
    assert "\x1b[31m\x9b" not in stream.getvalue()
    assert "\u202e" not in stream.getvalue()


def test_a_terminal_gets_lines_for_people() -> None:
    """format auto looks at the stream; json and console decide."""
    screen, forced = _Screen(), _Screen()
    set_up(LogSection(), stream=screen)
    structlog.get_logger("x").info("hello", n=1)
    set_up(LogSection(format="json"), stream=forced)
    structlog.get_logger("x").info("hello", n=1)
    assert not screen.getvalue().startswith("{")
    assert "hello" in screen.getvalue()
    assert 1 == json.loads(forced.getvalue())["n"]


def test_a_value_that_cannot_be_shown_does_no_harm(stream: io.StringIO) -> None:
    """A foreign object whose text cannot be had is named by its type."""

    class Nasty:
        def __str__(self) -> str:
            raise RuntimeError

    structlog.get_logger("x").info("hm", value=Nasty())
    assert "<Nasty that cannot be shown>" == _lines(stream)[0]["value"]


def test_a_line_that_cannot_be_written_shows_nothing() -> None:
    """A broken call of a library ends in one short line without the arguments."""
    stream = io.StringIO()
    set_up(LogSection(), stream=stream)  # here, so that pytest's own handler does not see the call
    logging.getLogger("x").warning("%d items", "4111 1111 1111 1111")
    assert "a line of logger 'x' could not be written\n" == stream.getvalue()


def test_libraries_that_talk_much_are_quiet(stream: io.StringIO) -> None:
    """Access lines, migrations and cookie complaints are no news; their warnings are."""
    for name in ("aiohttp.access", "aiohttp.internal", "alembic.runtime.migration", "sqlalchemy.engine"):
        logging.getLogger(name).info("chatter")
    logging.getLogger("alembic").warning("news")
    assert ["news"] == [line["event"] for line in _lines(stream)]


def test_warnings_become_lines(stream: io.StringIO) -> None:
    """Python's warnings are lines like all others."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        set_up(LogSection(), stream=stream)
        warnings.warn("old thing", DeprecationWarning, stacklevel=1)
    assert "old thing" in _lines(stream)[0]["event"]
    assert "\n" not in stream.getvalue().rstrip("\n")


def test_whereabouts_say_where_and_not_what() -> None:
    """An error's place is ours, its words may be a customer's."""

    with pytest.raises(ValueError, match="4111") as caught:
        _fail("4111 1111 1111 1111")
    text = whereabouts(caught.value)
    assert text.startswith("ValueError at test_log.py:")
    assert " _fail < test_log.py:" in text
    assert "4111" not in text
    assert "KeyError at an unknown place" == whereabouts(KeyError("x"))
