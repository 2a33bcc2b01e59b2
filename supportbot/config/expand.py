"""``${NAME}``, ``${NAME:-default}`` and ``${file:path}`` in the values of bot.yaml.

A value is expanded once, after the file was parsed: what a variable holds is never YAML, and never
expanded again. ``$$`` stands for one ``$``; a ``$`` before anything but ``{`` and ``$`` is itself.
Problems name the variable, never what it holds.
"""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_FILE = 64 * 1024
"""Largest file ``${file:…}`` reads, in bytes."""
MAX_TOTAL = 1024 * 1024
"""All expanded values of one bot.yaml together, in characters."""

_TOKEN = re.compile(r"\$\$|\$\{([^{}]*)\}|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_UNFIT = re.compile("[\x00\ud800-\udfff]")


class ExpansionError(Exception):
    """A reference without a usable value. ``args`` are what is wrong and what to do."""

    @property
    def what(self) -> str:
        """What is wrong."""
        return str(self.args[0])

    @property
    def fix(self) -> str:
        """What to do."""
        return str(self.args[1])


def references(text: str) -> tuple[str, ...]:
    """Return the references in a text as they may be shown: ``${NAME}``, without their defaults."""
    return tuple(f"${{{_shown(m[1])}}}" for m in _TOKEN.finditer(text) if m[1] is not None)


def is_reference(text: str) -> bool:
    """Say whether a text is one reference and nothing else."""
    match = _TOKEN.fullmatch(text)
    return match is not None and match[1] is not None


class Expander:
    """Expands the values of one bot.yaml."""

    def __init__(self, environ: Mapping[str, str], root: Path) -> None:
        """Take the variables, and the folder that paths begin at."""
        self._environ = environ
        self._root = root
        self._left = MAX_TOTAL

    def expand(self, text: str) -> tuple[str, list[ExpansionError]]:
        """Return the text with its references replaced, and what was wrong with them."""
        parts: list[str] = []
        wrong: list[ExpansionError] = []
        end = 0
        for match in _TOKEN.finditer(text):
            parts.append(text[end : match.start()])
            end = match.end()
            try:
                parts.append(self._replacement(match))
            except ExpansionError as error:
                wrong.append(error)
        return "".join((*parts, text[end:])), wrong

    def _replacement(self, match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        inside: str | None = match[1]
        if inside is None:
            raise ExpansionError(
                "has a '${' that does not end, or one inside another",
                "write ${NAME}, or $${ where the characters are meant",
            )
        value = self._value(inside)
        self._left -= len(value)
        if self._left < 0:
            raise ExpansionError("makes the file's values too large", "use ${file:…} fewer times")
        return value

    def _value(self, inside: str) -> str:
        if inside.startswith("file:"):
            return self._from_file(inside.removeprefix("file:"))
        name, colon, default = inside.partition(":-")
        if not _NAME.fullmatch(name):
            raise ExpansionError(
                "has a reference that is not understood",
                "write ${NAME}, ${NAME:-default} or ${file:path}; $${ where the characters are meant",
            )
        return self._from_environment(name, default if colon else None)

    def _from_environment(self, name: str, default: str | None) -> str:
        value = self._environ.get(name)
        if (value is None or not value.strip()) and default is not None:
            if not default.strip():
                raise ExpansionError(
                    f"needs ${{{name}}}, which is not set and has an empty default",
                    "set it in the environment, or leave this key out",
                )
            return default
        if value is None:
            raise ExpansionError(f"needs ${{{name}}}, which is not set", "set it in the environment")
        if not value.strip():
            raise ExpansionError(f"needs ${{{name}}}, which is empty", "give it a value, or unset it")
        if _CONTROL.search(value):
            raise ExpansionError(
                f"needs ${{{name}}}, which holds a line break or another control character",
                "set it again without; was a line break pasted with it?",
            )
        if _UNFIT.search(value):
            raise ExpansionError(f"needs ${{{name}}}, which is not UTF-8", "set it again as UTF-8")
        return value

    def _from_file(self, name: str) -> str:
        named = f"needs ${{file:{_shown(name)}}}"
        try:
            path = self._root / name
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise ExpansionError(f"{named}, which is not a file", "name a file; paths begin at bot.yaml")
            with path.open("rb") as file:
                raw = file.read(MAX_FILE + 1)
        except (OSError, ValueError) as error:
            cause = error.strerror if isinstance(error, OSError) and error.strerror else "not a path"
            raise ExpansionError(
                f"{named}, which cannot be read ({cause})", "name a readable file; paths begin at bot.yaml"
            ) from None
        if len(raw) > MAX_FILE:
            raise ExpansionError(
                f"{named}, which is larger than {MAX_FILE // 1024} KiB", "name a smaller file"
            )
        return _file_text(raw, named)


def _file_text(raw: bytes, named: str) -> str:
    """Decode a file's content, without the line break at its end."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ExpansionError(f"{named}, which is not UTF-8 text", "save it as UTF-8") from None
    if "\x00" in text:
        raise ExpansionError(f"{named}, which holds a NUL", "save it as UTF-8 text")
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise ExpansionError(f"{named}, which is empty", "write the value into it")
    return text


def _shown(inside: str) -> str:
    """Return a reference's inside without its default, fit for a terminal."""
    name = inside.partition(":-")[0] if not inside.startswith("file:") else inside
    return "".join(c if c.isprintable() else "\ufffd" for c in name[:200])
