"""What a prompt tells of messages that are no longer in its history."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supportbot.messages import Memory, Message
from supportbot.prompt.recall import MOST_PINNED, important, left_out, pinned
from supportbot.tokens import estimate

if TYPE_CHECKING:
    from supportbot.messages import Author

ORDER = [re.compile(r"JP-\d{6}")]


def said(*lines: tuple[Author, str]) -> tuple[Message, ...]:
    return tuple(
        Message(id=f"msg_{seq}", seq=seq, author=author, text=text, created_at=seq)
        for seq, (author, text) in enumerate(lines, 1)
    )


def texts(messages: tuple[Message, ...]) -> list[str]:
    return [message.text for message in messages]


def test_customers_words_are_pinned_once() -> None:
    """Only theirs, in the order in which they named them, and nothing twice."""
    messages = said(
        ("customer", "JP-000001 and JP-000002"), ("bot", "JP-999999?"), ("customer", "JP-000001 again")
    )
    assert ("JP-000001", "JP-000002") == pinned((), messages, ORDER)
    assert ("JP-000002", "JP-000001") == pinned(("JP-000002",), messages, ORDER)
    assert ("kept",) == pinned(("kept",), messages, [])


def test_pins_are_few_and_short() -> None:
    """Whoever writes a thousand numbers pins the newest; a match is cut, and hidden characters are gone."""
    many = said(("customer", " ".join(f"JP-{number:06}" for number in range(300))))
    kept = pinned((), many, ORDER)
    assert (MOST_PINNED, "JP-000299") == (len(kept), kept[-1])
    assert ("x" * 80,) == pinned((), said(("customer", "x" * 500)), [re.compile("x{1,400}")])[-1:]
    assert ("JP-123456",) == pinned((), said(("customer", "JP-12\u200b3456")), ORDER)
    assert () == pinned((), said(("customer", "   ")), [re.compile(r"\s{1,3}|x?")])


def test_the_first_words_are_told_first_then_people_s_then_the_newest() -> None:
    """When there is little room: what the matter is, what was promised, what came last; in order."""
    messages = said(
        ("customer", "My lamp came broken."),
        ("customer", "It was the green one."),
        ("person", "I will send another."),
        ("customer", "thank you"),
        ("customer", "And the invoice, please?"),
    )
    each = max(estimate(message.text) for message in messages) + 12
    assert [
        ["My lamp came broken."],
        ["My lamp came broken.", "I will send another."],
        ["My lamp came broken.", "I will send another.", "And the invoice, please?"],
        ["My lamp came broken.", "It was the green one.", "I will send another.", "And the invoice, please?"],
    ] == [texts(important(messages, each * count)) for count in (1, 2, 3, 9)]


def test_a_long_message_is_told_by_its_ends() -> None:
    """One message does not take the room of all."""
    (told,) = important(said(("customer", "It began so. " + "blah " * 5000 + "And ended so.")), 500)
    assert estimate(told.text) <= 80
    assert told.text.startswith("It began so.")
    assert told.text.endswith("And ended so.")


def test_what_the_history_loses_is_left_out_and_pinned() -> None:
    """Customers' and people's words; the bot's can be told from them, and a summary's need no telling."""
    history = said(("customer", "JP-000001"), ("bot", "Yes?"), ("person", "Hello"), ("customer", "Hi"))
    memory = left_out(Memory(summary_seq=1), history, 4, ORDER)
    assert (4, ("JP-000001",), [3]) == (memory.from_seq, memory.pinned, [m.seq for m in memory.left_out])
