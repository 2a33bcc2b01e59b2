"""From what Slack sends to the normal form: whatever the payload, it is read or ignored, never a crash."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbot.messages import Inbound
from supportbot_slack.events import Ignored, event_of
from supportbot_slack.inbound import Heard, heard, inbound_of, plain
from tests.channels.slack.driver import direct, mention, ts, twin

if TYPE_CHECKING:
    from collections.abc import Iterator

PAYLOADS = sorted((Path(__file__).parent / "payloads").rglob("*.json"))


def read(payload: Any) -> Inbound | Ignored:
    event = event_of(payload)
    if isinstance(event, Ignored):
        return event
    said = heard(event)
    if isinstance(said, Ignored):
        return said
    return inbound_of(said, channel="slack", name="", assurance="claimed")


def said(payload: Any) -> Heard:
    event = event_of(payload)
    assert not isinstance(event, Ignored)
    found = heard(event)
    assert isinstance(found, Heard)
    return found


def test_a_mention_opens_a_thread() -> None:
    """The conversation is the thread below it, in its channel, in its workspace."""
    inbound = read(mention("Where?", number=1))
    assert isinstance(inbound, Inbound)
    assert (f"T0/C1/{ts(1)}", "Where?", "T0/U1") == (inbound.conversation, inbound.text, inbound.sender.id)
    assert {"team": "T0", "channel": "C1", "thread": ts(1), "ts": ts(1), "user": "U1", "user_team": "T0"} == (
        inbound.address
    )


def test_a_direct_message_is_one_conversation() -> None:
    """Threads in it are their own."""
    assert "T0/D1" == said(direct(number=1)).conversation
    assert f"T0/D1/{ts(1)}" == said(direct(number=2, thread_ts=ts(1))).conversation


def test_twins_have_a_key_in_common() -> None:
    """The place, which one message has in a channel."""
    first = mention(number=4)
    both = [set(found.keys) for found in (read(first), read(twin(first))) if isinstance(found, Inbound)]
    assert 2 == len(both)
    assert both[0] & both[1]


def test_the_clients_id_alone_makes_no_duplicate() -> None:
    """The same id with other words is another message."""
    one, other, again = (
        read(direct(text, client_msg_id="c1", number=number))
        for text, number in (("a", 1), ("b", 2), ("a", 3))
    )
    assert isinstance(one, Inbound) and isinstance(other, Inbound) and isinstance(again, Inbound)  # noqa: PT018
    assert not set(one.keys) & set(other.keys)
    assert set(one.keys) & set(again.keys)


@pytest.mark.parametrize(
    ("raw", "read_as"),
    [
        ("<@UBOT> hello", "hello"),
        ("hello <@U2> and <@U3|ann>", "hello @U2 and @ann"),
        ("see <#C2|general>", "see #general"),
        ("<!here> <!channel> <!subteam^S1|@team> <!date^1^{date}|today>", "@here @channel @team today"),
        ("<https://a.example/x?a=1&amp;b=2>", "https://a.example/x?a=1&b=2"),
        ("<https://a.example|our page>", "our page (https://a.example)"),
        ("<mailto:a@b.c|a@b.c>", "a@b.c (mailto:a@b.c)"),
        ("1 &lt; 2 &amp;amp; 3 &gt; 2", "1 < 2 &amp; 3 > 2"),
        ("{{ 7*7 }} %s ${HOME}", "{{ 7*7 }} %s ${HOME}"),
        ("a\U000e0041b", "ab"),
    ],
)
def test_text_is_read_as_people_see_it(raw: str, read_as: str) -> None:
    """No markup of Slack's is left, and nothing that only machines see."""
    assert read_as == plain(raw, "UBOT")


@pytest.mark.parametrize("text", [None, 7, [], {}])
def test_text_of_another_kind_is_no_text(text: Any) -> None:
    """The message is there all the same."""
    inbound = read(direct(text=text))
    assert isinstance(inbound, Inbound)
    assert "" == inbound.text


def test_files_are_noted() -> None:
    """With what Slack says of them; nothing is opened."""
    files = [{"name": "a.exe", "mimetype": "application/x-dosexec", "size": 2**31}, {"size": -1}, "x", None]
    inbound = read(direct("", subtype="file_share", files=files))
    assert isinstance(inbound, Inbound)
    assert [("a.exe", 2**31), ("a file", 0)] == [(file.name, file.size) for file in inbound.attachments]


def test_a_time_far_off_does_not_matter() -> None:
    """A message's place is its timestamp; the envelope's time is Slack's business."""
    for at in (-5, 2**40, "x", None):
        assert isinstance(read(direct() | {"event_time": at}), Inbound)


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.stem)
def test_recorded_payloads_are_read(path: Path) -> None:
    """Whatever Slack documents is read or ignored, whole or with anything missing or of another type."""
    payload = json.loads(path.read_text("utf-8"))
    read(payload)
    for changed in _mutations(payload):
        read(changed)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_change_of_a_payload_raises(data: st.DataObject) -> None:
    """Any part of an event may be anything."""
    payload = data.draw(st.sampled_from([direct(files=[{}], thread_ts=ts(1)), mention(), twin(mention())]))
    places = list(_places(payload))
    *way, last = data.draw(st.sampled_from(places))
    part = payload
    for step in way:
        part = part[step]
    part[last] = data.draw(_JSON)
    read(payload)


def _places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every part of a payload."""
    if before:
        yield before
    if isinstance(value, dict):
        for name in value:
            yield from _places(value[name], (*before, name))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _places(part, (*before, number))


def _mutations(payload: Any) -> Iterator[Any]:
    """Yield the payload with each of its parts gone, or something else."""
    text = json.dumps(payload)
    for *way, last in _places(payload):
        for other in (..., None, 17, "", [], {}, ["x"], {"x": 1}, True):
            copy = json.loads(text)
            part = copy
            for step in way:
                part = part[step]
            if other is ...:
                del part[last]
            else:
                part[last] = other
            yield copy
