"""``supportbot chat``: talk to the bot in the terminal."""

import re
import secrets
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from supportbot.cli.failures import TO_CHANGE, say
from supportbot.cli.options import AsJson
from supportbot.cli.settings import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from supportbot.cli.background import Background
    from supportbot.cli.line import Line
    from supportbot.cli.screen import Screen
    from supportbot.config import Loaded

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


def chat(
    context: typer.Context,
    once: Annotated[
        str | None, typer.Option(metavar="QUESTION", help="Ask this, print the answer, and end.")
    ] = None,
    conversation: Annotated[
        str, typer.Option(metavar="NAME", help="Go on with the conversation of this name, or begin it.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Talk to the bot: to the one that runs, else to one started for the chat. Ctrl-D ends it.

    Questions that are piped in are answered one line after the other.
    """
    from supportbot.cli.background import Background
    from supportbot.cli.stored import be_quiet

    if once is not None and not once.strip():
        say('The question is empty. Write one: supportbot chat --once "How do I return something?"')
        raise typer.Exit(TO_CHANGE)
    if conversation and not _NAME.fullmatch(conversation):
        say("A conversation's name is up to 64 letters, digits, dots, dashes and underscores.")
        raise typer.Exit(TO_CHANGE)
    be_quiet()
    loaded = settings_of(context).load()
    with Background() as background:
        line = _reached(background, loaded, conversation)
        screen = _screen(as_json=as_json, talking=once is None)
        if screen.is_dialogue:
            _greet(loaded, line)
        with suppress(KeyboardInterrupt):
            for question in _questions(once, dialogue=screen.is_dialogue):
                screen.ask(background, line, question)
        if screen.is_dialogue:
            say(f"\nTo go on with this conversation: supportbot chat --conversation {line.conversation}")


def _reached(background: "Background", loaded: "Loaded", name: str) -> "Line":
    """Find the bot; without a name the conversation is a new one."""
    from supportbot.cli.line import Line
    from supportbot.cli.nearby import bot_nearby, conversation_id, terminal_name

    find = background.enter(bot_nearby(loaded))
    known = background.run(conversation_id(loaded, name)) if name else ""
    conversation = name or f"chat-{secrets.token_hex(4)}"
    return Line(find, conversation, channel=terminal_name(loaded), conversation_id=known)


def _screen(*, as_json: bool, talking: bool) -> "Screen":
    from supportbot.cli.screen import Dialogue, JsonLines, Plain

    if as_json:
        return JsonLines()
    return Dialogue() if talking and sys.stdin.isatty() and sys.stdout.isatty() else Plain()


def _greet(loaded: "Loaded", line: "Line") -> None:
    typer.echo(f"You are talking to {loaded.config.bot.name}. Ctrl-D ends the conversation.")
    if line.conversation_id:
        typer.echo(f"What was said before: {line.reading}")
    typer.echo()


def _questions(once: str | None, *, dialogue: bool) -> "Iterator[str]":
    """Yield what is asked, without blank lines."""
    lines = iter([once]) if once is not None else _typed() if dialogue else iter(sys.stdin)
    for line in lines:
        # What is no Unicode (a stray byte in a pipe or an argument) becomes U+FFFD.
        question = line.encode("utf-8", "surrogateescape").decode("utf-8", "replace").strip()
        if question:
            yield question


def _typed() -> "Iterator[str]":
    """Yield what a person types, until Ctrl-D."""
    with suppress(ImportError):
        import readline  # noqa: F401 - gives input() its arrows and its history
    with suppress(EOFError):
        while True:
            yield input("You: ")
