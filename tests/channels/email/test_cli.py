"""``supportbot email check``: what a person sees before the first start."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from supportbot.cli.commands import app
from supportbot.records import ChannelRecords
from supportbot_email.config import EmailConfig
from supportbot_email.conversations import record_of
from supportbot_email.credentials import Credentials
from supportbot_email.folders import MailFolder
from supportbot_email.imap import Folder, connect
from supportbot_email.mail import Settings
from supportbot_email.parse import parse
from supportbot_email.preview import fate, problems, would
from tests.channels.email.dovecot import mail, needs_dovecot
from tests.channels.email.mailboxes import config, section, sending
from tests.channels.email.relay import Relay
from tests.durable import opened

if TYPE_CHECKING:
    from pathlib import Path

    from tests.channels.email.dovecot import Dovecot


def _check(folder: Path, sections: dict[str, object]) -> tuple[int, str]:
    (folder / "bot.yaml").write_text(json.dumps({"channels": sections}))
    done = CliRunner().invoke(app, ["-c", str(folder / "bot.yaml"), "email", "check"])
    return done.exit_code, done.output


@needs_dovecot
def test_it_shows_the_newest_mails_and_changes_nothing(server: Dovecot, address: str, tmp_path: Path) -> None:
    """The folders, the class and its rule, the words, and what would be done; a terminal is not steered."""
    server.deliver(address, mail("Where is \x1b[31mit?"))
    server.deliver(address, mail("I am away.", subject="Away", Auto_Submitted="auto-replied"))
    code, said = _check(tmp_path, {"support": {"type": "email", **section(address, server.port)}})
    assert 0 == code
    for line in (
        f"{address} at 127.0.0.1: logged in.",
        "inbox   INBOX, 2 mails, the server tells of new ones at once",
        "drafts  Drafts",
        "  would   get a draft to anna@customer.test",
        "  | Where is \ufffd[31mit?",
        "  would   be recorded and not answered: auto_reply",
    ):
        assert line in said
    assert ([], ["", ""]) == (
        server.mails(address, "Drafts"),
        [flags.replace("\\Recent", "") for flags in server.flags(address)],
    )


@needs_dovecot
def test_a_login_that_fails_is_one_line(server: Dovecot, address: str, tmp_path: Path) -> None:
    """It says what to look at, and not the password."""
    wrong = {"type": "email", **section(address, server.port), "password": "no-such-password"}
    code, said = _check(tmp_path, {"support": wrong})
    assert (2, 1) == (code, len(said.splitlines()))
    assert "no-such-password" not in said


@needs_dovecot
@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"imap": {"host": "127.0.0.1", "port": 1}}, "127.0.0.1:1 cannot be reached: nothing listens there"),
        ({"imap": {"host": "no-such-host.invalid"}}, "its name is not known: check 'imap.host'"),
        ({"imap": {"security": "starttls"}}, "it offers no STARTTLS"),
        ({"imap": {"security": "tls"}}, "it does not speak TLS there"),
        (
            {"folders": {"drafts": "Entwürfe"}},
            "The server has no folder 'Entwürfe', as 'folders.drafts' names it",
        ),
        ({"password": "${NO_SUCH_VARIABLE}"}, "password needs ${NO_SUCH_VARIABLE}, which is not set"),
    ],
    ids=["port", "host", "starttls", "tls", "folder", "variable"],
)
def test_it_says_what_to_look_at(
    server: Dovecot, address: str, tmp_path: Path, keys: dict[str, Any], says: str
) -> None:
    """Each mistake of a first set-up is named, with the key that mends it."""
    support = {"type": "email", **section(address, server.port)}
    imap = {**support["imap"], **keys.pop("imap", {})}
    if "host" in imap and imap["host"] != "127.0.0.1":
        imap["security"] = "tls"
    _, said = _check(tmp_path, {"support": {**support, "imap": imap, **keys}})
    assert says in " ".join(said.split())


@needs_dovecot
@pytest.mark.parametrize("is_there", [True, False])
async def test_a_folder_may_be_called_anything(
    server: Dovecot, address: str, tmp_path: Path, *, is_there: bool
) -> None:
    """Also what looks like a remark: whether it is there does not hang on its name."""
    names = {"drafts": "(Team)", "sent": "(x)"}
    support = {"type": "email", **section(address, server.port), "folders": names}
    with server.person(address) as person:
        for name in names.values() if is_there else ():
            person.create(f'"{name}"')
    code, said = await asyncio.to_thread(_check, tmp_path, {"support": support})
    assert (0 if is_there else 1) == code
    assert is_there == ("Without a Drafts folder" not in said)
    for use, name in names.items():
        shown = name if is_there else f"(The server has no folder '{name}', as 'folders.{use}' names it"
        assert f"{use:<6}  {shown}" in said
    wrong = await problems(EmailConfig.model_validate(support))
    named = [use for use in names for one in wrong if f"folders.{use}" in one]
    assert ([] if is_there else ["drafts", "sent"]) == named


@needs_dovecot
async def test_a_renamed_folder_is_found_as_the_bot_finds_it(
    server: Dovecot, address: str, tmp_path: Path
) -> None:
    """By what the bot wrote down of it; and the name is told that bot.yaml should have."""
    with server.person(address) as person:
        person.create("Team")
    support = {"type": "email", **section(address, server.port), "folders": {"drafts": "Team"}}
    own = EmailConfig.model_validate(support)
    (tmp_path / "data").mkdir()
    async with opened(f"sqlite:///{tmp_path}/data/bot.db") as store:
        folder = MailFolder("drafts", "Team", ChannelRecords(store, "support"))
        with closing(connect(own, Credentials(own))) as connection:
            folder.open(connection)
        await folder.remember()
    with server.person(address) as person:
        person.rename("Team", "Answers")
    code, said = await asyncio.to_thread(_check, tmp_path, {"support": support})
    assert 0 == code
    assert (
        "drafts  Answers\n        The folder 'Team' for drafts is not there: drafts are left in 'Answers'."
        in said
    )


def test_without_a_mailbox_it_says_so(tmp_path: Path) -> None:
    """There has to be one to look at, and a whole one."""
    code, said = _check(tmp_path, {})
    assert (2, True) == (code, "There is: none" in said)
    code, said = _check(tmp_path, {"support": {"type": "email"}})
    assert (2, True) == (code, "channels.support" in said and "address" in said)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("channels:\n  support: {type: emial}\n", "channels.support.type is 'emial', which is not installed"),
        ("channels:\nchannels:\n  support: {type: email}\n", "the key 'channels' stands in line 1 already"),
        ("channels:\n  support: {\n", "bot.yaml:"),
        ("channels: []\n", "channels must be a mapping"),
        (
            "channels:\n  support: {type: email, imapp: {host: h}}\n",
            "channels.support.imapp is not a known key: did you mean 'imap'?",
        ),
        ("channels:\n  support: {type: email}\n", "channels.support.imap is missing: add it"),
        (None, "there is no such file"),
    ],
    ids=["type", "twice", "yaml", "list", "key", "missing", "file"],
)
def test_a_section_that_is_wrong_is_named_as_check_does(tmp_path: Path, text: str | None, says: str) -> None:
    """With its line; "there is none" would send people looking for what stands before their eyes."""
    file = tmp_path / "bot.yaml"
    if text is not None:
        file.write_text(text)
    done, whole = (
        CliRunner().invoke(app, ["-c", str(file), *name]) for name in (["email", "check"], ["check"])
    )
    assert 2 == done.exit_code
    assert says in done.output
    assert "There is: none" not in done.output
    assert set(done.output.splitlines()) <= set(whole.output.splitlines())


def test_another_channel_may_be_unfinished(tmp_path: Path) -> None:
    """Its secrets are somebody else's; which mailbox is meant is still asked."""
    file = tmp_path / "bot.yaml"
    file.write_text("channels:\n  a: {type: slack, bot_token: '${NO_SUCH_VARIABLE}'}\n")
    done = CliRunner().invoke(app, ["-c", str(file), "email", "check"])
    assert (2, True) == (done.exit_code, "There is: none" in done.output)


