"""What happens in a conversation, told to the other processes that share the store.

Nothing is stored for that: PostgreSQL's notices carry the events, in batches, and every process
keeps what is being written anywhere, so that a reader may come to any of them and come back to another.
A process that starts asks, and is told what the others have written so far. When something may have been
missed (a connection broke, a process fell silent), listeners are told ``Lagged`` and read the transcript.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

import orjson
import structlog

from supportbot.feed import Delta, Lagged, StateChanged, Typing
from supportbot.log import in_one_line
from supportbot.relay import wire
from supportbot.store.notices import MOST_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from supportbot.feed import Event, Feed
    from supportbot.store.notices import Notices

CHANNEL = "supportbot_feed"

_BATCH = 0.025
"""Seconds between two batches; the first event after a silence waits for nothing."""

_BEAT = 5.0
"""Seconds between two signs of life."""

_SILENT = 16.0
"""Seconds after which a process that gave none is gone."""

_PAUSE = 0.5
"""Seconds between two tries to tell the others that something could not be told."""

log = structlog.get_logger(__name__)


class Counts(Protocol):
    """What the relay tells of itself."""

    def notice_passed_over(self, of: str) -> None:
        """Another process told a whole ``notice``, or an ``event`` in one, that was not understood."""


class Relay:
    """Carries one process's events to the others, and theirs here."""

    def __init__(
        self,
        feed: Feed,
        notices: Notices,
        *,
        owner: str,
        counts: Counts,
        interrupt: Callable[[str], None] = lambda _conversation_id: None,
    ) -> None:
        """Wire it.

        Args:
            feed: whose events.
            notices: how they travel.
            owner: names this process.
            counts: the metrics.
            interrupt: stops work on a conversation that was taken away in another process.
        """
        self._feed = feed
        self._notices = notices
        self._owner = owner
        self._counts = counts
        self._interrupt = interrupt
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[str, Event]] = []
        self._more = asyncio.Event()
        self._missed = False  # something could not be told
        self._asks = False  # the others have to be asked what they are writing
        self._heard_at: dict[str, float] = {}  # process -> when; this one too
        self._elsewhere: dict[str, str] = {}  # conversation in which an answer is being written -> process
        self._alone_from = 0.0
        self._tasks: set[asyncio.Task[object]] = set()

    async def start(self) -> None:
        """Begin, and ask the others what they are writing.

        Raises:
            psycopg.Error: the server is not there.
        """
        self._begin_anew()
        await self._notices.start(self._hear, self._back)
        self._ask()
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
        if conversation_id in self._elsewhere:
            self._note_writer(conversation_id, event)
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
            try:
                told = await self._notices.post(self._batch())
            except Exception as error:  # noqa: BLE001 - whatever it was must not end the telling
                log.warning("relay.not_told", error=in_one_line(error))
                told = False
            if not told:
                self._missed = self._asks = True
                self._more.set()  # not waiting for the next event: who listens elsewhere has to know
            await asyncio.sleep(_BATCH if told else _PAUSE)

    def _batch(self) -> list[str]:
        """Return what waits, as notices that are not too long.

        After something could not be told, that is what has to be said first; and what is being written here,
        because the others gave that up.
        """
        notices: list[str] = []
        if self._asks:
            self._asks = False
            notices.append(self._notice(asks=True))
        if self._missed:
            self._missed = False
            self._waiting.clear()
            self._tell_written()
            notices.append(self._notice(missed=True))
        waiting, self._waiting = self._waiting, []
        parts: list[bytes] = []
        room = MOST_BYTES - len(self._notice(events=b""))
        left = room
        for part in wire.parts(waiting, room - 1):
            if len(part) + 1 > left and parts:
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

    def _tell_written(self) -> None:
        """Tell again what is being written here, from its beginning."""
        for conversation_id, turn_id, text in self._feed.written():
            if conversation_id not in self._elsewhere:
                self._waiting.append((conversation_id, Typing(turn_id)))
                if text:
                    self._waiting.append((conversation_id, Delta(turn_id, 0, text)))
        self._more.set()

    async def _beat_forever(self) -> None:
        while True:
            await asyncio.sleep(_BEAT)
            try:
                await self._notices.post([self._notice()])
                self._look_for_the_silent()
            except Exception as error:  # noqa: BLE001 - whatever it was, the others must not think us gone
                log.warning("relay.beat_failed", error=in_one_line(error))

    def _look_for_the_silent(self) -> None:
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
        try:
            said = orjson.loads(notice)
            process = str(said["from"])
            events = list(said.get("events", ()))
        except (ValueError, LookupError, TypeError, AttributeError):
            self._counts.notice_passed_over("notice")
            return
        self._heard_at[process] = self._loop.time()
        if process == self._owner:
            return
        if said.get("leaves"):
            self._forget(process)
            return
        if said.get("missed"):
            self._void(process)
            self._feed.lag()
        for told in events:
            self._repeat(process, told)
        if said.get("asks"):
            self._tell_written()
            self._do(self._notices.post([self._notice()]))

    def _repeat(self, process: str, told: list[Any]) -> None:
        """Tell here what happened there; what this release does not understand is to be read."""
        try:
            conversation_id, kind, *rest = told
            conversation_id = str(conversation_id)
        except (ValueError, TypeError):
            self._counts.notice_passed_over("event")
            return
        event: Event = Lagged()
        try:
            event = wire.event_from(kind, rest)
        except (LookupError, TypeError, ValueError, AttributeError):
            self._counts.notice_passed_over("event")
        if isinstance(event, StateChanged) and event.state != "bot":
            self._interrupt(conversation_id)
        self._feed.repeat(conversation_id, event)
        self._note_writer(conversation_id, event, process)

    def _note_writer(self, conversation_id: str, event: Event, process: str = "") -> None:
        """Keep who writes in a conversation, after an event in it; nobody stands for this process."""
        begins = isinstance(event, Typing) and event.on
        if begins and process:
            self._elsewhere[conversation_id] = process
        elif begins or not self._feed.writes(conversation_id):
            self._elsewhere.pop(conversation_id, None)

    def _void(self, process: str | None = None) -> None:
        """What a process was writing, or every other one, is void: how it went on was not heard."""
        for conversation_id, writer in list(self._elsewhere.items()):
            if process in {None, writer}:
                del self._elsewhere[conversation_id]
                turn_id = self._feed.writes(conversation_id)
                if turn_id:
                    self._feed.repeat(conversation_id, Typing(turn_id, on=False))

    def _forget(self, process: str) -> None:
        """A process is gone: what it was writing is void, and what it said last may not have been heard."""
        self._heard_at.pop(process, None)
        self._void(process)
        self._feed.lag()

    def _back(self) -> None:
        """Listening was interrupted."""
        self._begin_anew()
        self._void()
        self._feed.lag()
        self._ask()

    def _ask(self) -> None:
        """Ask the others what they are writing, until that is told."""
        self._asks = True
        self._more.set()

    def _do(self, work: Coroutine[Any, Any, object]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _begin_anew(self) -> None:
        """Until they had the time to say something, there may be others."""
        self._alone_from = self._loop.time() + _SILENT
        self._heard_at[self._owner] = self._loop.time()
