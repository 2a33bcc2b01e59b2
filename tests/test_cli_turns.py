"""The command line, called as a person calls it: turns, deliveries, and what became of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from supportbot import reports
from supportbot.errors import Unclear
from supportbot.session import delete_conversation
from supportbot.store import Statement
from supportbot.tables import turns
from supportbot.testing.fakes import RecordingChannel, TeamChannel
from tests.handed_over import NOTICES, ask_for_a_person
from tests.operators import Operator, deliveries_ended, fail, talk

if TYPE_CHECKING:
    from tests.durable import Durable


class Unfindable:
    """A platform that never says whether it took a reply."""

    capabilities = RecordingChannel.capabilities

    async def send(self, outbound: object) -> None:
        raise Unclear(cause="the connection broke")


def test_the_dead_are_listed_and_replayed(operator: Operator) -> None:
    """A dead turn says why, is given back once, and answered by the next bot."""
    operator.live(fail)
    (turn,) = operator.json("dead", "list")["rows"]
    assert ("dead", "RuntimeError", "poison") == (turn["state"], turn["reason"], turn["question"])
    assert "Given back to the bot: 1.\n" == operator.says("dead", "replay", turn["id"])
    assert f"Turn {turn['id']} is replayed, not dead.\n" == operator.refused("dead", "replay", turn["id"])
    for other in (turn["id"].replace("turn_", "dlv_"), f"turn_{'0' * 26}", "nonsense"):
        assert f"There is no dead turn '{other}'.\n" == operator.refused("dead", "replay", other)
    operator.live(lambda durable: deliveries_ended(durable, 2))
    assert ["answered", "replayed"] == [row["state"] for row in operator.json("turns", "list")["rows"]]


def test_all_dead_are_replayed_at_once(operator: Operator) -> None:
    """--all takes every one, and says how many."""
    operator.live(fail)
    operator.live(_another_failure)
    assert "Given back to the bot: 2.\n" == operator.says("dead", "replay", "--all")
    assert "Given back to the bot: 0.\n" == operator.says("dead", "replay", "--all")


async def _another_failure(durable: Durable) -> None:
    def boom(_turn: object) -> str:
        raise RuntimeError("no")

    durable.worker.say = boom
    await durable.accept("poison", to="other")
    await deliveries_ended(durable, 2)


def test_an_unknown_delivery_is_settled(operator: Operator) -> None:
    """It is listed until the operator says what became of it; that stands in its story."""
    operator.live(talk("hello"), channels={"web": Unfindable()})
    (delivery,) = operator.json("deliveries", "list", "--state", "unknown")["rows"]
    assert f"{delivery['id']} is delivered.\n" == operator.says(
        "deliveries", "settle", delivery["id"], "delivered"
    )
    assert [] == operator.json("deliveries", "list", "--state", "unknown")["rows"]
    assert "delivery.settled" in operator.says("explain", delivery["id"])
    refused = operator.refused("deliveries", "settle", delivery["id"], "dead")
    assert f"Delivery {delivery['id']} is delivered, not unknown.\n" == refused
    assert "no unknown delivery" in operator.refused("deliveries", "settle", f"dlv_{'0' * 26}", "dead")


def test_a_dead_delivery_is_sent_again(operator: Operator) -> None:
    """By the next bot that runs, as new; one that is not dead is left alone."""
    refusing = RecordingChannel()
    refusing.fates.append("refused")
    conversation = operator.live(talk("hello"), channels={"web": refusing})
    (delivery,) = operator.json("deliveries", "list", "--state", "dead")["rows"]
    said = operator.says("deliveries", "retry", delivery["id"])
    assert f"{delivery['id']} is planned: a running bot sends it.\n" == said
    assert "delivery.replanned" in operator.says("explain", conversation)
    refused = operator.refused("deliveries", "retry", delivery["id"])
    assert f"Delivery {delivery['id']} is planned, not dead.\n" == refused
    assert "no dead delivery" in operator.refused("deliveries", "retry", f"dlv_{'0' * 26}")
    recording = RecordingChannel()
    operator.live(lambda durable: deliveries_ended(durable, 1), channels={"web": recording})
    (again,) = operator.json("deliveries", "list", "--state", "delivered")["rows"]
    assert (delivery["id"], 1, 1) == (again["id"], again["sends"], len(recording.posts))


def test_a_post_that_is_to_be_taken_back_is_a_delivery_too(operator: Operator) -> None:
    """It is listed by its kind, retried while there is something to try, and settled by who looked."""
    operator.live(told_and_deleted, channels={"web": RecordingChannel(), "desk": TeamChannel()})
    (planned,) = operator.json("deliveries", "list", "--kind", "withdrawal")["rows"]
    assert ("withdrawal", "planned", "desk") == (planned["kind"], planned["state"], planned["channel"])
    refused = operator.refused("deliveries", "retry", planned["id"])
    assert f"Withdrawal {planned['id']} is planned, not dead.\n" == refused
    assert "deliveries list --kind withdrawal" in operator.refused("explain", planned["id"])
    refusing = TeamChannel()
    refusing.withdraw_fates.extend(["refused"] * 2)
    channels = {"web": RecordingChannel(), "desk": refusing}
    for tried in (1, 2):
        operator.live(withdrawals_ended, channels=channels)
        (dead,) = operator.json("deliveries", "list", "--state", "dead")["rows"]
        assert (planned["id"], "channel_not_found", "post-1") == (dead["id"], dead["reason"], dead["receipt"])
        if tried == 1:
            assert "is planned" in operator.says("deliveries", "retry", planned["id"])
    said = operator.says("deliveries", "settle", planned["id"], "delivered")
    assert f"{planned['id']} is delivered.\n" == said
    assert [] == operator.json("deliveries", "list", "--kind", "withdrawal")["rows"]
    assert "no unknown delivery" in operator.refused("deliveries", "settle", planned["id"], "dead")


async def told_and_deleted(durable: Durable) -> None:
    conversation = await ask_for_a_person(durable)
    await durable.until_rows(NOTICES, [("desk", "delivered")])
    await durable.outbox._taking_back.stop()
    await delete_conversation(durable.store, conversation)


async def withdrawals_ended(durable: Durable) -> None:
    await durable.until_rows("select count(*) from withdrawals where state = 'planned'", [(0,)])


@pytest.mark.parametrize("fate", ["lost", "crash but there"])
def test_what_is_sent_again_is_looked_for(operator: Operator, fate: Any) -> None:
    """When nobody knows whether that arrived: it is there once."""
    refusing, recording = RecordingChannel(), RecordingChannel()
    refusing.fates.append("refused")
    recording.fates.append(fate)
    operator.live(talk("hello"), channels={"web": refusing})
    (delivery,) = operator.json("deliveries", "list", "--state", "dead")["rows"]
    operator.says("deliveries", "retry", delivery["id"])
    operator.live(lambda durable: deliveries_ended(durable, 1), channels={"web": recording})
    assert [delivery["id"]] == [post.delivery_id for post in recording.posts]
    assert any(call.startswith("find") for call in recording.calls)


def test_explain_tells_the_story_on_one_screen(operator: Operator) -> None:
    """Who, when, each try, and what to do; times count from the beginning."""
    message = operator.live(fail)
    story = operator.says("explain", message)
    assert 3 == story.count("turn.claimed")
    assert "reason: RuntimeError" in story
    assert "→ turn_" in story
    assert "supportbot dead replay turn_" in story
    assert "+0." in story
    told = operator.json("explain", message)
    assert (message, 1) == (told["asked"], len(told["advice"]))
    assert told["events"][0]["at"].endswith("Z")


def test_tries_that_a_process_did_not_survive_are_tries(operator: Operator) -> None:
    """They count elsewhere than those that failed; whoever reads wants to know how often it was begun."""
    message = operator.live(fail)
    died = Statement(update(turns).values(attempt=1, deaths=4))
    operator.look(lambda store: store.write(lambda tx: tx.run(died)))
    assert [5] == [row["tries"] for row in operator.json("dead", "list")["rows"]]
    story = operator.says("explain", message)
    assert "dead after 5 tries" in story
    assert "(tries: 5)" in story


def test_explain_says_what_is_not_there(operator: Operator) -> None:
    """A wrong id is one line."""
    operator.look(lambda store: asyncio.sleep(0))
    assert "There is no" in operator.refused("explain", "msg_\x1b[31m")
    assert "There is no message 'msg_0" in operator.refused("explain", f"msg_{'0' * 26}")


def test_the_operator_s_word_stands_in_the_journal(operator: Operator) -> None:
    """What was done by hand is told as done by hand."""
    conversation = operator.live(talk("hello"))
    operator.says("conversations", "state", conversation, "human")
    story = operator.look(lambda store: reports.explain(store, conversation))
    assert ("state.changed", "operator") == (story.events[-1].kind, story.events[-1].actor)
