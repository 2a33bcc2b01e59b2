"""One IMAP connection: the few commands we need. Blocking; ``line`` gives it a thread.

Reading never changes a flag: folders are opened with EXAMINE and mails fetched with BODY.PEEK[].
"""

from __future__ import annotations

import imaplib
import re
import select
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from imap_tools import ImapToolsError, MailBox, MailBoxUnencrypted
from imap_tools.utils import encode_folder

from supportbot_email import listing
from supportbot_email.failures import (
    Disconnected,
    LoginRefused,
    NoFolder,
    ServerSaysNo,
    TooLate,
    Unreachable,
)
from supportbot_email.logins import WRONG_LOGIN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from imap_tools import BaseMailBox

    from supportbot_email.config import EmailConfig
    from supportbot_email.credentials import Credentials

_CONNECT = 10.0
"""Seconds until a server that does not answer is not there; short, because a stop waits for it."""

_COMMAND = 60.0
"""Seconds of silence in a command after which the connection is dead."""

_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLError, "it does not speak TLS there: port 993 is for 'tls', port 143 usually for 'starttls'"),
    (TimeoutError, "it did not answer in time: check 'imap.host' and 'imap.port'"),
    (socket.gaierror, "its name is not known: check 'imap.host'"),
    (ConnectionRefusedError, "nothing listens there: check 'imap.host' and 'imap.port'"),
)

_AT_ONCE = 200
"""UIDs named in one command: its line stays short."""

_ASKABLE = re.compile(r'<[^<>"\\\x00-\x20\x7f-\U0010ffff]+>')
"""A Message-ID that can stand in quotes in a command."""

_LINE_END = re.compile(rb"\r\n|\r|\n")
_APPENDUID = re.compile(rb"\[APPENDUID (\d+) (\d+)\]", re.IGNORECASE)
_SIZE = re.compile(rb"\bUID (\d+)\b.*?\bRFC822\.SIZE (\d+)|\bRFC822\.SIZE (\d+)\b.*?\bUID (\d+)\b")
_VALIDITY = re.compile(rb"\bUIDVALIDITY (\d+)", re.IGNORECASE)
_FLAGS = re.compile(rb"\bFLAGS \(([^)]*)\)", re.IGNORECASE)
_DATE = re.compile(rb'INTERNALDATE "([^"]+)"')
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


