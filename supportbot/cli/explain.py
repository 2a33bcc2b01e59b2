"""``supportbot explain``: the whole story of one message on one screen."""

from typing import TYPE_CHECKING, Annotated

import typer

from supportbot.cli.attached import attached_lines
from supportbot.cli.memory import memory_lines
from supportbot.cli.options import AsJson
from supportbot.cli.output import console, lasted, local, money, phrase, plain, print_json, rated, words
from supportbot.cli.stored import with_store
from supportbot.cli.triage import in_full

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from supportbot.reports import DeliveryRow, EventRow, MessageRow, Story, ToolCallRow, TurnRow

_ASKED_TEXT = 400
"""How much of a message is shown, in characters."""

_MARKS = {
    "dead": "red",
    "unknown": "red",
    "delivered": "green",
    "answered": "green",
    "done": "green",
    "replayed": "dim",
}


def explain(
    context: typer.Context,
    identifier: Annotated[
        str, typer.Argument(metavar="ID", help="A message, turn, delivery or conversation: msg_…, turn_…, …")
    ],
    as_json: AsJson = False,
) -> None:
    """Tell the whole story of a message: who, when, every try, every delivery, and what to do next."""
    from supportbot import reports

    story = with_store(context, lambda store: reports.explain(store, identifier))
    advice = reports.advice(story)
    if as_json:
        print_json({**plain(story), "advice": advice})
    else:
        _print(console(), story, advice)


def _print(screen: "Console", story: "Story", advice: tuple[str, ...]) -> None:
    conversation = story.conversation
    customer = phrase(conversation.customer)
    email = (
        f" <{phrase(conversation.email)}>" if conversation.email not in {"", conversation.customer} else ""
    )
    screen.print(words(f"{customer}{email} ({conversation.assurance}), by {conversation.channel}", "bold"))
    screen.print(
        words(f"{conversation.id}, state {conversation.state}, since {local(conversation.created_at)}")
    )
    for line in memory_lines(story.memory):
        screen.print(words(line, "dim"))
    for message in story.messages:
        _print_message(screen, message)
    screen.print()
    for turn in story.turns:
        screen.print(words("  ".join(_about_turn(turn)), _MARKS.get(turn.state, "yellow")))
        if turn.triage is not None:
            screen.print(words(f"  {in_full(turn.triage)}", "dim"))
        for call in (call for call in story.tool_calls if call.turn_id == turn.id):
            screen.print(words("  ".join(_about_call(call)), _MARKS.get(call.state, "yellow")))
    for delivery in story.deliveries:
        screen.print(words("  ".join(_about_delivery(delivery)), _MARKS.get(delivery.state, "yellow")))
    _print_timeline(screen, story)
    screen.print()
    for line in advice or ("Nothing is to be done.",):
        screen.print(words(f"→ {line}", "bold" if advice else ""))


def _print_message(screen: "Console", message: "MessageRow") -> None:
    screen.print()
    ended = "" if message.state == "said" else f"  {message.state}"
    reason = f": {phrase(message.reason, 100)}" if message.reason else ""
    fixed = f"  fixed text: {phrase(message.fixed_for, 100)}" if message.fixed_for else ""
    head = f"{message.author}  {local(message.created_at)}  {message.id}{ended}{reason}{fixed}"
    screen.print(words(head, "bold"))
    text = message.text if len(message.text) <= _ASKED_TEXT else f"{message.text[:_ASKED_TEXT]}…"
    screen.print(words(text))
    for line in attached_lines(message):
        screen.print(words(line, "dim"))


def _about_turn(turn: "TurnRow") -> "Iterator[str]":
    yield turn.id
    yield f"{turn.state} after {_tries(turn.tries)}"
    if turn.reason:
        yield f"reason: {phrase(turn.reason, 200)}"
    if turn.model:
        yield f"model: {phrase(turn.model)}"
    if turn.good or turn.bad:
        yield f"rated: {rated(turn.good, turn.bad)}"
    if turn.template_hash:
        yield f"templates: {turn.template_hash}"
    if turn.prompt_tokens is not None or turn.completion_tokens is not None:
        about = "about " if turn.estimated else ""
        yield f"tokens: {about}{_number(turn.prompt_tokens)} in, {_number(turn.completion_tokens)} out"
    if turn.cost is not None:
        yield f"cost: {money(turn.cost, turn.currency)}"


def _about_call(call: "ToolCallRow") -> "Iterator[str]":
    yield f"  {phrase(call.tool, 64)}: {call.state}"
    yield f"with: {phrase(call.arguments, 200)}"
    if call.result:
        yield f"gave: {phrase(call.result, 200)}"


def _about_delivery(delivery: "DeliveryRow") -> "Iterator[str]":
    yield delivery.id
    told = "to the team, " if delivery.kind == "notice" else ""
    yield f"{told}{delivery.state} by {delivery.channel} after {_tries(delivery.sends)}"
    if delivery.receipt:
        yield f"receipt: {phrase(delivery.receipt)}"
    if delivery.reason:
        yield f"reason: {phrase(delivery.reason, 200)}"
    if delivery.handoff:
        yield f"asks for a person: {phrase(delivery.handoff)}"


def _print_timeline(screen: "Console", story: "Story") -> None:
    from rich.table import Table
    from rich.text import Text

    if not story.events:
        return
    screen.print()
    if story.more_events:
        screen.print(words("… earlier events are left out", "dim"))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right", no_wrap=True)
    for _ in range(3):
        table.add_column(overflow="fold")
    begun = story.events[0].at
    for event in story.events:
        when = local(begun) if event.at == begun else lasted(event.at - begun)
        style = _MARKS.get(event.kind.partition(".")[2], "")
        table.add_row(when, Text(event.kind, style=style), event.actor, Text(_facts(event)))
    screen.print(table)


def _facts(event: "EventRow") -> str:
    facts = [f"{name}: {phrase(str(value), 120)}" for name, value in event.data.items()]
    about = event.delivery_id or event.turn_id or event.message_id
    return "  ".join([*facts, *([about] if about else [])])


def _tries(count: int) -> str:
    return "1 try" if count == 1 else f"{count} tries"


def _number(value: int | None) -> str:
    return "?" if value is None else str(value)
