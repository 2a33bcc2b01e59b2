"""What a visitor says beside the conversation: what they think of it, and where to write to them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiohttp import web

from supportbot.web import Problem
from supportbot_webhook.bodies import MAX_SEQ, bearer_token, json_answer, read_model
from supportbot_webhook.inbound import Address, Seen, Survey, Thumb
from supportbot_webhook.outbound import Continuation, status_of
from supportbot_webhook.pages import is_away

if TYPE_CHECKING:
    from supportbot.host import Host
    from supportbot.messages import Message
    from supportbot_webhook.appearance import Widget
    from supportbot_webhook.door import Door
    from supportbot_webhook.sessions import Session, Sessions


class Opinions:
    """The handlers of these routes."""

    def __init__(self, widget: Widget, host: Host, *, door: Door, sessions: Sessions) -> None:
        self._widget = widget
        self._host = host
        self._door = door
        self._sessions = sessions

    async def get_status(self, request: web.Request) -> web.Response:
        """Return what the visitor said so far, and who is there."""
        session = await self._door.session(request)
        conversation = session.conversation
        opinion = await self._host.ratings.given(conversation, rater=session.visitor_id)
        state = await self._host.transcripts.state(conversation)
        address = await self._host.contacts.address(conversation)
        return json_answer(status_of(session, opinion, state, address, away=is_away(self._widget)))

    async def put_rating(self, request: web.Request) -> web.Response:
        """Take what the visitor thinks of an answer."""
        session = await self._door.session(request)
        body = await read_model(request, Thumb)
        answer = await self._message(session, request.match_info["seq"])
        if not answer.is_answer or not answer.turn_id:
            raise Problem(404, "not_found", "There is no such answer.")
        rated = await self._host.ratings.rate(answer.turn_id, rater=session.visitor_id, verdict=body.verdict)
        if not rated:
            raise Problem(404, "not_found", "There is no such answer.")
        return web.Response(status=204)

    async def put_survey(self, request: web.Request) -> web.Response:
        """Take what the visitor thinks of the conversation."""
        session = await self._door.session(request)
        body = await read_model(request, Survey)
        scored = await self._host.ratings.score(
            session.conversation, rater=session.visitor_id, score=body.score, comment=body.comment
        )
        if not scored:
            raise Problem(409, "no_conversation", "There is no conversation yet.")
        return web.Response(status=204)

    async def put_email(self, request: web.Request) -> web.Response:
        """Take the address at which the visitor wants to be written to; before the first message it is kept
        for it."""
        session = await self._door.session(request)
        body = await read_model(request, Address)
        await self._door.gives_email(request)
        contacts, conversation = self._host.contacts, session.conversation
        if not await contacts.write_to(conversation, body.email):
            await self._sessions.learn(bearer_token(request), reply_to=body.email)
            await contacts.write_to(conversation, body.email)  # the first message may have come meanwhile
        return json_answer(Continuation(continues_by_email=contacts.goes_on(body.email)))

    async def put_seen(self, request: web.Request) -> web.Response:
        """Take what the visitor has seen."""
        session = await self._door.session(request)
        body = await read_model(request, Seen)
        await self._host.presence.seen(session.conversation, body.seq)
        return web.Response(status=204)

    async def get_image(self, request: web.Request) -> web.Response:
        """Return the bytes of an image, for the page to show: never as a page of its own."""
        session = await self._door.session(request)
        seq, place = _number(request.match_info["seq"], least=1), _number(request.match_info["n"])
        file = await self._host.transcripts.attachment(session.conversation, seq, place)
        if file is None:
            raise Problem(404, "not_found", "There is no such image.")
        return web.Response(
            body=file.data,
            content_type=file.content_type,
            headers={
                "Content-Disposition": "attachment",
                "Content-Security-Policy": "default-src 'none'; sandbox",
                "Cache-Control": "private, max-age=3600",
            },
        )

    async def _message(self, session: Session, seq: str) -> Message:
        number = _number(seq, least=1)
        found = await self._host.transcripts.messages(session.conversation, after=number - 1, limit=1)
        if not found or found[0].seq != number:
            raise Problem(404, "not_found", "There is no such answer.")
        return found[0]


def _number(text: str, *, least: int = 0) -> int:
    """Return a number of an address.

    Raises:
        Problem: 404, it is none.
    """
    if re.fullmatch(r"[0-9]{1,10}", text, re.ASCII) and least <= int(text) <= MAX_SEQ:
        return int(text)
    raise Problem(404, "not_found", "There is nothing here.")