FolderUse = Literal["inbox", "drafts", "sent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder as it is now."""

    name: str
    validity: int
    """UIDVALIDITY: with another one, all UIDs mean other mails (RFC 3501, section 2.3.1.1)."""
    next_uid: int
    """The UID that the next mail will get, or a smaller one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A mail in a folder, before it is fetched."""

    uid: int
    size: int
    arrived_at: int
    """When the server got it (INTERNALDATE), in Unix milliseconds; 0 when it does not say."""


class Connection:
    """A connection that is logged in.

    Raises, in every method:
        Disconnected: it is gone; make a new one.
        ServerSaysNo: the server refused the command.
    """

    def __init__(self, box: BaseMailBox) -> None:
        self._box = box
        self._client: Any = box.client

    def cut(self) -> None:
        """Break the connection off, from any thread: whoever waits for the server wakes up."""
        with suppress(OSError):
            self._client.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Say good-bye if it is still possible, and close."""
        self._client.sock.settimeout(1.0)
        with suppress(OSError, imaplib.IMAP4.error, ImapToolsError):
            self._client.logout()
        with suppress(OSError):
            self._client.shutdown()

    # -- folders -------------------------------------------------------------------------------

    def open(self, name: str, *, writing: bool = False) -> Folder:
        """Open a folder; only for ``writing`` may anything in it change."""
        self._client.untagged_responses.clear()
        self._ok(*self._client.select(encode_folder(name), readonly=not writing))
        return Folder(name=name, validity=self._told("UIDVALIDITY"), next_uid=self._told("UIDNEXT"))

    def folders(self) -> list[str]:
        """Return the names of all folders that can be opened."""
        return [folder.name for folder in self._list() if folder.opens]

    def validity_of(self, name: str) -> int:
        """Return the UIDVALIDITY of a folder without opening it; 0 when the server does not say."""
        status, answer = self._client.status(encode_folder(name), "(UIDVALIDITY)")
        said = b" ".join(part for part in answer if isinstance(part, bytes)) if status == "OK" else b""
        found = _VALIDITY.search(said)
        return int(found[1]) if found else 0

    def make(self, name: str) -> None:
        """Make a folder."""
        self._ok(*self._client.create(encode_folder(name)))

    def special(self, use: FolderUse, named: str) -> str:
        """Return the name of the folder for a use: as named, marked, or usually called.

        Raises:
            NoFolder: there is none.
        """
        if named:
            return named
        folders = self._list()
        if found := listing.folder_for(use, folders):
            return found
        raise NoFolder(use=use, known=", ".join(folder.name for folder in folders if folder.opens))

    def _list(self) -> list[listing.Named]:
        return listing.read(self._ok(*self._client.list()))

    # -- reading -------------------------------------------------------------------------------

    def uids(self, criteria: str) -> list[int]:
        """Return the UIDs that a search finds in the open folder, ascending."""
        found = self._ok(*self._client.uid("SEARCH", criteria))
        return sorted(int(uid) for line in found if line for uid in line.split())

    def uids_after(self, uid: int) -> list[int]:
        """Return the UIDs above one; nothing that the server has told of is missing.

        A mail that comes during the search is told of beside its result (EXISTS) and is not in it. No IDLE
        would tell of it again, so the search is made again.
        """
        while True:
            for told in ("EXISTS", "RECENT"):  # imaplib keeps them all
                self._client.untagged_responses.pop(told, None)
            # "n:*" always holds the newest mail, also when its UID is smaller (RFC 3501, section 6.4.8).
            found = [new for new in self.uids(f"UID {uid + 1}:*") if new > uid]
            if found or "EXISTS" not in self._client.untagged_responses:
                return found

    def uids_between(self, first: int, last: int, *, since: date) -> list[int]:
        """Return the UIDs in a range, of mails that arrived on a day or later."""
        return self.uids(f"UID {first}:{last} SINCE {since.day}-{_MONTHS[since.month - 1]}-{since.year}")

    def uids_of(self, message_id: str, *, deleted: bool = True) -> list[int]:
        """Return the UIDs of the mails that may have a Message-ID: SEARCH finds parts of words as well."""
        return self.uids(f'{"" if deleted else "UNDELETED "}HEADER Message-ID "{message_id}"')

    def answers_to(self, message_id: str) -> list[int]:
        """Return the UIDs of the mails that answer one and are not marked as deleted, if it can be asked."""
        if not _ASKABLE.fullmatch(message_id):
            return []
        return self.uids(f'UNDELETED HEADER In-Reply-To "{message_id}"')

    def existing(self, uids: Sequence[int]) -> list[int]:
        """Return which of these UIDs there are, without those that are marked as deleted."""
        parts = (uids[first : first + _AT_ONCE] for first in range(0, len(uids), _AT_ONCE))
        return [uid for part in parts for uid in self.uids(f"UNDELETED UID {','.join(map(str, part))}")]

    def listed(self, uids: Sequence[int]) -> list[Listed]:
        """Return the sizes of mails; one that has gone meanwhile is not among them."""
        if not uids:
            return []
        numbers = ",".join(map(str, uids))
        lines = self._ok(*self._client.uid("FETCH", numbers, "(RFC822.SIZE INTERNALDATE)"))
        return sorted(filter(None, map(_listed, lines)), key=lambda mail: mail.uid)

    def fetch(self, uid: int, *, most: int | None = None) -> bytes | None:
        """Return a mail, or its first ``most`` bytes; None when it has gone."""
        part = f"<0.{most}>" if most is not None else ""
        for line in self._ok(*self._client.uid("FETCH", str(uid), f"(BODY.PEEK[]{part})")):
            if isinstance(line, tuple) and len(line) == 2:
                return bytes(line[1])
        return None

    def flags(self, uid: int) -> frozenset[str]:
        """Return the flags and keywords of a mail, in small letters."""
        lines = self._ok(*self._client.uid("FETCH", str(uid), "(FLAGS)"))
        heads = (line[0] if isinstance(line, tuple) else line for line in lines)
        found = filter(None, map(_FLAGS.search, heads))
        return frozenset(flag.decode("utf-8", "replace").lower() for one in found for flag in one[1].split())

    def can_idle(self) -> bool:
        """Say whether the server pushes news."""
        return "IDLE" in self._client.capabilities

    def idle(self, seconds: float) -> None:
        """Wait until the server tells of something, at most so long; ``seconds`` below 29 minutes.

        Not imap-tools' own: that one fails when the server has news before it says "+ idling", and sleeps
        on news that came in the same packet.
        """
        tag = self._client._command("IDLE")
        news = False
        while self._client._get_response() is not None:
            news = True
        if not (news or self._has_read_ahead()):
            self._wait(seconds)
        self._client.send(b"DONE\r\n")
        self._box.consume_until_tagged_response(tag)

    def _has_read_ahead(self) -> bool:
        sock = self._client.sock
        sock.settimeout(0)
        try:
            return bool(_buffer(self._client).peek(1))
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        finally:
            sock.settimeout(_COMMAND)

    def _wait(self, seconds: float) -> None:
        poller = select.poll()
        poller.register(self._client.sock.fileno(), select.POLLIN)
        poller.poll(seconds * 1000)

    # -- writing -------------------------------------------------------------------------------

    def append(
        self, name: str, raw: bytes, flags: str, *, may: Callable[[], bool] | None = None
    ) -> tuple[int, int] | None:
        """Put a mail into a folder; returns its (UIDVALIDITY, UID) if the server tells (RFC 4315).

        In two steps, as RFC 3501 has it (section 6.3.11): the server says that it would take the mail, and
        then gets it. Not imaplib's own, which asks nobody in between.

        Args:
            name: the folder's.
            raw: the mail.
            flags: what it is marked with, in brackets.
            may: asked once the server would take it, directly before it gets it.

        Raises:
            TooLate: ``may`` said no; the server has nothing.
        """
        client, literal = self._client, _LINE_END.sub(b"\r\n", raw)
        tag = client._command("APPEND", encode_folder(name), flags, f"{{{len(literal)}}}")
        while client._get_response() is not None:  # until it says "+"
            if client.tagged_commands[tag]:
                break
        else:
            if may is not None and not may():
                raise TooLate
            client.send(literal + b"\r\n")
        answer = self._ok(*client._command_complete("APPEND", tag))
        found = _APPENDUID.search(b" ".join(part for part in answer if isinstance(part, bytes)))
        return (int(found[1]), int(found[2])) if found else None

    def remove(self, uid: int) -> None:
        """Take one mail out of the open folder, and nothing that somebody else marked as deleted."""
        self._ok(*self._client.uid("STORE", str(uid), "+FLAGS.SILENT", "(\\Deleted)"))
        if "UIDPLUS" in self._client.capabilities:
            self._ok(*self._client.uid("EXPUNGE", str(uid)))

    def _told(self, what: str) -> int:
        _, values = self._client.response(what)
        if not values or values[-1] is None:
            return 1
        return int(values[-1])

    def _ok(self, status: str, answer: Any) -> list[Any]:
        if status != "OK":
            raise ServerSaysNo(cause=_words(answer))
        return [part for part in answer if part is not None]


def connect(config: EmailConfig, credentials: Credentials) -> Connection:
    """Connect and log in.

    Raises:
        Unreachable: the server cannot be reached, or not safely.
        Disconnected: it hung up on us.
        LoginRefused: it does not let us in, or has refused another connection of this mailbox lately.
    """
    credentials.logins.look()
    try:
        box = _box(config)
    except (OSError, imaplib.IMAP4.error, ImapToolsError) as error:
        server = f"{config.imap.host}:{config.imap.port}"
        raise Unreachable(server=server, cause=_reason(error)) from error
    try:
        with credentials.logins.one():
            _log_in(box, credentials)
        box.client.sock.settimeout(_COMMAND)
        _refresh_capabilities(box.client)
        return Connection(box)
    except BaseException as error:
        with suppress(OSError):
            box.client.shutdown()
        if isinstance(error, OSError | imaplib.IMAP4.abort):
            raise Disconnected(cause=_reason(error)) from error
        if isinstance(error, ImapToolsError | imaplib.IMAP4.error):
            if credentials.tokens:
                credentials.tokens.forget()
            raise LoginRefused(cause=WRONG_LOGIN) from error
        raise


def _box(config: EmailConfig) -> BaseMailBox:
    imap = config.imap
    if imap.security == "tls":
        return MailBox(imap.host, imap.port, timeout=_CONNECT, ssl_context=ssl.create_default_context())
    box = MailBoxUnencrypted(imap.host, imap.port, timeout=_CONNECT)
    if imap.security == "starttls":  # not imap-tools' own, which leaves the socket open when it fails
        try:
            box.client.starttls(ssl.create_default_context())
        except BaseException:
            with suppress(OSError):
                box.client.shutdown()
            raise
    return box


def _log_in(box: BaseMailBox, credentials: Credentials) -> None:
    if credentials.tokens:
        box.xoauth2(credentials.username, credentials.tokens.get(), initial_folder=None)
    elif (credentials.username + credentials.password).isascii():
        box.login(credentials.username, credentials.password, initial_folder=None)
    else:
        box.login_utf8(credentials.username, credentials.password, initial_folder=None)


def _buffer(client: Any) -> Any:
    """Return the buffered reader of an imaplib client; Python 3.14 renamed it."""
    return vars(client).get("_file") or client.file


def _refresh_capabilities(client: Any) -> None:
    """Servers offer more to whom they know (RFC 3501, section 6.1.1)."""
    client._get_capabilities()


def _listed(line: Any) -> Listed | None:
    text = line[0] if isinstance(line, tuple) else line
    found, arrived = _SIZE.search(text), _DATE.search(text)
    if found is None:
        return None
    uid, size = (found[1], found[2]) if found[1] else (found[4], found[3])
    when = imaplib.Internaldate2tuple(text) if arrived else None
    return Listed(uid=int(uid), size=int(size), arrived_at=_milliseconds(when))


def _milliseconds(when: time.struct_time | None) -> int:
    return int(time.mktime(when) * 1000) if when else 0


def _words(answer: Any) -> str:
    said = b" ".join(part for part in answer if isinstance(part, bytes)).decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in said)[:200] or "it did not say why"


def _reason(error: BaseException) -> str:
    """Return what went wrong, and what to look at."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate cannot be trusted ({error.verify_message[:100]})"
    if "TLS not supported" in str(error):
        return "it offers no STARTTLS: use 'tls', usually with port 993"
    return next((said for kind, said in _REASONS if isinstance(error, kind)), type(error).__name__)
