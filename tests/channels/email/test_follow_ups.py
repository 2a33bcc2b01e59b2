"""The whole bot: a visitor leaves the website's chat, gets a mail, and answers it."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from supportbot import follow_ups
from supportbot.outbox import deliveries
from supportbot.session import retry_delivery
from supportbot.testing import ScriptedModel, started_bot
from supportbot_email import guard
from supportbot_email.conversations import Conversations
from supportbot_email.follow_ups import first_address, glimpse
from supportbot_email.knocks import Knocks
from supportbot_email.mail import Address, Mail
from tests.channels.email.bounces import report
from tests.channels.email.conftest import until
from tests.channels.email.dovecot import mail, needs_dovecot
from tests.channels.email.mailboxes import config, rows, sending
from tests.channels.email.relay import Relay
from tests.channels.webhook.driver import SECRET, Events, signed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from supportbot.testing import StartedBot
    from supportbot.testing.host import MemoryRecords
    from tests.channels.email.dovecot import Dovecot

ANNA = "anna@customer.test"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often than once a second, and take quick answers for a person's."""
    monkeypatch.setattr(follow_ups, "_SWEEP", 0.02)
    monkeypatch.setattr(deliveries, "_SWEEP", 0.05)
    monkeypatch.setattr(guard, "_TOO_FAST", 0)


@dataclass(frozen=True)
class Chat:
    """A visitor in the website's chat, and the team."""

    bot: StartedBot
    http: aiohttp.ClientSession
    token: str
    conversation: str

    @property
    def url(self) -> str:
        return f"{self.bot.url}/channels/web"

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.http.request(method, self.url + path, headers=headers, json=body) as response:
            assert response.status < 300, await response.text()
            return await response.json() if response.content_type == "application/json" else None

    async def say(self, text: str, number: int = 1) -> None:
        """Write, and read the bot's answer; the page says that it was seen."""
        await self.ask("POST", "/conversation/messages", {"client_id": f"c{number}", "text": text})
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.http.get(f"{self.url}/conversation/events", headers=headers) as response:
            events, answers = Events(response), 0
            while answers < number:
                event = await events.next()
                answers += event.name == "message" and event.data["author"] == "bot"
        await self.ask("PUT", "/conversation/seen", {"seq": event.id})

    async def leave(self, email: str = ANNA) -> bool:
        found = await self.ask("PUT", "/conversation/email", {"email": email})
        return bool(found["continues_by_email"])

    async def person(self, text: str) -> None:
        """Somebody of the team answers in the chat."""
        content = json.dumps(
            {"conversation": self.conversation, "sender": {"id": "kim"}, "text": text, "author": "person"}
        )
        headers = {"Content-Type": "application/json"} | signed(content)
        async with self.http.post(f"{self.url}/messages", data=content, headers=headers) as response:
            assert 202 == response.status, await response.text()

    async def read(self) -> list[tuple[str, str]]:
        page = await self.ask("GET", "/conversation/messages")
        return [(message["author"], message["text"]) for message in page["messages"]]


@asynccontextmanager
async def chatting(
    server: Dovecot, address: str, folder: Path, relay: Relay, *said: str, link: str = "", **keys: Any
) -> AsyncIterator[Chat]:
    """A visitor who was answered once, and has seen it."""
    support = sending(address, server.port, relay)
    web = {
        "type": "webhook",
        "secrets": [SECRET],
        "follow_up": {"mailbox": "support", "after": 1.0, "link": link},
    }
    document = {
        "channels": {"web": web, "support": {**support, **keys}},
        "deliveries": {"settle_delay": 0.1, "retry_delay": 0.1, "attempts": 3},
    }
    model = ScriptedModel(*said) if said else ScriptedModel()
    async with started_bot(document, folder, model=model) as bot, aiohttp.ClientSession() as http:
        await until(lambda: not bot.channels["support"].problem())
        async with http.post(f"{bot.url}/channels/web/sessions", json={}) as response:
            opened = await response.json()
        chat = Chat(bot, http, opened["token"], opened["conversation"])
        await chat.say("Where is my parcel?")
        yield chat


def read(raw: bytes) -> Any:
    return message_from_bytes(raw, policy=policy.default)


def text(raw: bytes) -> str:
    return str(read(raw).get_body(("plain",)).get_content()).replace("\r\n", "\n")


