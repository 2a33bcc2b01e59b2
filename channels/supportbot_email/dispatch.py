"""Sending a reply by SMTP: at most once, whatever breaks in between.

Nobody can take the final dot back, and a server may need ten minutes to answer it. So the right to write it
is written down first (``Trace``), and it is given once: whoever finds that it was given, and not what came of
it, has to look, and never sends. A server's no takes the right back. What may have been sent is found in the
Sent folder, or proven by whoever answers it or reports it undeliverable; otherwise its delivery ends as
``unknown``.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import structlog

from supportbot.errors import RetryAfter, StoreUnavailable, Unclear
from supportbot.ids import now_ms
from supportbot.messages import Sent
from supportbot_email.failures import LoginRefused, MailServerError, NoFolder
from supportbot_email.finding import exactly
from supportbot_email.smtp import Said
from supportbot_email.verdicts import verdict

if TYPE_CHECKING:
    from supportbot.host import Records
    from supportbot_email.config import EmailConfig
    from supportbot_email.folders import MailFolder
    from supportbot_email.imap import Connection
    from supportbot_email.line import Line
    from supportbot_email.smtp import Session, Submission

_AT_ONCE = 2
"""Connections at a time: Microsoft 365 allows three to one mailbox."""

_PATIENCE = 10.0
"""Seconds to wait for a free one; below the core's own time-out."""

_SAVING = 20.0
"""Seconds that a copy in the Sent folder is waited for."""

_PARKED = 600.0
"""Seconds between two logins once the server refused one: more, and it locks the account."""

_REMEMBERED = 90 * 24 * 3_600_000
"""Milliseconds for which it is known what was sent; bounces come within days."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The right to write the final dot of a reply was given; what came of it."""

    delivery: str
    message_id: str
    at: int
    taken: bool = False
    """The server said that it has the mail, or somebody proved it."""
    free: bool = False
    """It came back, or was refused: whoever retries it has the right anew. What lies in the Sent folder with
    its Message-ID is ours all the same."""


class Traces:
    """The traces of a mailbox, by delivery."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def get(self, delivery: str) -> Trace | None:
        """Return the trace of a delivery; None when it may be sent: it never was, or did not arrive."""
        trace = await self._found(delivery)
        return trace if trace is not None and not trace.free else None

    async def begin(self, trace: Trace) -> bool:
        """Give the right to send a delivery, if nobody has it."""
        key, expires_at = _key(trace.delivery), now_ms() + _REMEMBERED
        if await self._records.add(key, asdict(trace), expires_at=expires_at):
            return True
        before = await self._found(trace.delivery)
        if before is None or not before.free:
            return False
        return await self._records.swap(key, asdict(before), asdict(trace), expires_at=expires_at)

    async def free(self, delivery: str) -> None:
        """The server said no, or its own report says that it did not arrive: it may be sent anew.

        That it was ours stays known: its copy in the Sent folder may be read after the report of its failure.
        """
        trace = await self._found(delivery)
        if trace is not None:
            await self._put(replace(trace, free=True))

    async def leave(self, delivery: str) -> None:
        """It may be sent anew, and is left to a person now: what they send is theirs, and not the bot's."""
        trace = await self._found(delivery)
        if trace is not None and trace.free:
            await self._records.delete(_key(delivery), only=asdict(trace))

    async def prove(self, delivery: str) -> bool:
        """Write down that a delivery has certainly been sent; says whether it was one that we sent."""
        trace = await self._found(delivery)
        if trace is not None and not trace.taken and not trace.free:
            await self._put(replace(trace, taken=True))
        return trace is not None

    async def _found(self, delivery: str) -> Trace | None:
        found = await self._records.get(_key(delivery)) if delivery else None
        return Trace(**found) if found is not None else None

    async def _put(self, trace: Trace) -> None:
        await self._records.put(_key(trace.delivery), asdict(trace), expires_at=now_ms() + _REMEMBERED)


def _key(delivery: str) -> str:
    return f"sent:{delivery}"


