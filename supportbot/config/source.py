"""The bytes of a bot.yaml -> its tree.

YAML 1.2 without what a bot does not need and an attacker does: no anchors and aliases, no tags, no
directives, one document, keys that are text and stand once. Sizes are capped before anything is built.
"""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING, Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from supportbot.config import scalars
from supportbot.config.nodes import Entry, Mapping, Mark, Node, Scalar, Sequence
from supportbot.config.problems import Problem, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_BYTES = 1024 * 1024
"""Largest bot.yaml."""
MAX_LINE = 10_000
"""Longest line, in characters: the parser's time grows with the square of some lines."""
MAX_NODES = 10_000
"""Most values, lists and mappings together."""
MAX_DEPTH = 32
"""Deepest nesting."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SAID = (
    # (what the parser says, what we say, what to do)
    (r"found character '\\t'", "a tab stands where YAML wants spaces", "indent with spaces"),
    (r"unexpected end of stream", "a quoted text is not closed", "add the closing quote"),
    (
        r"mapping values are not allowed",
        "a ':' does not fit here",
        "check the indentation; put text with ': ' in quotes",
    ),
    (r"could not find expected ':'", "a key has no ':'", "write 'key: value'; check the indentation"),
    (r"expected <block end>", "this line does not fit the ones above it", "check the indentation"),
    (
        r"expected ',' or '[\]}]'",
        "a list in [ ] or a mapping in { } is broken here",
        (
            "check commas and brackets; put ${…} in quotes inside of them, "
            "or on a line of its own outside of them: port: ${…}"
        ),
    ),
    (r"undefined tag handle", "a tag (!…) stands here", "write the value without it"),
)


class UnreadableError(Exception):
    """A file that has no tree. ``args[0]`` is the list of its problems."""

    @property
    def problems(self) -> list[Problem]:
        """What is wrong with the file; at least one."""
        return list(self.args[0])


def read(path: Path) -> bytes:
    """Return the file's content.

    Raises:
        UnreadableError: it is missing, no file, not allowed, or too large.
    """
    name = str(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnreadableError([Problem(name, 1, 1, "this is not a file", "name a file")])
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UnreadableError(
            [Problem(name, 1, 1, "there is no such file", "name one that is there, or go to its folder")]
        ) from None
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else "not a path"
        raise UnreadableError(
            [Problem(name, 1, 1, f"cannot be read ({cause})", "name a readable file")]
        ) from None
    if len(raw) > MAX_BYTES:
        raise UnreadableError(
            [Problem(name, 1, 1, f"the file is larger than {MAX_BYTES // 1024} KiB", "is it the right file?")]
        )
    return raw


def parse(raw: bytes, file: str, *, begins: str = "bot") -> tuple[Mapping, list[Problem]]:
    """Return the tree of a file's content, and what of it was left out for a reason.

    ``begins`` is the key that such a file usually begins with.

    Raises:
        UnreadableError: there is no tree to work on.
    """
    return _Builder(file, begins).build(_text(raw, file))


def _text(raw: bytes, file: str) -> str:
    """Decode the content; a byte order mark is left out."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig", errors="replace")
        raise UnreadableError(
            [_at_end_of(before, file, "this is not UTF-8", "save the file as UTF-8")]
        ) from None
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > MAX_LINE:
            what = f"the line is longer than {MAX_LINE} characters"
            raise UnreadableError(
                [Problem(file, number, 1, what, "break it up; 'key: |' begins a long text")]
            )
    return text


def _at_end_of(before: str, file: str, what: str, fix: str) -> Problem:
    """Return a problem that stands right after a piece of text."""
    lines = before.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return Problem(file, len(lines), len(lines[-1]) + 1, what, fix)


