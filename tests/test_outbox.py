"""What becomes of a reply, whatever the platform does."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from supportbot.errors import NeverClear, RetryAfter, SendUnseen
from supportbot.ids import now_ms
from supportbot.messages import Choice
from supportbot.outbox import ledger
from supportbot.outbox.deliveries import Deliveries
from supportbot.session import ChannelTranscripts
from supportbot.store import Statement
from supportbot.testing.fakes import BlindChannel, Fate
from tests.durable import Durable, opened, running

if TYPE_CHECKING:
    from supportbot.messages import Outbound, Sent
    from supportbot.outbox.claims import Claimed

DELIVERIES = "select state, reason from deliveries order by seq"
DEATHS = "select state, death from deliveries order by seq"


@pytest.mark.parametrize("fate", ["lost", "unclear but there", "crash but there", "busy"])
async def test_one_visible_reply_whatever_happens(database_url: str, fate: Fate) -> None:
    """However a post fails, the customer sees the reply exactly once."""
    async with running(database_url) as bot:
        bot.platform.fates.append(fate)
        await bot.accept("hello")
        await bot.until_rows("select state from deliveries", [("delivered",)])
        assert bot.platform.texts == ["re: hello"]


@pytest.mark.parametrize("fate", ["lost", "unclear but there", "crash but there"])
async def test_nothing_is_posted_again_before_looking(database_url: str, fate: Fate) -> None:
    """After an unclear post the platform is asked first; it is posted again only if it was missing twice."""
    async with running(database_url) as bot:
        bot.platform.fates.append(fate)
        await bot.accept("hello")
        await bot.until_rows("select state from deliveries", [("delivered",)])
        verbs = [call.split()[0] for call in bot.platform.calls]
        assert verbs == (["send", "find", "find", "send"] if fate == "lost" else ["send", "find"])


async def test_a_refusal_is_final(database_url: str) -> None:
    """What the platform refuses is dead with its reason, and the next reply is not held up by it."""
    async with running(database_url) as bot:
        bot.platform.fates.append("refused")
        await bot.accept("hello")
        await bot.until_rows(DELIVERIES, [("dead", "channel_not_found")])
        assert [("dead", "refused")] == await bot.rows(DEATHS)
        await bot.accept("again")
        assert await bot.replies(1) == ["re: again"]


async def test_a_channel_that_cannot_look_leaves_an_unknown(database_url: str) -> None:
    """Where nobody can look, an unclear post ends in sight of the operator, never as a second post."""
    blind = BlindChannel(["unclear but there"])
    async with running(database_url, channels={"web": blind}) as bot:
        await bot.accept("hello")
        await bot.until_rows(DELIVERIES, [("unknown", "connection reset")])
        assert blind.platform.texts == ["re: hello"]


async def test_a_post_that_never_gets_through_is_dead_in_the_end(database_url: str) -> None:
    """The attempts are counted; after the last the delivery is put aside."""
    async with running(database_url) as bot:
        bot.platform.fates.extend(["lost"] * 20)
        await bot.accept("hello")
        await bot.until_rows(DELIVERIES, [("dead", "not found on the platform")])
        assert [("dead", "failed")] == await bot.rows(DEATHS)
        assert bot.platform.texts == []
        assert [call.split()[0] for call in bot.platform.calls].count("send") == 3


async def test_waiting_as_asked_uses_up_no_attempts(database_url: str) -> None:
    """However often the platform asked to wait, a post that got lost afterwards is made again."""
    async with running(database_url) as bot:
        bot.platform.retry_after = 0
        bot.platform.fates.extend(["busy"] * 12)
        bot.platform.fates.extend(["lost", "busy"])
        await bot.accept("hello")
        await bot.until_rows("select state, sends, waits from deliveries", [("delivered", 2, 0)])
        assert [2] == [post.attempt for post in bot.platform.posts]


@pytest.mark.parametrize(("failures", "outcome"), [(2, "delivered"), (3, "unknown")])
async def test_failed_looks_have_a_limit_of_their_own(database_url: str, failures: int, outcome: str) -> None:
    """Looking may fail as often in a row as sending may, whatever came before; then nobody can tell."""
    async with running(database_url) as bot:
        find, fails = bot.platform.find, iter(range(failures))

        async def failing(outbound: Outbound) -> Sent | None:
            if next(fails, None) is None:
                return await find(outbound)
            raise ConnectionResetError

        bot.platform.find = failing  # type: ignore[method-assign]
        bot.platform.retry_after = 0
        bot.platform.fates.extend(["busy"] * 5)
        bot.platform.fates.append("unclear but there")
        await bot.accept("hello")
        await bot.until_rows("select state, sends from deliveries", [(outcome, 1)])
        assert ["re: hello"] == bot.platform.texts


async def test_what_will_never_be_clear_ends_at_once(database_url: str) -> None:
    """One look is enough when the channel knows that no other would tell more; nothing is posted again."""
    async with running(database_url) as bot:

        async def never(outbound: Outbound) -> Sent | None:
            raise NeverClear(cause="it has gone")

        bot.platform.find = never  # type: ignore[method-assign]
        bot.platform.fates.append("unclear but there")
        await bot.accept("hello")
        await bot.until_rows(DELIVERIES, [("unknown", "it has gone")])
        assert ["re: hello"] == bot.platform.texts


@pytest.mark.parametrize(("lost", "outcome"), [(1, "delivered"), (2, "delivered"), (3, "unknown")])
async def test_who_cannot_look_may_have_it_sent_again(database_url: str, lost: int, outcome: str) -> None:
    """After one look each time; when the attempts are used up it may stand there, so it is not dead."""
    async with running(database_url) as bot:

        async def unseen(outbound: Outbound) -> Sent | None:
            bot.platform.calls.append(f"find {outbound.delivery_id}")
            raise SendUnseen(cause="missing_scope")

        bot.platform.find = unseen  # type: ignore[method-assign]
        bot.platform.fates.extend(["lost"] * lost)
        await bot.accept("hello")
        reason = "" if outcome == "delivered" else "missing_scope"
        await bot.until_rows("select state, death, reason from deliveries", [(outcome, "", reason)])
        verbs = [call.split()[0] for call in bot.platform.calls]
        sends = min(3, lost + 1)
        assert (["send", "find"] * sends)[: lost + sends] == verbs
        assert ["re: hello"] * (sends - lost) == bot.platform.texts


async def test_a_platform_that_names_no_time_is_left_alone_ever_longer(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a number the pauses are the outbox's own: they double, up to ten minutes, for ever."""
    monkeypatch.setattr("supportbot.outbox.deliveries.random.random", lambda: 0.5)
    async with running(database_url) as bot:
        backoff, pauses = bot.outbox.deliveries._backoff_ms, []

        def pause(tries: int) -> int:
            pauses.append(backoff(tries))
            return pauses[-1]

        monkeypatch.setattr(bot.outbox.deliveries, "_backoff_ms", pause)
        bot.platform.retry_after = None
        bot.platform.fates.extend(["busy"] * 4)
        await bot.accept("hello")
        await bot.until_rows("select state, sends from deliveries", [("delivered", 1)])
        assert [10, 20, 40, 80] == pauses
        assert [600_000, 600_000] == [backoff(tries) for tries in (20, 1_000_000)]


