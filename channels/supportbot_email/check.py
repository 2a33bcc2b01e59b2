"""What a mailbox looks like to the bot: read, and nothing done. Blocking, for the command line."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supportbot_email.credentials import Credentials
from supportbot_email.failures import NoFolder, ServerSaysNo
from supportbot_email.finding import drafts_of_bots
from supportbot_email.imap import connect

if TYPE_CHECKING:
    from supportbot_email.config import EmailConfig
    from supportbot_email.imap import Connection, Folder, FolderUse

_NEWEST = 5
_MOST = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A folder that was looked for."""

    name: str = ""
    missing: str = ""
    """That there is none, in one line; empty when there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A mailbox as it is now."""

    inbox: Folder
    count: int
    drafts: Seen
    sent: Seen
    bots: tuple[str, ...]
    """The Message-IDs of the newest drafts that a SupportBot left, this one or another."""
    pushes: bool
    """The server tells of new mail by itself."""
    newest: tuple[tuple[int, bytes], ...]
    """The newest mails with their UIDs, oldest first."""


def view(config: EmailConfig) -> View:
    """Log in and look.

    Raises:
        MailServerError: it cannot be done.
    """
    with closing(connect(config, Credentials(config))) as connection:
        drafts = _folder(connection, "drafts", config.folders.drafts)
        bots = () if drafts.missing else tuple(one for _, one in drafts_of_bots(connection, "ALL"))
        sent = _folder(connection, "sent", config.folders.sent)
        inbox = connection.open(config.folders.inbox)
        uids = connection.uids("ALL")
        raws = [(uid, connection.fetch(uid, most=_MOST)) for uid in uids[-_NEWEST:]]
        return View(
            inbox=inbox,
            count=len(uids),
            drafts=drafts,
            sent=sent,
            bots=bots,
            pushes=connection.can_idle(),
            newest=tuple((uid, raw) for uid, raw in raws if raw is not None),
        )


def _folder(connection: Connection, use: FolderUse, named: str) -> Seen:
    try:
        name = connection.special(use, named)
        connection.open(name)
    except NoFolder as error:
        return Seen(missing=str(error))
    except ServerSaysNo as error:
        return Seen(missing=f"The server has no folder '{named}', as 'folders.{use}' names it: {error.words}")
    return Seen(name=name)