class Dispatch:
    """Sends the replies of a mailbox."""

    def __init__(
        self,
        config: EmailConfig,
        submission: Submission | None,
        desk: Line,
        traces: Traces,
        sent: MailFolder,
    ) -> None:
        """Wire it.

        Args:
            config: the mailbox.
            submission: where to send; None while the mailbox only drafts, and only settles what was sent.
            desk: to the mailbox, for its Sent folder.
            traces: what was sent.
            sent: where copies of it lie.
        """
        self._config = config
        self._submission = submission
        self._desk = desk
        self._traces = traces
        self._sent = sent
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._parked_until = 0.0
        self._finishing: dict[str, asyncio.Task[Sent]] = {}
        """What waits for a server's last word; the core's own time-outs do not end it."""
        self._closed = False
        self.problem = ""
        """What keeps mail from being sent, in one line; empty when all is well."""

    async def send(self, delivery: str, message_id: str, *, to: str, raw: bytes) -> Sent:
        """Send a reply, unless it was sent before.

        Raises:
            Refused, RetryAfter, Unclear: as ``Channel.send``.
        """
        trace = await self._traces.get(delivery)
        if trace is not None:
            if trace.taken:
                return Sent(external_id=message_id)
            raise Unclear(cause="it may have been sent before")
        await self._wait_for_a_free_one()
        handed_on = False
        try:
            session = await self._open()
            try:
                await self._introduce(session, to)
            except BaseException:
                session.cut()
                raise
            trace = Trace(delivery=delivery, message_id=message_id, at=now_ms())
            finishing = asyncio.create_task(self._finish(session, trace, raw))
            handed_on = True
            self._finishing[delivery] = finishing
            finishing.add_done_callback(lambda done: self._finished(delivery, done))
        finally:
            if not handed_on:
                self._free.release()
        return await asyncio.shield(finishing)

    async def find(self, delivery: str, message_id: str, *, raw: bytes) -> Sent | None:
        """Look whether a reply was sent.

        Raises:
            Unclear: it may have been.
            MailServerError: looking failed.
        """
        finishing = self._finishing.get(delivery)
        if finishing is not None:
            await asyncio.wait([finishing])
        trace = await self._traces.get(delivery)
        if trace is None:
            return None
        if trace.taken:
            await self._save(message_id, raw)
        elif await self._desk.run(self._is_in_sent, message_id):
            await self._traces.prove(delivery)
        else:
            raise Unclear(cause="the mail server may have sent it, and it is not in the Sent folder")
        return Sent(external_id=message_id)

    def is_sending(self, delivery: str) -> bool:
        """Say whether a server still has to answer the final dot of a reply."""
        return delivery in self._finishing

    async def close(self) -> None:
        """Wait for nothing any more: what is unclear stays so, and is looked for at the next start."""
        self._closed = True
        for finishing in (tasks := list(self._finishing.values())):
            finishing.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # -- before the final dot --------------------------------------------------------------------

    async def _wait_for_a_free_one(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._free.acquire()
        except TimeoutError:
            raise RetryAfter(cause="others are being sent") from None

    async def _open(self) -> Session:
        """Connect; a server that refused us is left alone for a while.

        Raises:
            RetryAfter: nothing was handed over.
        """
        if self._closed:  # the core may still try to deliver: nobody would wait for the answer
            raise RetryAfter(cause="the bot is stopping")
        if self._submission is None:
            raise RetryAfter(cause="the mailbox is in mode 'draft'")
        wait = self._parked_until - asyncio.get_running_loop().time()
        if wait > 0:
            raise RetryAfter(seconds=wait, cause=self.problem)
        try:
            session = await self._submission.session()
        except MailServerError as error:
            self.problem = f"sending: {error}"
            log.warning("email.cannot_send", problem=self.problem)
            if isinstance(error, LoginRefused):
                self._parked_until = asyncio.get_running_loop().time() + _PARKED
                raise RetryAfter(seconds=_PARKED, cause=str(error)) from error
            raise RetryAfter(cause=str(error)) from error
        self.problem = ""
        return session

    async def _introduce(self, session: Session, to: str) -> None:
        """Say from whom and to whom, up to where the server waits for the mail.

        The envelope's sender is the mailbox itself, and not the empty one that RFC 3834 (section 3.3) allows
        as well: a bounce is how we learn that a reply never arrived, and no bounce is ever answered.
        """
        try:
            await session.envelope(self._config.address, to)
            await session.ready()
        except Said as error:
            raise verdict(error) from error
        except MailServerError as error:
            raise RetryAfter(cause=str(error)) from error

    async def _begin(self, trace: Trace) -> None:
        """Take the right to write the final dot.

        Raises:
            RetryAfter: it could not be written down.
            Unclear: somebody else has it.
        """
        try:
            ours = await self._traces.begin(trace)
        except StoreUnavailable as error:
            raise RetryAfter(cause="what was about to be sent could not be written down") from error
        if not ours:
            raise Unclear(cause="another process is sending it")

    # -- the final dot, and after ----------------------------------------------------------------

    async def _finish(self, session: Session, trace: Trace, raw: bytes) -> Sent:
        """Take the right to the final dot, hand the mail over and record what the server says.

        All of it in one task, which the core's time-out does not end: a right that was taken and not used
        would make a mail that was surely never sent look as if it might have been.

        Raises:
            Refused, RetryAfter: it does not take it, or nothing was handed over.
            Unclear: nobody knows.
        """
        try:
            await self._begin(trace)
        except BaseException:
            session.cut()
            raise
        try:
            words = await session.finish(raw)
        except Said as error:
            await self._traces.free(trace.delivery)  # before anything else: the server has refused the mail
            await session.close()
            raise verdict(error) from error
        except BaseException as error:
            session.cut()
            if isinstance(error, MailServerError):
                raise Unclear(cause=str(error)) from error
            raise
        log.info("email.sent", delivery=trace.delivery, said=words)
        with suppress(StoreUnavailable):  # then it is looked for
            await self._traces.prove(trace.delivery)
        await session.close()
        await self._save(trace.message_id, raw)
        return Sent(external_id=trace.message_id)

    def _finished(self, delivery: str, done: asyncio.Task[Sent]) -> None:
        self._free.release()
        self._finishing.pop(delivery, None)
        if not done.cancelled():
            done.exception()  # whoever waited for it has gone perhaps; the trace tells

    # -- the Sent folder -------------------------------------------------------------------------

    async def _save(self, message_id: str, raw: bytes) -> None:
        """Put a copy into Sent, unless one is there. It is for people: without it nothing else is wrong."""
        if not self._config.save_sent:
            return
        try:
            async with asyncio.timeout(_SAVING):
                await self._sent.remember()
                await self._desk.run(self._saved, message_id, raw)
                await self._sent.remember()
        except (MailServerError, StoreUnavailable, TimeoutError) as error:
            log.warning("email.no_copy_in_sent", message_id=message_id, error=str(error))

    def _saved(self, connection: Connection, message_id: str, raw: bytes) -> None:
        folder = self._sent.open(connection)
        if exactly(connection, message_id) is None:
            connection.append(folder.name, raw, "(\\Seen)")

    def _is_in_sent(self, connection: Connection, message_id: str) -> bool:
        try:
            self._sent.open(connection)
        except NoFolder:
            return False
        return exactly(connection, message_id) is not None
