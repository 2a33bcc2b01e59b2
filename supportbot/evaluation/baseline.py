"""What was answered before, in a file: to see which answers have changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from supportbot.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from supportbot.evaluation.run import Outcome


def read(path: Path) -> Mapping[str, list[str]]:
    """Return the answers by scenario.

    Raises:
        ConfigError: it cannot be read, or is no baseline.
    """
    if not path.exists():
        raise ConfigError(problems=f"{path}: there is no such file: write it with --update-baseline")
    try:
        found = json.loads(path.read_text("utf-8"))
        answers = found["answers"]
        fine = all(isinstance(a, list) and all(isinstance(t, str) for t in a) for a in answers.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        fine = False
    if not fine:
        raise ConfigError(problems=f"{path}: this is no baseline: write one with --update-baseline")
    return dict(answers)


def write(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Keep what was answered."""
    answers = {outcome.name: outcome.answers for outcome in outcomes}
    try:
        path.write_text(json.dumps({"answers": answers}, indent=2, ensure_ascii=False) + "\n", "utf-8")
    except OSError as error:
        raise ConfigError(problems=f"{path}: it cannot be written ({error.strerror})") from None


def changed(before: Mapping[str, list[str]], outcome: Outcome) -> tuple[int, ...]:
    """Return which lines of a scenario, from 0, are answered otherwise; none of a scenario that is new."""
    known = before.get(outcome.name)
    if known is None:
        return ()
    return tuple(
        number
        for number, answer in enumerate(outcome.answers)
        if number >= len(known) or known[number] != answer
    )
