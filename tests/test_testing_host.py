"""The core that channels are tested against: it keeps the promises that the real one makes."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine

from supportbot.errors import StoreUnavailable
from supportbot.feed import Delta, Event, Outcome, Said, Settled, StateChanged, Typing
from supportbot.messages import Accepted, Citation, Inbound, Sender
from supportbot.testing import FakeCore
from supportbot.testing.memory import MemoryRecords


def inbound(text: str = "Hello", key: str = "k1", **fields: Any) -> Inbound:
    return Inbound(
        **{"channel": "fax", "conversation": "c1", "sender": Sender(id="s1"), "text": text, "keys": (key,)}
        | fields
    )


async def heard(core: FakeCore, *acts: Any) -> list[Event]:
    """Listen to conversation c1 while these things are done, and return what was told."""
    conversation_id = await core.host.transcripts.conversation_id("c1")
    assert conversation_id is not None
    with core.host.feed.listen(conversation_id) as subscription:
        for act in acts:
            act()
        subscription.close()
        return [event async for event in subscription]


# -- accepting ----------------------------------------------------------------------------------


async def test_a_message_is_accepted_once() -> None:
    """A key is seen at most once, and a receipt says whether the text was the same."""
    core = FakeCore("fax")
    first = await core.accept(inbound())
    again = await core.accept(inbound())
    other = await core.accept(inbound("Goodbye"))
    assert first == Accepted(
        message_id=first.message_id, conversation_id=first.conversation_id, seq=1, state="pending"
    )
    assert first.evolve(duplicate=True) == again
    assert first.evolve(duplicate=True, same=False) == other
    assert [inbound()] == core.accepted


async def test_any_key_makes_a_message_the_same() -> None:
    """A message may be known under several names."""
    core = FakeCore("fax")
    await core.accept(inbound(keys=("a", "b")))
    assert (await core.accept(inbound(keys=("b", "c")))).duplicate


async def test_messages_are_numbered_without_gaps_in_each_conversation() -> None:
    """From 1, by conversation."""
    core = FakeCore("fax")
    numbers = [(await core.accept(inbound(key=f"k{n}"))).seq for n in range(3)]
    elsewhere = await core.accept(inbound(key="x", conversation="c2"))
    assert ([1, 2, 3], 1) == (numbers, elsewhere.seq)


async def test_the_newest_address_counts_and_an_empty_one_changes_nothing() -> None:
    """As in the inbox."""
    core = FakeCore("fax")
    await core.accept(inbound(key="k1", address={"number": 1}))
    await core.accept(inbound(key="k2", address={"number": 2}))
    await core.accept(inbound(key="k3"))
    assert {"number": 2} == core.reply("c1", "Hi").address


async def test_a_failure_is_raised_and_accepts_nothing() -> None:
    """To test what a channel does then."""
    core = FakeCore("fax")
    core.failure = StoreUnavailable(cause="disk full")
    with pytest.raises(StoreUnavailable):
        await core.accept(inbound())
    assert [] == core.accepted


async def test_a_persons_word_silences_the_bot() -> None:
    """What was pending is handed over, and what follows too."""
    core = FakeCore("fax")
    asked = await core.accept(inbound())
    said = await core.accept(inbound(key="k2", author="person"))
    later = await core.accept(inbound(key="k3"))
    states = [message.state for message in core.messages("c1")]
    assert ["handed_over", "said", "handed_over"] == states
    assert ("pending", "said", "handed_over") == (asked.state, said.state, later.state)
    assert "human" == await core.host.transcripts.state("c1")


@pytest.mark.parametrize(
    ("state", "message_state", "after"),
    [
        ("queued", "handed_over", "queued"),
        ("spam", "ignored", "spam"),
        ("resolved", "pending", "bot"),
        ("snoozed", "pending", "bot"),
    ],
)
async def test_what_becomes_of_a_message_depends_on_who_speaks(
    state: Any, message_state: str, after: str
) -> None:
    """The rules of the inbox."""
    core = FakeCore("fax")
    await core.accept(inbound())
    core.change_state("c1", state)
    accepted = await core.accept(inbound(key="k2"))
    assert (message_state, after) == (accepted.state, await core.host.transcripts.state("c1"))


# -- playing the bot ----------------------------------------------------------------------------


async def test_a_reply_is_told_and_stored_and_to_be_delivered() -> None:
    """In this order: typing, the words, the message; then a delivery that holds everything."""
    core = FakeCore("fax")
    await core.accept(inbound(address={"number": 1}))
    cited = (Citation(title="Orders", source="knowledge/orders.md"),)
    outbounds = []
    events = await heard(
        core,
        lambda: core.begin("c1"),
        lambda: core.delta("c1", "Good "),
        lambda: core.delta("c1", "day"),
        lambda: outbounds.append(core.reply("c1", "Good day", citations=cited)),
    )
    [outbound] = outbounds
    asked, said = core.messages("c1")
    turn = outbound.turn_id
    told = Said(said, Outcome(message_ids=(asked.id,), state="answered", speaks="bot"))
    assert [Typing(turn), Delta(turn, 0, "Good "), Delta(turn, 5, "day"), told] == events
    assert ("answered", turn, turn, cited) == (asked.state, asked.turn_id, said.turn_id, said.citations)
    assert ("c1", {"number": 1}, "k1", 2, said.id) == (
        outbound.external_id,
        outbound.address,
        outbound.in_reply_to,
        outbound.seq,
        outbound.message_id,
    )


async def test_a_reply_can_hand_over() -> None:
    """Then a person is asked for."""
    core = FakeCore("fax")
    await core.accept(inbound())
    assert "customer_asked" == core.reply("c1", "One moment", handoff="customer_asked").handoff
    assert "queued" == await core.host.transcripts.state("c1")
    assert "answered" == core.messages("c1")[0].state


async def test_messages_can_end_without_a_reply() -> None:
    """All that are pending do, and it is told."""
    core = FakeCore("fax")
    accepted = await core.accept(inbound())
    events = await heard(core, lambda: core.settle("c1", "dead", reason="poison"))
    assert [Settled((accepted.message_id,), "dead", "poison")] == events
    assert "dead" == core.messages("c1")[0].state


async def test_another_one_can_be_made_to_speak() -> None:
    """For channels that show it."""
    core = FakeCore("fax")
    await core.accept(inbound())
    assert [StateChanged("resolved")] == await heard(core, lambda: core.change_state("c1", "resolved"))


async def test_two_cores_share_nothing() -> None:
    """Each test has its own."""
    one, other = FakeCore("fax"), FakeCore("fax")
    await one.accept(inbound())
    assert (await other.accept(inbound())).duplicate is False
    assert 1 == len(other.messages("c1"))


# -- what the channel is lent -------------------------------------------------------------------


async def test_transcripts_are_read_in_pages() -> None:
    """After a number, so many, oldest first; nothing of a conversation that is not there."""
    core = FakeCore("fax")
    for number in range(4):
        await core.accept(inbound(f"Message {number}", key=f"k{number}"))
    page = await core.host.transcripts.messages("c1", after=1, limit=2)
    assert ["Message 1", "Message 2"] == [message.text for message in page]
    assert [] == await core.host.transcripts.messages("nobody")
    assert None is await core.host.transcripts.state("nobody")
    assert None is await core.host.transcripts.conversation_id("nobody")
    assert None is await core.host.transcripts.standing("nobody")


async def test_a_message_is_known_by_its_key() -> None:
    """Whichever conversation it is in."""
    core = FakeCore("fax")
    await core.accept(inbound("Hello", key="k1", conversation="c1"))
    assert [True, False] == [await core.host.transcripts.has(key) for key in ("k1", "k2")]


async def test_what_somebody_began_is_listed() -> None:
    """A sender's conversations, the newest first, each with what it began with and how to reply."""
    core = FakeCore("fax")
    for number in range(3):
        await core.accept(inbound(f"Message {number}", key=f"k{number}", conversation=f"c{number}"))
    listed = await core.host.transcripts.begun_by("s1", limit=2)
    assert [("c2", "bot", "Message 2"), ("c1", "bot", "Message 1")] == [
        (begun.external_id, begun.state, begun.text) for begun in listed
    ]
    assert [] == await core.host.transcripts.begun_by("nobody")


