"""The whole bot in mode send: a customer's mail is answered by mail, and what comes back is known."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.testing import FakeCore, ScriptedModel, started_bot
from supportbot_email import guard
from supportbot_email.conversations import Conversations
from supportbot_email.dispatch import Traces
from supportbot_email.incoming import Incoming, recipient
from supportbot_email.mail import Settings
from supportbot_email.parse import parse
from tests.channels.email.bounces import report, words
from tests.channels.email.conftest import until
from tests.channels.email.dovecot import mail, needs_dovecot
from tests.channels.email.mailboxes import config, rows, sending
from tests.channels.email.oauth import certify
from tests.channels.email.relay import Relay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from supportbot.testing import StartedBot
    from tests.channels.email.dovecot import Dovecot

pytestmark = needs_dovecot

ASKED = "<asked@customer.test>"


@asynccontextmanager
async def bot_on(
    address: str, server: Dovecot, relay: Relay, folder: Path, *said: str, looks: int = 3, **keys: Any
) -> AsyncIterator[StartedBot]:
    document = {
        "channels": {"support": sending(address, server.port, relay, **keys)},
        "deliveries": {"settle_delay": 0.1, "retry_delay": 0.1, "attempts": looks},
    }
    async with started_bot(document, folder, model=ScriptedModel(*said)) as bot:
        await until(lambda: not bot.channels["support"].problem())
        yield bot


def read(raw: bytes) -> Any:
    return message_from_bytes(raw, policy=policy.default)


def text(found: Any) -> str:
    return str(found.get_body(("plain",)).get_content())


async def test_a_mail_is_answered_by_mail(server: Dovecot, address: str, tmp_path: Path) -> None:
    """In its thread, to its sender, saying that a machine wrote it; a copy in Sent, no draft, no flag."""
    async with Relay() as relay, bot_on(address, server, relay, tmp_path):
        server.deliver(address, mail("Where is it?", Message_ID=ASKED, References="<before@customer.test>"))
        await until(lambda: server.mails(address, "Sent"))
    [taken] = relay.mails
    sent = read(taken.raw)
    assert (address, "anna@customer.test") == (taken.sender, taken.recipient)
    assert {
        "From": address,
        "To": "anna@customer.test",
        "Subject": "Re: My parcel",
        "In-Reply-To": ASKED,
        "References": f"<before@customer.test> {ASKED}",
        "Auto-Submitted": "auto-replied",
        "X-Auto-Response-Suppress": "All",
        "X-SupportBot-Loop": "1",
    } == {
        "From": sent["From"].addresses[0].addr_spec,
        "To": sent["To"].addresses[0].addr_spec,
    } | {name: " ".join(sent[name].split()) for name in sent if name in _KEPT}
    assert text(sent).startswith("You said: Where is it?")
    assert [taken.raw] == server.mails(address, "Sent")
    assert [] == server.mails(address, "Drafts")
    assert [""] == [flags.replace("\\Recent", "").strip() for flags in server.flags(address)]
    assert [("delivered", sent["Message-ID"])] == rows(tmp_path, "select state, external_id from deliveries")


_KEPT = {
    "Subject",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "X-SupportBot-Loop",
}


async def test_who_asks_for_a_receipt_gets_none(server: Dovecot, address: str, tmp_path: Path) -> None:
    """E53: one mail goes out, the answer, to the sender; whom a request for receipts names gets nothing."""
    asks = {"Disposition_Notification_To": "<spy@evil.test>", "Return_Receipt_To": "<spy@evil.test>"}
    async with Relay() as relay, bot_on(address, server, relay, tmp_path):
        server.deliver(address, mail("Where is it?", Message_ID=ASKED, **asks))
        await until(lambda: relay.mails)
        server.deliver(address, mail("And mine?", From="bob@good.test", Message_ID="<b@good.test>"))
        await until(lambda: 2 <= len(relay.mails))
    assert ["anna@customer.test", "bob@good.test"] == [taken.recipient for taken in relay.mails]
    first = read(relay.mails[0].raw)
    assert "multipart/alternative" == first.get_content_type()
    assert b"spy@evil.test" not in relay.mails[0].raw
    assert not [name for name in first if name.startswith(("Disposition-Notification", "Return-Receipt"))]


@pytest.mark.parametrize("wrong", ["stripped", "self-signed", "password"])
async def test_a_line_that_others_can_read_carries_nothing(
    server: Dovecot, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    """E61: STARTTLS taken away, a certificate that nobody vouches for, a login that is refused: the reply
    waits, nobody learns the password or a word of it, and ``/readyz`` says why; put right, it goes out."""
    certify(tmp_path)
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    if wrong != "self-signed":
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    keys: dict[str, Any] = {"host": "localhost", "security": "starttls"}
    if wrong == "password":
        keys |= {"username": "shop", "password": "no-such-password"}
    async with Relay(starttls=None if wrong == "stripped" else secure) as relay:
        smtp = relay.section(**keys)
        async with bot_on(address, server, relay, tmp_path, smtp=smtp) as bot:
            channel = bot.channels["support"]
            server.deliver(address, mail("Where is it?", Message_ID=ASKED))
            await until(lambda: "sending:" in channel.problem())
            assert ([], False) == (relay.mails, relay.has_dot.is_set())
            assert {("planned",), ("sending",)} >= set(rows(tmp_path, "select state from deliveries"))
            assert "no-such-password" not in channel.problem()
            if wrong == "password":
                assert [("shop", "no-such-password")] == relay.logins, "it is not tried again and again"
                return
            assert [] == relay.logins
            relay.mend(secure)
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
            await until(lambda: relay.mails)
            await until(lambda: not channel.problem())
    assert ["anna@customer.test"] == [taken.recipient for taken in relay.mails]


@pytest.mark.parametrize(
    ("said", "fields", "sent"),
    [
        ("mx.example.com; dmarc=pass header.from=customer.test", {}, True),
        ("mx.example.com; dmarc=fail header.from=customer.test", {}, False),
        ("mx.evil.test; dmarc=pass header.from=customer.test", {}, False),
        ("", {}, False),
        (
            "mx.example.com; dmarc=pass header.from=customer.test",
            {"Reply_To": "victim@elsewhere.test"},
            False,
        ),
    ],
)
async def test_who_may_be_somebody_else_gets_a_draft(
    server: Dovecot, address: str, tmp_path: Path, *, said: str, fields: dict[str, str], sent: bool
) -> None:
    """Anybody can write in anybody's name, and name anybody in Reply-To."""
    keys = {"authserv_id": "mx.example.com", "send_to_unverified": False, "reply_to": "always"}
    async with Relay() as relay, bot_on(address, server, relay, tmp_path, **keys):
        asked = mail("Where is it?", Message_ID=ASKED, **fields)
        server.deliver(address, f"Authentication-Results: {said}\n".encode() + asked if said else asked)
        await until(lambda: rows(tmp_path, "select 1 from deliveries where state = 'delivered'"))
    assert int(sent) == len(relay.mails)
    assert int(not sent) == len(server.mails(address, "Drafts"))


