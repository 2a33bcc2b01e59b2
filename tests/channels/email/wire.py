"""Between the channel and a real IMAP server: a wire that can be cut where it hurts."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Callable

Cut = Literal[
    "",
    "before append",
    "after append",
    "in idle",
    "in literal",
    "no to append",
    "never to append",
    "before store",
    "after store",
    "after expunge",
    "hold fetch",
    "hold append",
    "hold receipt",
    "pause select",
    "pause fetch",
    "pause append",
    "pause go-ahead",
    "no to examine",
    "in examine",
]
"""Where it breaks; what begins with ``hold`` falls silent instead, as long as the client is there, and with
``pause`` until ``go_on`` is set."""

_APPEND = re.compile(rb"^(\S+) APPEND .*\{\d+\+?\}\r\n$", re.IGNORECASE | re.DOTALL)
_IDLE = re.compile(rb"^\S+ IDLE\r\n$", re.IGNORECASE)


class Wire:
    """Passes bytes on, both ways, and does once or always what ``cut`` says."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.cut: Cut = ""
        self.always = False
        """Do it again and again, until ``cut`` is taken back."""
        self.idling = asyncio.Event()
        """Set when a client has begun to wait."""
        self.was_cut = asyncio.Event()
        self.go_on = asyncio.Event()
        self.hides: tuple[bytes, ...] = ()
        """Words that the server's answers lose: something it then cannot do."""
        self.seen: list[bytes] = []
        """The commands of the clients."""
        self._open: set[asyncio.StreamWriter] = set()
        self._deaf = False
        self._done = asyncio.Event()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.go_on.set()
        self.hang_up()
        await self._server.wait_closed()

    def hang_up(self) -> None:
        """Break every connection off."""
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        self._open |= {writer, back}

        def end() -> None:
            writer.transport.abort()
            back.transport.abort()

        answers = asyncio.ensure_future(self._answers(there, writer, end))
        try:
            await self._commands(reader, writer, back, end)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            end()
            await asyncio.wait([answers])
            self._open -= {writer, back}

    async def _commands(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
        end: Callable[[], None],
    ) -> None:
        while line := await reader.readline():
            self.seen.append(line)
            append = _APPEND.match(line)
            if (append and self.cut == "hold append") or (b"BODY.PEEK" in line and self.cut == "hold fetch"):
                self._happened()
                await reader.read()
                return
            if append and self.cut == "before append":
                self._happened()
                return
            if (
                (append and self.cut == "pause append")
                or (b" SELECT " in line and self.cut == "pause select")
                or (b"BODY.PEEK" in line and self.cut == "pause fetch")
            ):
                self._happened()
                await self.go_on.wait()
            if b" EXAMINE " in line and self.cut == "in examine":
                self._happened()
                return
            if b" EXAMINE " in line and self.cut == "no to examine":
                self._happened()
                writer.write(line.split()[0] + b" NO [INUSE] Not now\r\n")
                continue
            if append and self.cut in {"no to append", "never to append"}:
                words = b"[OVERQUOTA] Quota exceeded" if self.cut == "no to append" else b"[LIMIT] Too large"
                self._happened()
                writer.write(append[1] + b" NO " + words + b"\r\n")
                continue
            if self.cut == "before store" and b" STORE " in line:
                self._happened()
                return
            if self.cut in {"after store", "after expunge"} and f" {self.cut[6:]} ".upper().encode() in line:
                await self._then_cut(line, back)
                return
            if _IDLE.match(line):
                self.idling.set()
                if self.cut == "in idle":
                    self._happened()
                    return
            back.write(line)

    async def _then_cut(self, line: bytes, back: asyncio.StreamWriter) -> None:
        """Let the server do it, and the client never hear of it."""
        self._deaf = True
        back.write(line + b"cut NOOP\r\n")
        await self._done.wait()
        self._done.clear()
        self._deaf = False
        self._happened()

    async def _answers(
        self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, end: Callable[[], None]
    ) -> None:
        try:
            while chunk := await there.read(65_536):
                if self._deaf:
                    if b"cut OK" in chunk:
                        self._done.set()
                    continue
                for hidden in self.hides:
                    chunk = chunk.replace(hidden, b"")
                if self.cut == "pause go-ahead" and chunk.startswith(b"+ OK"):
                    self._happened()
                    await self.go_on.wait()
                if self.cut == "hold receipt" and b"APPENDUID" in chunk:
                    self._happened()
                    continue
                if self.cut == "after append" and b"APPENDUID" in chunk:
                    self._happened()
                    break
                if self.cut == "in literal" and b"BODY[]" in chunk:
                    writer.write(chunk[: chunk.index(b"BODY[]") + 40])
                    await writer.drain()
                    self._happened()
                    break
                writer.write(chunk)
        except ConnectionError:
            pass
        end()

    def _happened(self) -> None:
        self.was_cut.set()
        if not self.always:
            self.cut = ""
