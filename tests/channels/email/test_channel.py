"""The whole bot on a mailbox: a customer's mail becomes a draft in the right thread."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from supportbot.testing import ScriptedModel, started_bot
from supportbot.vault import Vault
from supportbot_email.child import Parser
from tests.channels.email.conftest import until
from tests.channels.email.dovecot import mail, needs_dovecot
from tests.channels.email.mailboxes import rows, section
from tests.test_images import drawn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from supportbot.testing import StartedBot
    from tests.channels.email.dovecot import Dovecot

pytestmark = needs_dovecot

ASKED = "<asked@customer.test>"


@asynccontextmanager
async def bot_on(
    address: str,
    server: Dovecot,
    folder: Path,
    model: ScriptedModel | None = None,
    *,
    encryption_keys: tuple[str, ...] = (),
    **keys: Any,
) -> AsyncIterator[StartedBot]:
    support = {"type": "email", **section(address, server.port), **keys}
    document = {"channels": {"support": support}, "encryption_keys": list(encryption_keys)}
    async with started_bot(document, folder, model=model or ScriptedModel()) as bot:
        await until(lambda: not bot.channels["support"].problem())
        yield bot


def drafts(server: Dovecot, address: str) -> list[Any]:
    return [message_from_bytes(raw, policy=policy.default) for raw in server.mails(address, "Drafts")]


def words(draft: Any) -> str:
    return str(draft.get_body(("plain",)).get_content())


async def test_a_mail_becomes_a_draft_in_its_thread(server: Dovecot, address: str, tmp_path: Path) -> None:
    """The draft answers the mail, to its sender, under its subject; the mail stays as unread as it was."""
    async with bot_on(address, server, tmp_path):
        server.deliver(address, mail("Where is it?", Message_ID=ASKED, References="<before@customer.test>"))
        await until(lambda: drafts(server, address))
    [draft] = drafts(server, address)
    assert ASKED == draft["In-Reply-To"]
    assert f"<before@customer.test> {ASKED}" == " ".join(draft["References"].split())
    assert ["anna@customer.test"] == [to.addr_spec for to in draft["To"].addresses]
    assert address == draft["From"].addresses[0].addr_spec
    assert "Re: My parcel" == draft["Subject"]
    assert words(draft).startswith("You said: Where is it?")
    assert ["multipart/alternative", None] == [draft.get_content_type(), draft["Auto-Submitted"]]
    assert [""] == [flags.replace("\\Recent", "").strip() for flags in server.flags(address)]


async def test_a_subject_is_read_and_not_quoted(server: Dovecot, address: str, tmp_path: Path) -> None:
    """Half of what is wanted stands in it; the answer quotes the words below it."""
    async with bot_on(address, server, tmp_path):
        server.deliver(address, mail("Thanks in advance!", subject="Cancel order 4711", Message_ID=ASKED))
        await until(lambda: drafts(server, address))
    [draft] = drafts(server, address)
    assert words(draft).startswith("You said: Cancel order 4711")
    quoted = [line for line in words(draft).splitlines() if line.startswith(">")]
    assert ["> Thanks in advance!"] == quoted


async def test_an_image_is_shown_to_the_model(server: Dovecot, address: str, tmp_path: Path) -> None:
    """A picture that the customer attached is kept with the message, and its turn has it."""
    model = ScriptedModel()
    asked = message_from_bytes(mail("What is this?"), policy=policy.default)
    asked.add_attachment(drawn("PNG"), maintype="image", subtype="png", filename="broken.png")
    async with bot_on(address, server, tmp_path, model):
        server.deliver(address, asked.as_bytes())
        await until(lambda: drafts(server, address))
    [file] = model.prompts[0].turn.messages[0].attachments
    assert ("broken.png", True) == (file.name, file.kept)


async def test_a_renumbered_mailbox_answers_nothing_twice(
    server: Dovecot, address: str, tmp_path: Path
) -> None:
    """With another UIDVALIDITY the mails come again, and are known by their content."""
    model = ScriptedModel()
    async with bot_on(address, server, tmp_path, model):
        server.deliver(address, mail("Where is it?", Message_ID=ASKED))
        await until(lambda: drafts(server, address))
    server.renumber(address)
    async with bot_on(address, server, tmp_path, model):
        server.deliver(address, mail("And the other?", From="bob@customer.test", Message_ID="<b@x.test>"))
        await until(lambda: 2 == len(drafts(server, address)))
    assert [ASKED, "<b@x.test>"] == [draft["In-Reply-To"] for draft in drafts(server, address)]
    assert 2 == len(model.prompts)


async def test_a_second_mail_gets_a_draft_that_answers_both(
    server: Dovecot, address: str, tmp_path: Path
) -> None:
    """The customer adds something before anybody looked: the new draft takes the first one's place, since
    both mails are unanswered to the model."""
    model = ScriptedModel("First.", "Second.")
    async with bot_on(address, server, tmp_path, model):
        server.deliver(address, mail("Where is it?", Message_ID=ASKED))
        await until(lambda: drafts(server, address))
        server.deliver(address, mail("It is blue.", Message_ID="<more@customer.test>", In_Reply_To=ASKED))
        await until(
            lambda: ["<more@customer.test>"] == [draft["In-Reply-To"] for draft in drafts(server, address)]
        )
    assert "Where is it?" in str(model.prompts[1].words)
    assert "First." not in str(model.prompts[1].words), "the customer has never read it"


@pytest.mark.parametrize("subject", ["", " ", "Re:", None])
async def test_a_mail_without_a_subject(
    server: Dovecot, address: str, tmp_path: Path, subject: str | None
) -> None:
    """E62: the draft says so in its own, and names the mail's chain and the mail."""
    asked = mail(
        "Where is it?",
        subject="\N{SNOWMAN}",
        Message_ID=ASKED,
        In_Reply_To="<2@customer.test>",
        References="<1@customer.test> <2@customer.test>",
    )
    [line] = [line for line in asked.splitlines() if line.startswith(b"Subject: ")]
    given = b"X-No-Subject: yes" if subject is None else b"Subject: " + subject.encode()
    async with bot_on(address, server, tmp_path):
        server.deliver(address, asked.replace(line, given))
        await until(lambda: drafts(server, address))
    [draft] = drafts(server, address)
    assert "Re: (no subject)" == draft["Subject"]
    assert ASKED == draft["In-Reply-To"]
    assert f"<1@customer.test> <2@customer.test> {ASKED}" == " ".join(draft["References"].split())


