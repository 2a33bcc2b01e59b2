"""What commands print: tables for people, JSON for programs. Customers' words come out harmless.

What customers wrote can hold control characters that steer a terminal, overrides of the writing
direction, or square brackets that rich takes for markup: for people such characters are removed and
nothing is read as markup; in JSON they are escaped.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from supportbot.readable import one_line, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console
    from rich.text import Text

_PIPED_WIDTH = 180
"""Columns of a table that goes to a file or a program, where nobody's window limits it."""


def console(*, stderr: bool = False) -> Console:
    """Return where to print for people: colours only on a terminal, no markup, no guessing at numbers."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _PIPED_WIDTH
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)


def words(text: str, style: str = "") -> Text:
    """Return anybody's words, fit for a terminal, as they are."""
    from rich.text import Text

    return Text(visible(text), style=style)


def phrase(text: str, characters: int = 60) -> str:
    """Return anybody's words in one short line."""
    return one_line(text, characters)


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, whole: int = 1) -> None:
    """Print a table. The first ``whole`` columns are never shortened: they hold what is typed again."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, head in enumerate(heads):
        table.add_column(head, no_wrap=number < whole, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console().print(table)


def print_json(value: Any) -> None:
    """Print one JSON document. Names ending in ``_at`` hold times, as ISO 8601 in UTC."""
    sys.stdout.write(json.dumps(plain(value), indent=2) + "\n")


def json_line(value: Any) -> str:
    """Return a value as one line of JSON, its times as ``print_json`` has them."""
    return json.dumps(plain(value), separators=(",", ":")) + "\n"


def plain(value: Any) -> Any:
    """Return a dataclass, or lists and dicts of them, as what JSON knows."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, dict):
        return {key: _timed(key, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _timed(key: str, item: Any) -> Any:
    is_time = isinstance(item, int) and (key == "at" or key.endswith("_at"))
    return iso(item) if is_time else plain(item)


def iso(at: int) -> str:
    """Return Unix milliseconds as ISO 8601 in UTC."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local(at: int) -> str:
    """Return Unix milliseconds as this machine's date and time of day."""
    return f"{datetime.fromtimestamp(at / 1000, UTC).astimezone():%Y-%m-%d %H:%M:%S}"


def lasted(milliseconds: int) -> str:
    """Return a span of time, short: ``+0.012 s``, ``+3.4 s``, ``+2:05 min``, ``+5:00 h``, ``+3 d``."""
    seconds = milliseconds / 1000
    if seconds < 1:
        return f"+{seconds:.3f} s"
    if seconds < 60:
        return f"+{seconds:.1f} s"
    if seconds < 3600:
        return f"+{int(seconds) // 60}:{int(seconds) % 60:02} min"
    if seconds < 86_400:
        return f"+{int(seconds) // 3600}:{int(seconds) % 3600 // 60:02} h"
    return f"+{int(seconds) // 86_400} d"


def rated(good: int, bad: int) -> str:
    """Say how many people found an answer good, and bad; empty when nobody said anything."""
    return ", ".join(f"{count} {what}" for count, what in ((good, "good"), (bad, "bad")) if count)
