"""``supportbot email …``: what a person needs while setting a mailbox up."""

# No "from __future__ import annotations": typer reads the annotations when the command runs.

import asyncio
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from supportbot.commands import bot_file
from supportbot.errors import NoStoreYet, SupportBotError
from supportbot_email.check import Noted, view
from supportbot_email.config import EmailConfig
from supportbot_email.conversations import record_of
from supportbot_email.folders import Folders
from supportbot_email.inbound import text_of
from supportbot_email.preview import fate, sending_tried
from supportbot_email.reading import reading
from supportbot_email.threads import verify_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from supportbot.commands import BotFile
    from supportbot_email.check import Records, View
    from supportbot_email.mail import Mail

_TYPE = "email"
_SHOWN = 8
"""Lines of a mail that are shown."""

app = typer.Typer(no_args_is_help=True, help="Set a mailbox up.")


class WhichMailbox(SupportBotError):
    """Say which e-mail channel of bot.yaml is meant, with --channel. There is: {known}."""


@app.callback()
def email() -> None:
    """Set a mailbox up."""


@app.command()
def check(
    context: typer.Context,
    channel: Annotated[
        str, typer.Option(help="The channel's name in bot.yaml, when there are several.")
    ] = "",
) -> None:
    """Log in, and show the last five mails as the bot would see them. Nothing is changed or answered."""
    bot = bot_file(context)
    name, config = _mailbox(bot, channel)
    records = partial(_records, bot, name)
    folders = Folders(config.folders, Noted(records))
    asyncio.run(folders.remember())
    seen = view(config, folders)
    for line in _summary(config, seen, strangers=_strangers(config, seen, records)):
        typer.echo(line)
    works = _sending(config)
    for uid, mail in asyncio.run(_read(config, seen)):
        typer.echo("")
        known = _is_known(bot, name, mail)
        for line in _described(
            mail, known=known, would=fate(config, mail, records, inbox=seen.inbox, uid=uid)
        ):
            typer.echo(line)
    if seen.drafts.missing:
        typer.echo("\nWithout a Drafts folder no draft can be left: name it in 'folders.drafts'.", err=True)
    if not works or seen.drafts.missing:
        raise typer.Exit(1)
    typer.echo(
        "\nNothing was marked, moved or written. 'supportbot serve' watches for new mail from its start on."
    )


def _sending(config: EmailConfig) -> bool:
    """Say how sending would go; returns whether it would, or need not."""
    if config.mode == "draft":
        return True
    works, said = asyncio.run(sending_tried(config))
    typer.echo(_safe(f"smtp    {said}"))
    return works


def _records(bot: "BotFile", channel: str, prefix: str) -> "list[tuple[str, Any]]":
    with suppress(NoStoreYet):
        return bot.records(channel, prefix)
    return []


def _mailbox(bot: "BotFile", channel: str) -> tuple[str, EmailConfig]:
    """Return the mailbox that is meant, and what it is called.

    Raises:
        ConfigError: something is wrong with its section, or with what keeps it from being found.
        WhichMailbox: bot.yaml has several, or none of that name.
    """
    outline = bot.outline(_TYPE)
    found = outline.section(channel)
    if found is None and outline.is_there:
        raise WhichMailbox(known=", ".join(sorted(outline.sections)) or "none")
    name = found[0] if found is not None else channel
    config = bot.channel(name)  # which says so where there is no bot.yaml
    assert isinstance(config, EmailConfig)
    return name, config


def _strangers(config: EmailConfig, seen: "View", records: "Records") -> int:
    """Return how many of the newest drafts another bot left: our database has not made their Message-IDs."""
    secret = next((bytes.fromhex(str(value)) for _, value in records("secret")), b"")
    return sum(not (secret and verify_token(one, config.domain, secret)) for one in seen.bots)


def _summary(config: EmailConfig, seen: "View", *, strangers: int) -> "Iterator[str]":
    yield f"{config.login} at {config.imap.host}: logged in."
    news = "the server tells of new ones at once" if seen.pushes else f"looked into every {config.poll:g} s"
    yield f"inbox   {seen.inbox.name}, {seen.count} mails, {news}"
    for use, folder in (("drafts", seen.drafts), ("sent", seen.sent)):
        yield f"{use:<6}  {folder.name or f'({folder.missing})'}"
        if folder.problem:
            yield f"        {folder.problem}"
    if strangers:
        yield (
            f"\n{seen.drafts.name} has {strangers} drafts of another SupportBot, or of an earlier database "
            "of this one. If one runs, every mail gets two drafts: stop it, or give both the same database."
        )


async def _read(config: EmailConfig, seen: "View") -> "list[tuple[int, Mail]]":
    async with reading(config) as parser:
        return [(uid, await parser.parse(raw)) for uid, raw in seen.newest]


def _described(mail: "Mail", *, known: bool, would: str) -> "Iterator[str]":
    when = (
        datetime.fromtimestamp(mail.date / 1000).astimezone().strftime("%Y-%m-%d %H:%M") if mail.date else "?"
    )
    yield _safe(f"{when}  {mail.sender.name} <{mail.sender.address}>  {mail.subject}")
    rule = "no rule says that a machine wrote it" if mail.kind == "human" else f"rule: {mail.rule}"
    yield f"  class   {mail.kind} ({rule}){', sender verified' if mail.verified else ''}"
    yield f"  thread  {'continues one that the bot knows' if known else 'a new conversation'}"
    yield _safe(f"  would   {would}")
    lines = text_of(mail).splitlines()
    for line in lines[:_SHOWN]:
        yield _safe(f"  | {line}")
    if len(lines) > _SHOWN:
        yield f"  | … {len(lines) - _SHOWN} more lines"


def _is_known(bot: "BotFile", channel: str, mail: "Mail") -> bool:
    """Say whether a mail names one that the bot has seen."""
    with suppress(NoStoreYet):
        return any(
            bot.records(channel, record_of(message_id)) for message_id in (mail.in_reply_to, *mail.references)
        )
    return False


def _safe(line: str) -> str:
    """Strangers' words must not steer a terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in line)[:200]