async def test_the_same_mail_in_several_folders_is_one_turn(
    server: Dovecot, address: str, tmp_path: Path
) -> None:
    """E55: somebody copies a customer's mail about: into another folder and back, and to what was sent."""
    model = ScriptedModel()
    async with bot_on(address, server, tmp_path, model):
        server.deliver(address, mail("Where is it?", Message_ID=ASKED))
        await until(lambda: drafts(server, address))
        server.deliver(address, mail("It is blue.", Message_ID="<more@customer.test>", In_Reply_To=ASKED))
        await until(lambda: 2 == len(model.prompts))
        with server.person(address) as person:
            person.create("Archive")
            person.select("INBOX")
            for folder in ("Archive", "Sent", "INBOX"):
                person.copy("1:2", folder)
            person.select("Archive")
            person.copy("1:2", "INBOX")
        server.deliver(
            address, mail("And mine?", From=address, Message_ID="<own@x.test>", In_Reply_To=ASKED), "Sent"
        )
        await until(lambda: _has_heard_a_person(tmp_path))
        server.deliver(address, mail("And mine?", From="bob@customer.test", Message_ID="<b@x.test>"))
        await until(lambda: any(d["In-Reply-To"] == "<b@x.test>" for d in drafts(server, address)))
    assert 3 == len(model.prompts)
    assert [("And mine?",)] == rows(tmp_path, "select text from messages where author = 'person'")


