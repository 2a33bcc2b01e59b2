"""The child that reads mails: killed when one is too much, back for the next."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import signal
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from supportbot_email.child import Parser
from supportbot_email.mail import Settings
from supportbot_email.parsers import MOST

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

RAW = b"From: Ann <ann@customer.example>\r\nMessage-ID: <1@customer.example>\r\nSubject: Hi\r\n\r\nHello\r\n"
PNG = RAW.replace(
    b"\r\n\r\n", b'\r\nContent-Type: image/png; name="a.png"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
).replace(b"Hello", b"iVBORw0KGgoAAQL/")
PNG_MARK = b"\x89PNG\r\n\x1a\n"
TWO_PARTS = (
    RAW.replace(b"\r\n\r\nHello", b'\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nHello')
    + b"--b\r\nContent-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
)


@asynccontextmanager
async def parser(**limits: float) -> AsyncIterator[Parser]:
    made = Parser(Settings(), **limits)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        await made.close()


def send(child: Parser, number: signal.Signals) -> None:
    """Send a signal to the process; never to number 0, which is whoever runs the tests, all of them."""
    assert child.pid
    os.kill(child.pid, number)


async def test_reads_and_stays() -> None:
    """One child reads many mails, an empty one too."""
    async with parser() as child:
        assert "Hello" == (await child.parse(RAW)).reply
        first = child.pid
        assert "no header" == (await child.parse(b"")).problem
        assert "Hello" == (await child.parse(RAW)).reply
        assert first == child.pid


async def test_bytes_survive() -> None:
    """An image comes back as it was, and so does a lone surrogate's replacement."""
    async with parser() as child:
        assert b"\x89PNG\r\n\x1a\n\x00\x01\x02\xff" == (await child.parse(PNG)).attachments[0].data


async def test_the_bot_and_its_children_fit_into_their_container() -> None:
    """As many as there are at a time; and where memory is short all the same, a child goes, not the bot."""
    manifest = (Path(__file__).parents[3] / "deploy/kubernetes.yaml").read_text(encoding="utf-8")
    room = int(re.findall(r"limits: \{memory: (\d+)Gi\}", manifest)[0]) * 1024
    bot = int(re.findall(r"memory: (\d+)Mi\}", manifest)[0])
    async with parser() as child:
        await child.parse(RAW)
        own, first = of_process(child.pid)
    assert bot + MOST * own <= room
    assert 1000 == first


def of_process(pid: int) -> tuple[int, int]:
    """Return how many MiB a process may have, and how soon the kernel ends it."""
    limits = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
    first = Path(f"/proc/{pid}/oom_score_adj").read_text(encoding="ascii")
    return int(re.findall(r"Max address space +(\d+)", limits)[0]) // 1024**2, int(first)


async def test_the_largest_mail_has_room() -> None:
    """One that is read whole by default, almost all of it a picture."""
    large = PNG[:-16] + base64.encodebytes(bytes(17 * 1024**2)).replace(b"\n", b"\r\n")
    async with parser(cpu_seconds=50.0) as child:
        assert not (await child.parse(large)).problem


async def test_a_large_picture_is_listed_within_the_limit() -> None:
    """Of the two seconds of processor time that every mail has; its bytes are not handed on."""
    picture = base64.encodebytes(PNG_MARK + os.urandom(18 * 1024**2)).replace(b"\n", b"\r\n")
    raw = TWO_PARTS + picture + b"--b--\r\n"
    async with parser(cpu_seconds=2.0) as child:
        found = await child.parse(raw)
    assert ("", "Hello") == (found.problem, found.reply)
    assert [(18 * 1024**2 + len(PNG_MARK), b"")] == [(one.size, one.data) for one in found.attachments]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_killed_child(number: signal.Signals) -> None:
    """A child that died between two mails is replaced, and the next mail is not blamed."""
    async with parser() as child:
        await child.parse(RAW)
        send(child, number)
        assert "Hello" == (await child.parse(RAW)).reply


async def test_stopped_child() -> None:
    """A child that does not answer is killed, its mail has a problem, the next is read."""
    async with parser(wall_seconds=3) as child:
        while not child.pid:  # on a busy machine its start may take longer than that
            await child.parse(RAW)
        send(child, signal.SIGSTOP)
        assert (await child.parse(RAW)).problem
        assert "Hello" == (await child.parse(RAW)).reply


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_leaves_nothing() -> None:
    """Closing ends the child and gives its pipes back; cancelling a parse ends it too."""
    async with parser() as child:
        await child.parse(RAW)
        before = open_files()
        for _ in range(3):
            send(child, signal.SIGSTOP)
            task = asyncio.create_task(child.parse(RAW))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await child.parse(RAW)
        assert before == open_files()


async def test_too_much_work() -> None:
    """A mail that takes more CPU than allowed ends the child; the next mail is read by another."""
    async with parser(cpu_seconds=0.05) as child:
        assert (await child.parse(RAW + b"> x\n" * 5_000_000)).problem
        assert child.pid == 0