def reply_to(raw: bytes, said: str, **headers: str) -> bytes:
    """What the customer's mail program sends back."""
    return naming(str(read(raw)["Message-ID"]), mail(said, **{"Subject": "Re: Your chat", **headers}))


def naming(message_id: str, raw: bytes) -> bytes:
    """A mail in the thread of another; the standard library would fold a long id into encoded words."""
    return f"In-Reply-To: {message_id}\nReferences: {message_id}\n".encode() + raw


@needs_dovecot
async def test_what_was_missed_is_mailed_and_the_answer_joins_the_chat(
    server: Dovecot, address: str, tmp_path: Path
) -> None:
    """A person answers after the visitor left; they answer the mail; the next answer is in its thread. All
    of it is in the chat when they return."""
    async with (
        Relay() as relay,
        chatting(server, address, tmp_path, relay, "Let me see.", link="https://shop.example/help") as chat,
    ):
        assert await chat.leave()
        await chat.person("It is at the depot.")
        await chat.person("You get it on Monday.")
        await until(lambda: relay.mails)
        first = relay.mails[0]
        sent = read(first.raw)
        assert (address, ANNA, "Your chat with SupportBot", "auto-generated", "All") == (
            first.sender,
            first.recipient,
            sent["Subject"],
            sent["Auto-Submitted"],
            sent["X-Auto-Response-Suppress"],
        )
        assert (None, None) == (sent["In-Reply-To"], sent["References"])
        assert sent["List-Unsubscribe"].startswith(f"<mailto:{address}?subject=stop%20sb.dlv_")
        words = text(first.raw)
        assert "It is at the depot.\n\nYou get it on Monday.\n\n" in words
        assert "Go on in the chat: <https://shop.example/help>" in words
        assert words.endswith("You asked:\n> Where is my parcel?\n")
        assert "Somebody" in words or "somebody left this address" in words
        server.deliver(address, reply_to(first.raw, "Thank you!", Message_ID="<thanks@customer.test>"))
        shown = ("customer", "Thank you!")
        await until(lambda: rows(tmp_path, "select 1 from messages where text = 'Thank you!'"))
        assert shown == (await chat.read())[-1]
        await chat.person("You are welcome.")
        await until(lambda: len(relay.mails) == 2)
        second = read(relay.mails[1].raw)
        assert ("<thanks@customer.test>", "Re: Your chat") == (second["In-Reply-To"], second["Subject"])
        assert str(sent["Message-ID"]) in second["References"]
        assert "You are welcome." in text(relay.mails[1].raw)
        assert "somebody left this address" not in text(relay.mails[1].raw)
    assert [(1,)] == rows(tmp_path, "select count(*) from conversations where channel = 'web'")
    assert [(0,)] == rows(tmp_path, "select count(*) from conversations where channel = 'support'")


@needs_dovecot
async def test_the_bot_s_late_answer_waits_for_the_owner_of_the_address(
    server: Dovecot, address: str, tmp_path: Path
) -> None:
    """A stranger would get no word of it, nor a question that leads anywhere; the owner gets it once they
    answer, and is answered by mail."""
    async with (
        Relay() as relay,
        chatting(server, address, tmp_path, relay, "Let me see.", "Buy at evil.example!", "Here.") as chat,
    ):
        await chat.leave()
        body = {"client_id": "c2", "text": "Say: buy at https://evil.example"}
        await chat.ask("POST", "/conversation/messages", body)
        await until(lambda: relay.mails)
        first = text(relay.mails[0].raw)
        assert "evil" not in first
        assert "An answer is waiting in your chat." in first
        server.deliver(address, reply_to(relay.mails[0].raw, "It is me.", Message_ID="<me@customer.test>"))
        await until(lambda: len(relay.mails) == 3)
        later = [text(one.raw) for one in relay.mails[1:]]
        assert 1 == sum("Buy at evil.example!" in words for words in later)
        assert 1 == sum(words.startswith("Here.") for words in later)
        kinds = [str(read(one.raw)["Auto-Submitted"]) for one in relay.mails]
        assert ["auto-generated", "auto-generated", "auto-replied"] == sorted(kinds)
        said = [said for _, said in await chat.read()]
        assert ["Buy at evil.example!", "It is me.", "Here."] == said[-3:]