async def test_a_reply_of_who_knows_no_planned_at_may_wait_too(database_url: str) -> None:
    """An older process left that column to its default: its patience counts from when the reply was made."""
    async with running(database_url) as bot:
        bot.platform.retry_after = 60.0
        bot.platform.fates.append("busy")
        await bot.accept("hello")
        await bot.until_rows("select state, waits from deliveries", [("planned", 1)])
        bot.platform.retry_after = 0.01
        bot.platform.fates.append("busy")
        unfilled = Statement(text("update deliveries set planned_at = 0, due_at = created_at"))
        await bot.store.write(lambda tx: tx.run(unfilled))
        await bot.until_rows("select state from deliveries", [("delivered",)])


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({"seconds": "17"}, 17.0),
        ({"seconds": None}, None),
        ({"seconds": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"seconds": float("nan")}, None),
        ({"seconds": 10**400}, None),
        ({}, None),
    ],
)
def test_a_time_that_is_no_number_is_not_known(given: dict[str, Any], seconds: float | None) -> None:
    """A channel may hand on what a header says, or nothing at all."""
    assert seconds == RetryAfter(cause="busy", **given).seconds


async def test_a_send_is_counted_before_it_is_made(database_url: str) -> None:
    """A post that kills the process each time comes to its end: the next start knows of the try."""
    async with opened(database_url) as store:
        bot = Durable(store)
        bot.outbox.deliveries._begin = lambda work: work.close()  # type: ignore[method-assign]
        await bot.start()
        await bot.accept("hello")
        await bot.until_rows("select state, sends from deliveries", [("sending", 1)])
        [(delivery,)] = await bot.rows("select id from deliveries")
        now = now_ms()
        claim = partial(ledger.claim, delivery_id=delivery, now=now, owner="next", lease_until=now)
        sought = await store.write(lambda tx: (ledger.reclaim(tx, "next", now), claim(tx))[1])
        assert sought is not None
        assert (True, 1, 1) == (sought.unclear, sought.sends, sought.outbound.attempt)
        planned = replace(sought, unclear=False)
        await store.write(lambda tx: ledger.postpone(tx, planned, due=now, now=now, reason=""))
        again = await store.write(claim)
        assert again is not None
        assert (False, 2, 2) == (again.unclear, again.sends, again.outbound.attempt)
        assert [("sending", 2)] == await bot.rows("select state, sends from deliveries")
        await bot.stop()


