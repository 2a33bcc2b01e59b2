"""Posts that may be made again though they were taken: their poster was kept from writing that down."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import aiohttp
import pytest

from supportbot.chaos.audit import examine
from supportbot.chaos.folder import BotFolder
from supportbot.chaos.program import Program
from supportbot.chaos.receiver import HANG_UP, Posted, Receiver
from supportbot.chaos.troubles import LOCKS_KEPT, STALL, Trouble, Troubles, holder
from supportbot.store.postgres_pool import connection_settings
from tests.trial_ledger import UNIX, Ledger

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("status", [500, 429, HANG_UP, 0])
def test_a_post_that_failed_may_be_repeated(status: int) -> None:
    """Whoever was not told that it was taken has to."""
    ledger = Ledger()
    ledger.tries.append(replace(ledger.tries[2], at=30.0, answered_at=30.1))
    ledger.tries[2] = replace(ledger.tries[2], status=status)
    verdict = examine(ledger.evidence)
    assert ([], 0, True) == (verdict.problems, verdict.reposted, verdict.passed)


@pytest.mark.parametrize("trouble", [(2.0, 2.05), (2.9, 2.9), (0.5, 9.0)])
def test_a_post_that_may_not_have_been_written_down_may_be_repeated(trouble: tuple[float, float]) -> None:
    """The process died, or stood still, just when it was told: that is counted, and spoils nothing."""
    ledger = Ledger()
    ledger.tries.append(replace(ledger.tries[2], at=30.0, answered_at=30.1))
    ledger.troubles = [Trouble(*trouble)]
    verdict = examine(ledger.evidence)
    assert ([], 1, True) == (verdict.problems, verdict.reposted, verdict.passed)


@pytest.mark.parametrize(
    ("trouble", "excused"),
    [
        (Trouble(2.0, 2.05, "one"), True),  # it died before it wrote that down
        (Trouble(2.0, 2.05, "two"), False),  # another one did
        (Trouble(2.0, 2.05), True),  # the database did
        (Trouble(1.0, 8.0, "two", slept=True), True),  # whoever posts it again slept, and did not know
        (Trouble(5.0, 8.0, "two", slept=True), False),  # it slept later, when it could be known
        (Trouble(5.0, 8.0, "one"), False),
        (Trouble(5.0, 8.0), False),
    ],
)
def test_only_what_befell_the_poster_excuses_a_second_post(trouble: Trouble, *, excused: bool) -> None:
    """With a kill every other moment somebody always dies: that is no excuse for the others."""
    ledger = Ledger()
    ledger.tries.append(replace(ledger.tries[2], at=8.1, answered_at=8.2, by="two"))
    ledger.tries[2] = replace(ledger.tries[2], by="one")
    ledger.troubles = [trouble]
    verdict = examine(ledger.evidence)
    assert (int(excused), int(not excused)) == (verdict.reposted, verdict.duplicated)


@pytest.mark.parametrize(
    ("taken_by", "again_by", "trouble", "unattributed"),
    [
        ("one", "two", Trouble(2.0, 2.05, "one"), 0),
        ("", "two", Trouble(2.0, 2.05, "one"), 1),  # it may have been any process
        ("", "two", Trouble(2.0, 2.05), 0),  # all of them lost their database: whoever it was
        ("one", "", Trouble(1.0, 8.0, "two", slept=True), 1),
        ("", "two", Trouble(1.0, 8.0, "two", slept=True), 0),
    ],
)
def test_an_excuse_without_a_name_is_counted_apart(
    taken_by: str, again_by: str, trouble: Trouble, unattributed: int
) -> None:
    """Where a connection could not be traced, what befell anybody is an excuse; but one that shows."""
    ledger = Ledger()
    ledger.tries.append(replace(ledger.tries[2], at=8.1, answered_at=8.2, by=again_by))
    ledger.tries[2] = replace(ledger.tries[2], by=taken_by)
    ledger.troubles = [trouble]
    verdict = examine(ledger.evidence)
    assert (1, unattributed, 0) == (verdict.reposted, verdict.unattributed, verdict.duplicated)


@pytest.mark.parametrize(
    ("seconds", "others", "excused"),
    [
        (0.3, {}, True),
        (1.5, {}, False),  # it was written down long before
        (1.5, {4: 900}, True),  # the machine was busy: another one took nearly as long just then
        (1.5, {0: 900}, True),
        (1.5, {4: 700}, False),
        (2.5, {4: 900}, False),
        (6.0, {4: 4000}, False),  # no machine is that busy: the bot is slow
        (1.5, {-1: 900}, False),  # that was much later
    ],
)
def test_a_machine_that_is_busy_takes_longer_to_write_down(
    seconds: float, others: dict[int, int], *, excused: bool
) -> None:
    """How long a process may have needed before it was killed, the others' posts of that time tell."""
    ledger = Ledger()
    ledger.tries[-1] = replace(ledger.tries[-1], at=50.0, answered_at=50.1, answered_unix=UNIX + 50.1)
    ledger.deliveries[-1].updated_at = int(1000 * (UNIX + 50.1))
    for number, ms in others.items():
        ledger.deliveries[number].updated_at += ms
    ledger.tries.append(replace(ledger.tries[2], at=20.0, answered_at=20.1))
    ledger.tries[2] = replace(ledger.tries[2], by="one")
    died = ledger.tries[2].answered_at + seconds
    ledger.troubles = [Trouble(died, died, "one")]
    verdict = examine(ledger.evidence)
    assert (int(excused), int(not excused)) == (verdict.reposted, verdict.duplicated)
    assert max([0, *others.values()]) == pytest.approx(1000 * verdict.written_down_within, abs=51)


