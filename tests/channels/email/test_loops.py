"""Machines that face each other fall silent: real bots in mode send, and what they meet out there.

Each machine gets at most one automatic mail of ours in a thread. Here they answer at once, and that alone
would give them away (``test_guard``); so it is left out, and what they say has to tell.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import AsyncExitStack, closing
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.testing import ScriptedModel, started_bot
from supportbot_email import guard
from tests.channels.email.conftest import until
from tests.channels.email.dovecot import needs_dovecot
from tests.channels.email.mailboxes import section
from tests.channels.email.relay import Relay, Taken

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.channels.email.dovecot import Dovecot

pytestmark = needs_dovecot

_AS_IT_IS = policy.SMTP.clone(max_line_length=0)
"""Not folded: the standard library encodes what is longer than a line, Message-IDs too."""


class Town:
    """Bots and machines, and the post between them. What is on its way may lose header fields."""

    def __init__(self, server: Dovecot, relay: Relay, folder: Path) -> None:
        self.server, self.relay, self.folder = server, relay, folder
        self.machines: dict[str, Callable[[Any], EmailMessage | None]] = {}
        self.strips = re.compile("never")
        """The fields that get lost, by their names."""
        self.sent: list[tuple[str, str]] = []
        """Who wrote to whom."""
        self._arrived: dict[str, int] = {}
        self._stack = AsyncExitStack()
        relay.on_taken = self._carry

    async def bot(self, address: str) -> None:
        """Let a bot live there."""
        home = self.folder / address.replace("@", "-")
        home.mkdir()
        support = {
            "type": "email",
            **section(address, self.server.port),
            "mode": "send",
            "send_to_unverified": True,  # the worst: nobody out there vouches for anybody
            "smtp": self.relay.section(),
        }
        said = (f"{address} says, for the {n}. time, that it comes." for n in range(1, 100))
        model = ScriptedModel(fallback=lambda _prompt: next(said))
        bot = await self._stack.enter_async_context(
            started_bot({"channels": {"support": support}}, home, model=model)
        )
        self._arrived[address] = 0
        await until(lambda: not bot.channels["support"].problem())

    async def end(self) -> None:
        """Stop the bots."""
        await self._stack.aclose()

    async def post(self, sender: str, recipient: str, raw: bytes) -> None:
        """Bring a mail."""
        found = message_from_bytes(raw, policy=policy.default)
        for name in {name for name in found if self.strips.fullmatch(name)}:
            del found[name]
        self.sent.append((sender, recipient))
        assert len(self.sent) < 60, "they do not stop"
        if recipient in self._arrived:
            self._arrived[recipient] += 1
            whole = f"Return-Path: <{sender}>\r\n".encode() + found.as_bytes(policy=_AS_IT_IS)
            await asyncio.to_thread(self.server.deliver, recipient, whole)
        elif recipient in self.machines and (answer := self.machines[recipient](found)) is not None:
            await self.post(recipient, sender, answer.as_bytes(policy=_AS_IT_IS))

    async def _carry(self, taken: Taken) -> None:
        await self.post(taken.sender, taken.recipient, taken.raw)

    async def silence(self) -> None:
        """Wait until everything that arrived has been dealt with, and nothing is on its way."""
        await until(lambda: self._is_quiet() and self._is_quiet(), within=60)

    def _is_quiet(self) -> bool:
        before = len(self.sent)
        return all(map(self._has_nothing_to_do, self._arrived)) and before == len(self.sent)

    def _has_nothing_to_do(self, address: str) -> bool:
        with closing(sqlite3.connect(self.folder / address.replace("@", "-") / "bot1.db")) as database:
            [(taken,)] = database.execute("select count(*) from messages where author = 'customer'")
            [(waiting,)] = database.execute("select count(*) from messages where state = 'pending'")
            [(open_,)] = database.execute(
                "select count(*) from deliveries where state in ('planned', 'sending')"
            )
        return (taken, waiting, open_) == (self._arrived[address], 0, 0)

    def mails(self, sender: str, recipient: str) -> int:
        """Return how many went from one to another."""
        return self.sent.count((sender, recipient))


@pytest.fixture
async def town(server: Dovecot, tmp_path: Path, address: str) -> AsyncIterator[Town]:
    async with Relay() as relay:
        made = Town(server, relay, tmp_path)
        yield made
        await made.end()


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Machines may answer as fast as they like: all the rest has to tell what they are."""
    monkeypatch.setattr(guard, "_TOO_FAST", 0)


@pytest.fixture
def ours(address: str) -> str:
    return address.replace("@example.com", "@ours.test")