async def test_replies_of_a_conversation_keep_their_order(database_url: str) -> None:
    """A reply whose predecessor waits for the platform waits behind it; other conversations do not."""
    async with running(database_url) as bot:
        bot.platform.fates.extend(["busy", "busy"])
        bot.platform.retry_after = 0.2
        await bot.accept("one")
        await bot.until_rows("select count(*) from events where kind = 'delivery.postponed'", [(1,)])
        await bot.accept("two")
        await bot.until_rows("select count(*) from deliveries", [(2,)])
        bot.platform.fates.clear()
        await bot.accept("other", to="c2")
        assert await bot.replies(3) == ["re: other", "re: one", "re: two"]


async def test_what_a_crash_left_in_sending_is_looked_for(database_url: str) -> None:
    """A delivery whose sender died is settled by looking: found, it is recorded and not posted again."""
    async with opened(database_url) as store:
        first = Durable(store)
        await first.start()
        first.outbox.deliveries._end = _die  # type: ignore[method-assign, assignment]
        await first.accept("hello")
        await first.replies(1)
        await first.engine.stop(0)
        await first.outbox.stop(0)
        bot = Durable(store, channels={"web": first.platform})
        await bot.start()
        await bot.until_rows("select state, external_id from deliveries", [("delivered", "post-1")])
        assert [call.split()[0] for call in first.platform.calls] == ["send", "find"]
        await bot.stop()


async def _die(_claimed: Claimed, _state: str, **_details: str) -> None:
    """The process was killed between the post and its record."""


async def test_a_reply_that_was_planned_but_never_sent_is_sent_by_the_next_start(database_url: str) -> None:
    """A crash between the commit of an answer and its post: found nowhere, it is posted, once, with
    the buttons it was to have."""
    async with opened(database_url) as store:
        first = Durable(store, channels={})
        first.outbox.deliveries._begin = lambda work: work.close()  # type: ignore[method-assign]
        first.worker.choices = (Choice(label="Yes", says="Yes, please."),)
        await first.start()
        await first.accept("hello")
        await first.until_rows("select state from deliveries", [("sending",)])
        await first.stop()
        bot = Durable(store)
        await bot.start()
        assert await bot.replies(1) == ["re: hello"]
        await bot.until_rows("select state from deliveries", [("delivered",)])
        assert bot.platform.texts == ["re: hello"]
        assert [first.worker.choices] == [post.choices for post in bot.platform.posts]
        await bot.stop()


