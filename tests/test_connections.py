"""How many connections a process takes from PostgreSQL at most, as the pages say."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.store import postgres_pool, remedies
from supportbot.store.notices import Notices
from supportbot.turns import wakeups
from tests.durable import Durable, opened, rows_of

if TYPE_CHECKING:
    from collections.abc import Coroutine

MOST = postgres_pool.MOST + 2 + wakeups.MOST + 1
"""The store's, two for notices, those of a worker of the queue, and one on which it listens."""

_LISTENING = (
    "select count(*) from pg_stat_activity where datname = current_database()"
    " and query like 'LISTEN%procrastinate%'"
)
DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("deploy.md", "up to {} from each process: {} that work"),
        ("storage.md", "opens up to {} connections"),
        ("scale.md", "{} for each process at most"),
    ],
)
def test_the_pages_say_how_many(page: str, words: str) -> None:
    """Operators reckon with it when they set ``max_connections``."""
    assert words.format(MOST, postgres_pool.MOST) in " ".join((DOCS / page).read_text().split())


def test_so_does_the_remedy() -> None:
    """What the log says when there are too many."""
    said = remedies.remedy(ValueError("FATAL:  sorry, too many clients already"))
    assert f"up to {MOST})" in said


async def test_a_process_takes_so_many_and_no_more(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While all that it does waits for the database at once, and it is the one that looks after the dead."""
    queues: list[wakeups.QueueConnector] = []
    make = wakeups.QueueConnector.__init__

    def watched(self: wakeups.QueueConnector, *given: Any) -> None:
        make(self, *given)
        queues.append(self)

    monkeypatch.setattr(wakeups.QueueConnector, "__init__", watched)
    async with opened(postgres_database) as of_another, opened(postgres_database) as store:
        before = await connected(of_another)
        bot, notices = Durable(store, queue=postgres_database), Notices(postgres_database, "anything")
        await notices.start(lambda _: None, lambda: None)
        await notices.post(["hello"])
        await bot.start()
        try:
            await bot.until_rows("select count(*) from leases", [(1,)])
            await bot.until_rows(_LISTENING, [(1,)])
            waiting = [
                asyncio.ensure_future(work)
                for work in (
                    *(rows_of(store, "SELECT pg_sleep(1.5)") for _ in range(postgres_pool.MOST)),
                    *(each for queue in queues for each in sleepers(queue)),
                )
            ]
            most = 0
            while not all(work.done() for work in waiting):
                most = max(most, await connected(of_another) - before)
                await asyncio.sleep(0.02)
            await asyncio.gather(*waiting, return_exceptions=True)
        finally:
            await bot.stop()
            await notices.stop()
    assert MOST == most


def sleepers(queue: wakeups.QueueConnector) -> list[Coroutine[Any, Any, Any]]:
    """More questions to it than it has connections."""
    return [queue.execute_query_all_async("SELECT pg_sleep(0.5)") for _ in range(3 * wakeups.MOST)]


async def connected(store: Any) -> int:
    """How many are connected with the database."""
    [(number,)] = await rows_of(
        store, "select count(*) from pg_stat_activity where datname = current_database()"
    )
    return int(number)
