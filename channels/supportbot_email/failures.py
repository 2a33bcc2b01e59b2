"""What goes wrong between us and a mail server, or keeps us from reading what it gave us."""

from __future__ import annotations

from supportbot.errors import SupportBotError


class MailServerError(SupportBotError):
    """The mail server failed: {cause}"""


class Disconnected(MailServerError):
    """The connection to the mail server is gone: {cause}"""


class Unreachable(Disconnected):
    """The mail server {server} cannot be reached: {cause}"""


class LoginRefused(MailServerError):
    """The mail server does not let us in: {cause}"""


class LoginParked(LoginRefused):
    """The mail server does not let us in: {cause}"""

    @property
    def seconds(self) -> float:
        """How long none of the mailbox's connections may try again."""
        return float(self.details["seconds"])


class ServerSaysNo(MailServerError):
    """The mail server refused a command: {cause}"""

    @property
    def words(self) -> str:
        """What it said, in one line."""
        return str(self.details["cause"])


class NoFolder(MailServerError):
    """The mailbox has no folder for {use}: name it in 'folders.{use}'. There are: {known}."""


class TooLate(MailServerError):
    """The mail server would take it now, and another process may be handing it over meanwhile."""


class Stumbled(MailServerError):
    """The mail with UID {uid} could not be handled: {cause}"""


class CannotRead(MailServerError):
    """A process that reads mail could not be started: {cause}"""


class Broke(MailServerError):
    """Reading the mailbox failed with {cause}, which is a mistake in SupportBot."""
