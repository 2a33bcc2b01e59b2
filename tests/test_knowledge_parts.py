"""Messages come apart into sentences and into the questions that they join."""

from __future__ import annotations

from pathlib import Path

import pytest

from supportbot.knowledge.language import Language
from supportbot.knowledge.parts import opens, split

ENGLISH = Language.load(Path("nowhere"))


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ("", [""]),
        ("Where is it?", ["Where is it?"]),
        ("It broke. What now?", ["It broke. ", "What now?"]),
        (
            "What does it cost, and how long does it take?",
            ["What does it cost, and ", "how long does it take?"],
        ),
        ("what does it cost and how long", ["what does it cost and ", "how long"]),
        ("I'd like to return it, can I?", ["I'd like to return it, ", "can I?"]),
        ("I’d like a cup and I’d like tea", ["I’d like a cup and ", "I’d like tea"]),
        ("a chair, a table and a lamp", ["a chair, a table and a lamp"]),
        ("It costs 5.95 euro", ["It costs 5.", "95 euro"]),
        ("one\ntwo\n\n", ["one\n", "two\n\n"]),
        ("...", ["..."]),
    ],
)
def test_a_message_is_split_before_sentences_and_joined_questions(message: str, parts: list[str]) -> None:
    """A joint or a comma splits only where a question or a wish begins after it."""
    assert parts == split(message, ENGLISH, 12)
    assert message == "".join(parts)


def test_there_are_only_so_many_parts() -> None:
    """The last part has all the rest."""
    assert ["One. ", "Two. Three. Four."] == split("One. Two. Three. Four.", ENGLISH, 2)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("how long", True),
        ("And where is it", True),
        ("I would like to know", True),
        ("What's this", True),
        ("my chair is broken", False),
        ("I bought a chair", False),
        ("", False),
        ("😡", False),
    ],
)
def test_questions_and_wishes_are_told_from_stories(text: str, is_one: bool) -> None:
    """What counts is how a text begins."""
    assert is_one == opens(text, ENGLISH)