class _Builder:
    """Builds the tree of one file from the parser's events."""

    def __init__(self, file: str, begins: str) -> None:
        self._file = file
        self._begins = begins
        self._problems: list[Problem] = []
        self._nodes = 0

    def build(self, text: str) -> tuple[Mapping, list[Problem]]:
        try:
            tree = self._document(YAML(typ="safe", pure=True).parse(text))
        except UnreadableError as error:
            raise UnreadableError([*self._problems, *error.problems]) from None
        except ReaderError as error:
            what = f"the character U+{error.character:04X} is not allowed"
            self._give_up(_at_end_of(text[: error.position], self._file, what, "remove it"))
        except MarkedYAMLError as error:
            self._give_up(self._parser_problem(error))
        except Exception as error:  # noqa: BLE001 - the parser has bugs of its own: none may look like ours
            what = f"the YAML parser failed on this file ({type(error).__name__})"
            self._give_up(Problem(self._file, 1, 1, what, "look for unusual escapes such as \\U…"))
        if not isinstance(tree, Mapping):
            at, empty = tree.at, isinstance(tree, Scalar) and tree.value is None
            what = "the file is empty: it must be a mapping" if empty else "the file must be a mapping"
            self._give_up(Problem(self._file, at.line, at.column, what, f"begin with '{self._begins}:'"))
        return tree, self._problems

    def _give_up(self, problem: Problem) -> NoReturn:
        raise UnreadableError([*self._problems, problem]) from None

    def _document(self, events: Iterator[Any]) -> Node:
        tree: Node | None = None
        for event in events:
            if not isinstance(event, DocumentStartEvent):
                continue
            if event.version is not None or event.tags:
                self._refuse(event, "a directive (%…) stands above", "remove the lines that begin with %")
            if tree is not None:
                self._refuse(event, "a second document begins here", "keep one: remove what '---' begins")
                break
            tree = self._node(next(events), events, depth=0)
        return Scalar(Mark(), None, "") if tree is None else tree

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._stop(event, f"the file has more than {MAX_NODES} values", "is it the right file?")
        if depth > MAX_DEPTH:
            self._stop(event, f"values are nested deeper than {MAX_DEPTH}", "is it the right file?")
        if isinstance(event, AliasEvent):
            self._refuse(event, "an alias (*…) stands here", "write the value out")
            return Scalar(_mark(event.start_mark), None, "")
        if event.anchor:
            self._refuse(event, "an anchor (&…) stands here", "remove it and write the value out")
        if event.tag:
            self._refuse(event, f"the tag {shown(event.tag)} stands here", "write the value without it")
        if isinstance(event, SequenceStartEvent):
            return Sequence(_mark(event.start_mark), tuple(self._items(events, depth)))
        if isinstance(event, MappingStartEvent):
            return Mapping(_mark(event.start_mark), self._entries(events, depth))
        return self._scalar(event)

    def _items(self, events: Iterator[Any], depth: int) -> Iterator[Node]:
        while not isinstance(event := next(events), SequenceEndEvent):
            yield self._node(event, events, depth + 1)

    def _entries(self, events: Iterator[Any], depth: int) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(events), MappingEndEvent):
            key = self._node(event, events, depth + 1)
            value = self._node(next(events), events, depth + 1)
            name = self._key(event, key)
            if name in entries:
                first = entries[name].key_at.line
                self._refuse(event, f"the key '{shown(name)}' stands in line {first} already", "keep one")
            elif name is not None:
                entries[name] = Entry(key.at, value)
        return entries

    def _key(self, event: Any, key: Node) -> str | None:
        """Return a key's text; None, and a problem, for what cannot be a key."""
        if not isinstance(key, Scalar):
            self._refuse(event, "a list or mapping stands where a key belongs", "write 'key: value'")
            return None
        if key.text == "<<" and key.plain:
            self._refuse(event, "a merge (<<) stands here", "write the keys out")
            return None
        if key.trap:
            self._refuse(event, f"the key '{shown(key.text)}' is {key.trap[0]}", "put the key in quotes")
        elif not isinstance(key.value, str):
            self._refuse(event, f"the key '{shown(key.text)}' is not text", "put the key in quotes")
        return key.text

    def _scalar(self, event: Any) -> Scalar:
        at = _mark(event.start_mark)
        text = event.value
        if _UNSTORABLE.search(text):
            self._refuse(event, "the text has a NUL or half a surrogate pair", "remove the escape")
            text = _UNSTORABLE.sub("\ufffd", text)
        if event.style or event.tag:
            return Scalar(at, text, text, plain=False)
        value, trap = scalars.read(text)
        return Scalar(at, value, text, trap=trap)

    def _refuse(self, event: Any, what: str, fix: str) -> None:
        at = _mark(event.start_mark)
        self._problems.append(Problem(self._file, at.line, at.column, what, fix))

    def _stop(self, event: Any, what: str, fix: str) -> NoReturn:
        at = _mark(event.start_mark)
        raise UnreadableError([Problem(self._file, at.line, at.column, what, fix)])

    def _parser_problem(self, error: MarkedYAMLError) -> Problem:
        """Say what the parser said, in the words of somebody who wants the file mended."""
        said = f"{error.problem or error.context or 'this is not YAML'}"
        mark = error.problem_mark or error.context_mark
        unknown = (f"this is not YAML ({shown(said)})", "check the indentation, quotes and colons")
        what, fix = next(((what, fix) for pattern, what, fix in _SAID if re.search(pattern, said)), unknown)
        if "not closed" in what and error.context_mark:
            mark = error.context_mark  # where it begins; the parser noticed at the end of the file
        at = _mark(mark) if mark else Mark()
        return Problem(self._file, at.line, at.column, what, fix)


def _mark(mark: Any) -> Mark:
    """Turn the parser's place, counted from 0, into ours."""
    return Mark(mark.line + 1, mark.column + 1)
