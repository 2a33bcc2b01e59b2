"""The API for a website's visitors: a session, and the one conversation that it opens."""

from __future__ import annotations

import re
from contextlib import aclosing
from hashlib import sha256
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from supportbot.web import Problem, request_id
from supportbot_webhook.bodies import (
    MAX_BODY,
    MAX_SEQ,
    LargeBodies,
    bearer_token,
    check_length,
    json_answer,
    read_model,
    whole_number,
)
from supportbot_webhook.identity import NotIdentified, Verifier
from supportbot_webhook.inbound import MOST_IMAGES, NewSession, Token, VisitorMessage, from_visitor
from supportbot_webhook.limits import Limit
from supportbot_webhook.outbound import identified_session, opened_session, page, visitor_receipt
from supportbot_webhook.stream import EventWriter, Readers, follow, tolerating_an_end

if TYPE_CHECKING:
    from supportbot.channel import Accept
    from supportbot.host import Host
    from supportbot_webhook.config import WebhookConfig
    from supportbot_webhook.door import Door
    from supportbot_webhook.sessions import Session, Sessions

log = structlog.get_logger(__name__)

_LAST_EVENT = re.compile(r"([0-9]{1,10})(?:-([A-Za-z0-9_]{1,64}))?")
"""A message's number, and its id if the reader has it."""


