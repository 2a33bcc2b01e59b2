"""Socket Mode: the connections an app holds to the fake Slack, and the envelopes that go over them.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from supportbot.testing.slack.sender import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(slots=True)
class Sockets:
    """The open connections. Envelopes go to one of them in turn."""

    app_id: str
    ack_seconds: float = 3
    tickets: set[str] = field(default_factory=set)
    open: list[web.WebSocketResponse] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)
    """Every message that came from the app."""
    _acks: dict[str, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _turn: int = 0

    def ticket(self) -> str:
        """Return what lets one connection in."""
        ticket = secrets.token_hex(8)
        self.tickets.add(ticket)
        return ticket

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve a connection until it ends."""
        if request.query.get("ticket") not in self.tickets:
            return web.Response(status=404)
        self.tickets.discard(request.query["ticket"])
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json(self._hello())
        await self._note(socket, joined=True)
        try:
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    self._take(message.data)
        finally:
            await self._note(socket, joined=False)
        return socket

    async def connected(self, number: int = 1) -> None:
        """Wait until that many connections are open."""
        await self.until(lambda: len(self.open) == number)

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until something is true, looking whenever a connection opens or ends."""
        async with self._changed:
            await self._changed.wait_for(true)

    async def push(self, kind: str, payload: Mapping[str, Any], *, retry: int = 0) -> Delivery:
        """Send an envelope, and wait for its acknowledgement.

        The body of the result is the payload of the acknowledgement as JSON, empty when it has none.
        """
        envelope = {
            "envelope_id": secrets.token_hex(8),
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        }
        if kind == "events_api":
            envelope |= {"retry_attempt": retry, "retry_reason": "timeout" if retry else ""}
        return await self._send(str(envelope["envelope_id"]), envelope)

    async def disconnect(self, reason: str = "refresh_requested", *, close: bool = False) -> None:
        """Tell every connection that it ends soon (``warning``, ``refresh_requested``, ``link_disabled``)."""
        for socket in list(self.open):
            message = {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-fake"}}
            await socket.send_json(message)
            if close:
                await socket.close()

    async def close(self) -> None:
        """Close every connection."""
        for socket in list(self.open):
            await socket.close()

    async def _send(self, envelope_id: str, envelope: Mapping[str, Any]) -> Delivery:
        if not self.open:
            return Delivery(0, payload=envelope)
        self._turn += 1
        acked = self._acks[envelope_id] = asyncio.get_running_loop().create_future()
        try:
            await self.open[self._turn % len(self.open)].send_json(envelope)
            answer = await asyncio.wait_for(acked, self.ack_seconds)
        except (TimeoutError, ConnectionError):
            return Delivery(0, payload=envelope)
        finally:
            del self._acks[envelope_id]
        body = json.dumps(answer["payload"]) if answer.get("payload") else ""
        return Delivery(200, body, payload=envelope)

    def _take(self, raw: str) -> None:
        message = json.loads(raw)
        self.received.append(message)
        waiting = self._acks.get(message.get("envelope_id", ""))
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    async def _note(self, socket: web.WebSocketResponse, *, joined: bool) -> None:
        async with self._changed:
            if joined:
                self.open.append(socket)
            else:
                self.open.remove(socket)
            self._changed.notify_all()

    def _hello(self) -> dict[str, Any]:
        return {
            "type": "hello",
            "num_connections": len(self.open) + 1,
            "connection_info": {"app_id": self.app_id},
            "debug_info": {"host": "applink-fake", "build_number": 1, "approximate_connection_time": 18060},
        }