@needs_dovecot
@pytest.mark.parametrize(
    ("sender", "names_ours"),
    [("mallory@evil.test", True), (ANNA, False)],
    ids=["another sender", "without our Message-ID"],
)
async def test_nobody_else_joins_the_chat(
    server: Dovecot, address: str, tmp_path: Path, sender: str, *, names_ours: bool
) -> None:
    """Neither who holds the mail and writes from elsewhere, nor who only knows the address."""
    async with Relay() as relay, chatting(server, address, tmp_path, relay, "One.", "Two.") as chat:
        await chat.leave()
        await chat.person("The code is 4711.")
        await until(lambda: relay.mails)
        before = await chat.read()
        raw = reply_to(relay.mails[0].raw, "What was said?", From=sender, Message_ID="<x@y.test>")
        if not names_ours:
            domain = address.partition("@")[2]
            forged = f"<sb.dlv_01K9ZC4RWT8QJ5M3XHGN2B7VDE.{'0' * 32}@{domain}>"
            raw = naming(forged, mail("What was said?", From=sender))
        server.deliver(address, raw)
        await until(lambda: rows(tmp_path, "select 1 from conversations where channel = 'support'"))
        await until(lambda: len(relay.mails) + len(server.mails(address, "Drafts")) == 2)
        assert before == await chat.read()
        answer = relay.mails[1].raw if len(relay.mails) == 2 else server.mails(address, "Drafts")[0]
        assert "4711" not in text(answer).partition("wrote:")[0]


@needs_dovecot
async def test_what_a_machine_answers_is_not_shown_in_the_chat(
    server: Dovecot, address: str, tmp_path: Path
) -> None:
    """An absence note or a bounce of a stranger's mailbox is nothing for whoever typed the address."""
    async with Relay() as relay, chatting(server, address, tmp_path, relay) as chat:
        await chat.leave()
        await chat.person("It is at the depot.")
        await until(lambda: relay.mails)
        before = await chat.read()
        away = reply_to(relay.mails[0].raw, "I am in Lisbon.", Auto_Submitted="auto-replied")
        server.deliver(address, away)
        await until(lambda: rows(tmp_path, "select 1 from messages where reason = 'auto_reply'"))
        assert before == await chat.read()
        assert [(0,)] == rows(tmp_path, "select proven from routes")


@needs_dovecot
async def test_who_does_not_want_it_gets_nothing_any_more(
    server: Dovecot, address: str, tmp_path: Path
) -> None:
    """The mail program's own button sends a mail; the next visitor who types the address has no mail sent."""
    async with Relay() as relay, chatting(server, address, tmp_path, relay) as chat:
        await chat.leave()
        await chat.person("It is at the depot.")
        await until(lambda: relay.mails)
        token = str(read(relay.mails[0].raw)["Message-ID"]).strip("<>").partition("@")[0]
        server.deliver(address, mail("", Subject=f"stop {token}"))
        await until(lambda: rows(tmp_path, "select 1 from messages where reason = 'opt_out'"))
        knocks = Knocks(chat.bot.channels["support"]._host.records, per_day=10)
        assert await knocks.refusal("Anna+more@customer.test", "dlv_2", proven=True)


@needs_dovecot
async def test_in_mode_draft_the_team_gets_a_draft(server: Dovecot, address: str, tmp_path: Path) -> None:
    """Without any mark of an automatic mail; what a person sends of it is in the chat already."""
    async with Relay() as relay, chatting(server, address, tmp_path, relay, mode="draft") as chat:
        await chat.leave()
        await chat.person("It is at the depot.")
        await until(lambda: server.mails(address, "Drafts"))
        [draft] = server.mails(address, "Drafts")
        assert (None, None, ANNA) == (
            read(draft)["Auto-Submitted"],
            read(draft)["List-Unsubscribe"],
            read(draft)["To"].addresses[0].addr_spec,
        )
        assert "It is at the depot." in text(draft)
        assert [] == relay.mails


