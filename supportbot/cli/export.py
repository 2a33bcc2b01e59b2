"""``supportbot export``: resolved conversations as examples that a model can be trained with."""

import json
import os
import sys
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

import typer

from supportbot.cli.failures import say
from supportbot.cli.options import Channel
from supportbot.cli.output import console
from supportbot.cli.settings import settings_of
from supportbot.cli.stored import check_channel, with_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from supportbot.examples import Example
    from supportbot.reports.exchanges import ConversationKey
    from supportbot.store import Store

    System = Callable[[str], str]


def export(
    context: typer.Context,
    *,
    form: Annotated[
        Literal["llama-jsonl"], typer.Option("--format", help="What Llama's fine-tuning takes.")
    ] = "llama-jsonl",
    output: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, writable=True, allow_dash=True, help="Where to write; stdout when not given."
        ),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only conversations begun on this day or later."),
    ] = None,
    channel: Channel = "",
    unresolved: Annotated[
        bool, typer.Option("--unresolved", help="Also those in which the bot still speaks.")
    ] = False,
    system: Annotated[
        bool, typer.Option("--system", help="Begin each with the system prompt of bot.yaml.")
    ] = False,
) -> None:
    """Write resolved conversations as fine-tuning examples, without personal data."""
    head = _system_prompts(context) if system else lambda _channel: ""
    begun = 0 if since is None else int(since.timestamp() * 1000)
    states = ("resolved", "bot") if unresolved else ("resolved",)
    assert form == "llama-jsonl"

    async def write(store: "Store") -> tuple[int, int]:
        with _opened(output) as target:
            ascii_only = not _is_utf8(target.encoding)

            def line(found: "Example") -> None:
                target.write(json.dumps(found.line(), ensure_ascii=ascii_only) + "\n")

            return await _write(store, line, head, states=states, channel=channel, since=begun)

    seen, written = with_store(context, write)
    if not seen:
        check_channel(context, channel)
    say(f"Exported: {written} examples from {seen} conversations.")


@contextmanager
def _opened(output: Path | None) -> "Iterator[TextIO]":
    """Open a file that only its owner may read: what customers say is in it. One that is there keeps its
    rights."""
    if output is None or str(output) == "-":
        yield sys.stdout
        return
    try:
        file = open(output, "w", encoding="utf-8", opener=_private)  # noqa: SIM115 - no other has an opener
    except OSError as error:
        raise typer.BadParameter(f"{output} cannot be written: {error.strerror}.") from None
    with file:
        yield file


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _is_utf8(encoding: str | None) -> bool:
    """Say whether every letter can be written as it is; elsewhere JSON escapes it, and nothing is lost."""
    return (encoding or "").lower().replace("-", "") == "utf8"


async def _write(
    store: "Store", write: "Callable[[Example], None]", head: "System", **wanted: object
) -> tuple[int, int]:
    from supportbot.reports.exchanges import conversation_keys

    seen = written = 0
    with _progress() as report:
        keys = await conversation_keys(store, **wanted)  # type: ignore[arg-type]
        while keys:
            for key in keys:
                seen += 1
                if found := await _example(store, key, head):
                    write(found)
                    written += 1
                report(seen, written)
            keys = await conversation_keys(store, after=keys[-1].id, **wanted)  # type: ignore[arg-type]
    return seen, written


async def _example(store: "Store", key: "ConversationKey", head: "System") -> "Example | None":
    """Make the example of a conversation, reading no more of it than fits."""
    from supportbot.examples import LARGEST, Redactor, example
    from supportbot.reports.exchanges import exchanges, names
    from supportbot.tokens import estimate

    redactor = Redactor(await names(store, key.id))
    newest, size = [], 0
    async for exchange in exchanges(store, key.id):
        newest.append(exchange)
        size += sum(map(estimate, (*exchange.asked, *exchange.answered))) if exchange.teaches else 0
        if size > LARGEST:
            break
    return example(newest, redactor, system=head(key.channel))


def _system_prompts(context: typer.Context) -> "System":
    """Return the system prompt that a new customer of each channel would get, rendered once."""
    from functools import cache

    from supportbot.brain import make_prompts
    from supportbot.cli.ask import new_turn

    prompts = make_prompts(settings_of(context).load().config)

    @cache
    def head(channel: str) -> str:
        words = prompts.render(new_turn("hello", channel), ()).words
        return words[0].content if words and words[0].role == "system" else ""

    return head


@contextmanager
def _progress() -> "Iterator[Callable[[int, int], None]]":
    """Show on stderr how far it is, when that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _seen, _written: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("Exporting …", total=None)

        def report(seen: int, written: int) -> None:
            bar.update(task, description=f"{seen} conversations, {written} examples")

        yield report
