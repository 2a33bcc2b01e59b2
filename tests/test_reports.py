"""What an operator asks the store, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from sqlalchemy import update

from supportbot import reports, session
from supportbot.errors import NotFound, Unclear
from supportbot.messages import Sender
from supportbot.store import Statement
from supportbot.tables import messages
from supportbot.testing.fakes import RecordingChannel
from tests.durable import Durable, opened, running

if TYPE_CHECKING:
    from supportbot.messages import Turn


class Unfindable:
    """A platform that never says whether it took a reply, and where nothing can be looked up."""

    capabilities = RecordingChannel.capabilities

    async def send(self, outbound: object) -> None:
        raise Unclear(cause="the connection broke")


def boom(_turn: Turn) -> str:
    raise RuntimeError("no")


async def ended(durable: Durable, count: int) -> None:
    """Wait until so many deliveries have ended."""
    await durable.until_rows(
        "SELECT count(*) FROM deliveries WHERE state IN ('delivered', 'unknown', 'dead')", [(count,)]
    )


async def test_conversations_come_newest_first(database_url: str) -> None:
    """What moved last stands first, with who wrote and how much was said."""
    async with running(database_url) as durable:
        await durable.accept("one", to="a", sender=Sender(id="u1", name="Anna", email="anna@example.com"))
        await ended(durable, 1)
        await durable.accept("two", to="b", sender=Sender(id="u2"))
        await ended(durable, 2)
        page = await reports.conversations(durable.store)
        assert not page.more
        assert [("b", "u2", 2), ("a", "Anna", 2)] == [
            (row.external_id, row.customer, row.messages) for row in page.rows
        ]


async def test_lists_go_on_behind_the_last_row(database_url: str) -> None:
    """Page by page one gets everything once, in every list."""
    async with running(database_url) as durable:
        for number in range(5):
            await durable.accept("hello", to=f"c{number}")
        await ended(durable, 5)
        for listing in (
            reports.conversations,
            reports.turns,
            reports.deliveries,
            lambda store, **more: reports.deliveries(store, state="delivered", **more),
        ):
            first = await listing(durable.store, limit=2)
            second = await listing(durable.store, limit=2, before=first.rows[-1].id)
            third = await listing(durable.store, limit=2, before=second.rows[-1].id)
            assert (True, True, False) == (first.more, second.more, third.more)
            assert 5 == len({row.id for page in (first, second, third) for row in page.rows})


async def test_lists_keep_to_a_channel_and_a_state(database_url: str) -> None:
    """A filter leaves out everything else."""
    channels = {"web": RecordingChannel(), "fax": RecordingChannel()}
    async with running(database_url, channels=channels) as durable:
        await durable.accept("by web", to="w")
        fax = await durable.accept("by fax", to="f", channel="fax")
        await ended(durable, 2)
        await session.set_state(durable.store, fax.conversation_id, "resolved")
        by_state = await reports.conversations(durable.store, state="resolved")
        assert [fax.conversation_id] == [row.id for row in by_state.rows]
        by_channel = await reports.conversations(durable.store, channel="web")
        assert ["w"] == [row.external_id for row in by_channel.rows]
        assert ["by fax"] == [r.question for r in (await reports.turns(durable.store, channel="fax")).rows]
        assert () == (await reports.turns(durable.store, state="waiting")).rows
        assert ["fax"] == [r.channel for r in (await reports.deliveries(durable.store, channel="fax")).rows]


async def test_dead_turns_tell_their_question_and_reason(database_url: str) -> None:
    """The list of the dead shows what was asked and what went wrong."""
    async with running(database_url) as durable:
        durable.worker.say = boom
        await durable.accept("poison", to="a")
        await ended(durable, 1)
        page = await reports.dead(durable.store)
        assert [("poison", "RuntimeError", 3, "dead")] == [
            (row.question, row.reason, row.tries, row.state) for row in page.rows
        ]
        assert page == await reports.turns(durable.store, state="dead")


@pytest.mark.parametrize("which", ["message", "turn", "delivery", "reply"])
async def test_a_story_is_the_same_from_every_end(database_url: str, which: str) -> None:
    """Asked by its message, its turn, its delivery or its reply, the story is one."""
    async with running(database_url) as durable:
        accepted = await durable.accept("hello", to="a")
        await durable.accept("somebody else", to="b")
        await ended(durable, 2)
        (turn, delivery, reply), *_ = await durable.rows(
            "SELECT d.turn_id, d.id, d.message_id FROM deliveries d JOIN conversations c"
            " ON c.id = d.conversation_id WHERE c.external_id = 'a'"
        )
        asked = {"message": accepted.message_id, "turn": turn, "delivery": delivery, "reply": reply}[which]
        story = await reports.explain(durable.store, asked)
        assert asked == story.asked
        assert ["hello", "re: hello"] == [message.text for message in story.messages]
        assert [turn] == [row.id for row in story.turns]
        assert [delivery] == [row.id for row in story.deliveries]
        assert ["message.accepted", "turn.claimed", "turn.answered", "delivery.delivered"] == [
            event.kind for event in story.events
        ]
        assert () == reports.advice(story)


async def test_a_replayed_message_keeps_its_whole_story(database_url: str) -> None:
    """The dead turn and the one after it are one story, from either end, and only of that message."""
    async with running(database_url) as durable:
        durable.worker.say = boom
        accepted = await durable.accept("poison", to="a")
        await ended(durable, 1)
        (dead,) = (await reports.dead(durable.store)).rows
        durable.worker.say = lambda _turn: "well again"
        await session.replay_turn(durable.store, dead.id)
        await ended(durable, 2)
        for asked in (accepted.message_id, dead.id):
            story = await reports.explain(durable.store, asked)
            assert ["replayed", "answered"] == [turn.state for turn in story.turns]
            assert ["poison", "sorry", "well again"] == [message.text for message in story.messages]
            assert 1 == [event.kind for event in story.events].count("turn.replayed")


async def test_a_dead_turn_says_how_to_replay_it(database_url: str) -> None:
    """The story of what failed ends with what to do."""
    async with running(database_url) as durable:
        durable.worker.say = boom
        accepted = await durable.accept("poison", to="a")
        await ended(durable, 1)
        story = await reports.explain(durable.store, accepted.message_id)
        (line,) = reports.advice(story)
        assert f"supportbot dead replay {story.turns[0].id}" in line


async def test_an_unknown_delivery_can_be_settled(database_url: str) -> None:
    """The operator's word ends it, stands in the journal, and counts once."""
    async with running(database_url, channels={"web": Unfindable()}) as durable:
        await durable.accept("hello", to="a")
        await ended(durable, 1)
        (unknown,) = (await reports.deliveries(durable.store, state="unknown")).rows
        (line,) = reports.advice(await reports.explain(durable.store, unknown.id))
        assert f"supportbot deliveries settle {unknown.id} delivered" in line
        await session.settle_delivery(durable.store, unknown.id, "delivered")
        story = await reports.explain(durable.store, unknown.id)
        assert ("delivery.settled", "operator") == (story.events[-1].kind, story.events[-1].actor)
        assert "delivered" == story.deliveries[0].state
        with pytest.raises(NotFound, match="no unknown delivery"):
            await session.settle_delivery(durable.store, unknown.id, "dead")