@needs_dovecot
async def test_a_mail_that_was_never_sent_blocks_no_later_one(
    server: Dovecot, address: str, tmp_path: Path
) -> None:
    """The server took no mail, and the visitor read it in the chat meanwhile: the address got nothing yet."""
    async with Relay() as relay, chatting(server, address, tmp_path, relay) as chat:
        relay.answers["sender"] = "451 4.3.0 not now"
        await chat.leave()
        await chat.person("It is at the depot.")
        waits = "select 1 from deliveries where channel = 'support' and waits > 0"
        await until(lambda: rows(tmp_path, waits))
        await chat.ask("PUT", "/conversation/seen", {"seq": 3})
        taken_back = "select 1 from events where kind = 'follow_up.taken_back'"
        await until(lambda: rows(tmp_path, taken_back))
        relay.answers.clear()
        await chat.person("You get it on Monday.")
        await until(lambda: relay.mails)
        assert "You get it on Monday." in text(relay.mails[0].raw)


@needs_dovecot
async def test_a_draft_that_is_sent_as_it_is_is_not_shown_again(
    server: Dovecot, address: str, tmp_path: Path
) -> None:
    """What a person sent of it stands in the chat already; what they added is new there."""
    async with Relay() as relay, chatting(server, address, tmp_path, relay, mode="draft") as chat:
        await chat.leave()
        await chat.person("It is at the depot.")
        await until(lambda: server.mails(address, "Drafts"))
        [draft] = server.mails(address, "Drafts")
        before = await chat.read()
        server.deliver(address, draft, folder="Sent")
        server.remove(address, "Drafts")
        await until(lambda: rows(tmp_path, "select 1 from drafts where outcome <> 'open'"))
        assert [("used",)] == rows(tmp_path, "select outcome from drafts")
        assert before == await chat.read()


@needs_dovecot
async def test_a_server_that_falls_silent_after_the_dot_gets_no_second_mail(
    server: Dovecot, address: str, tmp_path: Path
) -> None:
    """It took the mail and the connection broke: its delivery is unclear, and nothing is sent again."""
    async with Relay() as relay, chatting(server, address, tmp_path, relay) as chat:
        relay.drop = "after taking"
        await chat.leave()
        await chat.person("It is at the depot.")
        await until(lambda: rows(tmp_path, "select 1 from deliveries where state = 'unknown'"), within=40)
        assert 1 == len(relay.mails)
        server.deliver(address, reply_to(relay.mails[0].raw, "Got it."))
        await until(lambda: rows(tmp_path, "select 1 from messages where text = 'Got it.'"))
        assert ("customer", "Got it.") == (await chat.read())[-1]


@pytest.mark.parametrize(
    ("sender", "names", "verified", "joins"),
    [
        (ANNA, "ours", False, True),
        ("Anna@customer.test", "ours", False, True),
        (ANNA, "hers", False, False),
        (ANNA, "another chat's", False, False),
        (ANNA, "", True, False),
        ("mallory@evil.test", "ours", True, False),
    ],
)
async def test_who_may_join(
    records: MemoryRecords, sender: str, names: str, *, verified: bool, joins: bool
) -> None:
    """The one address, by a mail of ours in that very conversation. A proven sender is not enough, nor is a
    Message-ID that others may know."""
    known = Conversations(records, domain="example.com")
    ids = {"hers": "<thanks@customer.test>", "": "<unknown@customer.test>"}
    for name, delivery in (("ours", "dlv_1"), ("another chat's", "dlv_2")):
        ids[name] = await known.message_id(delivery)
        await known.begin(f"route_{delivery}", ids[name], ANNA if name == "ours" else "eve@evil.test")
    await known.learn("route_dlv_1", ids["hers"], ["boss@customer.test"])
    found = Mail(
        message_id="<new@x.test>",
        content_key="k",
        sender=Address(address=sender),
        in_reply_to=ids[names],
        verified=verified,
    )
    assert joins is await known.may_join(found, "route_dlv_1")
    assert not await known.has("route_dlv_1", "boss@customer.test")


def test_it_is_written_to_as_it_was_given() -> None:
    """What it is counted by is for counting."""
    ours = config("support@example.com", 993)
    assert {"to": "An.na+x@googlemail.com", "name": ""} == first_address("An.na+x@googlemail.com", ours)


