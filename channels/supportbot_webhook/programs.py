"""The API for programs: signed requests in, replies waited for, streamed or posted back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supportbot.web import Problem
from supportbot_webhook.addresses import UnsafeUrl, check_url, host_key
from supportbot_webhook.bodies import (
    LargeBodies,
    accepts_event_stream,
    check_length,
    json_answer,
    parse_model,
    read_text,
    whole_number,
)
from supportbot_webhook.inbound import KEY_PATTERN, ProgramMessage, from_program
from supportbot_webhook.outbound import page, receipt
from supportbot_webhook.signatures import NotSigned, SignedHeaders

if TYPE_CHECKING:
    from aiohttp import web

    from supportbot.channel import Accept
    from supportbot.host import Host
    from supportbot.messages import Accepted, Inbound
    from supportbot_webhook.config import WebhookConfig
    from supportbot_webhook.limits import Limit
    from supportbot_webhook.replies import Replies
    from supportbot_webhook.signatures import Signer
    from supportbot_webhook.stream import Readers

LONGEST_WAIT = 60
"""Most seconds ``?wait=`` may ask for."""


class Programs:
    """The handlers of the signed routes."""

    def __init__(
        self,
        config: WebhookConfig,
        host: Host,
        accept: Accept,
        *,
        signer: Signer,
        readers: Readers,
        replies: Replies,
        budget: Limit,
    ) -> None:
        """Wire the handlers.

        Args:
            config: the channel's section.
            host: what the core lends.
            accept: the one way in.
            signer: knows the secrets.
            readers: who is waiting.
            replies: waits for replies.
            budget: the limit on all messages of the channel.
        """
        self._config = config
        self._host = host
        self._accept = accept
        self._signer = signer
        self._readers = readers
        self._replies = replies
        self._budget = budget
        self._large = LargeBodies(config.max_body)

    async def post_message(self, request: web.Request) -> web.StreamResponse:
        """Take a message; answer at once, with the reply (``?wait=``), or with a stream of events."""
        headers = _signed_headers(request)
        with self._large.room(request) as limit:
            content = await read_text(request, limit=limit)
            self._verify(headers, content)
        if request.content_type != "application/json":
            raise Problem(415, "unsupported_media_type", "Send the body as application/json.")
        body = parse_model(content, ProgramMessage)
        check_length(body)
        wait = whole_number(request, "wait", default=0, most=LONGEST_WAIT)
        inbound = from_program(
            self._host.name,
            body,
            webhook_id=headers.id,
            sent_at=headers.timestamp * 1000,
            callback_url=self._callback_url(body),
        )
        await self._budget.spend("")
        if not wait and not accepts_event_stream(request):
            accepted = await self._take(inbound)
            return json_answer(receipt(accepted), status=200 if accepted.duplicate else 202)
        # Room to wait comes before accepting: who is told 503 may rely on it that nothing was stored.
        with self._readers.admit(request, body.conversation) as reader:
            accepted = await self._take(inbound)
            if accepts_event_stream(request):
                return await self._replies.stream(request, reader, accepted, body.conversation)
            found = await self._replies.wait(reader, accepted, body.conversation, wait)
            return json_answer(found, status=202 if found.state == "pending" else 200)

    async def get_messages(self, request: web.Request) -> web.Response:
        """Return some of a conversation. What is signed is the query string, exactly as it was sent."""
        headers = _signed_headers(request)
        self._verify(headers, request.raw_path.partition("?")[2])
        conversation = _conversation(request)
        after = whole_number(request, "after", default=0)
        limit = whole_number(request, "limit", default=100, least=1, most=200)
        transcripts = self._host.transcripts
        state = await transcripts.state(conversation)
        if state is None:
            raise Problem(404, "not_found", "There is nothing here.")
        return json_answer(page(await transcripts.messages(conversation, after=after, limit=limit), state))

    async def _take(self, inbound: Inbound) -> Accepted:
        accepted = await self._accept(inbound)
        if not accepted.same:
            raise Problem(409, "conflict", "Another message came under this webhook-id before.")
        return accepted

    def _verify(self, headers: SignedHeaders, content: str) -> None:
        try:
            self._signer.verify(headers, content)
        except NotSigned:
            raise _not_signed() from None

    def _callback_url(self, body: ProgramMessage) -> str | None:
        """Return where the reply is to be posted: empty for nowhere, None to leave it as it is."""
        if "callback_url" not in body.model_fields_set:
            return None if body.author == "person" else self._config.callback_url or ""
        if body.callback_url is None:
            return ""
        try:
            check_url(
                body.callback_url,
                allow_http=self._config.allow_http,
                allow_private=self._config.allow_private_callbacks,
            )
        except UnsafeUrl as error:
            raise Problem(422, "invalid", f"callback_url: {error}") from None
        if host_key(body.callback_url) not in self._config.allow_callback_hosts:
            raise Problem(422, "invalid", "callback_url: its host is not in allow_callback_hosts")
        return body.callback_url


def _signed_headers(request: web.Request) -> SignedHeaders:
    try:
        headers = SignedHeaders.read(request.headers)
    except NotSigned:
        raise _not_signed() from None
    if "." in headers.id:
        raise Problem(400, "bad_webhook_id", "A webhook-id has no dots.")
    return headers


def _conversation(request: web.Request) -> str:
    given = request.query.getall("conversation", [])
    if len(given) != 1 or not re.fullmatch(KEY_PATTERN, given[0]):
        raise Problem(422, "invalid", "conversation: must be given once, and be a conversation's key")
    return given[0]


def _not_signed() -> Problem:
    return Problem(401, "unauthorized", "The request is not signed as it should be.")
