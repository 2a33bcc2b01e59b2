"""Server-sent events, read from bytes as they come (WHATWG HTML, section 9.2 "Server-sent events").

The chunks may be cut anywhere, also inside a UTF-8 sequence or between CR and LF. Beyond the standard:

- a line that is JSON by itself, without a field name, is given out as a *bare* event: that is how the
  Llama API reports a failure in mid-stream; an ``error:`` field (older llama.cpp) counts as one too,
- the last event counts although its blank line is missing,
- a line, and the data of one event, have a greatest length, so that memory is bounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOM = b"\xef\xbb\xbf"


class ServerEvent(NamedTuple):
    """One event of the stream."""

    data: str
    bare: bool = False
    """It came as a line of its own without ``data:``, or as an ``error:`` field: a report of failure."""


class LineTooLong(ValueError):  # noqa: N818 - named for what happened, as errors.py does
    """A line, or the data of one event, is longer than the parser's limit."""


class SseParser:
    """Turns chunks of bytes into events, each as soon as its last byte is there."""

    __slots__ = ("_after_cr", "_at_start", "_data", "_limit", "_size", "_tail")

    def __init__(self, *, limit: int = 1 << 20) -> None:
        """``limit``: most bytes of one line, and of one event's data."""
        self._limit = limit
        self._tail = bytearray()  # an unfinished line
        self._data: list[str] = []  # the data lines of an unfinished event
        self._size = 0  # their length
        self._after_cr = False
        self._at_start = True

    def feed(self, chunk: bytes) -> Iterator[ServerEvent]:
        """Yield the events that this chunk completes.

        Raises:
            LineTooLong: the stream cannot be read any further.
        """
        if not chunk:
            return
        if self._after_cr and chunk[0] == 10:
            chunk = chunk[1:]
            self._after_cr = False
            if not chunk:
                return
        self._after_cr = chunk[-1] == 13
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r")) + 1
        if end:
            # bytes.splitlines splits at LF, CR and CRLF only, which is what the standard says.
            block = bytes(self._tail) + chunk[:end] if self._tail else chunk[:end]
            self._tail.clear()
            for line in block.splitlines():
                yield from self._line(line)
        self._tail += chunk[end:]
        self._check(len(self._tail))

    def close(self) -> Iterator[ServerEvent]:
        """Yield what the end of the stream completes."""
        if self._tail:
            line = bytes(self._tail)
            self._tail.clear()
            yield from self._line(line)
        yield from self._line(b"")

    def _line(self, line: bytes) -> Iterator[ServerEvent]:
        self._check(len(line))
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        if not line:
            if self._data:
                data = "\n".join(self._data)
                self._data.clear()
                self._size = 0
                yield ServerEvent(data)
        elif line.startswith(b"data:"):
            self._keep(line[6:] if line[5:6] == b" " else line[5:])
        elif line[:1] in {b"{", b"["}:
            yield ServerEvent(_text(line), bare=True)
        elif line.startswith(b"error:"):
            yield ServerEvent(_text(line[6:].strip()), bare=True)
        elif line == b"data":
            self._keep(b"")
        # Comments (":"), event:, id:, retry: and unknown fields carry nothing that is needed here.

    def _keep(self, value: bytes) -> None:
        self._size += len(value) + 1
        self._check(self._size)
        self._data.append(_text(value))

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise LineTooLong(f"more than {self._limit} bytes in one event")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
