"""Several workspaces: their tokens at rest, in memory, rotated, and gone."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from cryptography.fernet import Fernet
from pydantic import SecretStr

from supportbot.records import ChannelRecords
from supportbot.testing import FakeCore
from supportbot.vault import CannotOpen, Vault
from supportbot_slack.grants import Grants, Installation, SlackAway
from supportbot_slack.installs import Installs, ended
from supportbot_slack.workspaces import Workspace
from tests.channels.slack.authority import Authority
from tests.channels.webhook.driver import eventually
from tests.durable import opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from supportbot.host import Records
    from supportbot.testing import Clock

OLD, NEW = (SecretStr(Fernet.generate_key().decode()) for _ in range(2))
HOUR = 3600.0


class CountingRecords:
    """Records that count how often they are asked for an installation."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.reads: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    async def get(self, key: str) -> Any:
        self.reads.append(key)
        return await self._records.get(key)


@dataclass
class Tenants:
    authority: Authority
    records: CountingRecords
    keys: list[SecretStr] = field(default_factory=lambda: [NEW])

    def installs(self, *keys: SecretStr, grants: Any = None) -> Installs:
        """Make one, as a process does when it starts."""
        return Installs(self.records, Vault(keys or self.keys), grants or self.authority.grants())  # type: ignore[arg-type]

    def installation(self, team: str = "T1", **changes: Any) -> Installation:
        token = self.authority.give(f"xoxb-token-of-{team}")
        return replace(Installation(workspace=Workspace(team=team, bot_token=token), name="Acme"), **changes)

    def expiring(self, hours: float, team: str = "T1") -> Installation:
        from supportbot.ids import now_ms

        refresh = f"xoxe-1-first-{team}"
        self.authority.refresh_tokens.add(refresh)
        self.authority.rotates = True
        ends = now_ms() + int(hours * HOUR * 1000)
        return self.installation(team, refresh_token=refresh, expires_at=ends)


@pytest.fixture
async def tenants() -> AsyncIterator[Tenants]:
    async with Authority() as authority:
        yield Tenants(authority, CountingRecords(FakeCore("slack").records))


@asynccontextmanager
async def stored(database_url: str) -> AsyncIterator[Tenants]:
    async with opened(database_url) as store, Authority() as authority:
        yield Tenants(authority, CountingRecords(ChannelRecords(store, "slack")))


async def test_no_token_is_in_the_database_in_clear(database_url: str) -> None:
    """Whoever reads the database, or a copy of it, can do nothing in Slack."""
    async with stored(database_url) as tenants:
        await tenants.installs().save(tenants.expiring(1))
        rows = [row async for row in tenants.records.scan("")]
        assert ["install:T1"] == [key for key, _ in rows]
        assert "xox" not in json.dumps(rows)
        found = await tenants.installs().get("T1")
        assert (found and found.bot_token) == "xoxb-token-of-T1"


async def test_tokens_are_in_no_repr(tenants: Tenants) -> None:
    """A value that is logged by mistake shows no secret."""
    assert "xox" not in repr(tenants.expiring(1))


async def test_a_reply_makes_no_database_read(tenants: Tenants) -> None:
    """A thousand questions, one look; a workspace that is not there is looked for now and then, too."""
    installs = tenants.installs()
    await installs.save(tenants.installation())
    tenants.records.reads.clear()
    for _ in range(1000):
        await installs.get("T1", "E1")
        await installs.get("T404")
    assert ["install:T404"] == tenants.records.reads


async def test_what_another_process_stored_is_noticed(tenants: Tenants, clock: Clock) -> None:
    """Within a minute a workspace's new token is everywhere; a new workspace is within seconds."""
    one, other = tenants.installs(), tenants.installs()
    assert await other.get("T1") is None
    await one.save(tenants.installation())
    clock.advance(6)
    assert await other.get("T1") is not None
    new = replace(tenants.installation().workspace, bot_token="xoxb-newer-token")
    await one.save(replace(tenants.installation(), workspace=new))
    clock.advance(61)
    found = await other.get("T1")
    assert (found and found.bot_token) == "xoxb-newer-token"


