"""The reply to one message, for a program that waits for it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from supportbot.feed import Lagged, Outcome, Said, Settled, StateChanged
from supportbot_webhook.outbound import Result, result
from supportbot_webhook.stream import EventWriter, follow, tolerating_an_end, unread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from aiohttp import web

    from supportbot.feed import Event, Subscription
    from supportbot.host import Host, Transcripts
    from supportbot.messages import Accepted
    from supportbot_webhook.config import Streams as Settings
    from supportbot_webhook.stream import Reader


_QUEUE = 256
"""Events that may wait to be heard."""

_SILENCE = 1.0
"""Seconds without a word before the transcript is looked at; doubles."""


class Replies:
    """Waits for the replies to messages that were accepted."""

    def __init__(self, host: Host, settings: Settings) -> None:
        self._host = host
        self._settings = settings

    async def wait(self, reader: Reader, accepted: Accepted, conversation: str, seconds: float) -> Result:
        """Return what became of a message, at most so many seconds later; ``pending`` if nothing did."""
        ended = accepted.state != "pending" and not accepted.duplicate
        if ended or not accepted.seq:  # without a number: its conversation was deleted, nothing will happen
            return result(accepted, accepted.state)
        try:
            async with asyncio.timeout(seconds):
                with self._host.feed.listen(accepted.conversation_id, limit=_QUEUE, live=False) as events:
                    reader.attach(events)
                    if found := await self._heard(events, accepted, conversation):
                        return found
        except TimeoutError:
            pass
        return result(accepted, accepted.state)

    async def _heard(self, events: Subscription, accepted: Accepted, conversation: str) -> Result | None:
        """Listen until a message has its end; None when there is nothing more to hear.

        What is heard tells enough, so the transcript is read only where something may have been missed:
        for a message that came before, after a silence, and when the feed says so.
        """
        look, silence = accepted.duplicate, _SILENCE
        while True:
            if look and (found := await _result(self._host.transcripts, accepted, conversation)):
                return found
            event: Event | None = None
            try:
                async with asyncio.timeout(silence):
                    event = await anext(events, None)
                if event is None:
                    return None
            except TimeoutError:
                silence *= 2
            if found := _told(event, accepted):
                return found
            look = event is None or isinstance(event, Lagged)

    async def stream(
        self, request: web.Request, reader: Reader, accepted: Accepted, conversation: str
    ) -> web.StreamResponse:
        """Send what happens until the message has its reply, as server-sent events.

        The last one is ``end``, with what became of the message, or ``bye`` when the bot stops before that.
        """
        writer = EventWriter(request, timeout=self._settings.write_timeout)
        with tolerating_an_end():
            await writer.open()
            async with aclosing(self._follow(reader, accepted, conversation)) as events:
                async for event, found in events:
                    await writer.send(event)
                    if found is not None:
                        await writer.end("end", found)
                        return writer.response
            await writer.end("bye", {})
        return writer.response

    async def _follow(
        self, reader: Reader, accepted: Accepted, conversation: str
    ) -> AsyncGenerator[tuple[Event | None, Result | None]]:
        """Yield what happens, and with it what became of the message as soon as that is known."""
        if not accepted.seq:  # its conversation was deleted: nothing will happen
            yield None, result(accepted, accepted.state)
            return
        events = follow(
            self._host, reader, conversation, after=accepted.seq, heartbeat=self._settings.heartbeat
        )
        async with aclosing(events):
            async for event in events:
                settles = _may_settle(event)
                yield (
                    event,
                    await _result(self._host.transcripts, accepted, conversation) if settles else None,
                )


def _told(event: Event | None, accepted: Accepted) -> Result | None:
    """Return what an event tells of a message."""
    match event:
        case Said(message, Outcome(message_ids, state, speaks)) if accepted.message_id in message_ids:
            return result(accepted, state, message, speaks=speaks)
        case Settled(message_ids, state) if accepted.message_id in message_ids:
            return result(accepted, state)
        case _:
            return None


def _may_settle(event: Event | None) -> bool:
    match event:
        case Said(message):
            return message.author != "customer"
        case Settled() | StateChanged():
            return True
        case _:
            return False


async def _result(transcripts: Transcripts, accepted: Accepted, conversation: str) -> Result | None:
    """Return what became of a message; None while it is pending.

    Its reply is the bot's message of the same turn: another turn's may well come first.
    """
    later = unread(transcripts, conversation, accepted.seq - 1)
    async with aclosing(later):
        message = await anext(later, None)
        if message is None or message.id != accepted.message_id:
            return None
        if message.state == "pending":
            return None
        async for other in later:
            if other.author == "bot" and other.turn_id == message.turn_id is not None:
                speaks = await transcripts.state(conversation)
                return result(accepted, message.state, other, speaks=speaks)
    return result(accepted, message.state)