async def test_who_asks_for_a_receipt_gets_none(server: Dovecot, address: str, tmp_path: Path) -> None:
    """E53: no mail program may answer such a request by itself in secret; the bot never does, nor does what
    it leaves ask for one, or go to whom the request names."""
    asks = {
        "Disposition_Notification_To": "<spy@evil.test>",
        "Disposition_Notification_Options": "signed-receipt-protocol=required,pkcs7-signature",
        "Return_Receipt_To": "<spy@evil.test>",
        "X_Confirm_Reading_To": "<spy@evil.test>",
    }
    async with bot_on(address, server, tmp_path):
        server.deliver(address, mail("Where is it?", Message_ID=ASKED, **asks))
        await until(lambda: drafts(server, address))
    [draft] = drafts(server, address)
    assert ["anna@customer.test"] == [to.addr_spec for to in draft["To"].addresses]
    assert b"spy@evil.test" not in server.mails(address, "Drafts")[0]
    assert not [name for name in draft if name.startswith(("Disposition", "Return-Receipt", "X-Confirm"))]
    assert [] == server.mails(address, "Sent")
    assert [""] == [flags.replace("\\Recent", "").strip() for flags in server.flags(address)]


async def test_a_person_s_reply_is_known_to_the_next_draft(
    server: Dovecot, address: str, tmp_path: Path
) -> None:
    """What a person sent by themselves is part of the conversation, and the bot goes on drafting."""
    model = ScriptedModel("First.", "Second.")
    async with bot_on(address, server, tmp_path, model):
        server.deliver(address, mail("Where is it?", Message_ID=ASKED))
        await until(lambda: drafts(server, address))
        own = mail("It is in Rome.", From=address, Message_ID="<own@example.com>", In_Reply_To=ASKED)
        server.deliver(address, own, "Sent")
        await until(lambda: _has_heard_a_person(tmp_path))
        server.deliver(address, mail("Why Rome?", Message_ID="<b@x.test>", In_Reply_To="<own@example.com>"))
        await until(lambda: any(d["In-Reply-To"] == "<b@x.test>" for d in drafts(server, address)))
    assert "It is in Rome." in str(model.prompts[1].words)


def _has_heard_a_person(folder: Path) -> bool:
    return bool(rows(folder, "select 1 from messages where author = 'person'"))


async def test_a_known_message_id_does_not_open_a_stranger_s_conversation(
    server: Dovecot, address: str, tmp_path: Path
) -> None:
    """Who names a mail of somebody else's begins a conversation of their own."""
    model = ScriptedModel("For Anna.", "For Eve.")
    async with bot_on(address, server, tmp_path, model):
        server.deliver(address, mail("My code is 4711.", Message_ID=ASKED))
        await until(lambda: drafts(server, address))
        server.deliver(
            address, mail("And?", From="eve@evil.test", In_Reply_To=ASKED, Message_ID="<e@evil.test>")
        )
        await until(lambda: 2 == len(drafts(server, address)))
    assert "4711" not in str(model.prompts[1].words)


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Return_Path": "<>"},
        {"List_Id": "<news.example.net>"},
        {"From": "OUR ADDRESS"},
    ],
    ids=["auto reply", "bounce", "list", "our own"],
)
async def test_machines_get_no_draft(
    server: Dovecot, address: str, tmp_path: Path, headers: dict[str, str]
) -> None:
    """Machine mail is recorded and ends there; the person behind it gets a draft."""
    headers = {name: value.replace("OUR ADDRESS", address) for name, value in headers.items()}
    async with bot_on(address, server, tmp_path):
        server.deliver(address, mail("I am away.", Message_ID="<m@machine.test>", **headers))
        server.deliver(address, mail("Where is it?", Message_ID=ASKED))
        await until(lambda: drafts(server, address))
    assert [ASKED] == [draft["In-Reply-To"] for draft in drafts(server, address)]


class PoisonedParser(Parser):
    """A parser to whose child the kernel does with a poisonous mail what it does beyond two seconds."""

    async def _ask(self, raw: bytes, whole: int) -> bytes:
        asking = asyncio.ensure_future(super()._ask(raw, whole))
        while b"poison" in raw and not self.pid and not asking.done():  # noqa: ASYNC110 - it is being started
            await asyncio.sleep(0)
        if b"poison" in raw and self.pid:
            os.kill(self.pid, signal.SIGPROF)
        return await asking


