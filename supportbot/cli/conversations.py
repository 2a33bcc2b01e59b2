"""``supportbot conversations``: look at them, export them, delete them, say who speaks in them."""

import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from supportbot.cli.attached import attached_lines
from supportbot.cli.failures import say
from supportbot.cli.memory import memory_lines
from supportbot.cli.options import AsJson, Before, Channel, Limit, Yes
from supportbot.cli.output import console, json_line, local, phrase, print_json, words
from supportbot.cli.pages import print_page
from supportbot.cli.settings import settings_of
from supportbot.cli.stored import check_channel, with_store
from supportbot.cli.triage import in_full
from supportbot.errors import NotFound
from supportbot.messages import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from supportbot.reports import ConversationRow, MessageRow, Transcript
    from supportbot.store import Store

conversations = typer.Typer(no_args_is_help=True, help="What was said, and who speaks.")

ConversationId = Annotated[str, typer.Argument(metavar="CONVERSATION", help="Its id, conv_….")]

_COLOURS = {"customer": "cyan", "bot": "green", "person": "magenta"}


@conversations.command("list")
def list_conversations(
    context: typer.Context,
    *,
    limit: Limit = 50,
    before: Before = "",
    channel: Channel = "",
    state: Annotated[State | None, typer.Option(help="Only where this is who speaks.")] = None,
    as_json: AsJson = False,
) -> None:
    """List conversations, those in which something happened last first."""
    from supportbot import reports

    page = with_store(
        context,
        lambda store: reports.conversations(store, limit=limit, before=before, channel=channel, state=state),
    )
    if not page.rows:
        check_channel(context, channel)
    heads = ("conversation", "last", "channel", "state", "messages", "customer")
    print_page(page, heads, _cells, nothing="No conversations.", as_json=as_json)


