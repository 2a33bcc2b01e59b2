"""A page of a list, printed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar

from supportbot.cli.failures import say
from supportbot.cli.output import print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from supportbot.reports import Page

Row = TypeVar("Row")


def print_page(
    page: Page[Any],
    heads: Sequence[str],
    cells: Callable[[Any], Sequence[str]],
    *,
    nothing: str,
    as_json: bool,
) -> None:
    """Print a page as a table or as JSON, and how to get the next one.

    As JSON: ``{"rows": […], "next": id or null}``, where ``next`` is what ``--before`` takes.
    """
    following = page.rows[-1].id if page.more else None
    if as_json:
        print_json({"rows": page.rows, "next": following})
    elif not page.rows:
        say(nothing)
    else:
        print_table(heads, map(cells, page.rows))
        if following is not None:
            sys.stdout.flush()
            say(f"Older ones: --before {following}")
