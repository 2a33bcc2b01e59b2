"""The line to a bot: one question goes out, the answer comes back while it is being written.

It speaks with the terminal channel (see ``supportbot_terminal``). A question goes with a key of its own,
so when the connection breaks it is asked again under the same key and still answered once.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from supportbot.errors import BotGone, ChatRefused, StoreUnavailable
from supportbot.ids import new_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

_PATIENCE = 45.0
"""Seconds to go on trying to reach a bot that went away: longer than a clean stop and a start take."""

_PAUSE = 0.5
_CONNECT = 5.0
_SILENCE = 600.0
"""Seconds without a word after which the connection counts as broken."""

_PASSING = frozenset({401, 404, 408, 429, 500, 502, 503, 504})
"""What a bot answers that is stopping, starting, or has a new token since it was started again."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the terminal channel of a running bot is, and what opens it."""

    url: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of a question."""

    conversation_id: str
    text: str | None
    """The answer; None when there is none, and ``state`` says why."""
    citations: tuple[dict[str, str], ...] = ()
    state: str = "bot"
    """Who speaks from now on: bot, queued or human; or why nobody answered: handed_over, ignored, dead."""


class Show:
    """What is told while an answer is on its way; to be overridden."""

    def writing(self, text: str) -> None:
        """The answer so far."""

    def away(self) -> None:
        """The bot went away; it is tried again."""


class _Gone(Exception):
    """The bot cannot be reached, or broke off."""


class Line:
    """One conversation with a bot."""

    def __init__(
        self,
        find: Callable[[], Awaitable[Address | None]],
        conversation: str,
        *,
        channel: str = "terminal",
        conversation_id: str = "",
    ) -> None:
        """Take what finds the bot, called anew after every break, and the conversation.

        Args:
            find: finds the bot.
            conversation: the conversation's name.
            channel: the name of the terminal channel.
            conversation_id: its id, when it is known; the bot tells it with the first question.
        """
        self._find = find
        self._channel = channel
        self.conversation = conversation
        self.conversation_id = conversation_id

    @property
    def reading(self) -> str:
        """The command that shows what was said, or the conversations of which one is this."""
        if self.conversation_id:
            return f"supportbot conversations show {self.conversation_id}"
        return f"supportbot conversations list --channel {self._channel}"

    async def ask(self, text: str, show: Show) -> Reply:
        """Ask, and wait for what comes of it.

        Raises:
            ChatRefused: the bot does not take this text.
            BotGone: it could not be reached for some time.
        """
        key = new_id("ask")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE
        while True:
            try:
                return await self._ask_once(text, key, show)
            except _Gone as gone:
                if loop.time() > deadline:
                    raise BotGone(cause=gone, reading=self.reading) from None
            show.away()
            await asyncio.sleep(_PAUSE)

    async def _ask_once(self, text: str, key: str, show: Show) -> Reply:
        body = {"conversation": self.conversation, "key": key, "text": text}
        address = await self._address()
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=_SILENCE)
        headers = {"Authorization": f"Bearer {address.token}"}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
                session.post(address.url, json=body) as response,
            ):
                if response.status != 200:
                    raise await _refusal(response)
                return await self._followed(_lines(response), show)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _Gone(f"the connection failed ({type(error).__name__})") from error

    async def _followed(self, lines: AsyncIterator[dict[str, Any]], show: Show) -> Reply:
        """Follow the lines to the last one, which is the reply."""
        written = ""
        async for line in lines:
            match line:
                case {"accepted": {"conversation_id": str(known)}}:
                    self.conversation_id = known
                case {"delta": {"offset": int(offset), "text": str(text)}}:
                    written = written[:offset] + text
                    show.writing(written)
                case {"typing": False}:
                    written = ""
                    show.writing("")
                case {"reply": {"text": str(text), "citations": list(citations), "state": str(state)}}:
                    return Reply(
                        conversation_id=self.conversation_id,
                        text=text,
                        citations=tuple(citations),
                        state=state,
                    )
                case {"settled": str(state)}:
                    return Reply(conversation_id=self.conversation_id, text=None, state=state)
                case _:
                    pass
        raise _Gone("it broke off")

    async def _address(self) -> Address:
        try:
            address = await self._find()
        except StoreUnavailable as error:
            raise _Gone(str(error)) from error
        if address is None:
            raise _Gone("it is not running")
        return address


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """Yield the JSON lines of an answer, however long they are."""
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield json.loads(line)


async def _refusal(response: aiohttp.ClientResponse) -> Exception:
    if response.status in _PASSING:
        return _Gone(f"it answers {response.status}")
    try:
        cause = str((await response.json())["error"]["message"])
    except (ValueError, KeyError, TypeError, aiohttp.ContentTypeError):
        cause = "it says no more"
    return ChatRefused(status=response.status, cause=cause)