@needs_dovecot
async def test_it_says_what_sending_would_do(server: Dovecot, address: str, tmp_path: Path) -> None:
    """In mode send: it logs in where mail is sent, and sends none; each mail's fate is named."""
    server.deliver(address, mail("Where is it?"))
    server.deliver(address, mail("Can you tell me more?", From="no-reply@shop.test"))
    async with Relay() as relay:
        support = sending(address, server.port, relay)
        code, said = await asyncio.to_thread(_check, tmp_path, {"support": support})
        wrong = support | {"smtp": relay.section(username="a", password="no-such-password")}
        failed, told = await asyncio.to_thread(_check, tmp_path, {"support": wrong})
    assert (0, []) == (code, relay.mails)
    for line in (
        f"smtp    127.0.0.1:{relay.port} (none): logged in, takes mail from {address}; nothing was sent",
        "  would   be answered by mail to anna@customer.test",
        "  would   be left to a person: nobody_to_answer, only an address that nobody reads",
    ):
        assert line in said
    assert (1, True) == (failed, "does not let us in" in told)
    assert "no-such-password" not in told


@pytest.mark.parametrize(
    ("backfill", "age", "says"),
    [
        (None, 1, ", if it came after the first start: it is there already, and 'backfill' is not set"),
        ("3d", 4 * 24, ", if it came after the first start: it is older than 'backfill' (3d)"),
        ("3d", 2 * 24, ""),
    ],
)
def test_before_the_first_start_no_draft_is_promised_that_never_comes(
    backfill: str | None, age: int, says: str
) -> None:
    """The first start begins at now: of what lies there it takes what 'backfill' asks for."""
    own = config("support@example.com", 993, backfill=backfill)
    came = format_datetime(datetime.now(UTC) - timedelta(hours=age))
    asked = parse(mail("Where?", Date=came), settings=Settings())
    inbox = Folder(name="INBOX", validity=7, next_uid=12)
    assert f"get a draft to anna@customer.test{says}" == fate(own, asked, lambda _: [], inbox=inbox, uid=11)


def test_a_mail_that_had_its_turn_gets_no_second_one() -> None:
    """Once the bot has run: what has a draft, and what lay there before the first start, is named as such."""
    own = config("support@example.com", 993)
    asked = parse(mail("Where?", Message_ID="<a@customer.test>"), settings=Settings())
    inbox = Folder(name="INBOX", validity=7, next_uid=12)
    known: dict[str, Any] = {"cursor:INBOX": {"validity": 7, "uid": 10}}

    def said(uid: int, **more: Any) -> str:
        kept = known | more
        return fate(
            own, asked, lambda prefix: [(k, v) for k, v in kept.items() if k.startswith(prefix)],
            inbox=inbox, uid=uid,
        )  # fmt: skip

    assert "get a draft to anna@customer.test" == said(11)
    form = parse(mail("Where?", From="noreply@forms.test", Reply_To="kim@c.test"), settings=Settings())
    assert "get a draft to kim@c.test" == would(own, form, lambda _: [])
    assert "came before the first start" in said(10)
    read = {record_of(asked.message_id): "conversation"}
    assert "do nothing: it was read before" == said(10, **read)
    draft = {"draft:dlv": {"answered": asked.message_id, "state": "open"}}
    assert "do nothing: it was read before: its draft is 'open'" == said(10, **read, **draft)
