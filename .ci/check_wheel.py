"""Fail when the wheel does not hold what the repository promises, or holds more.

Usage: check_wheel.py WHEEL
"""

from __future__ import annotations

import sys
import tomllib
from configparser import ConfigParser
from pathlib import Path
from zipfile import ZipFile

WIDGET = Path("channels/supportbot_webhook/widget")
"""Of it the wheel holds what was built, not what it was built from."""

BUILT = {"LICENSES.txt", "chat.css", "chat.js", "late.js", "widget.d.ts", "widget.js"} | {
    f"texts/{language}.json"
    for language in ["ar", "de", "en", "es", "fr", "he", "it", "ja", "nl", "pl", "pt", "zh"]
}


def tracked_modules() -> set[str]:
    """Return the files of the packages in the source tree, under the names they have in a wheel."""
    roots = [
        (Path("supportbot"), Path()),
        *((p, Path("channels")) for p in Path("channels").glob("supportbot_*")),
    ]
    return {
        path.relative_to(base).as_posix()
        for folder, base in roots
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not _is_source(path)
    } | {(WIDGET / "dist" / name).relative_to("channels").as_posix() for name in BUILT}


def _is_source(path: Path) -> bool:
    return path.is_relative_to(WIDGET) and not path.is_relative_to(WIDGET / "dist")


def promised_entry_points() -> dict[str, dict[str, str]]:
    """Return the entry points of pyproject.toml, by group."""
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    return {"console_scripts": project["scripts"], **project["entry-points"]}


def problems(wheel: ZipFile) -> list[str]:
    """Return what is wrong, one line each."""
    names = set(wheel.namelist())
    metadata = next(name.partition("/")[0] for name in names if ".dist-info/" in name)
    modules = {name for name in names if not name.startswith(f"{metadata}/")}
    parser = ConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    parser.read_string(wheel.read(f"{metadata}/entry_points.txt").decode())
    found = {group: dict(parser[group]) for group in parser.sections()}
    return [
        *(f"missing: {name}" for name in sorted(tracked_modules() - modules)),
        *(f"too much: {name}" for name in sorted(modules - tracked_modules())),
        *([] if f"{metadata}/licenses/LICENSE" in names else ["missing: the licence"]),
        *([] if found == promised_entry_points() else [f"entry points are {found}"]),
    ]


if __name__ == "__main__":
    with ZipFile(sys.argv[1]) as opened:
        wrong = problems(opened)
    print("\n".join(wrong) or f"{sys.argv[1]}: {len(opened.namelist())} files, as promised")
    sys.exit(bool(wrong))
