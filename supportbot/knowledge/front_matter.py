"""The lines of YAML at the head of an article.

A whole YAML reader takes milliseconds for a few lines, and a folder may hold two thousand articles. So what
nearly everybody writes is read here, and everything else by YAML itself:

    title: Returning an item
    topic: "returns"
    also: [send back, return label]
    also:
      - send back
"""

from __future__ import annotations

import re

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

_MAX_LENGTH = 8 * 1024  # characters
_QUOTED = r'"[^"\\\n]*"'
# What YAML takes as it stands: it begins with a letter and holds no sign that could mean more.
_TEXT = rf'(?:[^\W\d_](?:[^:#"\\\n]*[^\s:#"\\])?|{_QUOTED})'
_IN_BRACKETS = rf'(?:[^\W\d_](?:[^:#"\\\n,\[\]{{}}]*[^\s:#"\\,\[\]{{}}])?|{_QUOTED})'
_ENTRY = re.compile(
    rf"(?P<key>[a-z]+):(?: +(?P<text>{_TEXT})"
    rf"| +\[(?P<list>{_IN_BRACKETS}(?:, *{_IN_BRACKETS})*)\]"
    rf"|\n(?P<items>(?P<indent> *)- +{_TEXT}(?:\n(?P=indent)- +{_TEXT})*))(?:\n|\Z)"
)
_LISTED = re.compile(_IN_BRACKETS)
_ITEM = re.compile(rf"^ *- +({_TEXT})$", re.MULTILINE)
_NO_TEXTS = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))  # in YAML 1.1 or 1.2


class FrontMatterError(Exception):
    """What is wrong with it, and what to do."""


def read_front_matter(text: str) -> dict[object, object]:
    """Read what stands between the lines ``---``.

    Raises:
        FrontMatterError: it is too long, no YAML, or no mapping.
    """
    if len(text) > _MAX_LENGTH:
        raise FrontMatterError(f"the front matter is longer than {_MAX_LENGTH} characters: shorten it")
    plain = read_plain(text)
    return read_yaml(text) if plain is None else plain


def read_plain(text: str) -> dict[object, object] | None:
    """Read plain lines to what YAML would make of them; ``None`` when one is not plain."""
    if not text.replace("\n", "").isprintable():
        return None
    front: dict[object, object] = {}
    at = 0
    while at < len(text):
        entry = _ENTRY.match(text, at)
        if entry is None or entry["key"] in front:
            return None
        key, texts = entry["key"], _texts(entry)
        if not _NO_TEXTS.isdisjoint(text.lower() for text in (key, *texts)):
            return None
        values = [text.strip('"') for text in texts]
        front[key] = values[0] if entry["text"] else values
        at = entry.end()
    return front


def _texts(entry: re.Match[str]) -> list[str]:
    """The texts of an entry as they are written, with their quotes."""
    if entry["text"]:
        return [entry["text"]]
    return _LISTED.findall(entry["list"]) if entry["list"] else _ITEM.findall(entry["items"])


def read_yaml(text: str) -> dict[object, object]:
    """Read any YAML that is a mapping.

    Raises:
        FrontMatterError: it is no YAML, or no mapping.
    """
    try:
        front = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 2
        raise FrontMatterError(
            f"line {line}: the front matter is not YAML: quote texts with a colon"
        ) from None
    except RecursionError:
        raise FrontMatterError(
            "the front matter is nested too deeply: title, topic and also are enough"
        ) from None
    if front is None:
        return {}
    if not isinstance(front, dict):
        raise FrontMatterError("the front matter must be 'key: value' lines, such as title: Returns")
    return front
