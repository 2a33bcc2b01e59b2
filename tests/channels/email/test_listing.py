"""What servers list: their marks, their names in every language, and what cannot be opened."""

from __future__ import annotations

from typing import Any

import pytest

from supportbot_email.failures import NoFolder
from supportbot_email.imap import Connection, FolderUse
from supportbot_email.listing import folder_for, read
from tests.channels.email.desk import desk
from tests.channels.email.dovecot import Dovecot, needs_dovecot

# As they were recorded; a name with a quote in it comes as a literal beside its line.
GMAIL = [
    b'(\\HasNoChildren) "/" "INBOX"',
    b'(\\HasChildren \\Noselect) "/" "[Gmail]"',
    b'(\\All \\HasNoChildren) "/" "[Gmail]/Alle Nachrichten"',
    b'(\\Drafts \\HasNoChildren) "/" "[Gmail]/Entw&APw-rfe"',
    b'(\\HasNoChildren \\Sent) "/" "[Gmail]/Gesendet"',
]
EXCHANGE = [
    b'(\\HasNoChildren) "/" INBOX',
    b'(\\HasNoChildren \\Drafts) "/" "&BCcENQRABD0EPgQyBDgEOgQ4-"',
    b'(\\HasNoChildren \\Sent) "/" "&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-"',
]
MOVED = [  # an administrator moved it; its name stayed, for what is below it
    b'(\\HasNoChildren) "." INBOX',
    b'(\\NoSelect \\HasChildren \\Sent) "." Sent',
    b'(\\HasNoChildren) "." "Sent.2026"',
    b'(\\HasNoChildren \\SENT) "." "Outbox"',
    b'(\\NonExistent \\HasChildren \\Drafts) "." Drafts',
    b'(\\HasNoChildren \\Drafts) "." "Team"',
]
UNMARKED = [
    b'(\\HasNoChildren) "/" "Customers/Ann/Sent"',
    b'(\\Noselect \\HasChildren) "/" "Sent Items"',
    b'(\\HasNoChildren) "/" "Sent"',
    b'(\\HasNoChildren) "/" "Old/Drafts"',
    b'(\\HasNoChildren) "/" "Drafts"',
]
ONLY_HIGHER = [
    b'(\\HasNoChildren) "/" INBOX',
    b'(\\Noselect \\HasChildren \\Sent) "/" "Sent"',
    b'(\\Noselect \\HasChildren \\Drafts) "/" "Drafts"',
]


class Recorded:
    """A server that lists what it did when it was recorded."""

    def __init__(self, lines: list[Any]) -> None:
        self.client = self
        self._lines = lines

    def list(self) -> tuple[str, list[Any]]:
        return "OK", self._lines


@pytest.mark.parametrize(
    ("lines", "drafts", "sent"),
    [
        (GMAIL, "[Gmail]/Entwürfe", "[Gmail]/Gesendet"),
        (EXCHANGE, "Черновики", "Отправленные"),
        (MOVED, "Team", "Outbox"),
        (UNMARKED, "Drafts", "Sent"),
    ],
)
def test_the_marked_folder_or_the_one_usually_called_so(lines: list[Any], drafts: str, sent: str) -> None:
    """A name that cannot be opened is none, whatever it is marked with; the nearest to the top is meant."""
    connection = Connection(Recorded(lines))  # type: ignore[arg-type]
    assert (drafts, sent) == (connection.special("drafts", ""), connection.special("sent", ""))


@pytest.mark.parametrize("use", ["drafts", "sent"])
def test_names_that_only_have_others_below_them_are_no_folders(use: FolderUse) -> None:
    """It is said which there are, and these are not among them."""
    connection = Connection(Recorded(ONLY_HIGHER))  # type: ignore[arg-type]
    with pytest.raises(NoFolder, match=r"There are: INBOX\.$"):
        connection.special(use, "")
    assert ["INBOX"] == connection.folders()


def test_one_bad_name_is_no_harm_to_the_others() -> None:
    """Servers have let people make names that are no modified UTF-7, or UTF-8 that nobody asked for."""
    found = read(
        [
            b'(\\HasNoChildren) "/" "R&D"',
            b'(\\HasNoChildren) "/" "Entw\xc3\xbcrfe"',
            (b'(\\HasNoChildren) "\\\\" {9}', b'Q"uoted\\x'),
            b"",
            b'() NIL "a\\"b\\\\c"',
            b"nonsense",
        ]
    )
    assert ["R&D", "Entwürfe", 'Q"uoted\\x', 'a"b\\c'] == [one.name for one in found]
    assert ["/", "/", "\\", ""] == [one.delimiter for one in found]


@pytest.mark.parametrize("name", ["Entwürfe", "Entwu\u0308rfe", "BROUILLONS", "下書き", "المسودات"])
def test_usual_names_are_known_in_other_languages(name: str) -> None:
    """In any letter case, and with accents that are letters of their own."""
    assert name == folder_for("drafts", read([f'() "/" "{_modified_utf_7(name)}"'.encode()]))


@needs_dovecot
@pytest.mark.parametrize("name", ["Entwürfe", "Черновики", "Büro & Co.草稿"])
@pytest.mark.parametrize("named", [True, False])
async def test_a_name_beyond_ascii_works_on_a_real_server(
    server: Dovecot, address: str, name: str, *, named: bool
) -> None:
    """In modified UTF-7, without asking for UTF-8: named in bot.yaml, or found; and looked after."""
    encoded = _modified_utf_7(name)
    with server.person(address) as person:
        person.create(f'"{encoded}"')
        person.delete("Drafts")
    keys = {"folders": {"drafts": name}} if named else {}
    async with desk(address, server.port, **keys) as own:
        if not named:  # Dovecot marks one that it makes itself: as a server that marks none
            await own.channel._lines[0].run(_without_marks)
        outbound = await own.leave()
        await own.look()
        assert ("open", "") == (own.outcome(outbound), own.channel._drafting.problem)
        assert 1 == len(server.mails(address, f'"{encoded}"'))
        server.remove(address, f'"{encoded}"')


def _without_marks(connection: Connection) -> None:
    client, real = connection._client, connection._client.list
    client.list = lambda: (
        "OK",
        [line for line in real()[1] if not line.endswith((b" Drafts", b'"Drafts"'))],
    )


def _modified_utf_7(name: str) -> str:
    parts = "".join(c if c.isascii() else f"\0{c}\0" for c in name.replace("&", "&-")).replace("\0\0", "")
    return "".join(
        part if part.isascii() else f"&{part.encode('utf-7')[1:-1].decode().replace('/', ',')}-"
        for part in parts.split("\0")
    )
