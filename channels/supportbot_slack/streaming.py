"""Shows that, and how, messages are being answered: who listens to which conversation, and for how long.

What is shown is never more than a picture of the answer that is being written. The answer itself is
committed by the core and delivered by ``send``, which finishes the post that is shown, or makes one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import structlog

from supportbot.feed import Delta, Said, Settled, StateChanged, Typing
from supportbot.ids import made_at, now_ms
from supportbot_slack.api import SlackError
from supportbot_slack.find import Begun
from supportbot_slack.shown import Shown

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from supportbot.feed import Event
    from supportbot.host import Host
    from supportbot.messages import Accepted
    from supportbot_slack.address import Address
    from supportbot_slack.api import SlackApi
    from supportbot_slack.links import Links
    from supportbot_slack.marker import Marker
    from supportbot_slack.workspaces import Workspaces

_STATUS = "is thinking…"
_MOST = 5_000
"""Conversations that are watched; the longest silent is left alone first, and answered without a show."""
_REFUSED_FOR = 3600.0
"""Seconds for which a workspace that will not have streams, or a status, is not asked again."""
_KEEP = 2 * 24 * 3600 * 1000
"""Milliseconds for which it is remembered that an answer was begun."""
_FRESH = 3000
"""Milliseconds: no other process can have begun, and died with, a turn that is younger."""

log = structlog.get_logger(__name__)


def _not_yet() -> None:
    """Nothing is listened to yet."""


@dataclass(slots=True)
class _Watched:
    """A conversation in which something is to be answered."""

    address: Address
    stop: Callable[[], None] = _not_yet
    turn: str = ""
    """The turn whose answer is being written."""
    waiting: bool = True
    """Something was said that no turn has taken up yet."""


class Streams:
    """The answers that are being shown, by turn."""

    def __init__(
        self, host: Host, api: SlackApi, workspaces: Workspaces, marker: Marker, links: Links
    ) -> None:
        self._host = host
        self._api = api
        self._workspaces = workspaces
        self._marker = marker
        self._links = links
        self._watched: OrderedDict[str, _Watched] = OrderedDict()
        self._shown: OrderedDict[str, Shown] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._refused: dict[tuple[str, str], float] = {}
        self._since = now_ms()

    # -- the way in's side ------------------------------------------------------------------------

    def watch(self, accepted: Accepted, address: Address) -> None:
        """Show how a message is answered, from now until nothing is left to be answered."""
        conversation_id = accepted.conversation_id
        known = self._watched.get(conversation_id)
        if known is not None:
            known.address = address
            self._watched.move_to_end(conversation_id)
            return
        watched = self._watched[conversation_id] = _Watched(address)
        watched.stop = self._host.feed.hear(
            conversation_id, lambda event: self._hear(conversation_id, watched, event)
        )
        if len(self._watched) > _MOST:
            self._forget(next(iter(self._watched)))

    def _hear(self, conversation_id: str, watched: _Watched, event: Event) -> None:
        match event:
            case Delta(turn_id, offset, text):
                if turn_id in self._shown:
                    self._shown[turn_id].write(offset, text)
            case Typing(turn_id, True):
                watched.turn, watched.waiting = turn_id, False
                self._begin(turn_id, watched.address)
            case Said(message) if message.author == "customer":
                watched.waiting = True
            case Said(message) if message.author == "bot":
                watched.turn = ""
                if not watched.waiting:
                    self._forget(conversation_id)
            case Said() | Settled() | StateChanged():
                self._do(watched.turn, self._take_back)
                watched.turn = ""
                self._forget(conversation_id)

    def _forget(self, conversation_id: str) -> None:
        watched = self._watched.pop(conversation_id, None)
        if watched is not None:
            watched.stop()
            self._do(watched.turn, self._leave)

    # -- the way out's side -----------------------------------------------------------------------

    async def take(self, turn: str) -> Shown | None:
        """Return what is shown of a turn's answer, for the caller to finish; None when nothing is."""
        shown = self._shown.pop(turn, None)
        if shown is None:
            return None
        await shown.settle()
        return shown if shown.ts or shown.unclear else None

    async def begun(self, turn: str, *, surely: bool) -> Begun | None:
        """Return what is written down of the stream of this turn's answer; None when there can be none.

        Args:
            turn: whose.
            surely: look it up even if no other process can have begun it.
        """
        made = made_at(turn)
        if not surely and made > self._since and now_ms() - made < _FRESH:
            return None
        match await self._host.records.get(_key(turn)):
            case {"words": str(words), "ts": str(ts)}:
                return Begun(words=words, ts=ts)
        return None

    async def _write_down(self, turn: str, begun: Begun) -> None:
        await self._host.records.put(_key(turn), asdict(begun), expires_at=now_ms() + _KEEP)

    async def end(self) -> None:
        """End every stream: the application ends. Whoever answers the turns next goes on with the posts."""
        for conversation_id in list(self._watched):
            self._forget(conversation_id)
        for turn in list(self._shown):
            self._do(turn, self._leave)
        if self._tasks:
            await asyncio.wait(list(self._tasks))

    # -- one answer -------------------------------------------------------------------------------

    def _begin(self, turn: str, address: Address) -> None:
        if turn in self._shown:
            return  # another try; it goes on with the same post
        self._shown[turn] = Shown(
            self._api,
            self._workspaces,
            self._marker,
            address,
            turn,
            links=self._links,
            streams=not self._is_refused(address.team, "stream"),
            status="" if self._is_refused(address.team, "status") else _STATUS,
            write_down=lambda begun: self._write_down(turn, begun),
            refused=lambda what, code: self._refuse(address.team, what, code),
        )
        if len(self._shown) > _MOST:  # whose delivery never came: dead, or another process's
            self._do(next(iter(self._shown)), self._leave)

    async def _take_back(self, shown: Shown) -> None:
        """A person speaks now, or nobody: half an answer must not stand."""
        await shown.take_back()

    async def _leave(self, shown: Shown) -> None:
        """Leave half an answer as a plain post; whoever answers the turn finishes it."""
        await shown.settle()
        with contextlib.suppress(SlackError):
            await shown.stop()

    def _do(self, turn: str, what: Callable[[Shown], Coroutine[None, None, None]]) -> None:
        """Do something to what is shown of a turn, if anything is."""
        shown = self._shown.pop(turn, None)
        if shown is not None:
            task = asyncio.get_running_loop().create_task(what(shown))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _is_refused(self, team: str, what: str) -> bool:
        return self._refused.get((team, what), 0.0) > time.monotonic()

    def _refuse(self, team: str, what: str, code: str) -> None:
        log.info("slack.refused", what=what, team=team, error=code)
        self._refused[team, what] = time.monotonic() + _REFUSED_FOR


def _key(turn: str) -> str:
    return f"shown/{turn}"
