"""The webhook channel: a thin shell around two APIs and the callbacks."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

import orjson
from aiohttp import web

from supportbot.channel import Capabilities
from supportbot.messages import Sent
from supportbot.web import accepts_bodies
from supportbot_webhook import routes
from supportbot_webhook.assets import Assets
from supportbot_webhook.callbacks import Callbacks
from supportbot_webhook.config import WebhookConfig
from supportbot_webhook.cors import Cors
from supportbot_webhook.door import Door
from supportbot_webhook.images import Images
from supportbot_webhook.limits import Limit
from supportbot_webhook.openapi import document
from supportbot_webhook.opinions import Opinions
from supportbot_webhook.pages import Pages
from supportbot_webhook.presence import tell_who_is_there
from supportbot_webhook.programs import Programs
from supportbot_webhook.replies import Replies
from supportbot_webhook.sessions import Sessions
from supportbot_webhook.signatures import Signer
from supportbot_webhook.stream import Readers
from supportbot_webhook.visitors import Visitors, longest_message

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from supportbot.channel import Accept
    from supportbot.host import Host
    from supportbot.messages import Outbound, Turn


class WebhookChannel:
    """Talks to programs by signed requests and callbacks, to browsers by sessions and event streams.

    Answers are shown while they are written: the core publishes every piece to the feed, which the
    event streams read. A reply without a callback is delivered by being in the transcript.
    """

    Config = WebhookConfig
    capabilities = Capabilities(streaming=True)

    def __init__(self, config: WebhookConfig, host: Host, assets: Assets | None = None) -> None:
        """``assets``: the widget's files, if not those of the package."""
        self._config = config
        self._host = host
        self._signer = Signer([secret.get_secret_value() for secret in config.secrets])
        self._callbacks = Callbacks(config, self._signer)
        self._images = Images(config.fetch_images)
        self._assets = assets or Assets()

    def app(self, accept: Accept) -> web.Application:
        """Return the routes; those of an API that is switched off are not there.

        The application it is mounted in must be one of ``supportbot.web.new_application``.
        """
        readers = Readers(self._config.streams)
        cors = Cors(self._config.visitors.allowed_origins)
        app = web.Application(middlewares=[cors.middleware()])
        app.on_response_prepare.append(cors.add_headers)
        app.cleanup_ctx.extend([readers.run, self._callbacks.run, self._images.run])
        app.cleanup_ctx.append(partial(tell_who_is_there, self._host.presence, readers))
        served = self._served(accept, readers)

        @cache  # made when it is first asked for: start-up has no need of it
        def description() -> bytes:
            return orjson.dumps(document(self._host.base_path, [operation for operation, _ in served]))

        async def describe(_: web.Request) -> web.Response:
            return web.Response(body=description(), content_type="application/json")

        for operation, handler in [*served, (routes.DESCRIBE, describe)]:
            for method in operation.methods:
                app.router.add_route(method, operation.path, handler)
        if self._config.has_widget:  # without the slash, a page's addresses lead elsewhere
            app.router.add_get("", self._to_page)
        return app

    def page(self) -> str:
        """Return the path of the page for people; empty when it is switched off."""
        return f"{self._host.base_path}/" if self._config.has_widget else ""

    async def complete(self, turn: Turn) -> Turn:
        """Return the turn with the images that its newest messages only name, where bot.yaml lets them be
        fetched."""
        return await self._images.complete(turn)

    async def send(self, outbound: Outbound) -> Sent:
        """Post the reply to its callback; without one, being in the transcript is its delivery.

        Raises:
            Refused: the receiver will never take it, or may not be called.
            RetryAfter: the receiver did not take it.
            Unclear: nobody knows.
        """
        url = outbound.address.get("callback_url")
        return await self._callbacks.post(outbound, url) if url else _delivered_by_transcript(outbound)

    async def find(self, outbound: Outbound) -> Sent | None:
        """Settle an unclear delivery.

        A callback's receiver cannot be asked. But whoever follows the specification drops a second post
        with the same ``webhook-id``, so "not there" is a safe answer: it is posted again.
        """
        return None if outbound.address.get("callback_url") else _delivered_by_transcript(outbound)

    async def _to_page(self, request: web.Request) -> web.Response:
        raise web.HTTPPermanentRedirect(self.page())

    def _served(self, accept: Accept, readers: Readers) -> list[tuple[routes.Operation, Handler]]:
        """Return what is switched on, and who handles it."""
        config, host = self._config, self._host
        budget = Limit(host, "messages_per_channel", config.limits.messages_per_channel)
        served: list[tuple[routes.Operation, Handler]] = []
        if config.secrets:
            replies = Replies(host, config.streams)
            programs = Programs(
                config, host, accept, signer=self._signer, readers=readers, replies=replies, budget=budget
            )
            served += [
                (routes.PASS_MESSAGE, _taking(config.max_body, programs.post_message)),
                (routes.READ_CONVERSATION, programs.get_messages),
            ]
        if config.visitors.enabled:
            sessions = Sessions(host.records, days=config.visitors.session_days)
            door = Door(host, config.limits, sessions)
            visitors = Visitors(
                config, host, accept, door=door, sessions=sessions, readers=readers, budget=budget
            )
            opinions = Opinions(config.widget, host, door=door, sessions=sessions)
            served += [
                (routes.OPEN_SESSION, visitors.open_session),
                (routes.CLOSE_SESSION, visitors.close_session),
                (routes.WRITE_MESSAGE, _taking(longest_message(config), visitors.post_message)),
                (routes.READ_MESSAGES, visitors.get_messages),
                (routes.FOLLOW, visitors.get_events),
                (routes.STATUS, opinions.get_status),
                (routes.RATE_ANSWER, opinions.put_rating),
                (routes.READ_IMAGE, opinions.get_image),
                (routes.ANSWER_SURVEY, opinions.put_survey),
                (routes.GIVE_EMAIL, opinions.put_email),
                (routes.SEE, opinions.put_seen),
            ]
            if config.identity is not None:
                served.append((routes.IDENTIFY, visitors.identify))
        if config.has_widget:
            served += self._pages()
        return served

    def _pages(self) -> list[tuple[routes.Operation, Handler]]:
        pages = Pages(self._config, self._host, self._assets)
        return [
            (routes.LOADER, pages.loader),
            (routes.FRAME, pages.frame),
            (routes.PAGE, pages.page),
            (routes.SCRIPT, pages.script),
            (routes.LATE_SCRIPT, pages.late_script),
            (routes.ICON, pages.icon),
            (routes.STYLE, pages.style),
            (routes.TYPES, pages.types),
        ]


def _taking(longest: int, handler: Handler) -> Handler:
    """Return a handler that takes longer bodies than others do."""
    return accepts_bodies(longest)(partial(handler))  # a method itself cannot be marked


def _delivered_by_transcript(outbound: Outbound) -> Sent:
    return Sent(external_id=outbound.message_id)
