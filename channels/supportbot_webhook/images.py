"""Images that programs only name: fetched when a turn begins, behind the guard that callbacks have.

A program is trusted to speak for its customers, and not to choose what this machine asks in its own network:
https, public addresses, no redirects, and a limit to bytes and time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import structlog

from supportbot import __version__
from supportbot_webhook.addresses import UnsafeUrl, check_url, public_socket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

    from supportbot.messages import Attachment, Message, Turn

_WITHIN = 8.0  # seconds; the core waits for ten
_MOST = 5  # images of one message, as many as are kept of those that are handed in
_CONNECTIONS = 20

log = structlog.get_logger(__name__)


class _NotFetched(Exception):
    """Why an image stays a name, in a few words of ours."""


class Images:
    """Fetches them."""

    def __init__(self, most_bytes: int, *, allow_http: bool = False, allow_private: bool = False) -> None:
        """``most_bytes`` of one image; 0: nothing is fetched. The other two are for tests."""
        self._most_bytes = most_bytes
        self._allow_http = allow_http
        self._allow_private = allow_private
        self._session: aiohttp.ClientSession | None = None

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        """Hold the connections for as long as the application runs: a ``cleanup_ctx``."""
        if not self._most_bytes:
            yield
            return
        connector = aiohttp.TCPConnector(
            limit=_CONNECTIONS, socket_factory=None if self._allow_private else public_socket
        )
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=_WITHIN),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"SupportBot/{__version__}", "Accept-Encoding": "identity"},
        ) as self._session:
            yield
        self._session = None

    async def complete(self, turn: Turn) -> Turn:
        """Return the turn with the bytes of the images that its new messages name."""
        session = self._session
        if session is None or not any(message.attachments for message in turn.messages):
            return turn
        messages = await asyncio.gather(*(self._fetched(session, message) for message in turn.messages))
        return turn.evolve(messages=tuple(messages))

    async def _fetched(self, session: aiohttp.ClientSession, message: Message) -> Message:
        wanted = [file for file in message.attachments if _is_named(file)][:_MOST]
        if not wanted:
            return message
        found = await asyncio.gather(*(self._bytes(session, file) for file in wanted))
        data = {id(file): content for file, content in zip(wanted, found, strict=True)}
        files = (file.evolve(data=data.get(id(file), b"")) for file in message.attachments)
        return message.evolve(attachments=tuple(files))

    async def _bytes(self, session: aiohttp.ClientSession, file: Attachment) -> bytes:
        try:
            check_url(file.url, allow_http=self._allow_http, allow_private=self._allow_private)
            async with session.get(file.url, allow_redirects=False) as response:
                return await self._read(response)
        except UnsafeUrl as error:
            reason = f"its url {error.what}"  # what lifts that for callbacks does not for images
        except _NotFetched as error:
            reason = str(error)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            reason = type(error).__name__
        log.info("webhook.image_not_fetched", reason=reason)
        return b""

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        if response.status != 200:
            raise _NotFetched(f"the answer was {response.status}")
        data = bytearray()
        async for chunk in response.content.iter_any():
            data += chunk
            if len(data) > self._most_bytes:
                raise _NotFetched(f"it has more than {self._most_bytes} bytes")
        return bytes(data)


def _is_named(file: Attachment) -> bool:
    return bool(file.url) and not file.kept and file.content_type.startswith("image/")
