"""The folder of templates: what is in it, and whether it has changed."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from supportbot.errors import PromptError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUFFIX = ".md.j2"
MOST_BYTES = 256 * 1024
"""The largest template, in bytes."""

_MOST_ENTRIES = 1000  # of a folder and all below it; more means that the path is a mistake


@dataclass(frozen=True, slots=True)
class Source:
    """One template as it was read."""

    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """All templates of a folder as they were at one moment."""

    sources: dict[str, Source]
    """By name: the path below the folder, with ``/``."""
    problems: tuple[PromptError, ...]
    """The files that could not be read, and why."""
    stamp: object
    """Equal to ``stamp_of(watched)`` for as long as nothing has changed."""
    watched: tuple[Path, ...]


def read(folder: Path) -> Shelf:
    """Read every template of a folder and of the folders in it; hidden ones and links to elsewhere are not.

    Never fails: what could not be read is told in the shelf's ``problems``.
    """
    watched: tuple[Path, ...] = (folder,)
    problems: list[PromptError] = []
    try:
        folders, files = _walk(folder)
        watched = (*folders, *files)
    except OSError as error:
        files = []
        problem = f"this folder cannot be read ({error.strerror}); check prompts.path in bot.yaml"
        problems.append(PromptError(file=folder, line=1, problem=problem))
    stamp = stamp_of(watched)  # before reading: a change meanwhile shows at the next look
    sources: dict[str, Source] = {}
    for path in files:
        try:
            sources[path.relative_to(folder).as_posix()] = Source(path, _text(path, folder))
        except PromptError as problem:
            problems.append(problem)
    return Shelf(sources, tuple(problems), stamp, watched)


def stamp_of(paths: tuple[Path, ...]) -> object:
    """Return something that changes when one of the files or folders does; microseconds for a few of them."""
    return tuple(map(_stamp, paths))


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = os.stat(path)  # noqa: PTH116  # half the time of Path.stat
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def _walk(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders and the templates, each in order of their names."""
    entries = list(islice(_entries(folder), _MOST_ENTRIES + 1))
    if len(entries) > _MOST_ENTRIES:
        raise OSError(errno.EFBIG, f"it holds more than {_MOST_ENTRIES} files")
    folders = [path for path in entries if path.is_dir() and not path.is_symlink()]
    files = [path for path in entries if path.name.endswith(SUFFIX) and path.is_file()]
    return [folder, *folders], files


def _entries(folder: Path) -> Iterator[Path]:
    """Yield what is in a folder and below it, leaving out hidden names and linked folders."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _entries(path)


def _text(path: Path, folder: Path) -> str:
    def problem(line: int, words: str) -> PromptError:
        return PromptError(file=path, line=line, problem=words)

    if not path.resolve().is_relative_to(folder.resolve()):
        raise problem(1, "it is a link out of the folder; copy the file here")
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise problem(1, f"it cannot be read: {error.strerror}") from error
    if len(raw) > MOST_BYTES:
        raise problem(1, f"it is larger than {MOST_BYTES // 1024} KiB; a template is a page of words")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise problem(raw.count(b"\n", 0, error.start) + 1, "it is not UTF-8; save it as UTF-8") from error