class Visitors:
    """The handlers of the browsers' routes."""

    def __init__(
        self,
        config: WebhookConfig,
        host: Host,
        accept: Accept,
        *,
        door: Door,
        sessions: Sessions,
        readers: Readers,
        budget: Limit,
    ) -> None:
        """Wire the handlers.

        Args:
            config: what visitors may do, and how often.
            host: what the core lends.
            accept: the one way in.
            door: who is let in.
            sessions: who a token stands for.
            readers: who has a stream open.
            budget: the limit on all messages of the channel.
        """
        self._host = host
        self._accept = accept
        self._sessions = sessions
        self._readers = readers
        self._channel_budget = budget
        self._door = door
        self._messages = Limit(host, "messages_per_session", config.limits.messages_per_session)
        self._most_bytes = config.widget.image_bytes if config.widget.images else 0
        self._bodies = LargeBodies(longest_message(config))
        self._lifetime = 0
        self._verifier: Verifier | None = None
        if config.identity is not None:
            self._lifetime = config.identity.session_hours * 3_600_000
            self._verifier = Verifier(config.identity)

    async def open_session(self, request: web.Request) -> web.Response:
        """Begin a session; its token is shown this once."""
        address = await self._door.admit(request)
        body = await read_model(request, NewSession)
        await self._door.opens(address)
        token, session = await self._sessions.open(name=body.name, email=body.email)
        return json_answer(opened_session(token, session), status=201)

    async def close_session(self, request: web.Request) -> web.Response:
        """End the session: its token is dead, its streams end."""
        session = await self._door.session(request)
        await self._sessions.close(bearer_token(request))
        self._readers.end(session.conversation, _whose(request))
        return web.Response(status=204)

    async def identify(self, request: web.Request) -> web.Response:
        """Take a website's word for who its visitor is; what the browser had before is theirs from now on, or
        ends."""
        address = await self._door.admit(request)
        body = await read_model(request, Token)
        await self._door.opens(address)
        assert self._verifier is not None, "the route is there only with keys"
        try:
            person = self._verifier.verify(body.token)
        except NotIdentified as refused:
            self._host.refused(f"identity_{refused.reason}")
            log.info(
                "webhook.identity_refused",
                channel=self._host.name,
                reason=refused.reason,
                request=request_id(request),
            )
            raise Problem(401, refused.code, refused.advice) from None
        before = await self._sessions.find(bearer_token(request))
        found = await self._sessions.identify(person, bearer_token(request), lifetime=self._lifetime)
        if before is not None and not found.same:
            self._readers.end(before.conversation, _whose(request))
        await self._tell_address(found.session)
        return json_answer(identified_session(found), status=200 if found.same else 201)

    async def post_message(self, request: web.Request) -> web.Response:
        """Take a message; the same one again gets the same answer."""
        session = await self._door.session(request)
        with self._bodies.room(request) as limit:
            body = await read_model(request, VisitorMessage, limit=limit)
        check_length(body)
        self._check_images(body)
        await self._messages.spend(session.visitor_id)
        await self._channel_budget.spend("")
        accepted = await self._accept(from_visitor(self._host.name, body, session))
        if not accepted.same:
            raise Problem(409, "conflict", "Another message came under this client_id before.")
        if accepted.seq == 1:
            if not accepted.duplicate:
                self._readers.announce(session.conversation)
            await self._tell_address(session)  # also on a retry: the first try may have died before this
        return json_answer(visitor_receipt(accepted), status=200 if accepted.duplicate else 202)

    async def _tell_address(self, session: Session) -> None:
        """Tell where the visitor can be written to: what they gave before there was a conversation, or what
        their website vouches for."""
        if session.reply_to:
            await self._host.contacts.write_to(session.conversation, session.reply_to)
        if session.person and session.email:
            await self._host.contacts.write_to(session.conversation, session.email, proven=True)

    async def get_messages(self, request: web.Request) -> web.Response:
        """Return some of the conversation."""
        session = await self._door.session(request)
        after = whole_number(request, "after", default=0)
        limit = whole_number(request, "limit", default=100, least=1, most=200)
        transcripts = self._host.transcripts
        messages = await transcripts.messages(session.conversation, after=after, limit=limit)
        return json_answer(page(messages, await transcripts.state(session.conversation)))

    async def get_events(self, request: web.Request) -> web.StreamResponse:
        """Send what happens in the conversation, as server-sent events, until one side ends it."""
        session = await self._door.session(request)
        after = await self._resume_after(request, session)
        settings = self._readers.settings
        writer = EventWriter(request, timeout=settings.write_timeout)
        admitted = self._readers.admit(
            request, session.conversation, whose=_whose(request), at_most=settings.per_session
        )
        with admitted as reader, tolerating_an_end():
            await writer.open()
            events = follow(
                self._host, reader, session.conversation, after=after, heartbeat=settings.heartbeat
            )
            async with aclosing(events):
                async for event in events:
                    if event is None and reader.is_to_be_asked and await self._is_over(request):
                        break
                    await writer.send(event)
            await writer.end("bye", {})
        return writer.response

    async def _is_over(self, request: web.Request) -> bool:
        """Say whether a stream's session was ended elsewhere, or has expired."""
        return await self._sessions.find(bearer_token(request)) is None

    def _check_images(self, body: VisitorMessage) -> None:
        """Hold images to what bot.yaml allows, and to being some.

        Raises:
            Problem: 422 none are taken, or one is no image; 413 one is too long.
        """
        if body.images and not self._most_bytes:
            raise Problem(422, "invalid", "images: are not taken here")
        for image in body.images:
            if len(image.data) > self._most_bytes:
                raise Problem(
                    413, "too_large", f"An image may have {self._most_bytes} bytes at most.", close=True
                )
            if not is_image(image.data):
                raise Problem(422, "invalid", "images: must be PNG, JPEG, WebP or GIF")

    async def _resume_after(self, request: web.Request, session: Session) -> int:
        """Return the number after which to send messages: ``Last-Event-ID``, else ``after``, else all.

        A number that the conversation has not reached was never sent by us (or belongs to a store
        that is gone): such a reader gets everything again. So does one that names the message, when another
        one has its number now: the conversation was deleted, and began again.
        """
        given = request.headers.getall("Last-Event-ID", [])
        last = _LAST_EVENT.fullmatch(given[0]) if len(given) == 1 else None
        if not given:
            after, known = whole_number(request, "after", default=0), None
        elif last is not None and int(last[1]) <= MAX_SEQ:
            after, known = int(last[1]), last[2]
        else:
            raise Problem(400, "bad_last_event_id", "Last-Event-ID: must be the id of an event sent before")
        if not after:
            return 0
        found = await self._host.transcripts.messages(session.conversation, after=after - 1, limit=1)
        return after if found and known in {None, found[0].id} else 0


def longest_message(config: WebhookConfig) -> int:
    """Return how many bytes the body of a visitor's message may have: images take a third more as base64."""
    if not config.widget.images:
        return MAX_BODY
    return MAX_BODY + MOST_IMAGES * (config.widget.image_bytes * 4 // 3 + 400)


def is_image(data: bytes) -> bool:
    """Say whether bytes begin as one of the four kinds does; the core reads further."""
    return data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")) or (
        data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    )


def _whose(request: web.Request) -> str:
    """Return what names a request's session among the readers, without being its token."""
    return sha256(bearer_token(request).encode()).hexdigest()
