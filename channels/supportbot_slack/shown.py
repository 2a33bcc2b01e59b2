"""An answer that is shown in Slack while it is being written: a stream, or a post that grows by updates."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import structlog

from supportbot_slack.api import Declined, Lost, RateLimited, SlackError
from supportbot_slack.find import Begun
from supportbot_slack.markdown import safe, settled
from supportbot_slack.marker import Mark

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from supportbot_slack.address import Address
    from supportbot_slack.api import SlackApi
    from supportbot_slack.links import Links
    from supportbot_slack.marker import Marker
    from supportbot_slack.workspaces import Workspaces

_GRACE = 0.1
"""Seconds after the first word in which a whole answer may still come: then it is posted at once."""
_STATUS_AFTER = 0.6
"""Seconds without a word after which the status is shown."""
_STREAM_PACE = 0.6
_UPDATE_PACE = 1.2
"""Seconds between two calls: Slack takes 100 ``chat.appendStream`` a minute, and 50 ``chat.update``."""
_STREAM_LIFETIME = 240.0
"""Seconds after which a stream is ended and the post goes on by updates: Slack ends it after five minutes."""
_WORDS = 500
"""Characters of a stream's beginning that are written down."""
_MOST_SHOWN = 11_000
"""Characters; what is longer is put right when it is finished."""

log = structlog.get_logger(__name__)


