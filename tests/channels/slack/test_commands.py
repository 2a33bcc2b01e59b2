"""``/ask``, the shortcut and the form: Slack's own payloads, and whatever else may come."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbot_slack import commands
from supportbot_slack.commands import (
    Asked,
    command_answer,
    form,
    form_answer,
    from_command,
    from_form,
    from_shortcut,
)
from supportbot_slack.events import Ignored, event_of
from supportbot_slack.inbound import heard, inbound_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAYLOADS = Path(__file__).parent / "payloads"
COMMAND = dict(parse_qsl((PAYLOADS / "slash_command.txt").read_text("utf-8").strip()))
SHORTCUT = json.loads((PAYLOADS / "message_action.json").read_text("utf-8"))
FORM = json.loads((PAYLOADS / "view_submission.json").read_text("utf-8"))
ALL: list[tuple[Callable[..., Asked], dict[str, Any]]] = [
    (from_command, COMMAND), (from_shortcut, SHORTCUT), (from_form, FORM)
]  # fmt: skip


def test_a_command_is_a_question() -> None:
    """In a conversation of its own, to be answered in the direct message with whoever gave it."""
    asked = from_command(COMMAND, channel="slack")
    assert asked.inbound is not None
    assert ("slack", "T0001/U2147483697", "Steve", "How do I return <this> & that?") == (
        asked.inbound.channel,
        asked.inbound.sender.id,
        asked.inbound.sender.name,
        asked.inbound.text,
    )
    trigger = COMMAND["trigger_id"]
    assert (f"T0001/ask/{trigger}", (f"ask/{trigger}@T0001",)) == (
        asked.inbound.conversation,
        asked.inbound.keys,
    )
    assert ("T0001", "E0001", "U2147483697", "U2147483697", "") == tuple(
        asked.inbound.address[name] for name in ("team", "enterprise", "channel", "user", "thread")
    )
    assert {"response_type": "ephemeral", "text": commands.ON_IT} == command_answer(asked)


def test_the_same_command_is_the_same_question() -> None:
    """Socket Mode may deliver it again; asked again by the person it is another."""
    first, again = (from_command(COMMAND, channel="slack").inbound for _ in range(2))
    other = from_command(COMMAND | {"trigger_id": "1.2.3"}, channel="slack").inbound
    assert first is not None
    assert again is not None
    assert other is not None
    assert (first.keys, first.conversation) == (again.keys, again.conversation)
    assert first.keys != other.keys


@pytest.mark.parametrize(
    ("text", "says"),
    [("", commands.NO_QUESTION), (" \n", commands.NO_QUESTION), ("a" * 40_001, commands.TOO_LONG)],
)
def test_a_command_without_a_question_is_explained(text: str, says: str) -> None:
    """To the person who gave it, and to nobody else; nothing is stored."""
    asked = from_command(COMMAND | {"text": text}, channel="slack")
    assert (None, {"response_type": "ephemeral", "text": says}) == (asked.inbound, command_answer(asked))


def test_a_shortcut_asks_about_a_message() -> None:
    """In its thread; whoever used the shortcut asks; the message's key is its own."""
    asked = from_shortcut(in_channel(SHORTCUT), channel="slack")
    assert asked.inbound is not None
    assert "World's smallest big cat! https://youtube.com/watch?v=W86cTIoMv2U" == asked.inbound.text
    assert "T0MJRM1A7/C0LFFBKLZ/1516229207.000133" == asked.inbound.conversation
    keys = ("C0LFFBKLZ/1516229207.000133@T0MJRM1A7", "C0LFFBKLZ/1516229207.000133@shared")
    assert keys == asked.inbound.keys
    assert "T0MJRM1A7/U0D15K92L" == asked.inbound.sender.id
    assert ("C0LFFBKLZ", "1516229207.000133") == (
        asked.inbound.address["channel"],
        asked.inbound.address["thread"],
    )


def in_channel(payload: dict[str, Any]) -> dict[str, Any]:
    return payload | {"channel": {"id": "C0LFFBKLZ", "name": "support"}}


@pytest.mark.parametrize(
    ("changes", "shared"),
    [
        ({}, False),
        ({"channel": "C0LFFBKLZ"}, False),
        ({"channel": "C0LFFBKLZ"}, True),
        ({"thread_ts": "1.1"}, False),
    ],
    ids=["flat direct message", "channel", "shared channel", "thread of a direct message"],
)
def test_a_shortcut_goes_on_with_the_messages_conversation(changes: dict[str, str], shared: bool) -> None:
    """The one that the message itself would begin or belong to: nothing that was said there is lost."""
    payload = copy.deepcopy(SHORTCUT)
    place = payload["channel"]["id"] = changes.get("channel", payload["channel"]["id"])
    payload["message"] |= {name: value for name, value in changes.items() if name == "thread_ts"}
    words = {**payload["message"], "type": "message", "channel": place}
    body = words | {"channel_type": "im" if place.startswith("D") else "channel"}
    envelope = {"type": "event_callback", "event_id": "Ev1", "team_id": payload["team"]["id"], "event": body}
    event = event_of(envelope | {"is_ext_shared_channel": shared})
    assert not isinstance(event, Ignored)
    message = heard(event)
    assert not isinstance(message, Ignored)
    asked = from_shortcut(payload, channel="slack", shared=shared)
    assert asked.inbound is not None
    direct = inbound_of(message, channel="slack", name="", assurance="claimed")
    assert direct.conversation == asked.inbound.conversation
    assert set(direct.keys) & set(asked.inbound.keys)
    assert direct.address["channel"] == asked.inbound.address["channel"]
    assert direct.address.get("thread", "") == asked.inbound.address["thread"]