@pytest.mark.parametrize(("outcome", "death"), [("delivered", ""), ("dead", "settled")])
async def test_what_an_operator_calls_dead_died_of_that(
    database_url: str, outcome: Literal["delivered", "dead"], death: str
) -> None:
    """And it has no cause of death any more once it is retried."""
    async with running(database_url, channels={"web": Unfindable()}) as durable:
        await durable.accept("hello", to="a")
        await ended(durable, 1)
        (unknown,) = (await reports.deliveries(durable.store, state="unknown")).rows
        await session.settle_delivery(durable.store, unknown.id, outcome)
        assert [(outcome, death)] == await durable.rows("select state, death from deliveries")
        if outcome == "dead":
            await session.retry_delivery(durable.store, unknown.id)
            await durable.until_rows("select state, death from deliveries", [("unknown", "")])


async def test_what_nobody_takes_up_says_for_how_long(database_url: str) -> None:
    """And how to see whether anybody works; while it waits, it has no turn."""
    async with opened(database_url) as store:
        bot = Durable(store)
        accepted = await bot.accept("hello", to="a")
        aged = Statement(update(messages).values(created_at=messages.c.created_at - 94_000))
        await store.write(lambda tx: tx.run(aged))
        (line,) = reports.advice(await reports.explain(store, accepted.message_id))
    assert f"{accepted.message_id} has waited for 94 s" in line
    assert line.endswith("supportbot processes")


