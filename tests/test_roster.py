"""Who works on a store: signing in and out, falling silent, and the roles that nobody has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from supportbot import __version__
from supportbot.records import ChannelRecords
from supportbot.roster import LIVES, Process, Roster, missing_roles, processes
from tests.durable import opened

if TYPE_CHECKING:
    from supportbot.store import Store

NEEDED = {"worker", "web"}


class Clock:
    """A time of day that is set."""

    now = 1_000_000

    def __call__(self) -> int:
        return self.now


def member(store: Store, name: str, roles: set[str], clock: Clock) -> Roster:
    return Roster(store, name, roles, NEEDED, clock=clock)


async def test_each_sees_the_others_until_they_sign_out(database_url: str) -> None:
    """What is in the list of one is what the other wrote."""
    clock = Clock()
    async with opened(database_url) as store:
        web, worker = member(store, "a:1", {"web"}, clock), member(store, "b:2", {"worker", "mail"}, clock)
        await web.look()
        await worker.look()
        about = {"version": __version__, "started_at": clock.now, "seen_at": clock.now}
        assert [
            Process(id="a:1", roles=("web",), **about),
            Process(id="b:2", roles=("mail", "worker"), **about),
        ] == await processes(store, clock=clock)
        await worker.stop()
        assert ["a:1"] == [process.id for process in await processes(store, clock=clock)]


async def test_a_role_that_nobody_has_is_a_problem_until_somebody_has_it(database_url: str) -> None:
    """In /readyz at once, in the log when it lasts, and there again when it is over; each once."""
    clock = Clock()
    async with opened(database_url) as store:
        web, worker = member(store, "a:1", {"web"}, clock), member(store, "b:2", {"worker"}, clock)
        with capture_logs() as logs:
            await web.look()
            told = (
                "no process has this role, so what is accepted is not answered, and nothing is delivered:"
                " start one with supportbot serve --roles worker"
            )
            assert {"role worker": told} == web.problems()
            assert [] == logs
            for _ in range(3):
                await web.look()
            await worker.look()
            await web.look()
            await web.look()
        assert {} == web.problems() == worker.problems()
        assert [
            {"event": "role.missing", "role": "worker", "problem": told, "log_level": "warning"},
            {"event": "role.found", "role": "worker", "log_level": "info"},
        ] == logs


async def test_who_falls_silent_is_missed(database_url: str) -> None:
    """A process that was killed signs nothing out."""
    clock = Clock()
    async with opened(database_url) as store:
        web, worker = member(store, "a:1", {"web"}, clock), member(store, "b:2", {"worker"}, clock)
        await worker.look()
        await web.look()
        assert {} == web.problems()
        clock.now += LIVES
        await web.look()
        assert ["role worker"] == list(web.problems())


async def test_what_was_seen_last_stands_while_the_store_is_away(database_url: str) -> None:
    """An outage is not told as a missing worker, and does not end the looking."""
    clock = Clock()
    async with opened(database_url) as store:
        web = member(store, "a:1", {"web", "worker"}, clock)
        await web.look()
    await web.look()  # it is closed now
    assert {} == web.problems()
    await web.stop()


async def test_a_first_look_that_fails_ends_no_start(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it was, the next one may see more."""

    async def fails(*_args: object, **_options: object) -> None:
        raise ValueError

    async with opened(database_url) as store:
        web = member(store, "a:1", {"web"}, Clock())
        monkeypatch.setattr("supportbot.roster.processes", fails)
        with capture_logs() as logs:
            await web.start()
        assert ["roster.failed"] == [entry["event"] for entry in logs]
        assert {} == web.problems()
        await web.stop()


@pytest.mark.parametrize(
    ("about", "roles", "version"),
    [
        ({"roles": ["worker"], "version": "9.9"}, ("worker",), "9.9"),
        ({"roles": ["worker", {"name": "slack"}], "seen_at": "today"}, ("worker",), "?"),
        ({"does": ["worker"], "started_at": None}, (), "?"),
        ({"roles": 5, "version": 9}, (), "?"),
        ("worker", (), "?"),
    ],
)
async def test_a_process_of_another_release_hides_nobody(
    database_url: str, about: object, roles: tuple[str, ...], version: str
) -> None:
    """What is understood of it counts, and the others are seen."""
    clock = Clock()
    async with opened(database_url) as store:
        web = member(store, "z:1", {"web"}, clock)
        await ChannelRecords(store, "", clock=clock).put("process:n+1", about)
        await web.look()
        newer, ours = await processes(store, clock=clock)
        now = clock.now
        assert Process(id="n+1", roles=roles, version=version, started_at=now, seen_at=now) == newer
        assert ("z:1", ("web",)) == (ours.id, ours.roles)
        assert ([] if roles else ["role worker"]) == list(web.problems())


async def test_nor_does_a_store_that_is_away(database_url: str) -> None:
    """It tells of that itself."""
    async with opened(database_url) as store:
        web = member(store, "a:1", {"web"}, Clock())
    with capture_logs() as logs:
        await web.start()
    assert ([], {}) == (logs, web.problems())
    await web.stop()


def test_all_that_is_missing_is_named() -> None:
    """Each with a command of its own."""
    assert {} == missing_roles([], [])
    found = missing_roles([], {"worker", "web", "mail", "slack"})
    assert ["mail", "slack", "web", "worker"] == list(found)
    assert all(problem.endswith(f"supportbot serve --roles {role}") for role, problem in found.items())