@pytest.mark.parametrize(
    ("died", "excused"),
    [
        (4.5, True),  # whoever stood still had the conversation's row until shortly before
        (6.0, False),  # the database had taken its locks away long since
    ],
)
def test_who_stands_still_holds_up_others(died: float, *, excused: bool) -> None:
    """A process that is stopped keeps its locks for a while: another one's post waits as long."""
    ledger = Ledger()
    ledger.tries[2] = replace(ledger.tries[2], by="one")
    ledger.tries.append(replace(ledger.tries[2], at=20.0, answered_at=20.1, by="three"))
    ledger.troubles = [Trouble(1.0, 15.0, "two", slept=True), Trouble(died, died, "one")]
    verdict = examine(ledger.evidence)
    assert (int(excused), int(not excused)) == (verdict.reposted, verdict.duplicated)


def test_locks_are_kept_as_long_as_the_store_says() -> None:
    """The trial knows nothing of the store's insides, but for this."""
    options = connection_settings("postgresql+psycopg://localhost/any")["options"]
    assert f"idle_in_transaction_session_timeout={int(1000 * LOCKS_KEPT)}" in options


@pytest.mark.parametrize("trouble", [Trouble(4.0, 9.0), Trouble(4.0, 9.0, "one", slept=True)])
def test_what_waited_for_the_database_says_nothing_of_the_machine(trouble: Trouble) -> None:
    """Nor does what a process that stood still wrote down: others were as quick as ever."""
    ledger = Ledger()
    ledger.tries[4] = replace(ledger.tries[4], by="one")
    ledger.deliveries[4].updated_at += 5000
    ledger.troubles = [trouble]
    assert 0 == examine(ledger.evidence).written_down_within


async def test_a_machine_that_stands_still_is_trouble_of_all() -> None:
    """Who gives the processor to nobody for a while is noticed here as well."""
    troubles = Troubles()
    feeling = asyncio.create_task(troubles.feel())
    await asyncio.sleep(0)
    begun = asyncio.get_running_loop().time()
    time.sleep(STALL + 0.3)  # noqa: ASYNC251 - nothing else runs meanwhile: that is what it is about
    async with asyncio.timeout(10):
        while not troubles.seen:  # noqa: ASYNC110 - it looks by itself
            await asyncio.sleep(0.01)
    feeling.cancel()
    [stall] = troubles.seen
    assert ("", True) == (stall.of, stall.stall)
    assert stall.begun <= begun + 0.2
    assert stall.ended - stall.begun >= STALL


async def test_the_end_of_one_process_is_no_excuse_for_the_next(tmp_path: Path) -> None:
    """It has the same name, and wrote down what it was told."""
    program = Program(BotFolder(tmp_path / "bot", model_url="http://127.0.0.1:9"), name="process 1")
    troubles = Troubles()
    who = []
    for _ in range(2):
        await program.begin()
        who.append(program.who)
        with troubles.last(program.who):
            await program.kill()
    (first, second), at = troubles.seen, troubles.seen[0].begun
    assert [first.of, second.of] == who
    taken, again = (Posted("r1", b"", at=at, answered_at=at, by=by) for by in who)
    assert first.excuses(taken, again)
    assert not first.excuses(again, again)


async def test_the_platform_knows_who_posts() -> None:
    """On Linux a connection is traced to its process; where it cannot be, nobody is named."""
    ours = os.getpid()
    async with Receiver() as receiver, aiohttp.ClientSession() as session:
        receiver.who = lambda ends: "we" if holder([1, ours], ends) == ours else ""
        for number in range(2):
            await session.post(receiver.url, data=b"{}", headers={"webhook-id": f"r{number}"})
        known = "we" if sys.platform == "linux" else ""
        assert [known, known] == [tried.by for tried in receiver.tries]
        port = int(receiver.url.split(":")[2].split("/")[0])
        assert holder([ours], (1, port)) is None