def test_a_shortcut_in_a_thread_is_answered_in_that_thread() -> None:
    """The thread's conversation goes on."""
    payload = copy.deepcopy(SHORTCUT)
    payload["message"]["thread_ts"] = "1516220000.000001"
    asked = from_shortcut(payload, channel="slack")
    assert asked.inbound is not None
    assert "T0MJRM1A7/D0LFFBKLZ/1516220000.000001" == asked.inbound.conversation


def test_a_message_without_words_is_explained() -> None:
    """A picture, say."""
    payload = copy.deepcopy(SHORTCUT)
    del payload["message"]["text"]
    assert Asked(says=commands.NO_WORDS) == from_shortcut(payload, channel="slack")


def test_somebody_of_another_organisation_is_told_apart() -> None:
    """In a shared channel: the workspace it happened in, and the one that the person belongs to."""
    payload = copy.deepcopy(SHORTCUT)
    payload["user"]["team_id"] = "T777"
    asked = from_shortcut(payload, channel="slack")
    assert asked.inbound is not None
    assert ("T777/U0D15K92L", "T0MJRM1A7", "T777") == (
        asked.inbound.sender.id, asked.inbound.address["team"], asked.inbound.address["user_team"]
    )  # fmt: skip


def test_an_organisation_s_form_has_no_team() -> None:
    """Then the person's own workspace is it (is_enterprise_install)."""
    payload = copy.deepcopy(FORM) | {"team": None, "enterprise": {"id": "E1", "name": "Grid"}}
    asked = from_form(payload, channel="slack")
    assert asked.inbound is not None
    assert ("T9M4RL1JM", "E1") == (asked.inbound.address["team"], asked.inbound.address["enterprise"])


def test_a_form_is_a_question() -> None:
    """Submitted twice it is one; nothing keeps it open."""
    asked = from_form(FORM, channel="slack")
    assert asked.inbound is not None
    assert "Where is my parcel?\nIt is late." == asked.inbound.text
    assert ("ask/V0PKB1ZFV@T9M4RL1JM",) == asked.inbound.keys
    assert form_answer(asked) is None


def test_an_empty_form_stays_open() -> None:
    """With what is missing below the field."""
    payload = copy.deepcopy(FORM)
    payload["view"]["state"]["values"]["question"]["text"]["value"] = None
    asked = from_form(payload, channel="slack")
    assert asked.inbound is None
    assert {"response_action": "errors", "errors": {"question": "Write your question here."}} == form_answer(
        asked
    )


def test_the_form_is_the_one_that_is_read() -> None:
    """Its block and its field have the names under which the answer comes; lengths are Slack's."""
    view = form()
    [block] = view["blocks"]
    assert ("modal", commands.ASK_VIEW) == (view["type"], view["callback_id"])
    values = FORM["view"]["state"]["values"]
    assert [block["block_id"]] == list(values)
    assert [block["element"]["action_id"]] == list(values[block["block_id"]])
    assert all(len(view[name]["text"]) <= 24 for name in ("title", "submit", "close"))


def _without_each(value: Any) -> Iterator[Any]:
    """Yield a payload without a key of it, and with other things in its place, for each key at any depth."""
    for key in value:
        for other in (None, [], {}, 5, True, "", "x" * 300, "\ud800"):
            yield {**value, key: other}
        yield {name: part for name, part in value.items() if name != key}
        if isinstance(value[key], dict):
            for changed in _without_each(value[key]):
                yield {**value, key: changed}


@pytest.mark.parametrize(("read", "payload"), ALL, ids=["command", "shortcut", "form"])
def test_no_key_is_relied_on(read: Callable[..., Asked], payload: dict[str, Any]) -> None:
    """Whatever is missing or strange: a question with all that it needs, a word to the person, or nothing."""
    outcomes = [read(changed, channel="slack") for changed in _without_each(payload)]
    assert any(outcome.is_malformed for outcome in outcomes)
    for inbound in (outcome.inbound for outcome in outcomes if outcome.inbound is not None):
        assert all((inbound.text, inbound.keys, inbound.address["team"], inbound.address["channel"]))


@settings(max_examples=40, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["team", "user", "id", "view", "message", "ts", "text", "channel", "state"]),
                inner,
            )
        ),
    )
)
def test_anything_is_read(value: Any) -> None:
    """Nothing that is an object makes a reader break."""
    if isinstance(value, dict):
        for read, _ in ALL:
            read(value, channel="slack")