async def test_an_overtaken_sender_records_nothing(database_url: str) -> None:
    """The outcome of a claim counts only while that claim holds the delivery."""
    async with opened(database_url) as store:
        bot = Durable(store, channels={})
        bot.outbox.deliveries._begin = lambda work: work.close()  # type: ignore[method-assign]
        await bot.start()
        await bot.accept("hello")
        await bot.until_rows("select state from deliveries", [("sending",)])
        [(delivery,)] = await bot.rows("select id from deliveries")
        now = now_ms()
        await store.write(lambda tx: ledger.reclaim(tx, "next", now))
        lease = {"owner": "next", "lease_until": now + 1000}
        claimed = await store.write(lambda tx: ledger.claim(tx, delivery, now=now, **lease))  # type: ignore[arg-type]
        assert claimed is not None
        late = replace(claimed, fence=claimed.fence - 1)
        await store.write(lambda tx: ledger.end(tx, late, state="dead", now=now))
        assert claimed.unclear is True
        assert await bot.rows("select state from deliveries") == [("sending",)]
        await bot.stop()


async def test_why_a_message_ended_is_not_why_a_text_is_fixed(database_url: str) -> None:
    """The one is told of what customers wrote, the other of what the bot said in place of an answer."""
    said = "select author, state, reason, fixed_for from messages order by seq"
    async with running(database_url) as bot:
        await bot.accept("hello")
        await bot.replies(1)
        bot.worker.handoff = "customer_asked"
        await bot.accept("A person, please")
        await bot.replies(2)
        await bot.accept("Are you there?")
        await bot.until_rows(
            said,
            [
                ("customer", "answered", "", ""),
                ("bot", "said", "", ""),
                ("customer", "answered", "", ""),
                ("bot", "said", "", "customer_asked"),
                ("customer", "handed_over", "", ""),
            ],
        )
        messages = await ChannelTranscripts(bot.store, "web").messages("c1")
        assert [False, True, False, False, False] == [message.is_answer for message in messages]


async def test_a_channel_that_is_gone_from_bot_yaml_leaves_a_dead_delivery(database_url: str) -> None:
    """A reply whose channel no longer exists says so, instead of waiting for ever."""
    async with running(database_url, channels={"other": BlindChannel()}) as bot:
        await bot.accept("hello")
        await bot.until_rows(DELIVERIES, [("dead", "bot.yaml has no channel 'web' any more")])
        assert [("dead", "no_channel")] == await bot.rows(DEATHS)


async def test_behind_a_delivery_that_cannot_be_read_the_next_one_is_sent(database_url: str) -> None:
    """It is dead with the reason, counted and noted; what waited behind it in the conversation goes out."""
    async with opened(database_url) as store:
        first = Durable(store, channels={})
        first.outbox.deliveries._begin = lambda work: work.close()  # type: ignore[method-assign]
        await first.start()
        for number, said in enumerate(("bad", "good"), 1):
            await first.accept(said)
            await first.until_rows("select count(*) from deliveries", [(number,)])
        await first.stop()
        unreadable = """update messages set citations = '[{"from": "the future"}]' where text = 're: bad'"""
        spoil = Statement(text(unreadable))
        await store.write(lambda tx: tx.run(spoil))
        bot = Durable(store)
        await bot.start()
        assert ["re: good"] == await bot.replies(1)
        reason = "what is stored cannot be read: TypeError"
        await bot.until_rows(
            "select state, reason from deliveries order by seq", [("dead", reason), ("delivered", "")]
        )
        assert [("dead", "unreadable"), ("delivered", "")] == await bot.rows(DEATHS)
        assert [(1,)] == await bot.rows("select count(*) from events where kind = 'delivery.dead'")
        await bot.stop()


async def test_what_a_process_that_stood_still_has_claimed_is_claimed_anew(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease may end before the post does, and then another process would post it, too."""

    def late(deliveries: Deliveries, claimed: Claimed) -> None:
        deliveries._begin(deliveries._send(claimed, until=claimed.since + 100))

    monkeypatch.setattr(Deliveries, "begin", late)
    async with running(database_url) as bot:
        with capture_logs() as logged:
            await bot.accept("hello")
            await bot.until_rows("select state, sends from deliveries", [("delivered", 1)])
        told = [line["reason"] for line in logged if line["event"] == "delivery.postponed"]
        assert ["the process stood still before it was sent"] == told
        assert ["send"] == [call.split()[0] for call in bot.platform.calls]
