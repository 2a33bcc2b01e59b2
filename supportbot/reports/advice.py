"""What an operator can do about how a message ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supportbot.ids import now_ms
from supportbot.readable import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from supportbot.reports.rows import DeliveryRow, MessageRow, ToolCallRow, TurnRow
    from supportbot.reports.story import Story


def advice(story: Story) -> tuple[str, ...]:
    """Return what is to be done next, a sentence each; empty when nothing is."""
    lines = [
        *(line for message in story.messages for line in _about_message(message)),
        *(line for turn in story.turns for line in _about_turn(turn)),
        *_about_tool_calls(story),
        *(line for delivery in story.deliveries for line in _about_delivery(delivery)),
        *_about_conversation(story),
    ]
    return tuple(dict.fromkeys(lines))


def _about_message(message: MessageRow) -> Iterator[str]:
    if message.state == "pending" and message.turn_id is None:
        waited = max(0, now_ms() - message.created_at) // 1000
        yield (
            f"{message.id} has waited for {waited:,} s to be taken up, which takes a running bot a second at "
            "most, unless it is at work on as many as 'turns.concurrency' lets it. To see who works: "
            "supportbot processes"
        )
    if message.state == "ignored" and message.author == "customer":
        yield f"{message.id} gets no answer ({message.reason}). If it needs one, a person has to write it."


def _about_turn(turn: TurnRow) -> Iterator[str]:
    match turn.state:
        case "dead":
            yield (
                f"{turn.id} was put aside (tries: {turn.tries}). Once the cause is gone: "
                f"supportbot dead replay {turn.id}"
            )
        case "running":
            yield f"{turn.id} is being worked on. Should its process have died, it is taken over by itself."
        case "waiting":
            yield f"{turn.id} failed and is tried again by itself."
        case _:
            return


def _about_tool_calls(story: Story) -> Iterator[str]:
    at_work = {turn.id for turn in story.turns if turn.state in {"running", "waiting"}}
    for call in story.tool_calls:
        if call.state == "unknown" or (call.state == "started" and call.turn_id not in at_work):
            yield (
                f"Nobody can tell whether {_name(call)} was run to its end, and it is not run again. Look in "
                f"the system it works on, and tell the customer. It was called with {_arguments(call)}"
            )


def _name(call: ToolCallRow) -> str:
    return one_line(call.tool, 64)


def _arguments(call: ToolCallRow) -> str:
    return one_line(call.arguments, 300)


def _about_delivery(delivery: DeliveryRow) -> Iterator[str]:
    match delivery.state:
        case "unknown" | "dead" if delivery.kind == "notice" and delivery.receipt:
            yield (
                f"What your team was told by channel {delivery.channel} is not up to date. Once the cause is "
                f"gone: supportbot deliveries retry {delivery.id}"
            )
        case "unknown" | "dead" if delivery.kind == "notice":
            told = "was not told" if delivery.state == "dead" else "may not have been told"
            again = f" Or: supportbot deliveries retry {delivery.id}" if delivery.state == "dead" else ""
            yield f"Your team {told} by channel {delivery.channel} that a customer waits: tell them.{again}"
        case "unknown":
            yield (
                f"Nobody can tell whether the customer got {delivery.message_id}, so it is not sent again. "
                f"Look in channel {delivery.channel}, then record what you saw: "
                f"supportbot deliveries settle {delivery.id} delivered (or dead)"
            )
        case "dead":
            yield (
                f"{delivery.message_id} did not reach the customer and is not sent again by itself. Reach "
                f"them another way, or once the cause is gone: supportbot deliveries retry {delivery.id}"
            )
        case "planned" | "sending":
            yield f"{delivery.id} is on its way; a running bot goes on with it by itself."
        case _:
            return


def _about_conversation(story: Story) -> Iterator[str]:
    conversation = story.conversation
    match conversation.state:
        case "queued" | "human":
            yield (
                "The bot is silent here, a person is to answer. To give the conversation back to the bot: "
                f"supportbot conversations state {conversation.id} bot"
            )
        case "spam":
            yield (
                "The conversation is marked as spam and what comes is ignored. If it is not: "
                f"supportbot conversations state {conversation.id} bot"
            )
        case _:
            return
