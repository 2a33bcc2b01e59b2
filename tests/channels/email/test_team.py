"""The real program and a team: what people do with drafts is told; several processes watch one mailbox."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

from supportbot.chaos.folder import ENVIRONMENT, BotFolder
from supportbot.chaos.program import program
from tests.channels.email.conftest import until
from tests.channels.email.dovecot import mail, needs_dovecot
from tests.channels.email.mailboxes import section, subject

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from supportbot.chaos.program import Program
    from tests.channels.email.dovecot import Dovecot

pytestmark = needs_dovecot

ASKED = "How long does a parcel take?"
OWN = "I have asked the carrier: somebody signed for it at number 14."


def _folder(root: Path, address: str, server: Dovecot, database: str, **keys: Any) -> BotFolder:
    support = {"type": "email", **section(address, server.port), "poll": 1, **keys}
    return BotFolder(root, database=database, deliveries={"timeout": 2}, channels={"support": support})


async def _watches(bot: Program) -> None:
    await until(lambda: {"INBOX", "Sent"} <= _watched(bot), 30)


def _watched(bot: Program) -> set[str]:
    return {str(line["folder"]) for line in bot.log() if line.get("event") == "email.watching"}


def _metrics(bot: Program) -> str:
    request = Request(
        f"{bot.url}/metrics", headers={"Authorization": f"Bearer {ENVIRONMENT['BOT_ADMIN_TOKEN']}"}
    )
    with urlopen(request, timeout=10) as answer:
        return str(answer.read().decode())


async def test_what_a_team_makes_of_drafts_is_told(
    server: Dovecot, address: str, tmp_path: Path, database_url: str
) -> None:
    """One draft is sent as it was, beside another the person answers in words of their own: on the command
    line, in the metrics, and the person's words in the conversation."""
    folder = _folder(tmp_path / "bot", address, server, database_url)
    async with program(folder) as bot:
        await _watches(bot)
        server.deliver(address, mail(ASKED, subject="one", Message_ID="<one@customer.test>"))
        await until(lambda: server.mails(address, "Drafts"))
        [draft] = server.mails(address, "Drafts")
        server.remove(address, "Drafts")
        server.deliver(address, draft, "Sent")
        server.deliver(address, mail(ASKED, subject="two", Message_ID="<two@customer.test>"))
        await until(lambda: server.mails(address, "Drafts"))
        own = mail(
            OWN,
            From=address,
            To="anna@customer.test",
            Message_ID="<own@example.com>",
            In_Reply_To="<two@customer.test>",
        )
        server.deliver(address, own, "Sent")
        await until(lambda: _count(bot, "used") and _count(bot, "ignored"))
        code, printed = await bot.run("drafts", "stats", "--json")
        assert (0, [1, 1, 0]) == (code, _row(printed, "used", "ignored", "open"))
        _, shown = await bot.run("drafts", "stats", "--by", "model")
        assert ["knowledge", "2"] == shown.splitlines()[1].split()[:2]
        _, conversations = await bot.run("conversations", "list", "--channel", "support", "--json")
        said = [
            await bot.run("conversations", "show", row["id"]) for row in json.loads(conversations)["rows"]
        ]
        assert 1 == sum(OWN in text for _, text in said)
        assert 0 == await bot.stop()


def _row(printed: str, *names: str) -> list[int]:
    [row] = json.loads(printed)["rows"]
    return [row[name] for name in names]


def _count(bot: Program, outcome: str) -> bool:
    return f'supportbot_drafts_total{{channel="support",outcome="{outcome}",topic=""}} 1.0' in _metrics(bot)


async def test_two_programs_share_a_mailbox(
    server: Dovecot, address: str, tmp_path: Path, postgres_database: str
) -> None:
    """One watches, and when it is killed the other does; each mail gets one draft, whoever leaves it."""
    one = _folder(tmp_path / "one", address, server, postgres_database)
    two = _folder(tmp_path / "two", address, server, postgres_database)
    async with program(one) as first:
        await _watches(first)
        async with program(two) as second:
            for number in range(6):
                server.deliver(address, mail(ASKED, subject=f"a{number}"))
            await until(lambda: len(server.mails(address, "Drafts")) >= 3)
            assert set() == _watched(second)
            await first.kill()
            for number in range(6):
                server.deliver(address, mail(ASKED, subject=f"b{number}"))
            await _watches(second)
            await until(lambda: len(server.mails(address, "Drafts")) >= 12, 60)
            assert 0 == await second.stop()
    left = Counter(subject(raw) for raw in server.mails(address, "Drafts"))
    assert {f"Re: {letter}{number}": 1 for letter in "ab" for number in range(6)} == dict(left)


async def test_two_programs_started_at_once(
    server: Dovecot, address: str, tmp_path: Path, postgres_database: str
) -> None:
    """Only one of them watches."""
    folders = [_folder(tmp_path / name, address, server, postgres_database) for name in ("one", "two")]
    async with program(folders[0]) as first, program(folders[1]) as second:
        await until(lambda: _watched(first) | _watched(second), 30)
        server.deliver(address, mail(ASKED, subject="a"))
        await until(lambda: server.mails(address, "Drafts"))
        assert 1 == sum(map(bool, (_watched(first), _watched(second))))
        assert [0, 0] == await asyncio.gather(first.stop(), second.stop())
