"""The API for a website's visitors: a session, and the one conversation that it opens."""

from __future__ import annotations

import re
from contextlib import aclosing
from typing import TYPE_CHECKING

from aiohttp import web

from supportbot.web import TRUSTED_PROXIES, Problem, client_address
from supportbot_webhook.bodies import (
    MAX_SEQ,
    bearer_token,
    check_length,
    json_answer,
    read_model,
    whole_number,
)
from supportbot_webhook.inbound import NewSession, VisitorMessage, from_visitor
from supportbot_webhook.limits import TokenBuckets, address_key
from supportbot_webhook.outbound import opened_session, page, visitor_receipt
from supportbot_webhook.stream import EventWriter, Readers, follow, tolerating_an_end

if TYPE_CHECKING:
    from supportbot.channel import Accept, Host
    from supportbot_webhook.config import Limits
    from supportbot_webhook.sessions import Session, Sessions


class Visitors:
    """The handlers of the browsers' routes."""

    def __init__(
        self,
        limits: Limits,
        host: Host,
        accept: Accept,
        *,
        sessions: Sessions,
        readers: Readers,
        budget: TokenBuckets,
    ) -> None:
        """Wire the handlers.

        Args:
            limits: how often visitors may do what.
            host: what the core lends.
            accept: the one way in.
            sessions: who a token stands for.
            readers: who has a stream open.
            budget: the limit on all messages of the channel.
        """
        self._host = host
        self._accept = accept
        self._sessions = sessions
        self._readers = readers
        self._channel_budget = budget
        self._requests = TokenBuckets(limits.requests_per_address)
        self._openings = TokenBuckets(limits.sessions_per_address)
        self._messages = TokenBuckets(limits.messages_per_session)

    async def open_session(self, request: web.Request) -> web.Response:
        """Begin a session; its token is shown this once."""
        address = self._admit(request)
        body = await read_model(request, NewSession)
        self._openings.spend(address)
        token, session = await self._sessions.open(name=body.name, email=body.email)
        return json_answer(opened_session(token, session), status=201)

    async def close_session(self, request: web.Request) -> web.Response:
        """End the session: its token is dead, its streams end."""
        session = await self._session(request)
        await self._sessions.close(bearer_token(request))
        self._readers.end(session.conversation)
        return web.Response(status=204)

    async def post_message(self, request: web.Request) -> web.Response:
        """Take a message; the same one again gets the same answer."""
        session = await self._session(request)
        body = await read_model(request, VisitorMessage)
        check_length(body)
        self._messages.spend(session.visitor_id)
        self._channel_budget.spend("")
        accepted = await self._accept(from_visitor(self._host.name, body, session))
        if not accepted.same:
            raise Problem(409, "conflict", "Another message came under this client_id before.")
        if accepted.seq == 1:
            self._readers.announce(session.conversation)
        return json_answer(visitor_receipt(accepted), status=200 if accepted.duplicate else 202)

    async def get_messages(self, request: web.Request) -> web.Response:
        """Return some of the conversation."""
        session = await self._session(request)
        after = whole_number(request, "after", default=0)
        limit = whole_number(request, "limit", default=100, least=1, most=200)
        transcripts = self._host.transcripts
        messages = await transcripts.messages(session.conversation, after=after, limit=limit)
        return json_answer(page(messages, await transcripts.state(session.conversation)))

    async def get_events(self, request: web.Request) -> web.StreamResponse:
        """Send what happens in the conversation, as server-sent events, until one side ends it."""
        session = await self._session(request)
        after = await self._resume_after(request, session)
        settings = self._readers.settings
        writer = EventWriter(request, timeout=settings.write_timeout)
        admitted = self._readers.admit(request, session.conversation, at_most=settings.per_session)
        with admitted as reader, tolerating_an_end():
            await writer.open()
            events = follow(
                self._host, reader, session.conversation, after=after, heartbeat=settings.heartbeat
            )
            async with aclosing(events):
                async for event in events:
                    await writer.send(event)
            await writer.end("bye", {})
        return writer.response

    async def _session(self, request: web.Request) -> Session:
        """Return the session of the request's token.

        Raises:
            Problem: 401 there is none; 429 the address asks too often.
        """
        self._admit(request)
        session = await self._sessions.find(bearer_token(request))
        if session is None:
            raise Problem(
                401, "unauthorized", "There is no such session.", headers={"WWW-Authenticate": "Bearer"}
            )
        return session

    def _admit(self, request: web.Request) -> str:
        """Count the request against its address; returns the address as limits see it."""
        proxies = request.config_dict[TRUSTED_PROXIES]
        address = address_key(client_address(request, proxies))
        self._requests.spend(address)
        return address

    async def _resume_after(self, request: web.Request, session: Session) -> int:
        """Return the number after which to send messages: ``Last-Event-ID``, else ``after``, else all.

        A number that the conversation has not reached was never sent by us (or belongs to a store
        that is gone): such a reader gets everything again.
        """
        given = request.headers.getall("Last-Event-ID", [])
        if not given:
            after = whole_number(request, "after", default=0)
        elif len(given) == 1 and re.fullmatch(r"[0-9]{1,10}", given[0]) and int(given[0]) <= MAX_SEQ:
            after = int(given[0])
        else:
            raise Problem(400, "bad_last_event_id", "Last-Event-ID: must be the id of an event sent before")
        if after and not await self._host.transcripts.messages(
            session.conversation, after=after - 1, limit=1
        ):
            return 0
        return after
