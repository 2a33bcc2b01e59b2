"""Server-sent events: who is reading, what happens in a conversation without gap or repeat, and writing it.

A reader that does not read costs a bounded buffer and is cut off; one that goes away without a
word is noticed within a second; one that waits costs a timer.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from aiohttp import web

from supportbot.errors import StoreUnavailable
from supportbot.feed import Delta, Event, Lagged, Said, Settled, StateChanged, Subscription, Typing
from supportbot.web import STOPPING, Problem
from supportbot_webhook.outbound import Frame, encode, public_message, public_state

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

    from supportbot.host import Host, Transcripts
    from supportbot.messages import Message, State
    from supportbot_webhook.config import Streams as Settings

_PAGE = 100  # messages read at once
_QUEUE = 256  # events a reader may lag behind before it is sent to the transcript
_LOOK = 1.0  # seconds between two looks for readers that are gone
_LIFETIME = 3600.0  # seconds after which a reader has to come again, and to show its token
_ASK_AGAIN = 60.0  # seconds between two looks whether a session was ended in another process
_LATER = {"Retry-After": "5"}
_RETRY = b"retry: 2000\n\n"  # milliseconds a client should wait before it comes again
_HEARTBEAT = b":\n\n"  # a comment: keeps proxies from closing the connection, and finds out who is gone


class ReaderGone(Exception):
    """Whoever was reading went away, or does not read."""


class Reader:
    """One open request that waits for what happens."""

    def __init__(self, request: web.Request, whose: str = "") -> None:
        self._request = request
        self.whose = whose
        """Which session's; empty for a program's."""
        self._asked = time.monotonic()
        self._subscription: Subscription | None = None
        self._woken = asyncio.Event()
        self._until = time.monotonic() + _LIFETIME
        self.ended = False

    @property
    def is_over(self) -> bool:
        """Its connection is closed, or its time is up."""
        transport = self._request.transport
        return transport is None or transport.is_closing() or time.monotonic() > self._until

    @property
    def is_to_be_asked(self) -> bool:
        """It is time to look again whether its session is over; says so once a minute."""
        if time.monotonic() - self._asked < _ASK_AGAIN:
            return False
        self._asked = time.monotonic()
        return True

    def end(self) -> None:
        """Let it finish what it has and come to an end."""
        self.ended = True
        self.wake()
        if self._subscription is not None:
            self._subscription.close()

    def wake(self) -> None:
        """Let it look again whether its conversation has begun."""
        self._woken.set()

    def begin(self) -> None:
        """Its conversation begins, perhaps not for the first time."""
        if self._subscription is None:
            self.wake()
        else:
            self.end()

    def attach(self, subscription: Subscription) -> None:
        """Tell it what to close when it is to end."""
        self._subscription = subscription
        if self.ended:
            subscription.close()

    def rest(self) -> None:
        """Begin to listen for ``wake``."""
        if not self.ended:
            self._woken.clear()

    async def woken(self, seconds: float) -> None:
        """Wait for ``wake``, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()


