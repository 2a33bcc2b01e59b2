"""A process that reads mail and may be killed: a poisonous mail costs two seconds, never the bot."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import resource
import signal
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from supportbot_email.failures import CannotRead
from supportbot_email.mail import Mail, Settings
from supportbot_email.wire import decode, encode

if TYPE_CHECKING:
    from asyncio.subprocess import Process

CPU_SECONDS = 2.0
WALL_SECONDS = 60.0
"""Seconds until a child that uses no CPU is given up: somebody stopped it. More than two seconds of CPU last
on a machine with ten times more to do than it can, or good mail would be blamed for its load."""
MEMORY_BYTES = 384 * 1024 * 1024
"""Of a child that reads mails of up to 25 MiB: one that is a single picture takes 310 MiB."""
_LENGTH = struct.Struct(">I")
_MOST_ANSWER = 128 * 1024 * 1024
_OOM = 1000
"""The most there is of what the kernel goes by when memory is short: it ends a child rather than the bot."""
_NICE = 10
"""A child gives way to the bot, which has people waiting."""


class Parser:
    """Parses one mail at a time in a child that is kept for the next one. `close` it at the end."""

    def __init__(
        self,
        settings: Settings,
        *,
        cpu_seconds: float = CPU_SECONDS,
        wall_seconds: float = WALL_SECONDS,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self._settings = settings
        self._cpu_seconds = cpu_seconds
        self._wall_seconds = wall_seconds
        self._memory_bytes = memory_bytes
        self._child: Process | None = None
        self._lock = asyncio.Lock()

    @property
    def pid(self) -> int:
        """The child's process id; 0 when there is none now."""
        return self._child.pid if self._child else 0

    async def parse(self, raw: bytes, *, whole: int = 0) -> Mail:
        """The mail, or one with `problem` and nothing else when reading it was too much for the child.

        Args:
            raw: the mail, or its beginning.
            whole: bytes of all of it, where that is more.

        Raises:
            CannotRead: there is no child, and that is no mail's fault.
        """
        async with self._lock:
            try:
                return await self._read(raw, whole)
            except asyncio.CancelledError:
                await self._kill()
                raise

    async def close(self) -> None:
        """End the child and wait until it is gone."""
        async with self._lock:
            await self._kill()

    async def _read(self, raw: bytes, whole: int) -> Mail:
        """Once more when a child that had already served died: its death need not be this mail's fault."""
        served = self._child is not None
        try:
            return decode(await asyncio.wait_for(self._ask(raw, whole), self._wall_seconds))
        except TimeoutError:
            await self._kill()
        except (OSError, EOFError, ValueError):
            status = await self._kill()
            if served and status != -signal.SIGPROF:
                return await self._read(raw, whole)
        return unreadable(raw)

    async def _ask(self, raw: bytes, whole: int) -> bytes:
        if self._child is not None and self._child.returncode is not None:
            await self._kill()
        if self._child is None:
            self._child = await self._start()
        child = self._child
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(_LENGTH.pack(_LENGTH.size + len(raw)) + _LENGTH.pack(whole) + raw)
        await child.stdin.drain()
        (length,) = _LENGTH.unpack(await child.stdout.readexactly(_LENGTH.size))
        if length > _MOST_ANSWER:
            raise ValueError("The child's answer is too long.")
        return await child.stdout.readexactly(length)

    async def _start(self) -> Process:
        try:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "supportbot_email.child",
                str(self._cpu_seconds), str(self._memory_bytes),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise CannotRead(cause=error.strerror or type(error).__name__) from error
        assert child.stdin is not None
        settings = encode(self._settings)
        child.stdin.write(_LENGTH.pack(len(settings)) + settings)
        return child

    async def _kill(self) -> int:
        """End the child, if there is one, and give its exit status."""
        child, self._child = self._child, None
        if child is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        status = await child.wait()
        if child.stdin is not None:
            child.stdin.close()
            with contextlib.suppress(OSError):
                await child.stdin.wait_closed()
        return status


def unreadable(raw: bytes) -> Mail:
    """What is left of a mail that could not be read: its identity."""
    key = hashlib.sha256(raw).hexdigest()
    problem = "reading it took too much time or memory"
    return Mail(
        message_id=f"<{key[:40]}@missing.invalid>",
        content_key=key,
        problem=problem,
    )


def serve(source: BinaryIO, sink: BinaryIO, cpu_seconds: float) -> None:
    """The child: settings, then mails, each after its length and that of all of it; answers after theirs.

    It ends with the input.
    """
    from supportbot_email.parse import parse
    from supportbot_email.wire import decode_settings

    settings = decode_settings(_receive(source))
    while asked := _receive(source):
        _allow(cpu_seconds)
        (whole,) = _LENGTH.unpack(asked[: _LENGTH.size])
        answer = encode(parse(asked[_LENGTH.size :], settings=settings, whole=whole))
        sink.write(_LENGTH.pack(len(answer)) + answer)
        sink.flush()


def _receive(source: BinaryIO) -> bytes:
    head = source.read(_LENGTH.size)
    return source.read(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else b""


def _allow(seconds: float) -> None:
    """So many seconds of CPU from now on: at the end of them the kernel ends the process.

    By a timer and not by RLIMIT_CPU, which counts in whole seconds: what had been used before cost a mail up
    to one of its two.
    """
    signal.setitimer(signal.ITIMER_PROF, seconds)


def main() -> None:
    """Run the child with its limits. SIGINT and SIGTERM of a terminal's group are the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    os.nice(_NICE)
    with contextlib.suppress(OSError):  # a system without it
        Path("/proc/self/oom_score_adj").write_text(str(_OOM), encoding="ascii")
    memory = int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    serve(sys.stdin.buffer, sys.stdout.buffer, float(sys.argv[1]))


if __name__ == "__main__":
    main()
