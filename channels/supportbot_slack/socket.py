"""Socket Mode: events over connections that we open, for a bot without a public address.

An envelope is acknowledged after its content is stored; what is not acknowledged comes again. Slack renews
connections now and then and says so before (``disconnect``), so several are held: one is always there.
On our own session, like every other call: ``slack_sdk``'s client logs what it cannot handle, words and all.
https://docs.slack.dev/apis/events-api/using-socket-mode
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
import structlog

from supportbot.errors import NotAccepting, StoreUnavailable
from supportbot_slack.api import Declined, RateLimited
from supportbot_slack.events import text_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiohttp import web

    from supportbot.host import CountIgnored
    from supportbot_slack.api import SlackApi

    Take = Callable[[Any], Awaitable[Any]]

_HEARTBEAT = 20.0
"""Seconds between two pings of ours; a connection that does not answer is renewed."""
_LONGEST_ENVELOPE = 4 * 1024 * 1024
_AT_ONCE = 500
"""Envelopes of one connection that are being stored."""
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0

log = structlog.get_logger(__name__)


class Sockets:
    """The connections of the Socket Mode way in."""

    def __init__(
        self,
        api: SlackApi,
        app_token: str,
        *,
        connections: int,
        events: Take,
        pressed: Take,
        command: Take,
        ignored: CountIgnored,
    ) -> None:
        """Wire it.

        Args:
            api: Slack.
            app_token: opens connections.
            connections: how many are held.
            events: takes an event's payload.
            pressed: takes an interaction's; may return an answer.
            command: takes a slash command's; may return an answer.
            ignored: counts envelopes that are none of these.
        """
        self._api = api
        self._app_token = app_token
        self._connections = connections
        self._takes = {"events_api": events, "interactive": pressed, "slash_commands": command}
        self._ignored = ignored
        self._open = 0
        self._refused = ""

    def problem(self) -> str:
        """Return what is wrong, in one line; empty when events can come."""
        if self._open:
            return ""
        return f"Slack refuses the app token ({self._refused})" if self._refused else "no connection to Slack"

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        """Hold the connections for as long as the application runs: a ``cleanup_ctx``."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self._hold()) for _ in range(self._connections)]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def _hold(self) -> None:
        """Open a connection, and when it ends another one."""
        failures = 0
        while True:
            seconds = 0.0
            try:
                failures = 0 if await self._listen() else failures + 1
                self._refused = ""
            except Declined as error:
                self._refused = error.code
                failures += 1
                log.warning("slack.socket_refused", error=error.code)
            except Exception as error:  # noqa: BLE001 - whatever broke it, alone or in a group: it is opened again
                failures += 1
                seconds = error.seconds if isinstance(error, RateLimited) else 0.0
                log.warning("slack.socket_failed", error=getattr(error, "cause", type(error).__name__))
            if failures:
                await asyncio.sleep(_pause(failures, seconds, random.random()))  # noqa: S311

    async def _listen(self) -> bool:
        """Hold one connection until it ends; says whether Slack ever said hello on it."""
        answer = await self._api.call(self._app_token, "apps.connections.open", {})
        greeted = False
        async with (
            self._api.session.ws_connect(
                text_at(answer, "url"),
                heartbeat=_HEARTBEAT,
                max_msg_size=_LONGEST_ENVELOPE,
                timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
            ) as socket,
            asyncio.TaskGroup() as storing,
        ):
            places = asyncio.Semaphore(_AT_ONCE)
            try:
                async for message in socket:
                    envelope = _envelope(message)
                    kind = text_at(envelope, "type")
                    if kind == "hello" and not greeted:
                        greeted = True
                        self._open += 1
                    elif kind == "disconnect":
                        break
                    elif text_at(envelope, "envelope_id"):
                        await places.acquire()
                        storing.create_task(self._take(socket, envelope, places))
            finally:
                self._open -= greeted
        return greeted

    async def _take(
        self, socket: aiohttp.ClientWebSocketResponse, envelope: dict[str, Any], places: asyncio.Semaphore
    ) -> None:
        """Store an envelope's content, then acknowledge it. Without an acknowledgement it comes again."""
        try:
            answer = await self._stored(envelope)
            acknowledgement = {"envelope_id": envelope["envelope_id"]}
            if answer is not None:
                acknowledgement["payload"] = answer
            await socket.send_str(orjson.dumps(acknowledgement).decode())
        except (StoreUnavailable, NotAccepting, ConnectionError, aiohttp.ClientError) as error:
            log.warning("slack.envelope_not_acknowledged", error=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - one envelope must not end the connection of the others
            log.error("slack.envelope_failed", error=type(error).__name__)  # noqa: TRY400 - its words stay out
        finally:
            places.release()

    async def _stored(self, envelope: dict[str, Any]) -> Any:
        take = self._takes.get(text_at(envelope, "type"))
        if take is None:
            self._ignored("unknown_type")
            return None
        payload = envelope.get("payload")
        return await take(payload if isinstance(payload, dict) else {})


def _pause(failures: int, seconds: float, chance: float) -> float:
    """Return the seconds before a connection is opened anew.

    Args:
        failures: how many in a row.
        seconds: how long Slack asks to wait.
        chance: from 0 to 1, so that not all come at once.
    """
    pause: float = min(_LONGEST_PAUSE, _SHORTEST_PAUSE * 2 ** min(failures, 10))
    return seconds + pause * (0.5 + chance / 2)


def _envelope(message: aiohttp.WSMessage) -> dict[str, Any]:
    """Read a frame; what is no JSON object is an empty one."""
    if message.type is not aiohttp.WSMsgType.TEXT:
        return {}
    try:
        envelope = orjson.loads(message.data)
    except orjson.JSONDecodeError:
        return {}
    return envelope if isinstance(envelope, dict) else {}