def test_all_of_a_domain_is_ours() -> None:
    """A catch-all mailbox: whoever writes from there is one of us, and nobody there is ever answered."""
    own = config("support@example.com", 993, aliases=["@Shop.Example"])
    settings = Settings(own_addresses=tuple(sorted(own.ours)))
    for sender, kind in (
        ("anybody@shop.example", "own_echo"),
        ("ANYBODY@SHOP.EXAMPLE", "own_echo"),
        ("anna@sub.shop.example", "human"),
        ("anna@myshop.example", "human"),
    ):
        assert kind == parse(mail("Where?", From=sender), settings=settings).kind
    asked = parse(mail("Where?", Reply_To="sales@shop.example"), settings=settings)
    assert "anna@customer.test" == recipient(own.model_copy(update={"reply_to": "always"}), asked).address


async def test_one_who_says_that_nobody_reads_answers_gets_a_draft(
    server: Dovecot, address: str, tmp_path: Path
) -> None:
    """To whom Reply-To names, on anybody's word; by itself nothing is sent, and never to noreply@."""
    async with Relay() as relay, bot_on(address, server, relay, tmp_path):
        first = mail("Your order.", From="no-reply@shop.test", Message_ID="<first@shop.test>")
        server.deliver(address, first)
        asked = mail("My order?", From="no-reply@shop.test", Message_ID=ASKED, Reply_To="kim@customer.test")
        server.deliver(address, asked)
        await until(lambda: server.mails(address, "Drafts"))
    [draft] = server.mails(address, "Drafts")
    assert (None, []) == (read(draft)["Auto-Submitted"], relay.mails)
    assert ("kim@customer.test", ASKED) == (read(draft)["To"], read(draft)["In-Reply-To"])