@conversations.command()
def show(
    context: typer.Context,
    conversation: ConversationId,
    limit: Limit = 50,
    before: Annotated[
        int | None, typer.Option(metavar="NUMBER", min=1, help="What was said before this message's number.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what was said in a conversation."""
    from supportbot import reports

    found = with_store(
        context, lambda store: reports.transcript(store, conversation, limit=limit, before=before)
    )
    if as_json:
        print_json(found)
    else:
        _print_transcript(found)


@conversations.command()
def export(
    context: typer.Context,
    conversation: Annotated[
        str, typer.Argument(metavar="[CONVERSATION]", help="Only this one.", show_default=False)
    ] = "",
) -> None:
    """Write all conversations, or one, to stdout as JSON lines: one for each conversation, then one for
    each of its messages."""
    exported = with_store(context, lambda store: _export(store, conversation))
    say(f"Exported: {exported[0]} conversations with {exported[1]} messages.")


@conversations.command()
def original(
    context: typer.Context,
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help="Its id, msg_….")],
) -> None:
    """Write what a message was made of to stdout: a raw mail, as far as it was kept. Byte by byte, but on a
    terminal without what would steer it."""
    from supportbot import originals
    from supportbot.readable import visible

    vault = settings_of(context).vault
    kept = with_store(context, lambda store: originals.load(store, message, vault))
    typer.echo(visible(kept.decode("utf-8", "replace")) if sys.stdout.isatty() else kept, nl=False)


@conversations.command()
def reseal(context: typer.Context) -> None:
    """Encrypt what messages were made of with the newest of encryption_keys: what was kept before there were
    keys, and what an older key encrypted. After that the older key can go."""
    from supportbot import originals
    from supportbot.errors import NoEncryptionKeys

    vault = settings_of(context).vault()
    if vault is None:
        raise NoEncryptionKeys
    sealed, shut = with_store(context, lambda store: originals.reseal(store, vault))
    typer.echo(f"{sealed} originals are encrypted with the newest key now.")
    if shut:
        typer.echo(f"{shut} can be opened by no key of encryption_keys, and stay as they are.", err=True)
        raise typer.Exit(1)


@conversations.command()
def delete(context: typer.Context, conversation: ConversationId, yes: Yes = False) -> None:
    """Delete a conversation with everything in it. This cannot be undone."""
    from supportbot import reports, session

    found = with_store(context, lambda store: reports.transcript(store, conversation, limit=1)).conversation
    if not yes:
        question = f"Delete the {found.messages} messages with {phrase(found.customer)} for ever?"
        typer.confirm(question, abort=True, err=True)
    with_store(context, lambda store: session.delete_conversation(store, conversation))
    typer.echo(f"{conversation} is deleted.")


@conversations.command("state")
def set_state(
    context: typer.Context,
    conversation: ConversationId,
    state: Annotated[State, typer.Argument(help="Who is to speak from now on.")],
) -> None:
    """Say who speaks in a conversation: give it back to the bot, take it over, mark it as resolved."""
    from supportbot import reports, session

    async def change(store: "Store") -> None:
        await reports.transcript(store, conversation, limit=1)  # its id may be no id at all
        await session.set_state(store, conversation, state)

    with_store(context, change)
    typer.echo(f"{conversation} is in state {state}.")


def _cells(row: "ConversationRow") -> tuple[str, ...]:
    customer = phrase(
        f"{row.customer} <{row.email}>" if row.email not in {"", row.customer} else row.customer
    )
    return (row.id, local(row.updated_at), row.channel, row.state, str(row.messages), customer)


def _print_transcript(found: "Transcript") -> None:
    screen, conversation = console(), found.conversation
    screen.print(
        words(
            f"{conversation.id}  {conversation.channel}  {conversation.state}  "
            f"{phrase(conversation.customer)} ({conversation.assurance})",
            "bold",
        )
    )
    screen.print(
        words(
            f"key {phrase(conversation.external_id)}  customer {phrase(conversation.customer_key)}"
            f"{f'  {phrase(conversation.email)}' if conversation.email else ''}",
            "dim",
        )
    )
    if conversation.reply_to:
        screen.print(words(f"wants to be written to at {phrase(conversation.reply_to)}", "dim"))
    for line in memory_lines(found.memory):
        screen.print(words(line, "dim"))
    if found.more:
        screen.print(words(f"… earlier ones: --before {found.messages[0].seq}", "dim"))
    for message in found.messages:
        screen.print()
        screen.print(words(_headline(message), _COLOURS.get(message.author, "")))
        screen.print(words(message.text))
        for line in attached_lines(message):
            screen.print(words(line, "dim"))
        triage = found.triages.get(message.turn_id or "") if message.author == "customer" else None
        if triage is not None:
            screen.print(words(in_full(triage), "dim"))
        for citation in message.citations:
            screen.print(words(f"Source: {phrase(citation.title)} ({phrase(citation.source)})", "dim"))


def _headline(message: "MessageRow") -> str:
    who = f"{message.author} {phrase(message.name)}" if message.name else message.author
    parts = [f"{message.seq}  {who}  {local(message.created_at)}  {message.id}"]
    if message.state not in {"said", "answered"}:
        parts.append(f"{message.state}{f': {phrase(message.reason)}' if message.reason else ''}")
    if message.wants_person:
        parts.append("asks for a person")
    return "  ".join(parts)


async def _export(store: "Store", only: str) -> tuple[int, int]:
    """Write JSON lines; return how many conversations and messages there were."""
    from supportbot import reports

    if only:
        return 1, await _export_one(store, only, sys.stdout.write)
    conversations_done = messages_done = 0
    with _progress() as report:
        ids = await reports.conversation_ids(store)
        while ids:
            for conversation_id in ids:
                with suppress(NotFound):  # deleted meanwhile
                    messages_done += await _export_one(store, conversation_id, sys.stdout.write)
                    conversations_done += 1
                report(f"{conversations_done} conversations, {messages_done} messages …")
            ids = await reports.conversation_ids(store, after=ids[-1])
    return conversations_done, messages_done


@contextmanager
def _progress() -> "Iterator[Callable[[str], None]]":
    """Show on stderr how far it is, when that is a terminal and what is exported goes elsewhere."""
    if sys.stdout.isatty() or not sys.stderr.isatty():
        yield lambda _line: None
        return
    with console(stderr=True).status("Exporting …") as status:
        yield status.update


async def _export_one(store: "Store", conversation_id: str, write: "Callable[[str], object]") -> int:
    from supportbot import reports

    head = (await reports.transcript(store, conversation_id, limit=1)).conversation
    write(json_line({"type": "conversation", "conversation": head}))
    count = 0
    page = await reports.messages(store, conversation_id)
    while page:
        for message in page:
            write(json_line({"type": "message", "conversation_id": conversation_id, "message": message}))
        count += len(page)
        page = await reports.messages(store, conversation_id, after=page[-1].seq)
    return count