async def test_taking_over_belongs_to_the_story(database_url: str) -> None:
    """A message that a person took over says so, and how to give it back."""
    async with running(database_url, debounce=60.0) as durable:
        accepted = await durable.accept("hello", to="a")
        await session.set_state(durable.store, accepted.conversation_id, "human")
        story = await reports.explain(durable.store, accepted.message_id)
        assert ["message.accepted", "state.changed"] == [event.kind for event in story.events]
        assert "handed_over" == story.messages[0].state
        assert [f"supportbot conversations state {accepted.conversation_id} bot"] == [
            line.rsplit(": ", 1)[1] for line in reports.advice(story)
        ]


async def test_a_conversation_is_told_by_its_newest_part(database_url: str) -> None:
    """The whole conversation's story shows the last messages and what happened around them."""
    async with running(database_url) as durable:
        for number in range(8):
            accepted = await durable.accept(f"m{number}", to="a")
            await ended(durable, number + 1)
        story = await reports.explain(durable.store, accepted.conversation_id)
        assert [f"{re}m{n}" for n in range(3, 8) for re in ("", "re: ")] == [m.text for m in story.messages]
        assert 8 * 4 == len(story.events)


async def test_a_transcript_is_read_backwards_in_pages(database_url: str) -> None:
    """First what was said last; before it, what was said before."""
    async with running(database_url) as durable:
        for number in range(3):
            accepted = await durable.accept(f"m{number}", to="a")
            await ended(durable, number + 1)
        newest = await reports.transcript(durable.store, accepted.conversation_id, limit=2)
        assert (True, ["m2", "re: m2"]) == (newest.more, [m.text for m in newest.messages])
        earlier = await reports.transcript(
            durable.store, accepted.conversation_id, limit=9, before=newest.messages[0].seq
        )
        assert (False, [1, 2, 3, 4]) == (earlier.more, [m.seq for m in earlier.messages])
        forward = await reports.messages(durable.store, accepted.conversation_id, after=1, limit=2)
        assert [2, 3] == [m.seq for m in forward]


async def test_all_conversations_can_be_walked_through(database_url: str) -> None:
    """Oldest first, page by page, each once."""
    async with running(database_url) as durable:
        made = [(await durable.accept("x", to=f"c{n}")).conversation_id for n in range(3)]
        first = await reports.conversation_ids(durable.store, limit=2)
        second = await reports.conversation_ids(durable.store, after=first[-1], limit=2)
        assert sorted(made) == [*first, *second]


@pytest.mark.parametrize(
    "identifier", ["", "msg_", "x" * 1000, "msg_\ud800", "dlv_01K9ZC4RWT8QJ5M3XHGN2B7VDE", "turn_%"]
)
async def test_what_is_not_there_is_said(sqlite_database: str, identifier: str) -> None:
    """A wrong id is an error of one printable line."""
    async with running(sqlite_database) as durable:
        with pytest.raises(NotFound, match="There is no ") as caught:
            await reports.explain(durable.store, identifier)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 250


async def test_a_page_does_not_begin_behind_nothing(sqlite_database: str) -> None:
    """``before`` something that is not there is an error, not an empty list."""
    async with running(sqlite_database) as durable:
        with pytest.raises(NotFound, match="no conversation 'conv_"):
            await reports.conversations(durable.store, before="conv_01K9ZC4RWT8QJ5M3XHGN2B7VDE")
        with pytest.raises(NotFound, match="no turn"):
            await reports.turns(durable.store, before="msg_01K9ZC4RWT8QJ5M3XHGN2B7VDE")


async def test_what_got_no_answer_is_left_to_a_person(database_url: str) -> None:
    """A channel's reason is named, since a person may think otherwise."""
    async with running(database_url) as durable:
        accepted = await durable.accept("Hello?", ignored="no_sender")
        story = await reports.explain(durable.store, accepted.message_id)
        (line,) = reports.advice(story)
        assert f"{accepted.message_id} gets no answer (no_sender)" in line
