"""Several children that read mails: another one when a mail waits, one when none does."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from supportbot_email.failures import CannotRead
from supportbot_email.mail import Settings
from supportbot_email.parsers import Parsers
from tests.channels.email.conftest import until
from tests.channels.email.dovecot import mail

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def parsers(*, patience: float = 0.0) -> AsyncIterator[Parsers]:
    made = Parsers(Settings(), patience=patience)
    try:
        yield made
    finally:
        await made.close()


def children(of: Parsers) -> set[int]:
    """Return their process ids."""
    return {parser.pid for parser in of._all if parser.pid}


async def test_a_mail_that_takes_long_keeps_none_waiting() -> None:
    """While a child does not answer, another one reads what comes behind; at the end there is one again."""
    async with parsers() as own:
        await own.parse(mail("first"))
        [pid] = children(own)
        os.kill(pid, signal.SIGSTOP)
        slow = asyncio.ensure_future(own.parse(mail("slow")))
        await until(own._free.empty)
        assert ["two", "three"] == [(await own.parse(mail(text))).reply for text in ("two", "three")]
        assert not slow.done()
        os.kill(pid, signal.SIGCONT)
        assert "slow" == (await slow).reply
        assert "four" == (await own.parse(mail("four"))).reply
        assert 1 == len(children(own))


async def test_quick_mails_are_read_by_one() -> None:
    """Many at the same time are no reason for another child, as long as none waits for long."""
    async with parsers(patience=20.0) as own:
        texts = [f"mail {number}" for number in range(30)]
        assert texts == [found.reply for found in await asyncio.gather(*(own.parse(mail(t)) for t in texts))]
        assert 1 == len(children(own))


async def test_never_more_than_two() -> None:
    """However many wait."""
    async with parsers() as own:
        texts = [f"mail {number}" for number in range(30)]
        reading = asyncio.gather(*(own.parse(mail(text)) for text in texts))
        await until(lambda: 2 == len(children(own)))
        assert texts == [found.reply for found in await reading]
        assert 1 == len(own._all)


async def test_whoever_gives_up_leaves_its_child_to_others() -> None:
    """Cancelled while a mail is read, or waits: the next is read."""
    async with parsers() as own:
        await own.parse(mail())
        for _ in range(3):
            [pid] = children(own)
            os.kill(pid, signal.SIGSTOP)
            reading = [asyncio.ensure_future(own.parse(mail())) for _ in range(5)]
            await until(own._free.empty)
            for one in reading:
                one.cancel()
            await asyncio.wait(reading)
            assert "still here" == (await own.parse(mail("still here"))).reply


async def test_a_child_that_cannot_be_started_is_no_mail_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine has no room for a process: the mail is read once it has."""
    async with parsers() as own:
        with monkeypatch.context() as broken:
            broken.setattr(sys, "executable", "/nowhere/python")
            with pytest.raises(CannotRead):
                await own.parse(mail())
        assert "now" == (await own.parse(mail("now"))).reply