async def test_a_second_mail_of_the_thread_that_does_not_name_ours_gets_a_draft(
    server: Dovecot, address: str, tmp_path: Path
) -> None:
    """Nothing is lost by it: the reply lies there, for a person to send."""
    async with Relay() as relay, bot_on(address, server, relay, tmp_path, "First.", "Second."):
        server.deliver(address, mail("Where is it?", Message_ID=ASKED))
        await until(lambda: server.mails(address, "Sent"))
        server.deliver(address, mail("It is blue.", Message_ID="<b@customer.test>", In_Reply_To=ASKED))
        await until(lambda: server.mails(address, "Drafts"))
    assert "Second." in text(read(server.mails(address, "Drafts")[0]))
    assert 1 == len(relay.mails)


async def test_a_thread_with_a_draft_stays_with_people(
    server: Dovecot, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The customer could be answered again, but a draft waits for a person: the next one takes its place."""
    monkeypatch.setattr(guard, "_TOO_FAST", 0)
    async with Relay() as relay, bot_on(address, server, relay, tmp_path, "First.", "Second.", "Third."):
        server.deliver(address, mail("Where is it?", Message_ID=ASKED))
        await until(lambda: server.mails(address, "Sent"))
        ours = read(relay.mails[0].raw)["Message-ID"]
        server.deliver(address, mail("It is blue.", Message_ID="<b@customer.test>", In_Reply_To=ASKED))
        await until(lambda: server.mails(address, "Drafts"))
        reply = mail("And it is round, too.", Message_ID="<c@customer.test>").decode()
        server.deliver(address, f"In-Reply-To: {ours}\n{reply}".encode())
        await until(lambda: _is_alone("Third.", server.mails(address, "Drafts")))
    assert 1 == len(relay.mails)


def _is_alone(words: str, mails: list[bytes]) -> bool:
    return 1 == len(mails) and words in text(read(mails[0]))


@pytest.mark.parametrize("bounce", [report, words], ids=["report", "words"])
async def test_a_bounce_is_linked_to_its_delivery(
    server: Dovecot, address: str, tmp_path: Path, bounce: Any
) -> None:
    """The delivery is dead with the reason, the conversation shows the bounce, and its state is as it was."""
    async with Relay() as relay, bot_on(address, server, relay, tmp_path):
        server.deliver(address, mail("Where is it?", Message_ID=ASKED))
        await until(lambda: server.mails(address, "Sent"))
        server.deliver(address, bounce(read(relay.mails[0].raw)["Message-ID"]))
        await until(lambda: rows(tmp_path, "select 1 from messages where reason = 'bounce'"))
    [(state, reason)] = rows(tmp_path, "select state, reason from deliveries")
    assert ("dead", "bounced: 5.1.1") == (state, reason[:14])
    assert "customer.test" not in reason
    assert [("bot", 1)] == rows(tmp_path, "select state, count(*) from conversations")
    assert 1 == len(relay.mails)


async def test_a_delay_is_told_and_changes_nothing(server: Dovecot, address: str, tmp_path: Path) -> None:
    """The mail may still arrive."""
    async with Relay() as relay, bot_on(address, server, relay, tmp_path):
        server.deliver(address, mail("Where is it?", Message_ID=ASKED))
        await until(lambda: server.mails(address, "Sent"))
        message_id = read(relay.mails[0].raw)["Message-ID"]
        server.deliver(address, report(message_id, action="delayed", status="4.4.1"))
        await until(lambda: rows(tmp_path, "select 1 from messages where reason = 'bounce'"))
    assert [("delivered", "")] == rows(tmp_path, "select state, reason from deliveries")
    assert [(1,)] == rows(tmp_path, "select count(*) from conversations")


async def test_a_forged_bounce_is_linked_to_nothing(server: Dovecot, address: str, tmp_path: Path) -> None:
    """Whoever knows a delivery's id, and not the secret, cannot give it back."""
    async with Relay() as relay, bot_on(address, server, relay, tmp_path):
        server.deliver(address, mail("Where is it?", Message_ID=ASKED))
        await until(lambda: server.mails(address, "Sent"))
        [(delivery,)] = rows(tmp_path, "select id from deliveries")
        server.deliver(address, report(f"<sb.{delivery}.{'0' * 32}@example.com>"))
        await until(lambda: rows(tmp_path, "select 1 from messages where reason = 'bounce'"))
    assert [("delivered",)] == rows(tmp_path, "select state from deliveries")
    assert [(2,)] == rows(tmp_path, "select count(*) from conversations")


async def test_a_person_who_replies_takes_over(server: Dovecot, address: str, tmp_path: Path) -> None:
    """Where the bot sends by itself, a person's own reply silences it; its own copies in Sent do not."""
    async with Relay() as relay, bot_on(address, server, relay, tmp_path, "First.", "Second."):
        server.deliver(address, mail("Where is it?", Message_ID=ASKED))
        await until(lambda: server.mails(address, "Sent"))
        own = mail("I look into it.", From=address, Message_ID="<own@example.com>", In_Reply_To=ASKED)
        server.deliver(address, own, "Sent")
        await until(lambda: [("human",)] == rows(tmp_path, "select state from conversations"))
        server.deliver(address, mail("Thanks!", Message_ID="<c@c.test>", In_Reply_To="<own@example.com>"))
        await until(lambda: rows(tmp_path, "select 1 from messages where text = 'Thanks!'"))
        authors = rows(tmp_path, "select author, state from messages order by seq")
    expected = [("customer", "answered"), ("bot", "said"), ("person", "said"), ("customer", "handed_over")]
    assert (expected, 1) == (authors, len(relay.mails))


@pytest.mark.parametrize("answered", [False, True], ids=["nobody knows", "the customer answers"])
async def test_what_nobody_knows_ends_unknown(
    server: Dovecot, address: str, tmp_path: Path, *, answered: bool
) -> None:
    """The answer to the final dot got lost: it is never sent again; a reply to it proves that it arrived."""
    looks = 20 if answered else 3
    async with Relay() as relay, bot_on(address, server, relay, tmp_path, looks=looks):
        relay.drop = "after taking"
        if answered:
            relay.on_taken = lambda taken: _answer(server, address, taken.raw)
        server.deliver(address, mail("Where is it?", Message_ID=ASKED))
        ended = "select state from deliveries where state in ('unknown', 'delivered') order by seq limit 1"
        await until(lambda: rows(tmp_path, ended))
    assert [("delivered" if answered else "unknown",)] == rows(tmp_path, ended)
    assert ["Re: My parcel"] == [read(taken.raw)["Subject"] for taken in relay.mails][:1]


async def _answer(server: Dovecot, address: str, raw: bytes) -> None:
    ours = read(raw)["Message-ID"]
    server.deliver(address, mail("Thanks.", Message_ID="<b@customer.test>", In_Reply_To=ours))


async def test_what_the_relay_refuses_is_dead(server: Dovecot, address: str, tmp_path: Path) -> None:
    """With its words, and without the customer's address."""
    async with Relay() as relay, bot_on(address, server, relay, tmp_path):
        relay.answers = {"recipient": "550 5.1.1 <anna@customer.test> is unknown"}
        server.deliver(address, mail("Where is it?", Message_ID=ASKED))
        await until(lambda: rows(tmp_path, "select 1 from deliveries where state = 'dead'"))
    assert [("550 5.1.1 <…> is unknown",)] == rows(tmp_path, "select reason from deliveries")


@pytest.mark.parametrize(
    ("policy_", "reply_to", "answered"),
    [
        ("never", "sales@customer.test", "anna@customer.test"),
        ("same_domain", "sales@customer.test", "sales@customer.test"),
        ("same_domain", "eve@evil.test", "anna@customer.test"),
        ("always", "eve@evil.test", "eve@evil.test"),
        ("always", "a@a.test, b@b.test", "anna@customer.test"),
        ("always", "OURS", "anna@customer.test"),
    ],
)
def test_reply_to_counts_where_it_is_told_to(policy_: str, reply_to: str, answered: str) -> None:
    """One address is answered, and never one of ours."""
    ours, core = "support@example.com", FakeCore()
    known = Conversations(core.records, domain="example.com")
    incoming = Incoming(
        config(ours, 993, reply_to=policy_),
        core.records,
        core.returned,
        conversations=known,
        traces=Traces(core.records),
    )
    asked = mail("Where?", Message_ID=ASKED, Reply_To=reply_to.replace("OURS", ours))
    assert answered == incoming.recipient(parse(asked, settings=Settings())).address


@pytest.mark.parametrize("sender", ["noreply@forms.test", "support@example.com"])
def test_a_contact_form_s_mail_is_the_customer_s(sender: str) -> None:
    """It comes from the form's address, or our own, and Reply-To says who wrote: a person sends it."""
    settings = Settings(own_addresses=("support@example.com",), contact_forms=(sender,))
    asked = parse(mail("Where?", From=sender, Reply_To="Kim <kim@customer.test>"), settings=settings)
    assert ("human", "kim@customer.test", "Kim") == (asked.kind, asked.sender.address, asked.sender.name)
    assert (True, False) == (asked.no_reply, asked.verified)


@pytest.mark.parametrize("reply_to", ["support@example.com", "a@a.test, b@b.test", ""])
def test_a_contact_form_that_names_no_customer_is_ours(reply_to: str) -> None:
    """Without one foreign address there is nobody to answer: it stays an echo of our own mail."""
    ours = ("support@example.com",)
    settings = Settings(own_addresses=ours, contact_forms=ours)
    raw = mail("Where?", From=ours[0], **({"Reply_To": reply_to} if reply_to else {}))
    assert "own_echo" == parse(raw, settings=settings).kind


def test_an_address_that_nobody_reads_is_not_answered_when_another_is_given() -> None:
    """Also where Reply-To is not followed otherwise."""
    core = FakeCore()
    known = Conversations(core.records, domain="example.com")
    own = config("support@example.com", 993)
    incoming = Incoming(own, core.records, core.returned, conversations=known, traces=Traces(core.records))
    asked = mail("Where?", From="noreply@forms.test", Reply_To="kim@customer.test")
    assert "kim@customer.test" == incoming.recipient(parse(asked, settings=Settings())).address


async def test_reply_to_is_followed_to_the_end(server: Dovecot, address: str, tmp_path: Path) -> None:
    """The envelope has it, and whoever reads there may go on in the conversation."""
    async with Relay() as relay, bot_on(address, server, relay, tmp_path, reply_to="same_domain"):
        asked = mail("Where?", Message_ID=ASKED, Reply_To="orders@customer.test")
        server.deliver(address, asked)
        await until(lambda: server.mails(address, "Sent"))
        ours = read(relay.mails[0].raw)["Message-ID"]
        more = mail("Thanks.", From="orders@customer.test", Message_ID="<b@customer.test>").decode()
        server.deliver(address, f"In-Reply-To: {ours}\n{more}".encode())
        await until(lambda: rows(tmp_path, "select 1 from messages where text = 'Thanks.'"))
    assert ["orders@customer.test"] == [taken.recipient for taken in relay.mails]
    assert [(1,)] == rows(tmp_path, "select count(*) from conversations")


@pytest.mark.parametrize("mode", ["draft", "send"])
async def test_an_address_beyond_ascii(server: Dovecot, address: str, tmp_path: Path, *, mode: str) -> None:
    """A domain has a form in ASCII; what stands before the @ has none, and its reply is dead at once."""
    async with Relay() as relay, bot_on(address, server, relay, tmp_path, mode=mode):
        for number, sender in enumerate(("anna@k\xfcnstler.test", "\xe4nna@customer.test")):
            asked = mail("Where?", Message_ID=f"<{number}@c.test>").decode()
            server.deliver(address, asked.replace("anna@customer.test", sender).encode())
        await until(lambda: 2 == len(rows(tmp_path, "select 1 from deliveries where state != 'sending'")))
    folder = "Sent" if mode == "send" else "Drafts"
    assert ["anna@xn--knstler-n2a.test"] == [
        read(raw)["To"].addresses[0].addr_spec for raw in server.mails(address, folder)
    ]
    ended = rows(tmp_path, "select state, reason from deliveries order by state")
    assert [("dead", True), ("delivered", False)] == [(state, "before the @" in why) for state, why in ended]


async def test_what_is_said_of_an_address_beyond_ascii_is_true(
    server: Dovecot, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its reply is not left to a person because nobody vouches for them: there is no draft."""
    careful = {"send_to_unverified": False, "authserv_id": "mx.example.com"}
    async with Relay() as relay, bot_on(address, server, relay, tmp_path, **careful):
        server.deliver(address, mail("Where?").replace(b"anna@", "\xe4nna@".encode()))
        await until(lambda: rows(tmp_path, "select 1 from deliveries where state = 'dead'"))
    assert "left_to_a_person" not in capsys.readouterr().out
