"""The e-mail channel: a thin shell around two watchers and a folder of drafts."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from supportbot.channel import Capabilities
from supportbot.errors import Refused
from supportbot_email.config import EmailConfig
from supportbot_email.conversations import Conversations
from supportbot_email.credentials import Credentials
from supportbot_email.cursor import Cursors
from supportbot_email.drafts import Drafts
from supportbot_email.imap import connect
from supportbot_email.lease import Lease
from supportbot_email.line import Line
from supportbot_email.mailbox import Watcher
from supportbot_email.notes import Notes, planned_note
from supportbot_email.outbound import signature_of, to_mail
from supportbot_email.outcomes import Outcomes
from supportbot_email.reader import Reader
from supportbot_email.reading import reading
from supportbot_email.sent import SentMail
from supportbot_email.watch import watch
from supportbot_email.why import Whys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from supportbot.channel import Accept, Host
    from supportbot.messages import Outbound, Sent, Turn


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
        self._drafts = Drafts(config, self._desk, self._notes, host.drafts)
        self._conversations = Conversations(host.records, domain=config.domain)
        self._whys = Whys(config, self._desk, self._notes, bot_name=host.bot_name)
        self._outcomes = Outcomes(
            records=host.records,
            notes=self._notes,
            drafts=self._drafts,
            whys=self._whys,
            conversations=self._conversations,
            signature=signature_of(config, host.bot_name),
        )
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
        return await self._leave(outbound, message_id, raw)

    async def find(self, outbound: Outbound) -> Sent | None:
        """Look for a draft in the mailbox."""
        found = await self._drafts.find(outbound.delivery_id)
        if found is not None:
            await self._whys.leave(outbound)
        return found

    async def complete(self, turn: Turn) -> Turn:
        """Leave out of the history what the customer has not read: replies that nobody sent."""
        return turn.evolve(history=await self._outcomes.read_by_the_customer(turn.history))

    def problem(self) -> str:
        """Return what keeps the mailbox from being read."""
        if "mail" not in self._host.roles:
            return ""
        return self._inbox.problem if self._inbox is not None else "not started"

    async def _leave(self, outbound: Outbound, message_id: str, raw: bytes) -> Sent:
        """Leave a draft, and what explains it beside it."""
        asked, by = str(outbound.address.get("message_id", "")), str(outbound.address.get("to", ""))
        if await self._outcomes.has_been_answered(asked, by):
            raise Refused(cause="a person has answered this mail meanwhile")
        sent = await self._drafts.leave(outbound, planned_note(outbound, message_id), raw)
        await self._whys.leave(outbound)
        return sent

    async def _asked(self, outbound: Outbound) -> str:
        """Return what the customer wrote in the mail that is answered."""
        said = await self._host.transcripts.messages(
            outbound.external_id, after=max(0, outbound.seq - _LOOK_BACK), limit=_LOOK_BACK
        )
        return next((m.text for m in said if m.client_key == outbound.in_reply_to), "")

    async def _run(self, accept: Accept, _app: web.Application) -> AsyncIterator[None]:
        if "mail" not in self._host.roles:
            yield  # it only leaves drafts
            await self._desk.close()
            return
        config, records, lease = self._config, self._host.records, Lease(self._host.records)
        lines = [self._desk, inbox_line := Line(self._connect), sent_line := Line(self._connect)]
        async with reading(config) as parser:
            reader = Reader(self._host.name, accept, parser, self._conversations, keep_raw=config.keep_raw)
            sent = SentMail(
                self._host.name, accept, parser, conversations=self._conversations, outcomes=self._outcomes
            )
            backfill = Cursors(records, backfill_hours=config.backfill_hours)
            now = Cursors(records, backfill_hours=0)
            self._inbox = Watcher(config, inbox_line, backfill, lease, reader)
            people = Watcher(config, sent_line, now, lease, sent, use="sent")
            looking = watch(self._outcomes, lease, every=config.poll, sent_is_read=lambda: not people.problem)
            tasks = [asyncio.create_task(work) for work in (self._inbox.run(), people.run(), looking)]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
                await asyncio.gather(*(line.close() for line in lines))
                await lease.give_back()
