"""The e-mail channel: a thin shell around two watchers and a folder of drafts."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from supportbot.channel import Capabilities
from supportbot_email.config import EmailConfig
from supportbot_email.conversations import Conversations
from supportbot_email.credentials import Credentials
from supportbot_email.cursor import Cursors
from supportbot_email.drafts import Drafts, Notes, planned_note
from supportbot_email.imap import connect
from supportbot_email.lease import Lease
from supportbot_email.line import Line
from supportbot_email.mailbox import Watcher
from supportbot_email.outbound import to_mail
from supportbot_email.reader import Reader
from supportbot_email.reading import reading
from supportbot_email.sent import SentMail

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from supportbot.channel import Accept, Host
    from supportbot.messages import Outbound, Sent


_LOOK_BACK = 100
"""Messages before a reply among which the mail that it answers is sought."""


class EmailChannel:
    """Reads a mailbox, and leaves each reply as a draft for a person to send."""

    Config = EmailConfig
    capabilities = Capabilities(drafts=True)

    def __init__(self, config: EmailConfig, host: Host) -> None:
        self._config = config
        self._host = host
        self._connect = partial(connect, config, Credentials(config))
        self._desk = Line(self._connect)
        self._notes = Notes(host.records)
        self._drafts = Drafts(config, self._desk, self._notes)
        self._conversations = Conversations(host.records, domain=config.domain)
        self._inbox: Watcher | None = None

    def app(self, accept: Accept) -> web.Application:
        """Return an application without routes: while it runs, the mailbox is watched."""
        app = web.Application()
        app.cleanup_ctx.append(partial(self._run, accept))
        return app

    async def send(self, outbound: Outbound) -> Sent:
        """Leave the reply in the Drafts folder.

        Raises:
            Refused: the server will never take it.
            RetryAfter: it did not take it: no room, not reachable.
            Unclear: the connection broke while it was handed over.
        """
        message_id = await self._conversations.message_id(outbound.delivery_id)
        raw = to_mail(
            outbound,
            message_id=message_id,
            asked=await self._asked(outbound),
            config=self._config,
            bot_name=self._host.bot_name,
        )
        await self._conversations.learn(outbound.external_id, message_id)
        return await self._drafts.leave(outbound, planned_note(outbound, message_id), raw)

    async def find(self, outbound: Outbound) -> Sent | None:
        """Look for a draft in the mailbox."""
        return await self._drafts.find(outbound.delivery_id)

    def problem(self) -> str:
        """Return what keeps the mailbox from being read."""
        return self._inbox.problem if self._inbox is not None else "not started"

    async def _asked(self, outbound: Outbound) -> str:
        """Return what the customer wrote in the mail that is answered."""
        said = await self._host.transcripts.messages(
            outbound.external_id, after=max(0, outbound.seq - _LOOK_BACK), limit=_LOOK_BACK
        )
        return next((m.text for m in said if m.client_key == outbound.in_reply_to), "")

    async def _run(self, accept: Accept, _app: web.Application) -> AsyncIterator[None]:
        config, records, lease = self._config, self._host.records, Lease(self._host.records)
        lines = [self._desk, inbox_line := Line(self._connect), sent_line := Line(self._connect)]
        async with reading(config) as parser:
            reader = Reader(self._host.name, accept, parser, self._conversations, keep_raw=config.keep_raw)
            sent = SentMail(
                self._host.name, accept, parser, conversations=self._conversations, notes=self._notes
            )
            backfill = Cursors(records, backfill_hours=config.backfill_hours)
            now = Cursors(records, backfill_hours=0)
            self._inbox = Watcher(config, inbox_line, backfill, lease, reader)
            watchers = (self._inbox, Watcher(config, sent_line, now, lease, sent, use="sent"))
            tasks = [asyncio.create_task(watcher.run()) for watcher in watchers]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
                await asyncio.gather(*(line.close() for line in lines))
                await lease.give_back()
