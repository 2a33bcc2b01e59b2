"""Logging in once a mail server refused us: no connection of a mailbox knocks again for a while."""

from __future__ import annotations

import asyncio
import imaplib
from typing import TYPE_CHECKING

import pytest

from supportbot_email.credentials import Credentials
from supportbot_email.failures import LoginParked
from supportbot_email.imap import connect
from supportbot_email.logins import PARKED, Logins
from tests.channels.email.dovecot import needs_dovecot
from tests.channels.email.mailboxes import config
from tests.channels.email.wire import Wire

if TYPE_CHECKING:
    from tests.channels.email.dovecot import Dovecot


class Clock:
    """Seconds, as a test turns them."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def _refused(logins: Logins) -> None:
    with pytest.raises(imaplib.IMAP4.error), logins.one():
        raise imaplib.IMAP4.error


@pytest.mark.parametrize("bearable", [0, 1])
def test_after_a_refusal_nobody_tries_for_a_while(bearable: int) -> None:
    """A refused token is replaced by a new one, which is tried once; a password is not tried again."""
    clock = Clock()
    logins = Logins(bearable=bearable, clock=clock)
    for _ in range(bearable):
        _refused(logins)
        logins.look()
    _refused(logins)
    with pytest.raises(LoginParked):
        logins.look()
    clock.now += PARKED
    with logins.one():
        pass
    for _ in range(bearable):
        _refused(logins)
        logins.look()


def test_who_hangs_up_has_refused_nobody() -> None:
    """A connection that breaks says nothing of the password."""
    logins = Logins(clock=Clock())
    with pytest.raises(imaplib.IMAP4.abort), logins.one():
        raise imaplib.IMAP4.abort
    logins.look()


@needs_dovecot
async def test_a_wrong_password_is_said_once_by_all_connections(server: Dovecot, address: str) -> None:
    """The inbox, Sent and Drafts begin at the same time: the server hears one login."""
    async with Wire(server.port) as wire:
        wrong = config(address, wire.port, password="no-such-password")
        credentials = Credentials(wrong)
        tries = (asyncio.to_thread(connect, wrong, credentials) for _ in range(3))
        found = await asyncio.gather(*tries, return_exceptions=True)
        kinds = sorted(type(error).__name__ for error in found)
        assert ["LoginParked", "LoginParked", "LoginRefused"] == kinds
        assert 1 == sum(b" LOGIN " in line.upper() for line in wire.seen)
