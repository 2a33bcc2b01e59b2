"""What a mailbox looks like to the bot: read, and nothing done. Blocking, for the command line."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from supportbot_email.credentials import Credentials
from supportbot_email.failures import NoFolder, ServerSaysNo
from supportbot_email.finding import drafts_of_bots
from supportbot_email.folders import NOTED
from supportbot_email.imap import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from supportbot_email.config import EmailConfig
    from supportbot_email.folders import Folders, MailFolder
    from supportbot_email.imap import Connection, Folder

    Records = Callable[[str], list[tuple[str, Any]]]
    """What the channel keeps under keys that begin so; nothing before the first start."""

_NEWEST = 5
_MOST = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A folder that was looked for."""

    name: str = ""
    missing: str = ""
    """That there is none, in one line; empty when there is."""
    problem: str = ""
    """That it is not where bot.yaml says, in one line; empty when it is."""


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


class Noted:
    """What a bot wrote down of a mailbox's folders, to be read."""

    def __init__(self, records: Records) -> None:
        """``records``: what the channel keeps; nothing before the first start."""
        self._noted = dict(records(NOTED))

    async def get(self, key: str) -> Any | None:
        """Return it."""
        return self._noted.get(key)

    async def put(self, key: str, value: Any) -> None:
        """Leave it: nothing is changed by looking."""


def view(config: EmailConfig, folders: Folders) -> View:
    """Log in and look.

    Args:
        config: which mailbox.
        folders: its folders, where they were when a bot last opened them.

    Raises:
        MailServerError: it cannot be done.
    """
    with closing(connect(config, Credentials(config))) as connection:
        drafts = _seen(connection, folders.drafts)
        bots = () if drafts.missing else tuple(one for _, one in drafts_of_bots(connection, "ALL"))
        sent = _seen(connection, folders.sent)
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


def _seen(connection: Connection, folder: MailFolder) -> Seen:
    try:
        name = folder.open(connection).name
    except NoFolder as error:
        return Seen(missing=str(error))
    except ServerSaysNo as error:
        return Seen(missing=f"The server has no folder {folder.called}: {error.words}")
    return Seen(name=name, problem=folder.problem)
