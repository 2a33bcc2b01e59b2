"""The e-mail channel: a thin shell around two watchers, a folder of drafts, and a way to send."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from supportbot.channel import Capabilities
from supportbot.errors import Refused
from supportbot_email.automatic import TakingOver, WithoutAutomatic
from supportbot_email.config import EmailConfig
from supportbot_email.conversations import Conversations
from supportbot_email.credentials import Credentials
from supportbot_email.cursor import Cursors
from supportbot_email.dispatch import Dispatch, Traces
from supportbot_email.drafts import Drafts
from supportbot_email.follow_ups import FollowUps, first_address
from supportbot_email.imap import connect
from supportbot_email.incoming import Incoming
from supportbot_email.knocks import Knocks
from supportbot_email.lease import Lease
from supportbot_email.line import Line
from supportbot_email.mailbox import Watcher
from supportbot_email.notes import Notes, planned_note
from supportbot_email.outbound import recipient_address, signature_of, to_mail
from supportbot_email.outcomes import Outcomes
from supportbot_email.pace import Pace
from supportbot_email.preview import problems
from supportbot_email.reader import Reader
from supportbot_email.reading import reading
from supportbot_email.sent import SentMail
from supportbot_email.smtp import Submission
from supportbot_email.watch import watch
from supportbot_email.why import Whys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from supportbot.channel import Accept, Host
    from supportbot.messages import Outbound, Sent, Turn


_LOOK_BACK = 100
"""Messages before a reply among which the mail that it answers is sought."""


class EmailChannel:
    """Reads a mailbox, and leaves each reply as a draft for a person to send; or sends it, where it may."""

    Config = EmailConfig
    capabilities = Capabilities(drafts=True)

    def __init__(self, config: EmailConfig, host: Host) -> None:
        self._config = config
        self._host = host
        credentials = Credentials(config)
        self._connect = partial(connect, config, credentials)
        self._desk = Line(self._connect)
        self._notes = Notes(host.records)
        self._drafts = Drafts(config, self._desk, self._notes, host.drafts)
        self._conversations = Conversations(host.records, domain=config.domain)
        self._pace = Pace(host.records, config.limits)
        self._traces = Traces(host.records)
        submission = Submission(config, credentials) if config.mode == "send" else None
        self._dispatch = Dispatch(config, submission, self._desk, self._traces)
        self._whys = Whys(config, self._desk, self._notes, bot_name=host.bot_name)
        self._follow_ups = FollowUps(
            config,
            bot_name=host.bot_name,
            knocks=Knocks(host.records, per_day=config.limits.first_per_day),
            conversations=self._conversations,
            pace=self._pace,
            traces=self._traces,
            dispatch=self._dispatch,
            drafts=self._drafts,
        )
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
        """Send the reply, or leave it in the Drafts folder.

        Raises:
            Refused: the server will never take it.
            RetryAfter: it did not take it: no room, not reachable.
            Unclear: the connection broke while it was handed over.
        """
        if outbound.missed is not None:
            return await self._follow_ups.send(outbound, outbound.missed)
        delivery, automatic = outbound.delivery_id, await self._is_sent(outbound)
        message_id = await self._conversations.message_id(delivery)
        raw = await self._mail(outbound, message_id, automatic=automatic)
        await self._conversations.learn(outbound.external_id, message_id)
        if automatic:
            to = recipient_address(outbound)
            return await self._dispatch.send(delivery, message_id, to=to, raw=raw)
        return await self._leave(outbound, message_id, raw)

    async def find(self, outbound: Outbound) -> Sent | None:
        """Look for it: for what may have been sent in Sent, for a draft in the mailbox."""
        delivery = outbound.delivery_id
        if await self._traces.get(delivery) is None and not self._dispatch.is_sending(delivery):
            found = await self._drafts.find(delivery)
            if found is not None:
                await self._whys.leave(outbound)
            return found
        message_id = await self._conversations.message_id(delivery)
        if outbound.missed is not None:
            raw = await self._follow_ups.mail(outbound, outbound.missed, message_id, automatic=True)
        else:
            raw = await self._mail(outbound, message_id, automatic=True)
        return await self._dispatch.find(delivery, message_id, raw=raw)

    def first_address(self, email: str) -> Mapping[str, Any]:
        """Return how to write to somebody who wrote elsewhere; empty: not at all."""
        return first_address(email, self._config)

    def problem(self) -> str:
        """Return what keeps the mailbox from being read, or replies from being sent."""
        watching = self._inbox.problem if self._inbox is not None else "not started"
        reading = watching if "mail" in self._host.roles else ""
        return reading or self._drafts.problem or self._dispatch.problem

    async def verify(self) -> list[str]:
        """Log in where mail is read, and where it is sent, and say what is wrong."""
        return await problems(self._config)

    async def _is_sent(self, outbound: Outbound) -> bool:
        """Say whether a reply is sent, and not left as a draft; refuse one that a person made needless.

        What may have been sent before is not left as a draft. As long as a draft of the thread waits for a
        person, they have the thread, and the next reply is a draft too.
        """
        delivery = outbound.delivery_id
        if await self._traces.get(delivery) is not None:
            return True
        asked, by = str(outbound.address.get("message_id", "")), str(outbound.address.get("to", ""))
        if await self._outcomes.has_been_answered(asked, by):
            raise Refused(cause="a person has answered this mail meanwhile")
        if self._config.mode != "send" or await self._drafts.has_begun(delivery):
            return False
        if await self._drafts.is_waiting(outbound.external_id):
            return False
        return await self._pace.may_send(outbound)

    async def _mail(self, outbound: Outbound, message_id: str, *, automatic: bool) -> bytes:
        return to_mail(
            outbound,
            message_id=message_id,
            asked=await self._asked(outbound),
            config=self._config,
            bot_name=self._host.bot_name,
            automatic=automatic,
        )

    async def complete(self, turn: Turn) -> Turn:
        """Leave out of the history what the customer has not read: replies that nobody sent."""
        return turn.evolve(history=await self._outcomes.read_by_the_customer(turn.history))

    async def _leave(self, outbound: Outbound, message_id: str, raw: bytes) -> Sent:
        """Leave a draft, and what explains it beside it."""
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
            yield  # it only leaves drafts, or sends
            await self._dispatch.close()
            await self._desk.close()
            return
        config, records, lease = self._config, self._host.records, Lease(self._host.records)
        lines = [self._desk, inbox_line := Line(self._connect), sent_line := Line(self._connect)]
        async with reading(config) as parser:
            name, known = self._host.name, self._conversations
            incoming = Incoming(
                config, records, self._host.returned, conversations=known, traces=self._traces
            )
            reader = Reader(
                name, accept, parser, conversations=known, incoming=incoming, keep_raw=config.keep_raw
            )
            beside = TakingOver(accept) if config.mode == "send" else accept
            theirs = SentMail(name, beside, parser, conversations=known, outcomes=self._outcomes)
            sent = WithoutAutomatic(theirs, known, self._traces)
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
                await self._dispatch.close()
                await asyncio.gather(*(line.close() for line in lines))
                await lease.give_back()
