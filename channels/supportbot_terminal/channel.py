"""One route, for one client: the person at this machine who types ``supportbot chat``.

A request hands in one message and is answered by a stream of JSON lines, the last of which is the reply:

    {"accepted": {"conversation_id": …, "seq": 1}}
    {"typing": true}
    {"delta": {"offset": 0, "text": "You can"}}
    {"reply": {"text": …, "citations": […], "state": "bot"}}      or  {"settled": "handed_over"}

``state`` is who speaks from now on: ``queued`` when the answer was to call a person.

Sending the same ``key`` again gives the same reply and never a second answer, so a client whose
connection broke just asks once more.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from supportbot.channel import Capabilities, ChannelConfig
from supportbot.feed import Delta, Typing
from supportbot.messages import Inbound, Sender, Sent
from supportbot.web import STOPPING, Problem, read_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from supportbot.channel import Accept
    from supportbot.feed import Subscription
    from supportbot.host import Host
    from supportbot.messages import Accepted, Message, Outbound

TOKEN = "token"  # noqa: S105 - the name of a record, not a token
_ENDED = {"handed_over", "ignored", "dead"}


class _Body(BaseModel):
    """What a request hands in."""

    model_config = ConfigDict(extra="forbid", strict=True)

    conversation: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    key: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    text: str = Field(min_length=1, max_length=32_768)
    name: str = Field("", max_length=200)


class TerminalChannel:
    """Talks to the person at this machine."""

    class Config(ChannelConfig):
        """Nothing to set."""

        def roles(self) -> frozenset[str]:
            """Where several processes share the work, ``supportbot chat`` starts a bot of its own."""
            return frozenset()

    capabilities: ClassVar[Capabilities] = Capabilities(streaming=True)

    def __init__(self, config: Config, host: Host) -> None:
        """Make the channel; its token is new at every start."""
        self._host = host
        self._token = secrets.token_urlsafe(32)

    def app(self, accept: Accept) -> web.Application:
        """Return the route; on start-up the token is put where only this machine's user can read it."""

        async def converse(request: web.Request) -> web.StreamResponse:
            return await self._converse(request, accept)

        app = web.Application()
        app.cleanup_ctx.append(self._publish_token)
        app.add_routes([web.post("/messages", converse)])
        return app

    async def send(self, outbound: Outbound) -> Sent:
        """The reply is already where the client reads it: in the transcript."""
        return Sent(external_id=outbound.message_id)

    async def find(self, outbound: Outbound) -> Sent | None:
        """Whatever is in the transcript has arrived."""
        return Sent(external_id=outbound.message_id)

    async def _publish_token(self, _app: web.Application) -> AsyncIterator[None]:
        await self._host.records.put(TOKEN, self._token)
        yield

    async def _converse(self, request: web.Request, accept: Accept) -> web.StreamResponse:
        self._admit(request)
        body = await _body(request)
        accepted = await accept(_inbound(self._host.name, body))
        if not accepted.same:
            raise Problem(
                409, "other_text", "This key was used for another text. Use a new key for each message."
            )
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        with self._host.feed.listen(accepted.conversation_id) as events:
            stopping = asyncio.ensure_future(request.config_dict[STOPPING].wait())
            stopping.add_done_callback(lambda _: events.close())
            try:
                async for line in self._lines(body.conversation, accepted, events):
                    await response.write(orjson.dumps(line) + b"\n")
            finally:
                stopping.cancel()
        await response.write_eof()
        return response

    def _admit(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "").encode(errors="replace")
        if not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
            raise Problem(401, "unauthorized", "Only `supportbot chat` on the bot's own machine talks here.")

    async def _lines(
        self, conversation: str, accepted: Accepted, events: Subscription
    ) -> AsyncIterator[dict[str, Any]]:
        yield {"accepted": {"conversation_id": accepted.conversation_id, "seq": accepted.seq}}
        if accepted.state in _ENDED:
            yield {"settled": accepted.state}
            return
        if (end := await self._end(conversation, accepted)) is not None:
            yield end
            return
        async for event in events:
            match event:
                case Typing(_, on):
                    yield {"typing": on}
                case Delta(_, offset, text):
                    yield {"delta": {"offset": offset, "text": text}}
            if not isinstance(event, Delta) and (end := await self._end(conversation, accepted)) is not None:
                yield end
                return

    async def _end(self, conversation: str, accepted: Accepted) -> dict[str, Any] | None:
        """Return the last line, if it is time for it: the reply out of the message's turn, or its other end.

        The transcript knows, whatever the feed told before anybody listened.
        """
        said = await self._host.transcripts.messages(conversation, after=accepted.seq - 1)
        asked = next((m for m in said if m.seq == accepted.seq), None)
        if asked is None:
            return None
        if asked.turn_id is not None:
            reply = next((m for m in said if m.author == "bot" and m.turn_id == asked.turn_id), None)
            if reply is not None:
                return await self._shown(conversation, reply)
        return {"settled": asked.state} if asked.state in _ENDED else None

    async def _shown(self, conversation: str, reply: Message) -> dict[str, Any]:
        citations = [asdict(citation) for citation in reply.citations]
        state = await self._host.transcripts.state(conversation)
        return {"reply": {"text": reply.text, "citations": citations, "state": state}}


async def _body(request: web.Request) -> _Body:
    try:
        return _Body.model_validate(await read_json(request, limit=65_536))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Problem(422, "invalid", f"{where}: {first['msg']}") from None


def _inbound(channel: str, body: _Body) -> Inbound:
    return Inbound(
        channel=channel,
        conversation=body.conversation,
        sender=Sender(id=body.conversation, name=body.name, assurance="claimed"),
        text=body.text,
        keys=(f"{body.conversation}:{body.key}",),
    )
