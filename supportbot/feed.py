"""What happens in a conversation right now, told to whoever is listening.

Whatever happens in this process is told here at once; where several processes share a store, a relay
carries it between them.

Nothing here is durable and nothing may depend on it for correctness: a listener that missed
something reads the transcript (every message has a gapless number). A slow listener never holds
anybody up: its queue is bounded, and when it overflows the listener is told ``Lagged`` once
and should read the transcript again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from supportbot.messages import Message, MessageState, State

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of messages with the reply to them."""

    message_ids: tuple[str, ...]
    state: MessageState
    """Theirs: ``answered``, or ``dead`` when the reply only says so."""
    speaks: State
    """Who speaks in the conversation from now on."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message was stored: a customer's, the bot's or a person's."""

    message: Message
    outcome: Outcome | None = None
    """Set on a reply to messages."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Messages reached their end without a reply of their own (``dead``, ``handed_over``, ``ignored``)."""

    message_ids: tuple[str, ...]
    state: MessageState
    reason: str


@dataclass(frozen=True, slots=True)
class Typing:
    """The bot began to work on an answer, or (``on=False``) gave this attempt up."""

    turn_id: str
    on: bool = True


@dataclass(frozen=True, slots=True)
class Delta:
    """Some more text of the answer that turn ``turn_id`` is writing. ``offset`` counts characters before it;
    an offset of 0 begins anew and voids what the same turn wrote before."""

    turn_id: str
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class StateChanged:
    """Another one speaks now."""

    state: State


@dataclass(frozen=True, slots=True)
class Lagged:
    """The listener was too slow and missed something."""


Event = Said | Settled | Typing | Delta | StateChanged | Lagged


class Subscription:
    """One listener's bounded queue of events; an async iterator."""

    __slots__ = ("_closed", "_limit", "_live", "_queue", "_waiter")

    def __init__(self, limit: int, *, live: bool = True) -> None:
        self._live = live
        self._queue: deque[Event] = deque()
        self._limit = limit
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Event:
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._queue.popleft()

    def close(self) -> None:
        """End the iteration after what is already queued."""
        self._closed = True
        self._wake()

    def _put(self, event: Event) -> None:
        if self._closed or (not self._live and isinstance(event, Typing | Delta)):
            return
        if len(self._queue) >= self._limit:
            self._queue.clear()
            event = Lagged()
        self._queue.append(event)
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class _Ear:
    """A listener that is called instead of having a queue."""

    __slots__ = ("_failed", "_hear")

    def __init__(self, hear: Callable[[Event], None]) -> None:
        self._hear = hear
        self._failed = False

    def _put(self, event: Event) -> None:
        try:
            self._hear(event)
        except Exception as error:  # noqa: BLE001 - a channel's mistake: whoever publishes goes on, as do others
            if not self._failed:  # once: it may be called with every word
                log.warning("feed.ear_failed", ear=_named(self._hear), error=type(error).__name__)
            self._failed = True

    def close(self) -> None:
        """It just hears nothing more."""


def _named(hear: Callable[[Event], None]) -> str:
    what = getattr(hear, "func", hear)  # of a partial
    return f"{what.__module__}.{getattr(what, '__qualname__', type(what).__qualname__)}"