def written(sender: str, recipient: str, text: str, **fields: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = sender, recipient
    message["Date"] = "Wed, 25 Nov 2026 10:00:00 +0000"
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message


_ROUTES = "Auto-Submitted|X-.*|Precedence"
_THREADS = "In-Reply-To|References|Thread-.*"


@pytest.mark.parametrize(
    ("strips", "name"),
    [
        ("never", "support"),
        (_ROUTES, "support"),
        (_ROUTES, "anna"),
        (_THREADS, "anna"),
        (f"{_ROUTES}|{_THREADS}", "support"),
        (f"{_ROUTES}|{_THREADS}|Message-ID", "anna"),
    ],
    ids=["untouched", "not marked", "not marked, a person's address", "not threaded", "neither", "nor named"],
)
async def test_two_bots(town: Town, ours: str, strips: str, name: str) -> None:
    """Somebody writes to one in the other's name: one answer each at most, whatever gets lost on the way."""
    theirs = f"{name}.{ours.partition('@')[0]}@theirs.test"
    town.strips = re.compile(strips, re.IGNORECASE)
    await town.bot(ours)
    await town.bot(theirs)
    await town.post(theirs, ours, written(theirs, ours, "Where is it?", Subject="My parcel").as_bytes())
    await town.silence()
    assert 1 == town.mails(ours, theirs)
    assert 2 >= town.mails(theirs, ours)  # the first was not a bot's


@pytest.mark.parametrize("marked", [True, False], ids=["RFC 3834", "unmarked"])
async def test_a_vacation_responder(town: Town, ours: str, *, marked: bool) -> None:
    """It answers everything, also what it should not: the customer gets our one answer, and it gets none."""
    numbers = count(1)

    def away(asked: Any) -> EmailMessage:
        fields = {"Auto_Submitted": "auto-replied"} if marked else {}
        answer = written(
            "anna@customer.test",
            ours,
            "I am on holiday until 7 December and will read your mail then.\n\nAnna",
            Subject=f"Out of office: {asked['Subject']}",
            Message_ID=f"<away.{next(numbers)}@customer.test>",
            **fields,
        )
        if asked["Message-ID"]:
            answer["In-Reply-To"] = asked["Message-ID"]
        return answer

    town.machines["anna@customer.test"] = away
    await town.bot(ours)
    asked = written(
        "anna@customer.test", ours, "Where is it?", Subject="My parcel", Message_ID="<q@customer.test>"
    )
    await town.post("anna@customer.test", ours, asked.as_bytes())
    await town.silence()
    assert (1, 2) == (town.mails(ours, "anna@customer.test"), town.mails("anna@customer.test", ours))


@pytest.mark.parametrize(
    ("sender", "subject", "keeps_thread"),
    [
        ("maria@desk.test", "{subject}", False),
        ("tickets@desk.test", "{subject}", True),
        ("desk-{number}@desk.test", "[Ticket#{number}] {subject}", False),
        ("maria@desk.test", "(Case {number}) {subject}", True),
    ],
    ids=["stripped", "a role's address", "an address for each", "numbered"],
)
async def test_a_ticket_system(
    town: Town, ours: str, *, sender: str, subject: str, keeps_thread: bool
) -> None:
    """It opens a ticket for each mail, acknowledges it, and marks nothing as automatic."""
    numbers = count(200_001)

    def acknowledge(asked: Any) -> EmailMessage:
        number = next(numbers)
        answer = written(
            sender.format(number=200_000),
            ours,
            f"Hello, we have received your message. Its number is {number}. A colleague will see to it.",
            Subject=subject.format(number=number, subject=asked["Subject"]),
            Message_ID=f"<{number}@desk.test>",
        )
        if keeps_thread and asked["Message-ID"]:
            answer["In-Reply-To"] = asked["Message-ID"]
        return answer

    desk = sender.format(number=200_000)
    town.machines[desk] = acknowledge
    await town.bot(ours)
    asked = written(
        desk, ours, "We need the parcel's number.", Subject="Your parcel", Message_ID="<q@desk.test>"
    )
    await town.post(desk, ours, asked.as_bytes())
    await town.silence()
    assert 1 == town.mails(ours, desk)


async def test_a_person_is_answered_again(town: Town, ours: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other side of it: a person who takes their time and replies gets a second answer by mail."""
    monkeypatch.setattr(guard, "_TOO_FAST", 0)
    replies = iter(["Thank you, but it is the blue one.", ""])

    def anna(asked: Any) -> EmailMessage | None:
        text = next(replies)
        fields = {"Subject": asked["Subject"], "In_Reply_To": asked["Message-ID"], "Message_ID": "<r@c.test>"}
        return written("anna@customer.test", ours, text, **fields) if text else None

    town.machines["anna@customer.test"] = anna
    await town.bot(ours)
    asked = written("anna@customer.test", ours, "Where is it?", Subject="My parcel", Message_ID="<q@c.test>")
    await town.post("anna@customer.test", ours, asked.as_bytes())
    await town.silence()
    assert 2 == town.mails(ours, "anna@customer.test")
