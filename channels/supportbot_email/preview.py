"""What would become of a mail, and whether sending works, for ``supportbot email check``. Nothing is sent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from supportbot.ids import now_ms
from supportbot_email.check import Noted, view
from supportbot_email.conversations import record_of
from supportbot_email.credentials import Credentials
from supportbot_email.failures import MailServerError
from supportbot_email.folders import Folders
from supportbot_email.guard import facts_of, reason_to_draft
from supportbot_email.incoming import NOBODY, reason_to_ignore, recipient
from supportbot_email.pace import earlier_of, prefix_of
from supportbot_email.smtp import Submission
from supportbot_email.threads import verify_token

if TYPE_CHECKING:
    from supportbot_email.check import Records
    from supportbot_email.config import EmailConfig
    from supportbot_email.imap import Folder
    from supportbot_email.mail import Mail

_HOUR = 3_600_000
_RENAMED = "If it was renamed, a bot that runs follows it: 'supportbot email check' says where it is."


def fate(config: EmailConfig, mail: Mail, records: Records, *, inbox: Folder, uid: int) -> str:
    """Return what the bot would do with a mail of the inbox, or that it has had its turn.

    Args:
        config: the mailbox.
        mail: what was read.
        records: what is known.
        inbox: as it is now.
        uid: the mail's.
    """
    if not reason_to_ignore(config, mail):
        if records(record_of(mail.message_id)):
            known = (*records("past:"), *records("draft:"))
            notes = [note for _, note in known if note["answered"] == mail.message_id]
            had = f": its draft is '{notes[-1]['state']}'" if notes else ""
            return f"do nothing: it was read before{had}"
        cursors = [dict(value) for key, value in records(f"cursor:{inbox.name}") if key.endswith(inbox.name)]
        if any(one["validity"] == inbox.validity and uid <= one["uid"] for one in cursors):
            return "do nothing: it came before the first start, and not within 'backfill'"
        if not cursors and (old := _too_old(config, mail)):
            return f"{would(config, mail, records)}, if it came after the first start: {old}"
    return would(config, mail, records)


def _too_old(config: EmailConfig, mail: Mail) -> str:
    """Return why a first start would pass over a mail that is there now; empty when it would take it."""
    if not config.backfill_hours:
        return "it is there already, and 'backfill' is not set"
    came, since = mail.received or mail.date, now_ms() - config.backfill_hours * _HOUR
    return f"it is older than 'backfill' ({config.backfill})" if came and came < since else ""


def would(config: EmailConfig, mail: Mail, records: Records) -> str:
    """Return what the bot would do with a mail."""
    ignored = reason_to_ignore(config, mail)
    if ignored == NOBODY:
        return f"be left to a person: {ignored}, only an address that nobody reads"
    if ignored:
        return f"be recorded and not answered: {ignored}"
    if config.mode == "draft":
        return f"get a draft to {recipient(config, mail).address}"
    reason = _reason_to_draft(config, mail, records)
    to = recipient(config, mail).address
    return f"get a draft to {to}, and nothing is sent: {reason}" if reason else f"be answered by mail to {to}"


def _reason_to_draft(config: EmailConfig, mail: Mail, records: Records) -> str:
    now, ids = now_ms(), (mail.in_reply_to, *reversed(mail.references))
    secret = next((bytes.fromhex(str(value)) for _, value in records("secret")), b"")
    named = [found for one in ids if secret and (found := verify_token(one, config.domain, secret))]
    known = [str(value) for one in ids if one for _, value in records(record_of(one))]
    return reason_to_draft(
        facts_of(mail, to=recipient(config, mail), named=named, now=now),
        known[0] if known else mail.content_key,
        [earlier_of(value) for _, value in records(prefix_of(mail.sender.address))],
        now=now,
        thread_per_hour=config.limits.thread_per_hour,
        unverified=config.send_to_unverified,
    )


async def problems(config: EmailConfig) -> list[str]:
    """Log in where mail is read, and where it is sent; returns what is wrong, each in a line."""
    wrong = []
    try:
        # What a bot has noted of its folders is not at hand here: one that was renamed is called missing.
        folders = Folders(config.folders, Noted(lambda _: []))
        seen = await asyncio.to_thread(view, config, folders)
    except MailServerError as error:
        wrong.append(f"imap {config.imap.host}: {error}")
    else:
        missing = filter(None, (seen.drafts.missing, seen.sent.missing))
        wrong += [f"imap {config.imap.host}: {one} {_RENAMED}" for one in missing]
    if config.mode == "send":
        works, said = await sending_tried(config)
        wrong += [] if works else [f"smtp {said}"]
    return wrong


async def sending_tried(config: EmailConfig) -> tuple[bool, str]:
    """Log in where mail is sent and name the sender; says whether that works, and what there is to say."""
    assert config.smtp is not None
    where = f"{config.smtp.host}:{config.smtp.port} ({config.smtp.security})"
    try:
        session = await Submission(config, Credentials(config)).session()
        try:
            await session.sender(config.address)
        finally:
            await session.close()
    except MailServerError as error:
        return False, f"{where}: {error}"
    return True, f"{where}: logged in, takes mail from {config.address}; nothing was sent"
