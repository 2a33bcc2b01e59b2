"""Several mails read at the same time: one that takes its two seconds does not keep all others waiting."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from supportbot_email.child import MEMORY_BYTES, Parser

if TYPE_CHECKING:
    from supportbot_email.mail import Mail, Settings

MOST = 2
"""Children at a time: a small machine has two cores, and what reads mail gives way to all else on them."""

_PATIENCE = 0.25
"""Seconds that a mail waits for a child at work until another one is worth its start: most mails are read in
a few milliseconds."""


class Parsers:
    """One child, and another one for as long as mails wait for it. `close` it at the end."""

    def __init__(
        self,
        settings: Settings,
        *,
        most: int = MOST,
        patience: float = _PATIENCE,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        """``memory_bytes``: what each child may use."""
        self._settings = settings
        self._most = most
        self._memory_bytes = memory_bytes
        self._patience = patience
        self._all: set[Parser] = set()
        self._free: asyncio.LifoQueue[Parser] = asyncio.LifoQueue()
        self._waiting = 0

    async def parse(self, raw: bytes, *, whole: int = 0) -> Mail:
        """Return the mail, as ``Parser.parse`` does.

        Raises:
            CannotRead: as that.
        """
        parser = await self._one()
        try:
            return await parser.parse(raw, whole=whole)
        finally:
            await self._let_go(parser)

    async def close(self) -> None:
        """End all children, and wait until they are gone."""
        await asyncio.gather(*(parser.close() for parser in self._all))

    async def _one(self) -> Parser:
        if not self._all:
            return self._made()
        self._waiting += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    return await self._free.get()
            return self._made() if len(self._all) < self._most else await self._free.get()
        finally:
            self._waiting -= 1

    def _made(self) -> Parser:
        parser = Parser(self._settings, memory_bytes=self._memory_bytes)
        self._all.add(parser)
        return parser

    async def _let_go(self, parser: Parser) -> None:
        if self._waiting or len(self._all) == 1:
            self._free.put_nowait(parser)
        else:
            self._all.remove(parser)
            await parser.close()