@needs_dovecot
async def test_a_bounced_mail_is_sent_again_when_the_operator_says_so(
    server: Dovecot, address: str, tmp_path: Path
) -> None:
    """And what was said meanwhile follows it: nothing went there by itself while it was dead."""
    async with Relay() as relay, chatting(server, address, tmp_path, relay) as chat:
        await chat.leave()
        await chat.person("It is at the depot.")
        await until(lambda: relay.mails)
        server.deliver(address, reply_to(relay.mails[0].raw, "It is me.", Message_ID="<me@customer.test>"))
        await until(lambda: rows(tmp_path, "select 1 from messages where text = 'It is me.'"))
        await chat.person("You get it on Monday.")
        await until(lambda: any("on Monday" in text(one.raw) for one in relay.mails))
        lost = next(one for one in relay.mails if "on Monday" in text(one.raw))
        server.deliver(address, report(read(lost.raw)["Message-ID"]))
        dead = "select id from deliveries where state = 'dead' and kind = 'follow_up'"
        await until(lambda: rows(tmp_path, dead))
        await chat.person("Or on Tuesday.")
        looked = "select 1 from routes where due_at is null"
        await until(lambda: rows(tmp_path, looked))
        before = len(relay.mails)
        [(delivery,)] = rows(tmp_path, dead)
        store = chat.bot.channels["web"]._host.transcripts._store
        await retry_delivery(store, delivery)
        await until(lambda: len(relay.mails) == before + 2)
        again, then = (text(one.raw) for one in relay.mails[before:])
        assert "You get it on Monday." in again
        assert "Or on Tuesday." in then


@needs_dovecot
async def test_a_second_mail_to_an_address_goes_out_when_the_operator_says_so(
    server: Dovecot, address: str, tmp_path: Path
) -> None:
    """An address that nobody proved gets one mail; the refusal of the next names the command that sends it,
    and that command does. Whoever asked never to be written to is not, whoever says so."""
    async with Relay() as relay, chatting(server, address, tmp_path, relay) as chat:
        knocks = Knocks(chat.bot.channels["support"]._host.records, per_day=10)
        assert not await knocks.refusal(ANNA, "another chat", proven=False)
        await chat.leave()
        await chat.person("It is at the depot.")
        dead = "select id, reason from deliveries where state = 'dead' and kind = 'follow_up'"
        await until(lambda: rows(tmp_path, dead))
        [(delivery, reason)] = rows(tmp_path, dead)
        assert "deliveries retry" in reason
        assert [] == relay.mails
        store = chat.bot.channels["web"]._host.transcripts._store
        await retry_delivery(store, delivery)
        await until(lambda: relay.mails or rows(tmp_path, f"{dead} and updated_at > planned_at"))
        assert [True] == ["It is at the depot." in text(one.raw) for one in relay.mails]
        await knocks.stop(ANNA)
        assert "asked not" in await knocks.refusal(ANNA, "x", proven=False, by_hand=True)


@pytest.mark.parametrize(
    "email",
    [
        "support@example.com",
        "Help@Example.com",
        "noreply@shop.test",
        "mailer-daemon@shop.test",
        "postmaster@shop.test",
        "list-request@lists.test",
        "\xe4nna@customer.test",
        "anna@customer.test, eve@evil.test",
        "<anna@customer.test>",
        "anna@",
        "",
        "support+tag@example.com",
        "Help+@Example.com",
        "noreply+tag@shop.test",
        "postmaster+tag@shop.test",
        "sales+tag@example.com",
        "anyone@firm.test",
        "form+tag@shop.test",
        "root@localhost",
        "a@b",
    ],
)
def test_ourselves_and_machines_are_not_written_to(email: str) -> None:
    """Nor what is no single address."""
    aliases = ["help@example.com", "sales+eu@example.com", "@firm.test"]
    ours = config("support@example.com", 993, aliases=aliases, contact_forms=["form@shop.test"])
    assert {} == first_address(email, ours)
    for theirs in (ANNA, "anna+support@customer.test", "+@customer.test"):
        assert {"to": theirs, "name": ""} == first_address(theirs, ours)


@pytest.mark.parametrize(
    "question",
    [
        "see https://evil.example",
        "see www.evil.example",
        "see evil.example now",
        "write to eve@evil",
        "call 0900 12 34 56",
        "call +49 (0)900-123456",
        "[here](evil)",
        "<b>here</b>",
    ],
)
def test_what_leads_away_is_not_shown_to_a_stranger(question: str) -> None:
    """No link, no address, no number to call, no markup."""
    assert "" == glimpse(question)


def test_a_glimpse_is_short_and_one_line() -> None:
    """An ordinary question is recognised by it."""
    assert "Where is my order 4711?" == glimpse("Where is\nmy order 4711?")
    assert 100 == len(glimpse("very " * 50))