class Readers:
    """All open readers of one channel; holds them to their limits and ends them when the bot stops."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._open: dict[str, set[Reader]] = {}  # by conversation
        self._count = 0
        self._watch: asyncio.Task[None] | None = None

    @contextmanager
    def admit(
        self, request: web.Request, conversation: str, *, whose: str = "", at_most: int | None = None
    ) -> Iterator[Reader]:
        """Count a reader in while it reads; ``at_most`` bounds those of one session, which ``whose`` names.

        Raises:
            Problem: 429, this session has too many; 503, there are too many, or the bot stops.
        """
        if self._watch is None:
            self._watch = asyncio.create_task(self._watch_over(request.config_dict[STOPPING]))
        if self._watch.done() or self._count >= self.settings.total:
            raise Problem(503, "unavailable", "Too many open streams. Try again in a moment.", headers=_LATER)
        if at_most is not None and len(self._of(conversation, whose)) >= at_most:
            raise Problem(429, "too_many_streams", "This session has too many open streams.", headers=_LATER)
        reader = Reader(request, whose)
        self._open.setdefault(conversation, set()).add(reader)
        self._count += 1
        try:
            yield reader
        finally:
            self._count -= 1
            here = self._open[conversation]
            here.remove(reader)
            if not here:
                del self._open[conversation]

    @property
    def conversations(self) -> frozenset[str]:
        """Those in which somebody reads right now."""
        return frozenset(self._open)

    def announce(self, conversation: str) -> None:
        """Tell those who wait for the conversation's first message that there is one.

        Those who follow already follow one that was deleted: they have to come again.
        """
        for reader in self._open.get(conversation, ()):
            reader.begin()

    def end(self, conversation: str, whose: str) -> None:
        """End all readers of a session: it is over."""
        for reader in self._of(conversation, whose):
            reader.end()

    def _of(self, conversation: str, whose: str) -> list[Reader]:
        return [reader for reader in self._open.get(conversation, ()) if reader.whose == whose]

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        """Clean up behind itself when the application ends: a ``cleanup_ctx``."""
        yield
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch

    async def _watch_over(self, stopping: asyncio.Event) -> None:
        """End readers that are gone, and when the server begins to stop, all of them."""
        while not stopping.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await stopping.wait()
            for reader in chain.from_iterable(self._open.values()):
                if stopping.is_set() or reader.is_over:
                    reader.end()


async def follow(
    host: Host, reader: Reader, conversation: str, *, after: int, heartbeat: float
) -> AsyncGenerator[Event | None]:
    """Yield what happens after message number ``after``: every message once and in order, and whatever else.

    Begins with the messages that are stored, then who speaks, then what happens from now on. It listens
    before it reads, so nothing falls in between. None stands for ``heartbeat`` seconds of silence.
    In silence it looks whether another process, as the command line is one, changed who speaks.
    Ends when the reader is ended, the bot stops, or the conversation is deleted.
    """
    transcripts = host.transcripts
    reader.rest()
    while (known := await transcripts.standing(conversation)) is None:
        await reader.woken(heartbeat)
        if reader.ended:
            return
        yield None
        reader.rest()
    place = _Place(after)
    speaks: State | None = None
    with host.feed.listen(known.conversation_id, limit=_QUEUE) as subscription:
        reader.attach(subscription)
        async for heard in _heard(subscription, heartbeat):
            event = heard
            if event is None:
                now = await transcripts.standing(conversation)
                if now is None or now.conversation_id != known.conversation_id:
                    return
                event = StateChanged(now.state) if now.state != speaks else None
            if isinstance(event, StateChanged):
                speaks = event.state
            if place.misses_before(event):
                async for message in unread(transcripts, conversation, place.last):
                    yield place.advance(Said(message))
            elif not place.has(event):
                yield place.advance(event)


class _Place:
    """Where a reader is in its conversation."""

    def __init__(self, after: int) -> None:
        self.last = after
        """The number of the last message it got."""
        self._answered = ""
        """The turn whose reply it got last."""

    def misses_before(self, event: Event | None) -> bool:
        """Say whether something before an event was not heard: the transcript has it, and the event too."""
        return isinstance(event, Lagged) or (isinstance(event, Said) and event.message.seq > self.last + 1)

    def has(self, event: Event | None) -> bool:
        """Say whether the reader has it already, or the reply that overtook it."""
        match event:
            case Said(message):
                return message.seq <= self.last
            case Typing(turn_id) | Delta(turn_id):
                return turn_id == self._answered
        return False

    def advance(self, event: Event | None) -> Event | None:
        """Return an event that the reader gets now."""
        if isinstance(event, Said):
            self.last = event.message.seq
            if event.message.author != "customer" and event.message.turn_id:
                self._answered = event.message.turn_id
        return event


async def unread(transcripts: Transcripts, conversation: str, after: int) -> AsyncGenerator[Message]:
    """Yield all stored messages after a number, a page at a time."""
    while messages := await transcripts.messages(conversation, after=after, limit=_PAGE):
        for message in messages:
            yield message
        after = messages[-1].seq
        if len(messages) < _PAGE:
            return


async def _heard(subscription: Subscription, heartbeat: float) -> AsyncGenerator[Event | None]:
    """Yield what is heard; None after ``heartbeat`` seconds of silence.

    It begins as after a gap and a silence: nothing is known yet of what was said and of who speaks.
    """
    yield Lagged()
    yield None
    while True:
        event: Event | None = None
        try:
            async with asyncio.timeout(heartbeat):
                event = await anext(subscription)
        except TimeoutError:
            pass
        except StopAsyncIteration:
            return
        yield event


def frame(event: Event) -> Frame | None:
    """Return an event as readers see it; None when there is nothing to see."""
    match event:
        case Said(message):
            return Frame(event="message", id=message.seq, data=public_message(message))
        case Settled(message_ids, state):
            return Frame(event="settled", data={"message_ids": message_ids, "state": state})
        case Typing(turn_id, on):
            return Frame(event="typing", data={"turn": turn_id, "on": on})
        case Delta(turn_id, offset, text):
            return Frame(event="delta", data={"turn": turn_id, "offset": offset, "text": text})
        case StateChanged(state):
            return Frame(event="state", data={"state": public_state(state)})
        case Lagged():
            return None


class EventWriter:
    """The response side of a stream."""

    def __init__(self, request: web.Request, *, timeout: float) -> None:
        self._request = request
        self._timeout = timeout
        self.response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
        )

    async def open(self) -> None:
        """Send the headers and how long to wait before coming again."""
        await self.response.prepare(self._request)
        await self._write(_RETRY)

    async def send(self, event: Event | None) -> None:
        """Send an event; None sends a heartbeat.

        Raises:
            ReaderGone: nobody reads.
        """
        if event is None:
            await self._write(_HEARTBEAT)
        elif (seen := frame(event)) is not None:
            await self._write(encode(seen))

    async def end(self, name: str, data: object) -> None:
        """Send a last event."""
        await self._write(encode(Frame(event=name, data=data)))

    async def _write(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self.response.write(data)
        except TimeoutError:
            if self._request.transport is not None:
                self._request.transport.abort()
            raise ReaderGone from None
        except ConnectionError:
            raise ReaderGone from None


@contextmanager
def tolerating_an_end() -> Iterator[None]:
    """Let a stream end quietly when its reader is gone or the store fails: whoever reads comes again."""
    with contextlib.suppress(ReaderGone, StoreUnavailable):
        yield
