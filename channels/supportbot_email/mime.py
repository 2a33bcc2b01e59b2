"""The tree of a mail, split by hand: one pass per level, and nothing in it can raise or take long.

The standard library's parser takes more than 25 s of CPU on some small crafted mails and raises on others.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field

from supportbot_email.headers import decode_base64, decode_bytes, decode_words, parameters

MOST_BYTES = 25 * 1024 * 1024
MOST_PARTS = 200
MOST_DEPTH = 20
_HEADER_BYTES = 256 * 1024
_MOST_FIELDS = 500
_END_OF_HEADER = re.compile(rb"\r?\n\r?\n|\r\r")
_FIELD = re.compile(r"([!-9;-~]{1,100})[ \t]{0,10}:(.*)", re.DOTALL)
_NESTED = frozenset({"message/rfc822", "message/global"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Entity:
    """A mail or a part of one."""

    fields: tuple[tuple[str, str], ...]
    """Names in lower case, values unfolded, in their order."""
    body: bytes = b""
    children: tuple[Entity, ...] = ()
    content_type: str = "text/plain"
    params: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """The first value of a field, or ""."""
        return next((value for key, value in self.fields if key == name), "")

    def all(self, name: str) -> list[str]:
        """Every value of a field, topmost first."""
        return [value for key, value in self.fields if key == name]

    @property
    def data(self) -> bytes:
        """The body without its transfer encoding, as far as that can be undone."""
        encoding = self.get("content-transfer-encoding").strip().lower()
        if encoding == "base64":
            return decode_base64(self.body)
        return binascii.a2b_qp(self.body) if encoding == "quoted-printable" else self.body

    @property
    def text(self) -> str:
        """The body as text with bare newlines, without NUL."""
        text = decode_bytes(self.data, self.params.get("charset", "utf-8"))
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "\ufffd")
        if self.params.get("format", "").lower() == "flowed":
            return _joined(text, spaces=self.params.get("delsp", "").lower() != "yes")
        return text

    @property
    def disposition(self) -> str:
        """`inline`, `attachment` or ""."""
        return parameters(self.get("content-disposition"))[0]

    @property
    def filename(self) -> str:
        """The name a sender gave the part, on one line."""
        given = parameters(self.get("content-disposition"))[1].get("filename") or self.params.get("name", "")
        return decode_words(given, 200)

    def walk(self) -> list[Entity]:
        """Itself and all below it, in order; a mail inside a mail is not entered."""
        below = (
            []
            if self.content_type in _NESTED
            else [found for child in self.children for found in child.walk()]
        )
        return [self, *below]


@dataclass(slots=True)
class _Budget:
    """How many parts may still be made."""

    parts: int = MOST_PARTS


def _joined(text: str, *, spaces: bool) -> str:
    """Text with the lines joined that a program broke (format=flowed, RFC 3676); its quotes keep their marks.

    Args:
        text: as it was sent.
        spaces: the space at which a line was broken is one of the text's (DelSp=no).
    """
    lines: list[list[str]] = []
    open_at = -1  # the depth of the quote that the last line belongs to, if it goes on
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        words = line[depth:].removeprefix(" ")
        flows = words.endswith(" ") and words != "-- "
        kept = words if spaces or not flows else words[:-1]
        if open_at == depth and words != "-- ":
            lines[-1].append(kept)
        else:
            lines.append([">" * depth + " " if depth else "", kept])
        open_at = depth if flows else -1
    return "\n".join("".join(pieces) for pieces in lines)


def read(raw: bytes, *, whole: int = 0) -> tuple[Entity, str]:
    """The tree of a mail, and what was wrong with it ("" for nothing).

    Args:
        raw: the mail, or its beginning.
        whole: bytes of all of it, where that is more.
    """
    budget = _Budget()
    entity = _entity(raw[:MOST_BYTES], 0, budget)
    if missing(raw, whole):
        return entity, "so large that only its beginning was read"
    if budget.parts < 0:
        return entity, f"more than {MOST_PARTS} parts"
    return entity, "" if entity.get("from") or entity.get("date") or entity.get("received") else "no header"


def missing(raw: bytes, whole: int) -> int:
    """How many bytes of a mail are not read; the arguments are those of ``read``."""
    return max(whole, len(raw)) - min(len(raw), MOST_BYTES)


def _entity(raw: bytes, depth: int, budget: _Budget) -> Entity:
    head, body = _split(raw)
    fields = _fields(head)
    values = dict(reversed(fields))
    content_type, params = parameters(values.get("content-type", "text/plain"))
    children: tuple[Entity, ...] = ()
    if depth < MOST_DEPTH:
        children = tuple(_children(content_type, params, body, depth, budget))
    return Entity(fields=fields, body=body, children=children, content_type=content_type, params=params)


def _children(
    content_type: str, params: dict[str, str], body: bytes, depth: int, budget: _Budget
) -> list[Entity]:
    pieces: list[bytes] = []
    if content_type.startswith("multipart/"):
        pieces = _pieces(body, params.get("boundary", ""), budget.parts)
    elif content_type in _NESTED:
        pieces = [body]
    made = []
    for piece in pieces:
        budget.parts -= 1
        if budget.parts < 0:
            break
        made.append(_entity(piece, depth + 1, budget))
    return made


def _pieces(body: bytes, boundary: str, most: int) -> list[bytes]:
    """What stands between the boundary lines; a boundary never closed ends with the body."""
    if not boundary.strip() or len(boundary) > 200:
        return []
    # A pattern that begins with its own bytes is sought at the speed of memory: 25 MiB in a few milliseconds.
    line = re.compile(rb"\n--" + re.escape(boundary.encode("utf-8", "replace")) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    body = b"\n" + body
    pieces, start = [], -1
    for found in line.finditer(body):
        if start >= 0:
            pieces.append(body[start : found.start()].removesuffix(b"\r"))
        start = -1 if found.group(1) else found.end()
        if start < 0 or len(pieces) > most:
            break
    return [_after_newline(piece) for piece in [*pieces, *([body[start:]] if start >= 0 else [])]]


def _after_newline(piece: bytes) -> bytes:
    return piece[2:] if piece.startswith(b"\r\n") else piece[1:] if piece.startswith(b"\n") else piece


def _split(raw: bytes) -> tuple[bytes, bytes]:
    if raw.startswith((b"\n", b"\r\n")):
        return b"", raw.lstrip(b"\r\n") if len(raw) < 3 else raw[raw.index(b"\n") + 1 :]
    end = _END_OF_HEADER.search(raw, 0, _HEADER_BYTES * 4)
    return (raw[: end.start()], raw[end.end() :]) if end else (raw, b"")


def _fields(head: bytes) -> tuple[tuple[str, str], ...]:
    """The fields of a header, unfolded, at most 500 of 100 kB; lines that are none are skipped."""
    text = decode_bytes(head[:_HEADER_BYTES], "utf-8").replace("\r\n", "\n").replace("\r", "\n")
    fields: list[tuple[str, str]] = []
    for line in re.split(r"\n(?![ \t])", text)[:_MOST_FIELDS]:
        found = _FIELD.fullmatch(line)
        if found:
            fields.append((found.group(1).lower(), re.sub(r"\n[ \t]+", " ", found.group(2)).strip()))
    return tuple(fields)
