"""The Home tab: help, and the reader's open conversations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from supportbot.host import Begun
from supportbot_slack.home import home_view

ADDRESS = {"team": "T1", "channel": "C1", "thread": "1516229207.000133"}


def begun(text: str = "Where is my parcel?", **changes: Any) -> Begun:
    fields = {"external_id": "x", "address": ADDRESS, "state": "bot", "created_at": 1, "updated_at": 2}
    return Begun(text=text, **(fields | changes))


def listed(*conversations: Begun) -> list[dict[str, Any]]:
    """Return the blocks below the second heading."""
    blocks = home_view("Fern", conversations)["blocks"]
    return blocks[1 + next(n for n, block in enumerate(blocks) if block["type"] == "divider") + 1 :]


def test_it_says_how_to_ask() -> None:
    """By name, with the ways there are, and a button."""
    view = home_view("Fern", ())
    words = json.dumps(view)
    assert "home" == view["type"]
    assert all(said in words for said in ("I am Fern", "/ask", "Ask the bot", "Ask a question"))


def test_it_offers_no_way_that_is_closed() -> None:
    """Without direct messages there is no place for an answer to a form, a command or a message there."""
    words = json.dumps(home_view("Fern", (), direct_messages=False))
    assert all(said in words for said in ("I am Fern", "mention me in a channel", "Ask the bot"))
    assert not any(said in words for said in ("/ask", "Ask a question", "under Messages"))


def test_open_conversations_are_listed() -> None:
    """What it began with, who speaks, and a way there."""
    [block] = listed(begun(state="queued"))
    assert "Where is my parcel?\nwaiting for a person" == block["text"]["text"]
    assert "https://app.slack.com/client/T1/C1/thread/C1-1516229207.000133" == block["accessory"]["url"]


@pytest.mark.parametrize("state", ["resolved", "spam"])
def test_what_is_over_is_not_listed(state: str) -> None:
    """And what counts as spam is nobody's business."""
    [block] = listed(begun(state=state))
    assert "There are none at the moment." == block["text"]["text"]


def test_a_direct_message_has_no_thread() -> None:
    """The link leads to it all the same; a question by /ask has no place yet and no link."""
    [direct, command] = listed(
        begun(address={"team": "T1", "channel": "D1", "thread": ""}),
        begun(address={"team": "T1", "channel": "U1", "thread": ""}),
    )
    assert "https://app.slack.com/client/T1/D1" == direct["accessory"]["url"]
    assert "accessory" not in command


@pytest.mark.parametrize(
    "text",
    ["<!channel> <@U1> *bold* <https://evil.example|harmless>", "a\n\n\nb", "", "\u202e" * 500, "x" * 40_000],
)
def test_a_customer_s_words_are_text(text: str) -> None:
    """Nothing in them is markup; they are one short line."""
    [block] = listed(begun(text))
    assert "plain_text" == block["text"]["type"]
    first, *rest = block["text"]["text"].split("\n")
    assert (["answered by Fern"], True) == (rest, 0 < len(first) <= 120)


@pytest.mark.parametrize(
    "address", [{}, {"team": 5}, {"team": "T1", "channel": "C1/../x"}, {"channel": "C1"}]
)
def test_a_strange_address_gives_no_link(address: dict[str, Any]) -> None:
    """Only ids go into an address."""
    [block] = listed(begun(address=address))
    assert "accessory" not in block


def test_it_stays_within_slack_s_limits() -> None:
    """A hundred blocks at most, headings of 150 characters, whatever there is."""
    view = home_view("F" * 200, [begun() for _ in range(200)])
    assert len(view["blocks"]) <= 100
    assert all(len(b["text"]["text"]) <= 150 for b in view["blocks"] if b["type"] == "header")