async def test_records_keep_json() -> None:
    """What comes out is equal to what went in, and is not the same object."""
    records = MemoryRecords()
    value = {"a": [1, 2]}
    await records.put("k", value)
    value["a"].append(3)
    assert {"a": [1, 2]} == await records.get("k")
    await records.delete("k")
    await records.delete("k")
    assert None is await records.get("k")


async def test_a_record_is_forgotten_only_as_it_was() -> None:
    """What somebody else stored meanwhile stays."""
    records = MemoryRecords()
    await records.put("k", {"mine": 1})
    await records.delete("k", only={"mine": 2})
    assert {"mine": 1} == await records.get("k")
    await records.delete("k", only={"mine": 1})
    assert None is await records.get("k")


async def test_records_expire() -> None:
    """A value is gone when its time has come, and its key is free."""
    records = MemoryRecords()
    with time_machine.travel(1000, tick=False):
        await records.put("k", 1, expires_at=1_000_500)
        assert 1 == await records.get("k")
        assert not await records.add("k", 2)
    with time_machine.travel(1000.5, tick=False):
        assert None is await records.get("k")
        assert [] == [pair async for pair in records.scan("")]
        assert await records.add("k", 2)


async def test_records_are_scanned_by_prefix_in_order() -> None:
    """For channels that keep lists."""
    records = MemoryRecords()
    for key in ("b", "a2", "a1"):
        await records.put(key, key.upper())
    assert [("a1", "A1"), ("a2", "A2")] == [pair async for pair in records.scan("a")]
