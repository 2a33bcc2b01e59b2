"""The e-mail channel: a thin shell around a mailbox that is watched, its drafts, and a way to send."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from supportbot.channel import Capabilities
from supportbot.errors import Refused
from supportbot_email.config import EmailConfig
from supportbot_email.conversations import Conversations
from supportbot_email.credentials import Credentials
from supportbot_email.drafting import Drafting
from supportbot_email.folders import Folders
from supportbot_email.follow_ups import FollowUps, first_address
from supportbot_email.imap import connect
from supportbot_email.inbound import without_subject
from supportbot_email.knocks import Knocks
from supportbot_email.line import Line
from supportbot_email.others import Others
from supportbot_email.outbound import recipient_address, to_mail
from supportbot_email.preview import problems
from supportbot_email.sending import Sending
from supportbot_email.watching import Watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from supportbot.channel import Accept
    from supportbot.host import Host
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
        self._lines = [Line(partial(connect, config, credentials)) for _ in range(3)]
        desk = self._lines[0]
        self._conversations = Conversations(host.records, domain=config.domain)
        self._others = Others(self._conversations, domain=config.domain)
        self._folders = folders = Folders(config.folders, host.records)
        self._drafting = Drafting(
            config, host, desk, folders=folders, conversations=self._conversations, others=self._others
        )
        self._sending = Sending(config, host.records, credentials, desk, folders.sent)
        self._follow_ups = FollowUps(
            config,
            bot_name=host.bot_name,
            knocks=Knocks(host.records, per_day=config.limits.first_per_day),
            conversations=self._conversations,
            sending=self._sending,
            drafting=self._drafting,
        )
        self._watching = Watching(
            config,
            host,
            conversations=self._conversations,
            outcomes=self._drafting.outcomes,
            traces=self._sending.traces,
            others=self._others,
            sent=folders.sent,
        )

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
        recipient_address(outbound)  # else it would be said that it is left to a person
        automatic = await self._is_sent(outbound)
        message_id = await self._conversations.message_id(outbound.delivery_id)
        raw = await self._mail(outbound, message_id, automatic=automatic)
        await self._conversations.learn(outbound.external_id, message_id)
        if automatic:
            return await self._sending.send(outbound, message_id, raw)
        await self._sending.leave(outbound.delivery_id)
        return await self._drafting.leave(outbound, message_id, raw)

    async def find(self, outbound: Outbound) -> Sent | None:
        """Look for it: for what may have been sent in Sent, for a draft in the mailbox."""
        delivery = outbound.delivery_id
        if not (await self._sending.may_have_sent(delivery) or self._sending.is_sending(delivery)):
            return await self._drafting.find(outbound)
        message_id = await self._conversations.message_id(delivery)
        if outbound.missed is not None:
            raw = await self._follow_ups.mail(outbound, outbound.missed, message_id, automatic=True)
        else:
            raw = await self._mail(outbound, message_id, automatic=True)
        return await self._sending.find(outbound, message_id, raw)

    def first_address(self, email: str) -> Mapping[str, Any]:
        """Return how to write to somebody who wrote elsewhere; empty: not at all."""
        return first_address(email, self._config)

    def problem(self) -> str:
        """Return what keeps the mailbox from being read, or replies from being sent."""
        reading = self._watching.problem if "mail" in self._host.roles else ""
        return reading or self._drafting.problem or self._sending.problem or self._folders.sent.problem

    async def verify(self) -> list[str]:
        """Log in where mail is read, and where it is sent, and say what is wrong."""
        return await problems(self._config)

    async def complete(self, turn: Turn) -> Turn:
        """Leave out of the history what the customer has not read: replies that nobody sent."""
        return turn.evolve(history=await self._drafting.outcomes.read_by_the_customer(turn.history))

    async def _is_sent(self, outbound: Outbound) -> bool:
        """Say whether a reply is sent, and not left as a draft; refuse one that a person made needless.

        What may have been sent before is not left as a draft.
        """
        if await self._sending.may_have_sent(outbound.delivery_id):
            return True
        asked, by = str(outbound.address.get("message_id", "")), str(outbound.address.get("to", ""))
        if await self._drafting.outcomes.has_been_answered(asked, by):
            raise Refused(cause="a person has answered this mail meanwhile")
        if self._config.mode == "draft" or await self._drafting.keeps(outbound):
            return False
        return await self._sending.may_send(outbound)

    async def _mail(self, outbound: Outbound, message_id: str, *, automatic: bool) -> bytes:
        return to_mail(
            outbound,
            message_id=message_id,
            asked=await self._asked(outbound),
            config=self._config,
            bot_name=self._host.bot_name,
            automatic=automatic,
        )

    async def _asked(self, outbound: Outbound) -> str:
        """Return what the customer wrote in the mail that is answered."""
        said = await self._host.transcripts.messages(
            outbound.external_id, after=max(0, outbound.seq - _LOOK_BACK), limit=_LOOK_BACK
        )
        text = next((m.text for m in said if m.client_key == outbound.in_reply_to), "")
        return without_subject(text, str(outbound.address.get("subject", "")))

    async def _run(self, accept: Accept, _app: web.Application) -> AsyncIterator[None]:
        _, inbox, sent = self._lines
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._close)
            if "mail" in self._host.roles:  # else it only leaves drafts, or sends
                await stack.enter_async_context(self._watching.over(inbox, sent, accept))
            yield

    async def _close(self) -> None:
        await self._sending.close()
        await asyncio.gather(*(line.close() for line in self._lines))
