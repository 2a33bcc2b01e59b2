"""Another IMAP server, pymap, from PyPI: it marks no folder as Drafts, and runs where no Dovecot is."""

from __future__ import annotations

import imaplib
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.testing import ScriptedModel, started_bot
from tests.channels.email.conftest import until
from tests.channels.email.dovecot import PASSWORD, mail
from tests.channels.email.mailboxes import Taker, config, rows, section, watching
from tests.channels.email.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from supportbot.testing.host import MemoryRecords

pytestmark = pytest.mark.skipif(find_spec("pymap") is None, reason="needs pymap: pip install pymap")

ADDRESS = "support@example.com"


class Pymap:
    """A running server with one mailbox, and its owner's mail program."""

    def __init__(self, port: int) -> None:
        self.port = port

    @contextmanager
    def person(self) -> Iterator[imaplib.IMAP4]:
        """Log in as the mailbox's owner."""
        client = imaplib.IMAP4("127.0.0.1", self.port, timeout=20)
        client.login(ADDRESS, PASSWORD)
        try:
            yield client
        finally:
            with suppress(OSError, imaplib.IMAP4.error):
                client.logout()

    def deliver(self, raw: bytes) -> None:
        """Put a mail into the inbox."""
        with self.person() as client:
            assert "OK" == client.append("INBOX", None, None, raw)[0]  # type: ignore[arg-type]

    def heads(self, folder: str) -> list[str]:
        """Return flags and header of the mails in a folder."""
        with self.person() as client:
            client.select(folder, readonly=True)
            _, lines = client.fetch("1:*", "(FLAGS BODY.PEEK[HEADER])")
            return [(line[0] + line[1]).decode() for line in lines if isinstance(line, tuple)]


@pytest.fixture
def pymap() -> Iterator[Pymap]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(Path(sys.executable).parent / "pymap"),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--no-tls",
    ]
    process = subprocess.Popen(
        [*command, "dict", "--demo-user", ADDRESS, "--demo-password", PASSWORD],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        server = Pymap(port)
        for _ in range(400):
            with suppress(OSError), server.person() as client:
                client.create("Drafts")
                client.create("Sent")
                break
            assert process.poll() is None
            time.sleep(0.05)
        yield server
    finally:
        process.kill()
        process.wait()


async def test_a_mail_becomes_a_draft_and_stays_unread(pymap: Pymap, tmp_path: Path) -> None:
    """The folders are found by their usual names; the draft is in its thread; the inbox is as it was.

    This server forgets what came just before IDLE began: ``poll`` finds it."""
    document: dict[str, Any] = {
        "channels": {"support": {"type": "email", **section(ADDRESS, pymap.port), "poll": 1}}
    }
    async with started_bot(document, tmp_path, model=ScriptedModel()) as bot:
        await until(lambda: not bot.channels["support"].problem())
        pymap.deliver(mail("Where is it?", Message_ID="<asked@customer.test>"))
        await until(lambda: rows(tmp_path, "select 1 from deliveries where state = 'delivered'"))
    [draft] = pymap.heads("Drafts")
    assert "\\Draft" in draft
    assert "In-Reply-To: <asked@customer.test>\r\n" in draft
    [asked] = pymap.heads("INBOX")
    assert "\\Seen" not in asked.partition("\n")[0]


async def test_it_wakes_the_watcher(pymap: Pymap, records: MemoryRecords) -> None:
    """IDLE, and no mail is lost when the connection breaks in it."""
    taker = Taker()
    async with Wire(pymap.port) as wire, watching(config(ADDRESS, wire.port), records, taker):
        await wire.idling.wait()
        pymap.deliver(mail(subject="one"))
        assert ["one"] == await taker.has(1)
        wire.hang_up()
        pymap.deliver(mail(subject="two"))
        assert ["one", "two"] == await taker.has(2)