class Feed:
    """Publish and listen, by conversation id. For the event loop's thread only."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Subscription | _Ear]] = {}
        self._writing: dict[str, tuple[str, list[str]]] = {}
        self._relay: Callable[[str, Event], None] | None = None

    def use(self, relay: Callable[[str, Event], None]) -> None:
        """Say what carries events to the other processes; it must neither wait nor raise."""
        self._relay = relay

    def publish(self, conversation_id: str, event: Event) -> None:
        """Tell everybody who listens to this conversation; never waits."""
        self._tell(conversation_id, event)
        if self._relay is not None:
            self._relay(conversation_id, event)

    def repeat(self, conversation_id: str, event: Event) -> None:
        """Tell what happened in another process.

        An ear (``hear``) is spared the words on their way: whoever shows them does so where they are written.
        """
        self._tell(conversation_id, event, elsewhere=True)

    def lag(self) -> None:
        """Tell every listener that something may have been missed."""
        for listeners in tuple(self._listeners.values()):
            for listener in tuple(listeners):
                listener._put(Lagged())

    def writes(self, conversation_id: str) -> str:
        """Return the turn whose answer is being written in a conversation; empty when none is."""
        turn_id, _ = self._writing.get(conversation_id, ("", None))
        return turn_id

    def written(self) -> list[tuple[str, str, str]]:
        """Return (conversation, turn, text so far) of every answer that is being written."""
        return [(name, turn, "".join(parts)) for name, (turn, parts) in self._writing.items()]

    def _tell(self, conversation_id: str, event: Event, *, elsewhere: bool = False) -> None:
        self._remember(conversation_id, event)
        spared = elsewhere and isinstance(event, Typing | Delta)
        for listener in tuple(self._listeners.get(conversation_id, ())):
            if not (spared and isinstance(listener, _Ear)):
                listener._put(event)

    @contextmanager
    def listen(self, conversation_id: str, *, limit: int = 1000, live: bool = True) -> Iterator[Subscription]:
        """Listen from now on. An answer that is being written is told from its beginning first.

        Args:
            conversation_id: to which conversation.
            limit: events that may wait to be heard before they are ``Lagged``.
            live: False leaves out what is only on its way, ``Typing`` and ``Delta``.
        """
        subscription = Subscription(limit, live=live)
        self._add(conversation_id, subscription)
        try:
            yield subscription
        finally:
            self._remove(conversation_id, subscription)

    def hear(self, conversation_id: str, ear: Callable[[Event], None]) -> Callable[[], None]:
        """Call ``ear`` with every event from now on; what is returned ends that.

        For those who listen to every word of many conversations: nothing is queued and no task is woken. The
        ear is called by whoever publishes, so it must not wait. If it raises, the log tells of it once, and
        it is called with the next event all the same.
        """
        listener = _Ear(ear)
        self._add(conversation_id, listener)
        return lambda: self._remove(conversation_id, listener)

    def listeners(self, conversation_id: str) -> int:
        """Return how many listen to this conversation right now."""
        return len(self._listeners.get(conversation_id, ()))

    def close(self) -> None:
        """End every subscription: the process is stopping."""
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.close()

    def _add(self, conversation_id: str, listener: Subscription | _Ear) -> None:
        """Let somebody listen, and tell them what is being written first."""
        self._listeners.setdefault(conversation_id, []).append(listener)
        if conversation_id in self._writing:
            turn_id, parts = self._writing[conversation_id]
            listener._put(Typing(turn_id))
            if parts:
                listener._put(Delta(turn_id, 0, "".join(parts)))

    def _remove(self, conversation_id: str, listener: Subscription | _Ear) -> None:
        listeners = self._listeners.get(conversation_id, [])
        if listener in listeners:
            listeners.remove(listener)
            if not listeners:
                del self._listeners[conversation_id]

    def _remember(self, conversation_id: str, event: Event) -> None:
        """Keep what a turn has written so far, for who comes later; a turn that has ended writes in vain."""
        written_by, parts = self._writing.get(conversation_id, ("", []))
        match event:
            case Typing(turn_id, True):
                self._writing[conversation_id] = (turn_id, [])
            case Typing(turn_id, False) if turn_id != written_by:
                pass
            case Delta(turn_id, offset, text) if turn_id == written_by:
                if offset == 0:
                    parts.clear()
                parts.append(text)
            case Typing() | StateChanged() | Settled():
                self._writing.pop(conversation_id, None)
            case Said(message) if message.author != "customer":
                self._writing.pop(conversation_id, None)
            case _:
                pass
