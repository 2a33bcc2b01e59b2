"""The whole bot on a mailbox: a customer's mail becomes a draft in the right thread."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager, closing
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.testing import ScriptedModel, started_bot
from tests.channels.email.conftest import until
from tests.channels.email.dovecot import mail, needs_dovecot
from tests.channels.email.mailboxes import section

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from supportbot.testing import StartedBot
    from tests.channels.email.dovecot import Dovecot

pytestmark = needs_dovecot

ASKED = "<asked@customer.test>"


@asynccontextmanager
async def bot_on(
    address: str, server: Dovecot, folder: Path, model: ScriptedModel | None = None
) -> AsyncIterator[StartedBot]:
    document = {"channels": {"support": {"type": "email", **section(address, server.port)}}}
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


async def test_a_second_mail_replaces_the_draft(server: Dovecot, address: str, tmp_path: Path) -> None:
    """The customer adds something before anybody looked: one draft lies there, and it knows both."""
    model = ScriptedModel("First.", "Second.")
    async with bot_on(address, server, tmp_path, model):
        server.deliver(address, mail("Where is it?", Message_ID=ASKED))
        await until(lambda: drafts(server, address))
        server.deliver(address, mail("It is blue.", Message_ID="<more@customer.test>", In_Reply_To=ASKED))
        await until(lambda: ["<more@customer.test>"] == [d["In-Reply-To"] for d in drafts(server, address)])
    assert "Second." in words(drafts(server, address)[0])
    assert "Where is it?" in str(model.prompts[1].words)
    assert "First." not in str(model.prompts[1].words), "the customer has never read it"


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
    with closing(sqlite3.connect(folder / "bot1.db")) as database:
        return bool(database.execute("select 1 from messages where author = 'person'").fetchall())


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
