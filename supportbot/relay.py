"""What happens in a conversation, told to the other processes that share the store.

Nothing is stored for that: PostgreSQL's notices carry the events, in batches, and every process
keeps what is being written anywhere, so that a reader may come to any of them and come back to another.
A process that starts asks, and is told what the others have written so far. When something may have been
missed (a connection broke, a process fell silent), listeners are told ``Lagged`` and read the transcript.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from supportbot.feed import Delta, Lagged, Outcome, Said, Settled, StateChanged, Typing
from supportbot.messages import Attachment, Choice, Citation, Message
from supportbot.store.notices import MOST_BYTES
from supportbot.store.values import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from supportbot.feed import Event, Feed
    from supportbot.store.notices import Notices

CHANNEL = "supportbot_feed"

_BATCH = 0.025
"""Seconds between two batches; the first event after a silence waits for nothing."""

_BEAT = 5.0
"""Seconds between two signs of life."""

_SILENT = 16.0
"""Seconds after which a process that gave none is gone."""

_PIECE = 1000
"""Characters of an answer in one event: in JSON at most six bytes each."""

log = structlog.get_logger(__name__)


class Relay:
    """Carries one process's events to the others, and theirs here."""

    def __init__(
        self,
        feed: Feed,
        notices: Notices,
        *,
        owner: str,
        interrupt: Callable[[str], None] = lambda _conversation_id: None,
    ) -> None:
        """Wire it.

        Args:
            feed: whose events.
            notices: how they travel.
            owner: names this process.
            interrupt: stops work on a conversation that was taken away in another process.
        """
        self._feed = feed
        self._notices = notices
        self._owner = owner
        self._interrupt = interrupt
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[str, Event]] = []
        self._more = asyncio.Event()
        self._missed = False
        self._heard_at: dict[str, float] = {}  # process -> when; this one too
        self._elsewhere: dict[str, tuple[str, str]] = {}  # turn -> process, conversation
        self._alone_from = 0.0
        self._tasks: set[asyncio.Task[object]] = set()

    async def start(self) -> None:
        """Begin, and ask the others what they are writing.

        Raises:
            psycopg.Error: the server is not there.
        """
        self._begin_anew()
        await self._notices.start(self._hear, self._back)
        await self._notices.post([self._notice(asks=True)])
        self._feed.use(self._send)
        self._do(self._post_forever())
        self._do(self._beat_forever())

    async def stop(self) -> None:
        """Hand over what is left, and say goodbye."""
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks))
        await self._notices.post([*self._batch(), self._notice(leaves=True)])
        await self._notices.stop()

    def peers(self) -> int:
        """Return how many other processes gave a sign of life lately."""
        return len(self._heard_at.keys() - {self._owner})

    # -- out ------------------------------------------------------------------------------------

    def _send(self, conversation_id: str, event: Event) -> None:
        if not self.peers() and self._loop.time() >= self._alone_from:
            return
        match event, self._waiting[-1] if self._waiting else None:
            case Delta(turn, at, text), (same, Delta(its_turn, begun, before)) if (
                same == conversation_id and its_turn == turn and begun + len(before) == at and at > 0
            ):
                self._waiting[-1] = (same, Delta(turn, begun, before + text))
            case _:
                self._waiting.append((conversation_id, event))
        self._more.set()

    async def _post_forever(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            notices = self._batch()
            if self._missed:
                notices.append(self._notice(missed=True))
            self._missed = not await self._notices.post(notices)
            await asyncio.sleep(_BATCH)

    def _batch(self) -> list[str]:
        """Return what waits, as notices that are not too long."""
        waiting, self._waiting = self._waiting, []
        notices: list[str] = []
        parts: list[bytes] = []
        room = MOST_BYTES - len(self._notice(events=b""))
        left = room
        for part in _parts(waiting, room):
            if len(part) + 1 > left:
                notices.append(self._notice(events=b",".join(parts)))
                parts, left = [], room
            parts.append(part)
            left -= len(part) + 1
        if parts:
            notices.append(self._notice(events=b",".join(parts)))
        return notices

    def _notice(self, *, events: bytes | None = None, **said: bool) -> str:
        head = orjson.dumps({"from": self._owner, **said}).decode()
        return head if events is None else f'{head[:-1]},"events":[{events.decode()}]}}'

    def _answer(self) -> None:
        """Tell a process that came what is being written here."""
        for conversation_id, turn_id, text in self._feed.written():
            if turn_id not in self._elsewhere:
                self._waiting.append((conversation_id, Typing(turn_id)))
                if text:
                    self._waiting.append((conversation_id, Delta(turn_id, 0, text)))
        self._more.set()

    async def _beat_forever(self) -> None:
        while True:
            await asyncio.sleep(_BEAT)
            await self._notices.post([self._notice()])
            silent_since = self._loop.time() - _SILENT
            for process, heard_at in list(self._heard_at.items()):
                if heard_at > silent_since:
                    continue
                if process == self._owner:  # we do not even hear ourselves
                    self._heard_at[process] = self._loop.time()
                    self._notices.hang_up()
                else:
                    log.info("relay.process_silent", process=process)
                    self._forget(process)

    # -- in -------------------------------------------------------------------------------------

    def _hear(self, notice: str) -> None:
        said: dict[str, Any] = orjson.loads(notice)
        process = said["from"]
        self._heard_at[process] = self._loop.time()
        if process == self._owner:
            return
        if said.get("leaves"):
            self._forget(process)
            return
        if said.get("missed"):
            self._feed.lag()
        for conversation_id, kind, *rest in said.get("events", ()):
            self._repeat(process, conversation_id, _event(kind, rest))
        if said.get("asks"):
            self._answer()
            self._do(self._notices.post([self._notice()]))

    def _repeat(self, process: str, conversation_id: str, event: Event) -> None:
        match event:
            case Typing(turn_id, True):
                self._elsewhere[turn_id] = process, conversation_id
            case Typing(turn_id, False):
                self._elsewhere.pop(turn_id, None)
            case Said(message) if message.turn_id is not None:
                self._elsewhere.pop(message.turn_id, None)
            case StateChanged(state) if state != "bot":
                self._interrupt(conversation_id)
        self._feed.repeat(conversation_id, event)

    def _forget(self, process: str) -> None:
        """A process is gone: what it was writing is void, and what it said last may not have been heard."""
        self._heard_at.pop(process, None)
        for turn_id, (writer, conversation_id) in list(self._elsewhere.items()):
            if writer == process:
                del self._elsewhere[turn_id]
                self._feed.repeat(conversation_id, Typing(turn_id, on=False))
        self._feed.lag()

    def _back(self) -> None:
        """Listening was interrupted."""
        self._begin_anew()
        self._feed.lag()
        self._do(self._notices.post([self._notice(asks=True)]))

    def _do(self, work: Coroutine[Any, Any, object]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _begin_anew(self) -> None:
        """Until they had the time to say something, there may be others."""
        self._alone_from = self._loop.time() + _SILENT
        self._heard_at[self._owner] = self._loop.time()


# -- events as JSON ------------------------------------------------------------------------------


def _parts(events: list[tuple[str, Event]], room: int) -> Iterator[bytes]:
    """Yield each event as JSON; what is too long for a notice has to be read from the store."""
    for conversation_id, event in events:
        for piece in _pieces(event):
            part = orjson.dumps([conversation_id, *_told(piece)])
            yield part if len(part) < room else orjson.dumps([conversation_id, *_told(Lagged())])


def _pieces(event: Event) -> Iterator[Event]:
    if not isinstance(event, Delta) or len(event.text) <= _PIECE:
        yield event
        return
    for at in range(0, len(event.text), _PIECE):
        yield Delta(event.turn_id, event.offset + at, event.text[at : at + _PIECE])


def _told(event: Event) -> list[Any]:
    match event:
        case Said(message, outcome):
            after = outcome and [outcome.message_ids, outcome.state, outcome.speaks]
            return ["said", _message(message), after]
        case Settled(message_ids, state, reason):
            return ["settled", message_ids, state, reason]
        case Typing(turn_id, on):
            return ["typing", turn_id, on]
        case Delta(turn_id, offset, text):
            return ["delta", turn_id, offset, text]
        case StateChanged(state):
            return ["state", state]
        case Lagged():
            return ["lagged"]


def _event(kind: str, rest: list[Any]) -> Event:
    event: Event = Lagged()  # also what a later release tells and this one does not know
    match kind, rest:
        case "said", [message, after]:
            event = Said(_message_from(message), after and Outcome(tuple(after[0]), *after[1:]))
        case "settled", [message_ids, state, reason]:
            event = Settled(tuple(message_ids), state, reason)
        case "typing", [turn_id, on]:
            event = Typing(turn_id, on)
        case "delta", [turn_id, offset, text]:
            event = Delta(turn_id, offset, text)
        case "state", [state]:
            event = StateChanged(state)
    return event


def _message(message: Message) -> dict[str, Any]:
    told = {name: getattr(message, name) for name in Message.__dataclass_fields__}
    told["attachments"] = orjson.loads(listed(message.attachments))
    told["citations"] = orjson.loads(listed(message.citations))
    return told


def _message_from(told: dict[str, Any]) -> Message:
    known = {name: value for name, value in told.items() if name in Message.__dataclass_fields__}
    known["attachments"] = tuple(Attachment(**entry) for entry in told["attachments"])
    known["citations"] = tuple(Citation(**entry) for entry in told["citations"])
    known["choices"] = tuple(Choice(**entry) for entry in told.get("choices", ()))
    return Message(**known)