async def test_memory_has_an_end(tenants: Tenants, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up workspaces do not fill it."""
    monkeypatch.setattr("supportbot_slack.installs._MOST", 5)
    installs = tenants.installs()
    for number in range(20):
        await installs.get(f"T{number}")
    assert 5 == len(installs._kept)


async def test_unknown_workspaces_are_none(tenants: Tenants) -> None:
    """Row S35: a team nobody installed the app in, an empty one, a strange one."""
    installs = tenants.installs()
    await installs.save(tenants.installation())
    for team in ("", "T2", "T1 ", "t1", "T1\x00", "install:T1", "T" * 5000):
        assert await installs.get(team) is None


# -- keys ----------------------------------------------------------------------------------------


async def test_a_new_key_reads_and_replaces_what_the_old_one_sealed(database_url: str) -> None:
    """With both keys everything works; after one start the old key can go."""
    async with stored(database_url) as tenants:
        await tenants.installs(OLD).save(tenants.installation("T1"))
        await tenants.installs(NEW).save(tenants.installation("T2"))
        both = tenants.installs(NEW, OLD)
        assert await both.get("T1") is not None
        assert 1 == await both.seal_anew()
        assert 0 == await both.seal_anew()
        found = await tenants.installs(NEW).get("T1")
        assert (found and found.bot_token) == "xoxb-token-of-T1"


async def test_a_lost_key_is_said_clearly(tenants: Tenants) -> None:
    """The workspace is as if not installed, the operator is told why; others go on, and the bot is well."""
    await tenants.installs(OLD).save(tenants.installation("T1"))
    await tenants.installs(NEW).save(tenants.installation("T2"))
    installs = tenants.installs(NEW)
    with structlog.testing.capture_logs() as logged:
        assert await installs.get("T1") is None
    assert [("slack.install_unreadable", "T1")] == [(line["event"], line["team"]) for line in logged]
    assert "add the key that sealed them" in installs.problem()
    assert await installs.get("T2") is not None
    assert "" == installs.problem()


async def test_one_workspace_s_token_cannot_be_put_in_another_s_place(tenants: Tenants) -> None:
    """Whoever can write the database but has no key cannot make the bot speak with another's token."""
    installs = tenants.installs()
    for team in ("T1", "T2"):
        await installs.save(tenants.installation(team))
    first, second = await tenants.records.get("install:T1"), await tenants.records.get("install:T2")
    await tenants.records.put("install:T1", first | {"sealed": second["sealed"]})
    assert await tenants.installs().get("T1") is None


@pytest.mark.parametrize("sealed", ["", "gAAAAA", "\u00e9", "a" * 10_000, "gAAAAA==" * 40])
def test_rubbish_is_not_opened(sealed: str) -> None:
    """Whatever comes from outside, there is one error."""
    with pytest.raises(CannotOpen):
        Vault([NEW]).open("x", sealed)
    assert not Vault([NEW]).is_current(sealed)


# -- rotation ------------------------------------------------------------------------------------


async def test_a_token_is_refreshed_before_it_ends(tenants: Tenants) -> None:
    """In the last two hours of its twelve; not earlier."""
    installs = tenants.installs()
    await installs.save(tenants.expiring(1.9, "T1"))
    await installs.save(tenants.expiring(2.1, "T2"))
    await installs.save(tenants.installation("T3"))
    await installs.refresh_due()
    assert ["oauth.v2.access"] == tenants.authority.calls
    found = await installs.get("T1")
    assert (found and found.bot_token) == "xoxb-granted-0001"
    await installs.refresh_due()
    assert ["oauth.v2.access"] == tenants.authority.calls


async def test_a_refresh_token_is_used_once(tenants: Tenants) -> None:
    """Two processes and many tasks at the same moment: one of them asks, the others read what it got."""
    processes = [tenants.installs() for _ in range(3)]
    await processes[0].save(tenants.expiring(1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("supportbot_slack.installs._POLL", 0.01)
        await asyncio.gather(*(process.refresh_due() for process in processes for _ in range(3)))
    assert ["oauth.v2.access"] == tenants.authority.calls
    for process in processes[1:]:
        found = await process.get("T1")
        assert (found and found.bot_token) == "xoxb-granted-0001"


@pytest.mark.parametrize("status", [429, 500])
async def test_slack_away_costs_nothing(tenants: Tenants, status: int) -> None:
    """The token that is there goes on working; the next round asks again."""
    installs = tenants.installs()
    await installs.save(tenants.expiring(1))
    tenants.authority.away = status
    await installs.refresh_due()
    found = await installs.get("T1")
    assert (found and found.bot_token) == "xoxb-token-of-T1"
    tenants.authority.away = None
    await installs.refresh_due()
    found = await installs.get("T1")
    assert (found and found.bot_token) == "xoxb-granted-0001"


async def test_a_refusal_is_logged_without_a_secret(tenants: Tenants) -> None:
    """The operator reads which workspace has to install again; neither token is in the line."""
    installs = tenants.installs()
    await installs.save(tenants.expiring(1))
    tenants.authority.refresh_tokens.clear()
    with structlog.testing.capture_logs() as logged:
        await installs.refresh_due()
    [line] = logged
    assert ("slack.refresh_refused", "T1", "invalid_refresh_token") == (
        line["event"],
        line["team"],
        line["code"],
    )
    assert "xox" not in str(logged)


async def test_the_keeper_works_in_the_background(tenants: Tenants) -> None:
    """Its start seals anew and refreshes; its end is clean."""
    await tenants.installs(OLD).save(tenants.expiring(1))
    installs = tenants.installs(NEW, OLD)
    running = installs.run(None)  # type: ignore[arg-type]
    await anext(running)
    await eventually(lambda: "oauth.v2.access" in tenants.authority.calls)
    with pytest.raises(StopAsyncIteration):
        await anext(running)
    found = await tenants.installs(NEW).get("T1")
    assert (found and found.bot_token) == "xoxb-granted-0001"  # what Slack gave is kept, whenever it stops
    assert "xox" not in json.dumps([row async for row in tenants.records.scan("")])


class SlowGrants:
    """Grants whose answer is on its way for as long as a test wants."""

    def __init__(self, grants: Grants) -> None:
        self._grants = grants
        self.granted = asyncio.Event()
        self.arrives = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._grants, name)

    async def refresh(self, installation: Installation) -> Installation:
        renewed = await self._grants.refresh(installation)
        self.granted.set()
        await self.arrives.wait()
        return renewed


async def test_what_slack_granted_is_kept_whoever_gives_up(tenants: Tenants) -> None:
    """A delivery's time-out, or the end of the bot, cuts nothing between Slack's answer and the disk."""
    grants = SlowGrants(tenants.authority.grants())
    installs = tenants.installs(grants=grants)
    await installs.save(tenants.expiring(-1))
    impatient = asyncio.create_task(installs.disable("T1", "token_expired"))
    await grants.granted.wait()
    impatient.cancel()
    await asyncio.wait([impatient])
    running = installs.run(None)  # type: ignore[arg-type]
    await anext(running)
    asyncio.get_running_loop().call_soon(grants.arrives.set)
    with pytest.raises(StopAsyncIteration):
        await anext(running)
    found = await tenants.installs().get("T1")
    assert "xoxb-granted-0001" == (found and found.bot_token)


async def test_who_slept_through_its_hold_ends_no_other(tenants: Tenants, clock: Clock) -> None:
    """And does not put older tokens over newer ones: the app was installed again meanwhile."""
    grants = SlowGrants(tenants.authority.grants())
    sleeper, other = tenants.installs(grants=grants), tenants.installs()
    await sleeper.save(tenants.expiring(1))
    sleeping = asyncio.create_task(sleeper.refresh_due())
    await grants.granted.wait()
    clock.advance(61)
    async with other._alone("T1"):
        tenants.authority.give("xoxb-newest")
        newest = Workspace(team="T1", bot_token="xoxb-newest")
        await other._write(Installation(workspace=newest, refresh_token="xoxe-1-newest"))
        grants.arrives.set()
        await sleeping
        assert not await tenants.records.add("held:T1", "a third")
    found = await tenants.installs().get("T1")
    assert "xoxb-newest" == (found and found.bot_token)


async def test_a_token_that_another_process_renewed_is_used_at_once(tenants: Tenants) -> None:
    """Slack refused the one in memory; the one in the database works."""
    one, other = tenants.installs(), tenants.installs()
    await one.save(tenants.expiring(1))
    await one.get("T1")
    await other.refresh_due()
    await one.disable("T1", "token_expired")
    found = await one.get("T1")
    assert "xoxb-granted-0001" == (found and found.bot_token)


async def test_an_organisations_token_is_given_up_too(tenants: Tenants) -> None:
    """A delivery names the workspace; the token is its organisation's."""
    installs = tenants.installs()
    token = tenants.authority.give("xoxb-of-E1")
    await installs.save(Installation(workspace=Workspace(team="", enterprise="E1", bot_token=token)))
    tenants.authority.tokens[token] = "token_revoked"
    await installs.disable("T1", "token_revoked", "E1")
    assert await installs.get("T1", "E1") is None


# -- the end -------------------------------------------------------------------------------------


async def test_an_uninstalled_workspace_is_gone(tenants: Tenants) -> None:
    """For every process; its tokens are not kept; a new installation brings it back."""
    installs = tenants.installs()
    await installs.save(tenants.expiring(1))
    tenants.authority.tokens["xoxb-token-of-T1"] = "account_inactive"
    await installs.disable("T1", "app_uninstalled")
    assert await installs.get("T1") is None
    assert await tenants.installs().get("T1") is None
    [kept] = [i async for i in tenants.installs().all()]
    assert ("app_uninstalled", "", "") == (kept.disabled, kept.workspace.bot_token, kept.refresh_token)
    await installs.refresh_due()
    assert "oauth.v2.access" not in tenants.authority.calls
    await installs.save(tenants.installation())
    assert await installs.get("T1") is not None


async def test_a_late_revocation_does_not_end_a_new_installation(tenants: Tenants) -> None:
    """Slack tells of it more than once, for up to a day, in no order: the token that works is kept."""
    installs = tenants.installs()
    await installs.save(tenants.installation())
    await installs.disable("T1", "tokens_revoked")
    assert await installs.get("T1") is not None


async def test_a_revocation_counts_when_slack_cannot_be_asked(tenants: Tenants) -> None:
    """What Slack told us itself is believed."""
    installs = tenants.installs()
    await installs.save(tenants.installation())
    tenants.authority.away = 500
    await installs.disable("T1", "tokens_revoked")
    assert await installs.get("T1") is None


async def test_an_expired_token_is_refreshed_and_not_given_up(tenants: Tenants, clock: Clock) -> None:
    """After a night without the bot its token is over, the installation is not."""
    installs = tenants.installs()
    await installs.save(tenants.expiring(1))
    clock.advance(12 * HOUR)
    await installs.disable("T1", "token_expired")
    found = await installs.get("T1")
    assert (found and found.bot_token) == "xoxb-granted-0001"


async def test_disabling_what_is_not_there_is_nothing(tenants: Tenants) -> None:
    """An event of a workspace that never installed it, twice."""
    await tenants.installs().disable("T404", "app_uninstalled")
    assert [] == [row async for row in tenants.records.scan("")]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"type": "app_uninstalled"}, "app_uninstalled"),
        ({"type": "tokens_revoked", "tokens": {"oauth": ["U1"], "bot": ["U2"]}}, "tokens_revoked"),
        ({"type": "tokens_revoked", "tokens": {"oauth": ["U1"]}}, ""),
        ({"type": "tokens_revoked", "tokens": {"oauth": ["U1"], "bot": []}}, ""),
        ({"type": "tokens_revoked", "tokens": None}, ""),
        ({"type": "tokens_revoked"}, ""),
        ({"type": "message"}, ""),
        ({}, ""),
    ],
)
def test_which_events_end_an_installation(event: dict[str, Any], reason: str) -> None:
    """An uninstallation, and a revocation of the bot's token; not of a user's."""
    assert reason == ended(event)


async def test_a_slack_that_speaks_nonsense_is_away(tenants: Tenants) -> None:
    """No answer, a page, a list: nothing of it becomes an installation or a stack."""
    grants: Grants = tenants.authority.grants()
    for status in (200, 302, 404, 503):
        tenants.authority.away = status
        with pytest.raises(SlackAway):
            await grants.exchange("good-code", "https://bot.example.com/x")
