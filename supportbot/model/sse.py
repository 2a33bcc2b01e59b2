"""Server-sent events, read from bytes as they come (WHATWG HTML, section 9.2 "Server-sent events").

The chunks may be cut anywhere, also inside a UTF-8 sequence or between CR and LF. Beyond the standard:

- a line that is JSON by itself, without a field name, is given out as a *bare* event: that is how the
  Llama API reports a failure in mid-stream; an ``error:`` field (older llama.cpp) counts as one too,
- the last event counts although its blank line is missing,
- a line, and the data of one event, have a greatest length, so that memory is bounded.
"""

from __future__ import annotations

from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"


class ServerEvent(NamedTuple):
    """One event of the stream."""

    data: str
    bare: bool = False
    """It came as a line of its own without ``data:``, or as an ``error:`` field: a report of failure."""


class LineTooLong(ValueError):
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

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """Return the events that this chunk completes.

        Raises:
            LineTooLong: the stream cannot be read any further.
        """
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
        if not chunk:
            return []
        self._after_cr = chunk.endswith(b"\r")
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r")) + 1
        events: list[ServerEvent] = []
        if end:
            # bytes.splitlines splits at LF, CR and CRLF only, which is what the standard says.
            block = bytes(self._tail) + chunk[:end] if self._tail else chunk[:end]
            self._tail.clear()
            for line in block.splitlines():
                self._line(line, events)
        if end < len(chunk):
            self._tail += chunk[end:]
            self._check(len(self._tail))
        return events

    def close(self) -> list[ServerEvent]:
        """Return what the end of the stream completes."""
        events: list[ServerEvent] = []
        if self._tail:
            self._line(bytes(self._tail), events)
            self._tail.clear()
        self._line(b"", events)
        return events

    def _line(self, line: bytes, events: list[ServerEvent]) -> None:
        """Take a line; what it completes is added to ``events``."""
        self._check(len(line))
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        if not line:
            if self._data:
                events.append(ServerEvent("\n".join(self._data)))
                self._data.clear()
                self._size = 0
        elif line.startswith(b"data:"):
            self._keep(line[6:] if line[5:6] == b" " else line[5:])
        elif line.startswith((b"{", b"[")):
            events.append(ServerEvent(_text(line), bare=True))
        elif line.startswith(b"error:"):
            events.append(ServerEvent(_text(line[6:].strip()), bare=True))
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
