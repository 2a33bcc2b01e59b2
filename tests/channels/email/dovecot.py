"""A real Dovecot for tests: unprivileged, on a free loopback port, in a folder of its own."""

from __future__ import annotations

import imaplib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "s3cret"
_BINARY = shutil.which("dovecot") or next((p for p in ("/usr/sbin/dovecot",) if Path(p).exists()), None)

needs_dovecot = pytest.mark.skipif(
    _BINARY is None, reason="needs Dovecot: apt-get install dovecot-imapd dovecot-lmtpd"
)

_CONFIG = """
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
mail_uid = {user}
mail_gid = {group}
first_valid_uid = 1
first_valid_gid = 1
disable_plaintext_auth = no
mail_fsync = never
auth_failure_delay = 0
mail_location = maildir:~/Maildir
mail_plugins = quota
mail_max_userip_connections = 100
passdb {{
  driver = static
  mechanisms = plain login
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={root}/home/%u
}}
namespace inbox {{
  inbox = yes
  mailbox Drafts {{
    auto = create
    special_use = \\Drafts
  }}
  mailbox Sent {{
    auto = create
    special_use = \\Sent
  }}
  mailbox Trash {{
    auto = create
    special_use = \\Trash
  }}
}}
plugin {{
  quota = maildir:User quota
  quota_rule = *:storage={quota}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
{more}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
protocol imap {{
  mail_plugins = quota imap_quota
}}
"""


_TLS = """
ssl = yes
ssl_cert = <{certificates}/server.pem
ssl_key = <{certificates}/server.key
auth_mechanisms = plain login xoauth2
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {root}/oauth2.conf
}}
"""

_OAUTH = """
introspection_url = {introspection}?token=
introspection_mode = get
username_attribute = username
active_attribute = active
active_value = true
"""


class Dovecot:
    """A running server, and a person with a mail program."""

    def __init__(self, root: Path, port: int, tls_port: int) -> None:
        self.root, self.port, self.tls_port = root, port, tls_port

    @contextmanager
    def person(self, user: str) -> Iterator[imaplib.IMAP4]:
        """Log in as the mailbox's owner."""
        client = imaplib.IMAP4("127.0.0.1", self.port, timeout=20)
        client.login(user, PASSWORD)
        try:
            yield client
        finally:
            with suppress(OSError, imaplib.IMAP4.error):
                client.logout()

    def deliver(self, user: str, raw: bytes, folder: str = "INBOX", flags: str = "") -> int:
        """Put a mail into a folder as a delivery does; returns its UID."""
        with self.person(user) as client:
            status, answer = client.append(folder, flags or None, None, raw)
            assert status == "OK", answer
            return int(answer[0].split(b"]")[0].split()[-1])

    def mails(self, user: str, folder: str) -> list[bytes]:
        """Return what is in a folder, oldest first."""
        with self.person(user) as client:
            client.select(folder, readonly=True)
            _, found = client.uid("SEARCH", "ALL")
            answers = [client.uid("FETCH", uid, "(BODY.PEEK[])")[1] for uid in found[0].split()]
            return [line[1] for answer in answers for line in answer if isinstance(line, tuple)]

    def flags(self, user: str, folder: str = "INBOX") -> list[str]:
        """Return the flags of the mails in a folder."""
        with self.person(user) as client:
            client.select(folder, readonly=True)
            _, found = client.uid("SEARCH", "ALL")
            return [
                client.uid("FETCH", uid, "(FLAGS)")[1][0].decode().partition("FLAGS (")[2].partition(")")[0]
                for uid in found[0].split()
            ]

    def fill(self, user: str, count: int, *, days: float, subject: str = "old") -> None:
        """Lay mails into the inbox that came so many days ago."""
        with self.person(user) as client:
            client.select("INBOX")  # makes its folders
        new = self.root / "home" / user / "Maildir" / "new"
        raw, when = mail(subject=subject), time.time() - days * 86_400
        for number in range(count):
            file = new / f"{int(when)}.{number}.{subject}"
            file.write_bytes(raw)
            os.utime(file, (when, when))
            if os.geteuid() == 0:
                shutil.chown(file, "nobody", "nogroup")

    def remove(self, user: str, folder: str, which: str = "1:*") -> None:
        """Delete everything in a folder, or some of it by its numbers."""
        with self.person(user) as client:
            client.select(folder)
            client.store(which, "+FLAGS", "(\\Deleted)")
            client.expunge()

    def renumber(self, user: str, folder: str = "") -> None:
        """Give the inbox, or another folder, another UIDVALIDITY, as a restored or moved server does."""
        maildir = self.root / "home" / user / "Maildir" / (f".{folder}" if folder else "")
        for index in maildir.glob("dovecot.index*"):
            index.unlink()
        numbers = maildir / "dovecot-uidlist"
        numbers.write_text(re.sub(r"V\d+", "V1000", numbers.read_text(), count=1))


def mail(text: str = "Where is my parcel?", *, subject: str = "My parcel", **headers: str) -> bytes:
    """Return a customer's mail."""
    message = EmailMessage()
    fields = {"From": "Anna <anna@customer.test>", "To": "support@example.com", "Subject": subject} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    for name, value in fields.items():
        message[name] = value
    if "Date" not in message:
        message["Date"] = "Wed, 25 Nov 2026 10:00:00 +0000"
    message.set_content(text)
    return message.as_bytes()


@contextmanager
def dovecot(
    quota: str = "100M", *, certificates: Path | None = None, introspection: str = ""
) -> Iterator[Dovecot]:
    """Run one until the block ends.

    Args:
        quota: of each mailbox.
        certificates: a folder with server.pem and server.key: with it, it speaks TLS and XOAUTH2 too.
        introspection: the URL at which it asks whether an access token is good (RFC 7662).
    """
    assert _BINARY is not None
    with tempfile.TemporaryDirectory(prefix="dovecot") as folder:
        port, tls_port = _free_ports()
        root = Path(folder)
        user, group = ("nobody", "nogroup") if os.geteuid() == 0 else (_name("--user"), _name("--group"))
        (root / "home").mkdir()
        more = "ssl = no"
        if certificates:
            shutil.copytree(certificates, root / "certificates")
            (root / "oauth2.conf").write_text(_OAUTH.format(introspection=introspection))
            more = _TLS.format(root=root, certificates=root / "certificates")
        else:
            tls_port = 0
        config = _CONFIG.format(
            root=root, user=user, group=group, port=port, tls_port=tls_port, quota=quota, password=PASSWORD,
            more=more,
        )  # fmt: skip
        (root / "dovecot.conf").write_text(config)
        command = [_BINARY, "-F", "-c", str(root / "dovecot.conf")]
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", f"{user}:{group}", str(root)], check=True)
            command = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", *command]
        with (root / "out").open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        try:
            _wait_for(port, process, root)
            yield Dovecot(root, port, tls_port)
        finally:
            process.terminate()
            process.wait(10)


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def _name(what: str) -> str:
    return subprocess.run(
        ["id", f"-{what}", "--name"], capture_output=True, text=True, check=True
    ).stdout.strip()


def _wait_for(port: int, process: subprocess.Popen[bytes], root: Path) -> None:
    for _ in range(400):
        with suppress(OSError):
            imaplib.IMAP4("127.0.0.1", port, timeout=5).logout()
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    log = (root / "log").read_text() if (root / "log").exists() else ""
    raise RuntimeError(f"Dovecot did not start: {(root / 'out').read_text()} {log}")
