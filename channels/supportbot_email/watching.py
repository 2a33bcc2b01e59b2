"""A mailbox being watched: its inbox, what people send from it, and what becomes of its drafts."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from supportbot_email.automatic import TakingOver, WithoutAutomatic
from supportbot_email.cursor import Cursors
from supportbot_email.incoming import Incoming
from supportbot_email.lease import Lease
from supportbot_email.mailbox import Watcher
from supportbot_email.reader import Reader
from supportbot_email.reading import reading
from supportbot_email.sent import SentMail
from supportbot_email.watch import watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from supportbot.channel import Accept
    from supportbot.host import Host
    from supportbot_email.config import EmailConfig
    from supportbot_email.conversations import Conversations
    from supportbot_email.dispatch import Traces
    from supportbot_email.folders import MailFolder
    from supportbot_email.line import Line
    from supportbot_email.mailbox import Takes
    from supportbot_email.others import Others
    from supportbot_email.outcomes import Outcomes


class Watching:
    """What watches a mailbox, in the one process that does."""

    def __init__(
        self,
        config: EmailConfig,
        host: Host,
        *,
        conversations: Conversations,
        outcomes: Outcomes,
        traces: Traces,
        others: Others,
        sent: MailFolder,
    ) -> None:
        """Wire it.

        Args:
            config: the mailbox.
            host: what the core lends.
            conversations: its threads.
            outcomes: what becomes of its drafts.
            traces: what it sent.
            sent: the folder that it lies in.
            others: who is to know of another bot that sends from it.
        """
        self._config = config
        self._host = host
        self._conversations = conversations
        self._outcomes = outcomes
        self._traces = traces
        self._others = others
        self._folder = sent
        self._inbox: Watcher | None = None

    @property
    def problem(self) -> str:
        """What keeps the inbox from being read, in one line; empty when all is well."""
        return self._inbox.problem if self._inbox is not None else "not started"

    @asynccontextmanager
    async def over(self, inbox_line: Line, sent_line: Line, accept: Accept) -> AsyncIterator[None]:
        """Watch until the block ends. The lines stay open."""
        config, records, lease = self._config, self._host.records, Lease(self._host.records)
        async with reading(config) as parsers:
            backfill = Cursors(records, backfill_hours=config.backfill_hours)
            now = Cursors(records, backfill_hours=0)
            inbox = Watcher(config, inbox_line, backfill, lease, self._reader(accept), reads=parsers)
            people = Watcher(
                config, sent_line, now, lease, self._sent(accept), reads=parsers, folder=self._folder
            )
            looking = watch(self._outcomes, lease, every=config.poll, sent_is_read=lambda: not people.problem)
            self._inbox = inbox
            tasks = [asyncio.create_task(work) for work in (inbox.run(), people.run(), looking)]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
                await lease.give_back()

    def _reader(self, accept: Accept) -> Takes:
        """Return what takes the customers' mail."""
        incoming = Incoming(
            self._config,
            self._host.records,
            self._host.returned,
            conversations=self._conversations,
            traces=self._traces,
        )
        return Reader(
            self._host.name,
            accept,
            conversations=self._conversations,
            incoming=incoming,
            keep_raw=self._config.keep_raw,
        )

    def _sent(self, accept: Accept) -> Takes:
        """Return what takes the mail that people send."""
        beside = TakingOver(accept) if self._config.mode == "send" else accept
        theirs = SentMail(
            self._host.name,
            beside,
            conversations=self._conversations,
            outcomes=self._outcomes,
            transcripts=self._host.transcripts,
        )
        return WithoutAutomatic(theirs, self._conversations, self._traces, self._others)
