"""Mails fetched and read while those before them are still being read; handed over in their order."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supportbot_email.failures import MailServerError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

    from supportbot_email.imap import Listed
    from supportbot_email.mail import Mail

_MOST = 20
"""Mails that are fetched and not handed over yet."""

_MOST_BYTES = 16 * 1024 * 1024
"""Their bytes, beyond which no further one is fetched."""


@dataclass(frozen=True, slots=True, eq=False)
class Coming:
    """A mail that was fetched, and is being read."""

    uid: int
    raw: bytes
    mail: asyncio.Future[Mail]


async def read_ahead(
    listed: Iterable[Listed],
    fetch: Callable[[Listed], Awaitable[bytes | None]],
    read: Callable[[Listed, bytes], Awaitable[Mail]],
) -> AsyncGenerator[Coming]:
    """Yield mails in their order, each as soon as it is read, or enough are waiting behind it.

    Args:
        listed: which.
        fetch: gets one; None when it has gone, and is left out.
        read: reads one; several at a time.

    Raises:
        MailServerError: one could not be fetched. Those before it have been yielded.
    """
    coming: deque[Coming] = deque()
    try:
        for mail in listed:
            try:
                raw = await fetch(mail)
            except MailServerError:
                while coming:
                    yield coming.popleft()
                raise
            if raw is not None:
                coming.append(Coming(mail.uid, raw, asyncio.ensure_future(read(mail, raw))))
            while coming and (coming[0].mail.done() or _are_enough(coming)):
                yield coming.popleft()
        while coming:
            yield coming.popleft()
    finally:
        for one in coming:
            one.mail.cancel()
        await asyncio.gather(*(one.mail for one in coming), return_exceptions=True)


def _are_enough(coming: deque[Coming]) -> bool:
    return len(coming) >= _MOST or sum(len(one.raw) for one in coming) > _MOST_BYTES