async def test_a_poisonous_mail_keeps_nobody_waiting(
    server: Dovecot, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child that reads it is ended for its use of the processor; it is recorded, the next is drafted."""
    monkeypatch.setattr("supportbot_email.parsers.Parser", PoisonedParser)
    async with bot_on(address, server, tmp_path):
        server.deliver(address, mail("poison", Message_ID="<poison@evil.test>"))
        server.deliver(address, mail("Where is it?", Message_ID=ASKED))
        await until(lambda: drafts(server, address))
    assert [ASKED] == [draft["In-Reply-To"] for draft in drafts(server, address)]
    [(state, reason, kept)] = rows(
        tmp_path,
        "select state, reason, data from messages join files on message_id = id where state = 'ignored'",
    )
    assert ("ignored", "unreadable", True) == (state, reason, kept.startswith(b"From: "))


@pytest.mark.parametrize(("keys", "kept"), [({}, 262_144), ({"keep_raw": 100}, 100), ({"keep_raw": 0}, None)])
async def test_the_raw_mail_is_kept(
    server: Dovecot, address: str, tmp_path: Path, keys: dict[str, Any], kept: int | None
) -> None:
    """As it came, as far as ``keep_raw`` says, also of a machine's mail."""
    raw = mail("word " * 1_000, Auto_Submitted="auto-replied").replace(b"\n", b"\r\n")
    async with bot_on(address, server, tmp_path, **keys):
        server.deliver(address, raw)
        await until(lambda: rows(tmp_path, "select state from messages"))
    assert ([] if kept is None else [(raw[:kept],)]) == rows(tmp_path, "select data from files")


async def test_the_raw_mail_is_encrypted_with_a_key(server: Dovecot, address: str, tmp_path: Path) -> None:
    """Whoever reads the database reads nothing of it; whoever has the key gets it as it came."""
    raw = mail("Where is it?").replace(b"\n", b"\r\n")
    key = Fernet.generate_key().decode()
    async with bot_on(address, server, tmp_path, encryption_keys=(key,)):
        server.deliver(address, raw)
        await until(lambda: rows(tmp_path, "select state from messages"))
    [(message, kept)] = rows(tmp_path, "select message_id, data from files")
    assert b"Where" not in kept
    assert raw == Vault([SecretStr(key)]).open_bytes(f"original {message}", kept)


async def test_a_picture_beyond_what_is_read_is_noted_and_the_mail_drafted(
    server: Dovecot, address: str, tmp_path: Path
) -> None:
    """The words stand before it. A model is told its size, and shown no picture that ends early."""
    picture = b"\x89PNG\r\n\x1a\n" + os.urandom(1_200_000)
    message = message_from_bytes(mail("Where is it?", Message_ID=ASKED), policy=policy.default)
    message.add_attachment(picture, "image", "png", filename="lamp.png")
    async with bot_on(address, server, tmp_path, max_size=65_536):
        server.deliver(address, bytes(message))
        await until(lambda: drafts(server, address))
    [(text, attachments)] = rows(tmp_path, "select text, attachments from messages where author = 'customer'")
    [found] = json.loads(attachments)
    assert ("My parcel\n\nWhere is it?", "lamp.png") == (text, found["name"])
    assert "image/png" == found["content_type"]
    assert 1_200_000 < found["size"] < 1_250_000
    assert not found.get("width")


async def test_a_hand_over_is_in_the_customer_s_language(
    server: Dovecot, address: str, tmp_path: Path
) -> None:
    """As far as their mails tell it: the last one that did."""
    async with bot_on(address, server, tmp_path):
        server.deliver(address, mail("Guten Tag, wo ist mein Paket?", Message_ID="<first@customer.test>"))
        await until(lambda: drafts(server, address))
        sealed = mail("x", Message_ID="<sealed@customer.test>").replace(b"text/plain", b"multipart/encrypted")
        server.deliver(address, sealed)
        await until(lambda: len(drafts(server, address)) == 2)
    first, second = (words(draft) for draft in drafts(server, address))
    assert "Am 2026-11-25 10:00 UTC schrieb Anna <anna@customer.test>:" in first
    assert "jemanden aus unserem Team" in second