class Shown:
    """One turn's answer on the screen."""

    def __init__(
        self,
        api: SlackApi,
        workspaces: Workspaces,
        marker: Marker,
        address: Address,
        turn: str,
        *,
        links: Links,
        streams: bool,
        status: str,
        write_down: Callable[[Begun], Awaitable[None]],
        refused: Callable[[str, str], None],
    ) -> None:
        """Get ready; nothing is shown before the first word.

        Args:
            api: Slack.
            workspaces: know the token.
            marker: marks the post.
            address: where.
            turn: whose answer it is.
            links: cuts what could carry something away.
            streams: whether Slack's streams may be tried.
            status: what is shown while there is no word yet; empty for nothing.
            write_down: called before anything is shown, and with its post when that is a stream; returns
                when that is on disk.
            refused: told what Slack will not have there, ``stream`` or ``status``, and its error.
        """
        self._api = api
        self._workspaces = workspaces
        self._marker = marker
        self._address = address
        self._turn = turn
        self._links = links
        self._may_stream = streams and bool(address.thread)
        self._write_down = write_down
        self._refused = refused
        self._text = ""
        self._changed = asyncio.Event()
        self._closing = asyncio.Event()
        self._grace: asyncio.TimerHandle | None = None
        self._pump: asyncio.Task[None] | None = None
        self._thinking: asyncio.Task[None] | None = None
        self._status = status
        self._timer = asyncio.get_running_loop().call_later(_STATUS_AFTER, self._think)
        self._began = 0.0
        self.ts = ""
        """The post; empty as long as there is none."""
        self.text = ""
        """What it shows."""
        self.streaming = False
        """Slack holds a stream open for it."""
        self.unclear = False
        """Nobody knows whether there is a post."""

    def write(self, offset: int, text: str) -> None:
        """Show some more; an offset of 0 voids what came before. After a gap nothing more is shown."""
        if offset not in {0, len(self._text)}:
            self._closing.set()
        self._text = text if offset == 0 else self._text + text
        self._changed.set()
        if self._grace is None and self._text:
            self._grace = asyncio.get_running_loop().call_later(_GRACE, self._start)

    def _start(self) -> None:
        if not self._closing.is_set():
            self._pump = asyncio.get_running_loop().create_task(self._run())

    async def settle(self) -> None:
        """Show nothing more; returns when no call is under way any longer."""
        self._timer.cancel()
        if self._grace is not None:
            self._grace.cancel()
        self._closing.set()
        self._changed.set()
        tasks = [task for task in (self._pump, self._thinking) if task is not None]
        if tasks:
            await asyncio.wait(tasks)

    async def take_back(self) -> None:
        """It will never be finished: remove it."""
        await self.settle()
        if not self.ts:
            return
        try:
            await self.stop()
            await self._call("chat.delete", {"ts": self.ts})
        except SlackError as error:
            log.warning("slack.half_answer_stands", turn=self._turn, error=error.cause)

    async def stop(self) -> None:
        """End the stream as it is; no error when Slack has ended it already.

        Raises:
            SlackError: nobody knows whether it ended.
        """
        if not self.streaming:
            return
        metadata = self._marker.metadata(Mark(self._turn, 1, 0), self._address.place)
        try:
            await self._call("chat.stopStream", {"ts": self.ts, "metadata": metadata})
        except Declined as error:
            log.info("slack.stream_gone", turn=self._turn, error=error.code)
        self.streaming = False

    def _think(self) -> None:
        """Show that it takes a moment."""
        if self._status and self._address.thread and not self._text:
            self._thinking = asyncio.get_running_loop().create_task(self._show_status())

    async def _show_status(self) -> None:
        arguments = {
            "channel_id": self._address.channel,
            "thread_ts": self._address.thread,
            "status": self._status,
        }
        try:
            await self._call("assistant.threads.setStatus", arguments)
        except Declined as error:
            self._refused("status", error.code)
        except SlackError as error:
            log.info("slack.no_status", turn=self._turn, error=error.cause)

    async def _run(self) -> None:
        try:
            while not self._closing.is_set():
                await self._show()
                await self._rest(_STREAM_PACE if self.streaming else _UPDATE_PACE)
                await self._changed.wait()
                self._changed.clear()
        except Lost as error:
            self.unclear = not self.ts
            self.text = ""  # nobody knows what stands there: it is updated as a whole
            log.info("slack.show_broke_off", turn=self._turn, error=error.cause)
        except Exception as error:  # noqa: BLE001 - it is only shown less: the answer itself comes by ``send``
            log.info("slack.show_broke_off", turn=self._turn, error=type(error).__name__)

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            pass

    async def _show(self) -> None:
        """Bring Slack up to what can be shown by now."""
        text = safe(self._links.cut(settled(self._text))).rstrip()[:_MOST_SHOWN]
        if self.streaming and time.monotonic() - self._began > _STREAM_LIFETIME:
            await self.stop()
        if not text or text == self.text:
            return
        try:
            if not self.ts:
                await self._begin(text)
            elif self.streaming and text.startswith(self.text):
                await self._call(
                    "chat.appendStream", {"ts": self.ts, "markdown_text": text[len(self.text) :]}
                )
            else:
                await self.stop()
                await self._call("chat.update", {"ts": self.ts, **self._content(text)})
        except RateLimited as error:
            await self._rest(error.seconds)
            return
        self.text = text

    async def _begin(self, text: str) -> None:
        await self._write_down(Begun(words=text[:_WORDS]))
        if self._may_stream:
            try:
                await self._begin_stream(text)
            except Declined as error:
                self._may_stream = False
                self._refused("stream", error.code)
            else:
                return
        where = {"thread_ts": self._address.thread} if self._address.thread else {}
        more = {"unfurl_links": False, "unfurl_media": False}
        self.ts = _ts(await self._call("chat.postMessage", {**self._content(text), **where, **more}))

    async def _begin_stream(self, text: str) -> None:
        address = self._address
        arguments = {
            "thread_ts": address.thread,
            "recipient_user_id": address.user,
            "recipient_team_id": address.user_team or address.team,
            "markdown_text": text,
        }
        self.ts = _ts(await self._call("chat.startStream", arguments))
        self.streaming, self._began = True, time.monotonic()
        await self._write_down(Begun(words=text[:_WORDS], ts=self.ts))

    def _content(self, text: str) -> dict[str, Any]:
        return {
            "markdown_text": text,
            "parse": "none",
            "link_names": False,
            "metadata": self._marker.metadata(Mark(self._turn, 1, 0), self._address.place),
        }

    async def _call(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        workspace = await self._workspaces.get(self._address.team, self._address.enterprise)
        if workspace is None:
            raise Declined("not_installed")
        channel = {} if "channel_id" in arguments else {"channel": self._address.channel}
        return await self._api.call(workspace.bot_token, method, channel | arguments)


def _ts(answer: dict[str, Any]) -> str:
    ts = answer.get("ts")
    if not isinstance(ts, str) or not ts:
        raise Lost("Slack named no timestamp")
    return ts
