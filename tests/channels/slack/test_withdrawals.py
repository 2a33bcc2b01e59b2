"""What the team was told in Slack of a conversation that was deleted is taken back there."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from supportbot import reports
from supportbot.outbox import taking_back
from supportbot.session import delete_conversation, retry_delivery
from supportbot.store import Statement
from supportbot_slack.handoffs import TAKE_OVER
from tests.channels.slack.test_fake import answering
from tests.channels.slack.test_handoffs import PERSON, TEAM, ask, told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from supportbot.reports import DeliveryRow
    from supportbot.store import Store


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often than every five seconds."""
    monkeypatch.setattr(taking_back, "_SWEEP", 0.02)


@asynccontextmanager
async def handed_over(folder: Path, **more: Any) -> AsyncIterator[tuple[Any, Store, Any, str]]:
    """A workspace whose team was told of somebody: with the store, the post, and the conversation."""
    async with answering(folder, handoff_channel=TEAM, **more) as (slack, team, bot):
        await ask(slack, team, bot)
        [post] = told(slack)
        store = bot.channels["slack"]._host.transcripts._store
        [conversation] = (await reports.conversations(store)).rows
        yield slack, store, post, conversation.id


async def left(store: Store, state: str = "") -> list[DeliveryRow]:
    """Wait until all there is to be taken back has come to a state, or none is left; returns it."""
    async with asyncio.timeout(20):
        while True:
            found = list((await reports.deliveries(store, kind="withdrawal")).rows)
            if all(row.state == state for row in found):
                return found
            await asyncio.sleep(0.02)


def refuse(slack: Any, method: str, error: str, *, times: int = 1) -> None:
    """Let Slack answer a method with an error; 0 for always."""
    slack.fail(method, "error", error=error, times=times)


async def taken_back(slack: Any, post: Any) -> str:
    """Wait until the post says that the conversation was deleted; returns all that it says."""
    await slack.until(lambda: "deleted" in post.text)
    return all_of(post)


def all_of(post: Any) -> str:
    return " ".join((post.text, json.dumps(post.blocks)))


async def test_the_post_of_a_deleted_conversation_holds_no_word_of_it(tmp_path: Path) -> None:
    """Nor its buttons; the same post says what happened."""
    async with handed_over(tmp_path) as (slack, store, post, conversation):
        await delete_conversation(store, conversation)
        said = await taken_back(slack, post)
        assert [post] == told(slack)
        assert "An operator deleted the conversation" in said
        for gone in (PERSON, "U0ANNA", conversation, TAKE_OVER):
            assert gone not in said


async def test_a_post_that_somebody_deleted_holds_none_either(tmp_path: Path) -> None:
    """There is nothing left to do."""
    async with handed_over(tmp_path) as (slack, store, _, conversation):
        refuse(slack, "chat.update", "message_not_found")
        await delete_conversation(store, conversation)
        await slack.until(lambda: slack.called("chat.update"))
        assert [] == await left(store)


async def test_what_slack_refuses_stays_in_sight(tmp_path: Path) -> None:
    """With the reason, and the post that holds the words, until it is retried."""
    async with handed_over(tmp_path) as (slack, store, post, conversation):
        refuse(slack, "chat.update", "is_archived")
        await delete_conversation(store, conversation)
        [dead] = await left(store, "dead")
        assert "is_archived" in dead.reason
        assert dead.receipt == f"{TEAM}/{post.ts}"
        assert PERSON in all_of(post)
        await retry_delivery(store, dead.id)
        assert PERSON not in await taken_back(slack, post)
        assert [] == await left(store)


@pytest.mark.parametrize("on_unclear", ["resend", "hold"])
async def test_what_may_not_be_looked_for_is_left_to_the_operator(tmp_path: Path, on_unclear: str) -> None:
    """Where posts are made again unseen, too: that of a deleted conversation is not."""
    async with handed_over(tmp_path, on_unclear=on_unclear) as (slack, store, post, conversation):
        unknown = text("update deliveries set state = 'unknown', external_id = '' where kind = 'notice'")
        await store.write(lambda tx: tx.run(Statement(unknown)))
        refuse(slack, "conversations.history", "missing_scope", times=0)
        await delete_conversation(store, conversation)
        [row] = await left(store, "unknown")
        assert "missing_scope" in row.reason
        assert [post] == told(slack)
