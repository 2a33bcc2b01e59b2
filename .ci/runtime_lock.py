"""Print the part of requirements.lock that the project needs to run: no extras, no development tools."""

from __future__ import annotations

import re
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def needed(distribution: str, extras: frozenset[str] = frozenset()) -> set[str]:
    """Return the names of everything that has to be installed with a distribution, here."""
    seen: set[tuple[str, frozenset[str]]] = set()
    todo = [(distribution, extras)]
    while todo:
        name, wanted = entry = todo.pop()
        if entry in seen:
            continue
        seen.add(entry)
        for line in requires(name) or ():
            requirement = Requirement(line)
            if any(
                requirement.marker is None or requirement.marker.evaluate({"extra": extra})
                for extra in wanted | {""}
            ):
                todo.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return {name for name, _ in seen} - {distribution}


if __name__ == "__main__":
    names = needed("supportbot-framework")
    for block in re.split(r"\n(?=\S)", Path("requirements.lock").read_text("utf-8").rstrip()):
        if canonicalize_name(re.split(r"[=\[; ]", block, maxsplit=1)[0]) in names:
            print(block)
