"""Shows that, and how, messages are being answered: who listens to which conversation, and for how long.

What is shown is never more than a picture of the answer that is being written. The answer itself is
committed by the core and delivered by ``send``, which finishes the post that is shown, or makes one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import structlog

from supportbot.errors import StoreUnavailable
from supportbot.feed import Delta, Said, Settled, StateChanged, Typing
from supportbot.ids import made_at, now_ms
from supportbot_slack.api import SlackError
from supportbot_slack.shown import Shown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from supportbot.channel import Host
    from supportbot.feed import Event, Subscription
    from supportbot.messages import Accepted
    from supportbot_slack.address import Address
    from supportbot_slack.api import SlackApi
    from supportbot_slack.marker import Marker
    from supportbot_slack.workspaces import Workspace, Workspaces

_STATUS = "is thinking…"
_LOOK_EVERY = 30.0
"""Seconds of silence after which a watcher looks whether anything is still to come."""
_REFUSED_FOR = 3600.0
"""Seconds for which a workspace that will not have streams, or a status, is not asked again."""
_KEEP = 2 * 24 * 3600 * 1000
"""Milliseconds for which it is remembered that an answer was begun."""
_FRESH = 3000
"""Milliseconds: no other process can have begun, and died with, a turn that is younger."""

log = structlog.get_logger(__name__)


class Streams:
    """The answers that are being shown, by turn."""

    def __init__(self, host: Host, api: SlackApi, workspaces: Workspaces, marker: Marker) -> None:
        self._host = host
        self._api = api
        self._workspaces = workspaces
        self._marker = marker
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._shown: dict[str, Shown] = {}
        self._newest: dict[str, int] = {}
        self._refused: dict[tuple[str, str], float] = {}
        self._since = now_ms()

    # -- the way in's side ------------------------------------------------------------------------

    def watch(self, accepted: Accepted, external_id: str, address: Address) -> None:
        """Show how a message is answered, from now until nothing is left to be answered."""
        conversation_id = accepted.conversation_id
        self._newest[conversation_id] = accepted.seq
        if conversation_id in self._watchers:
            return
        task = asyncio.get_running_loop().create_task(
            self._watch(conversation_id, external_id, address), name=f"slack {conversation_id}"
        )
        self._watchers[conversation_id] = task
        task.add_done_callback(lambda _: self._forget(conversation_id))

    def _forget(self, conversation_id: str) -> None:
        del self._watchers[conversation_id]
        del self._newest[conversation_id]

    # -- the way out's side -----------------------------------------------------------------------

    async def take(self, turn: str) -> Shown | None:
        """Return what is shown of a turn's answer, for the caller to finish; None when nothing is."""
        shown = self._shown.pop(turn, None)
        if shown is None:
            return None
        await shown.settle()
        return shown if shown.ts or shown.unclear else None

    async def left_behind(self, turn: str) -> bool:
        """Whether a process that is gone may have begun to show the answer of this turn."""
        begun = made_at(turn)
        if begun > self._since and now_ms() - begun < _FRESH:
            return False
        return await self._host.records.get(_key(turn)) is not None

    async def end(self) -> None:
        """End every stream: the application ends."""
        tasks = list(self._watchers.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await asyncio.gather(*(self._leave(shown) for shown in self._shown.values()))

    async def _leave(self, shown: Shown) -> None:
        """Leave a half answer as a plain post; whoever answers the turn next finishes it."""
        await shown.settle()
        with contextlib.suppress(SlackError):
            await shown.stop()

    # -- one conversation -------------------------------------------------------------------------

    async def _watch(self, conversation_id: str, external_id: str, address: Address) -> None:
        workspace = await self._workspace(address)
        if workspace is None:
            return
        turn, waiting = "", True  # waiting: something was said that no turn has taken up yet
        with self._host.feed.listen(conversation_id) as events:
            async for event in self._events(events, conversation_id, external_id):
                match event:
                    case Typing(turn_id, True):
                        turn, waiting = turn_id, False
                        self._begin(turn, workspace, address)
                    case Delta(turn_id, offset, text) if turn_id in self._shown:
                        self._shown[turn_id].write(offset, text)
                    case Said(message) if message.author == "customer":
                        waiting = True
                    case Said(message) if message.author == "bot":
                        if not waiting:
                            return
                    case Settled() | StateChanged() | Said():
                        await self._take_back(turn)
                        return
        await self._drop(turn)

    async def _events(
        self, events: Subscription, conversation_id: str, external_id: str
    ) -> AsyncIterator[Event]:
        """Yield what happens, until nothing more is to be expected."""
        while True:
            try:
                async with asyncio.timeout(_LOOK_EVERY):
                    event = await anext(events)
            except TimeoutError:
                if not await self._is_pending(external_id, self._newest[conversation_id]):
                    return
                continue
            except StopAsyncIteration:
                return
            yield event

    async def _is_pending(self, external_id: str, seq: int) -> bool:
        try:
            found = await self._host.transcripts.messages(external_id, after=seq - 1, limit=1)
        except StoreUnavailable:
            return True
        return bool(found) and found[0].state == "pending"

    async def _take_back(self, turn: str) -> None:
        """A person speaks now, or nobody: half an answer must not stand."""
        shown = self._shown.pop(turn, None)
        if shown is not None:
            await shown.take_back()

    async def _drop(self, turn: str) -> None:
        """Whatever became of it, we will not hear of it: leave it to whoever delivers."""
        shown = self._shown.pop(turn, None)
        if shown is not None:
            await self._leave(shown)

    def _begin(self, turn: str, workspace: Workspace, address: Address) -> None:
        if turn in self._shown:
            return  # another try; it goes on with the same post
        self._shown[turn] = Shown(
            self._api,
            workspace,
            self._marker,
            address,
            turn,
            streams=not self._is_refused(workspace.team, "stream"),
            intend=lambda: self._host.records.put(_key(turn), 1, expires_at=now_ms() + _KEEP),
            status="" if self._is_refused(workspace.team, "status") else _STATUS,
            refused=lambda what, code: self._refuse(workspace.team, what, code),
        )

    async def _workspace(self, address: Address) -> Workspace | None:
        try:
            return await self._workspaces.get(address.team, address.enterprise)
        except SlackError:
            return None

    def _is_refused(self, team: str, what: str) -> bool:
        return self._refused.get((team, what), 0.0) > time.monotonic()

    def _refuse(self, team: str, what: str, code: str) -> None:
        log.info("slack.refused", what=what, team=team, error=code)
        self._refused[team, what] = time.monotonic() + _REFUSED_FOR


def _key(turn: str) -> str:
    return f"shown/{turn}"
