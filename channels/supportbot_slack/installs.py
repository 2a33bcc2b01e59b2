"""The workspaces that installed the app: their tokens in our database, encrypted, and as few reads as can be.

``get`` is on the way of every event and every reply. It answers from memory and looks into the database
once a minute for each workspace, so that another process's new tokens are noticed. Whoever changes a row
holds it alone, in this process and beside others: a refresh token works once.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

import structlog

from supportbot.ids import now_ms
from supportbot.vault import CannotOpen
from supportbot_slack.grants import Installation, NotGranted, SlackAway
from supportbot_slack.workspaces import Workspace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    from aiohttp import web

    from supportbot.host import Records
    from supportbot.vault import Vault
    from supportbot_slack.grants import Grants

PREFIX = "install:"
"""What the keys of installations begin with, among the channel's records."""
_KNOWN_FOR = 60_000
"""Milliseconds for which an installation in memory counts."""
_UNKNOWN_FOR = 5_000
"""Milliseconds for which it counts that there is none."""
_MOST = 10_000
"""Installations in memory; the longest unused is forgotten first."""
_REFRESH_BEFORE = 2 * 3600_000
"""Milliseconds before its end at which a token is refreshed; it lives for twelve hours."""
_ROUND = 300.0
"""Seconds between two looks at which tokens end soon."""
_GRACE = 6.0
"""Seconds that a refresh has to end when the bot stops."""
_ENDED = "ended:"
"""What the keys begin with of what Slack told about an installation and nobody has looked into yet."""
_HOLD = 60_000
"""Milliseconds after which a row is free again that a process died with."""
_POLL = 0.25
"""Seconds between two tries to hold a row that another process holds."""

_T = TypeVar("_T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Kept:
    workspace: Workspace | None
    until: int


class Installs:
    """The installations of one channel: the ``Workspaces`` of a bot that several workspaces share."""

    def __init__(
        self, records: Records, vault: Vault, grants: Grants, *, clock: Callable[[], int] = now_ms
    ) -> None:
        self._records = records
        self._vault = vault
        self._grants = grants
        self._now = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._opens: bool | None = None  # whether the keys fit, as far as that is known
        self._news = asyncio.Event()
        self._under_way: set[asyncio.Task[Any]] = set()

    async def get(self, team: str, enterprise: str = "") -> Workspace | None:
        """Return the installation on a workspace, or on its whole organisation; None without either."""
        for found_by in dict.fromkeys((team, enterprise)):
            found = await self._find(found_by) if found_by else None
            if found is not None:
                return found if found.team else replace(found, team=team)
        return None

    async def disable(self, team: str, reason: str, enterprise: str = "") -> None:
        """Stop using a workspace's token, or its organisation's, unless Slack says that it works.

        Slack tells of a revocation late, more than once and in no order: the app may be installed again by
        the time. So it is asked first, and an expired token is refreshed.
        """
        for found_by in filter(None, (team, enterprise)):
            if await self._to_its_end(self._disable(found_by, reason)):
                return

    async def ended(self, team: str, reason: str, enterprise: str = "") -> None:
        """Write down that Slack says so; it is looked into in the background, as by ``disable``.

        Raises:
            StoreUnavailable: it is not on disk.
        """
        await self._records.put(_ENDED + (team or enterprise), {"enterprise": enterprise, "reason": reason})
        self._news.set()

    async def save(self, installation: Installation) -> None:
        """Keep a new installation, or a newer one. It is on disk when this returns."""
        await self._to_its_end(self._save(installation))
        log.info("slack.installed", team=installation.id)

    async def all(self) -> AsyncIterator[Installation]:
        """Yield every installation that can be read, disabled ones too."""
        async for key, row in self._records.scan(PREFIX):
            installation = self._opened(key.removeprefix(PREFIX), row)
            if installation is not None:
                yield installation

    async def unreadable(self) -> AsyncIterator[str]:
        """Yield the workspaces and organisations whose tokens none of the keys opens."""
        async for key, row in self._records.scan(PREFIX):
            found_by = key.removeprefix(PREFIX)
            if self._opened(found_by, row) is None:
                yield found_by

    def problem(self) -> str:
        """Return what keeps all of it from working; one workspace's trouble is in the log, and listed by
        ``supportbot slack workspaces``."""
        if self._opens is False:
            return "encryption_keys cannot open the stored tokens: add the key that sealed them"
        return ""

    # -- in the background ---------------------------------------------------------------------------

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        """Seal anew what older keys sealed, and refresh what ends soon: a clean-up context of aiohttp."""
        keeper = asyncio.create_task(self._keep())
        yield
        keeper.cancel()
        await asyncio.wait({keeper, *self._under_way}, timeout=_GRACE)

    async def _keep(self) -> None:
        sealed = False
        while True:
            self._news.clear()
            try:
                if not sealed and self._vault.rotates:
                    await self.seal_anew()
                sealed = True
                await self.look_into_ended()
                await self.refresh_due()
            except Exception as error:  # noqa: BLE001 - the next round tries again
                log.warning("slack.installs_not_kept", error=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), _ROUND)

    async def _to_its_end(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do something that is not to be cut off, whoever gives up waiting for it: a time-out, a browser, the
        end of the bot. Between Slack's answer and our disk is a token that exists once."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def look_into_ended(self) -> None:
        """Ask about the installations that ended, as Slack told."""
        async for key, told in self._records.scan(_ENDED):
            await self.disable(key.removeprefix(_ENDED), told["reason"], told["enterprise"])
            await self._records.delete(key, only=told)  # Slack may have told again

    async def seal_anew(self) -> int:
        """Encrypt with the newest key what was encrypted with another; returns how many."""
        old = [i.id async for i in self.all()]
        return sum([await self._seal_anew(team) for team in old])

    async def _seal_anew(self, team: str) -> bool:
        async with self._alone(team):
            row = await self._records.get(PREFIX + team)
            if row is None or self._vault.is_current(row["sealed"]):
                return False
            installation = self._opened(team, row)
            if installation is not None:
                await self._write(installation)
            return installation is not None

    async def refresh_due(self) -> None:
        """Refresh the tokens that end soon."""
        for team in [i.id async for i in self.all() if self._is_due(i)]:
            await self._to_its_end(self._refresh_due(team))

    async def _refresh_due(self, team: str) -> None:
        async with self._alone(team):
            installation = await self._read(team)
            if installation is not None and self._is_due(installation):
                await self._refresh(installation)

    async def _disable(self, found_by: str, reason: str) -> bool:
        """Says whether there is such an installation that is used."""
        async with self._alone(found_by):
            installation = await self._read(found_by)
            if installation is None or installation.disabled:
                return False
            if await self._lives_on(installation):
                log.info("slack.install_lives_on", team=found_by, told=reason)
                return True
            gone = replace(installation.workspace, bot_token="")
            await self._write(replace(installation, workspace=gone, refresh_token="", disabled=reason))
        log.warning("slack.install_disabled", team=found_by, reason=reason)
        return True

    async def _save(self, installation: Installation) -> None:
        async with self._alone(installation.id):
            await self._write(installation)

    async def _refresh(self, installation: Installation) -> bool | None:
        """Get new tokens for an installation that is held alone; says whether Slack gave them, None when it
        could not be asked."""
        try:
            await self._write_renewed(await self._grants.refresh(installation), used=installation)
        except NotGranted as error:
            log.warning("slack.refresh_refused", team=installation.id, code=error.code)
            return False
        except SlackAway:
            log.warning("slack.refresh_failed", team=installation.id)
            return None
        return True

    def _is_due(self, installation: Installation) -> bool:
        ends = installation.expires_at
        return not installation.disabled and ends is not None and ends - self._now() <= _REFRESH_BEFORE

    async def _lives_on(self, installation: Installation) -> bool:
        """Say whether a token works after all, or may be renewed. When nobody can tell, what we were told
        counts."""
        if installation.expires_at is not None and installation.expires_at <= self._now():
            return await self._refresh(installation) is not False  # its refresh token may still be good
        lives = await self._grants.is_alive(installation) is True
        if lives:
            self._keep_in_memory(installation.id, installation)  # what is there may be an older token
        return lives

    async def _write_renewed(self, renewed: Installation, *, used: Installation) -> None:
        """Keep new tokens, unless newer ones are there: this process slept, and lost its hold to another."""
        stands = await self._read(renewed.id)
        if stands is not None and not stands.disabled and stands.refresh_token != used.refresh_token:
            log.warning("slack.refresh_overtaken", team=renewed.id)
            return
        await self._write(renewed)

    # -- rows ----------------------------------------------------------------------------------------

    async def _find(self, found_by: str) -> Workspace | None:
        kept = self._kept.get(found_by)
        if kept is not None and kept.until > self._now():
            self._kept.move_to_end(found_by)
            return kept.workspace
        installation = await self._read(found_by)
        return self._keep_in_memory(found_by, installation)

    def _keep_in_memory(self, found_by: str, installation: Installation | None) -> Workspace | None:
        usable = None if installation is None or installation.disabled else installation.workspace
        self._kept[found_by] = _Kept(usable, self._now() + (_KNOWN_FOR if usable else _UNKNOWN_FOR))
        self._kept.move_to_end(found_by)
        if len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        return usable

    async def _read(self, found_by: str) -> Installation | None:
        row = await self._records.get(PREFIX + found_by)
        return None if row is None else self._opened(found_by, row)

    async def _write(self, installation: Installation) -> None:
        await self._records.put(PREFIX + installation.id, self._row(installation))
        self._keep_in_memory(installation.id, installation)

    def _row(self, installation: Installation) -> dict[str, Any]:
        workspace = installation.workspace
        tokens = {"bot": workspace.bot_token, "refresh": installation.refresh_token}
        return {
            "team": workspace.team,
            "enterprise": workspace.enterprise,
            "bot_user": workspace.bot_user,
            "bot_id": workspace.bot_id,
            "app_id": workspace.app_id,
            "scopes": sorted(workspace.scopes),
            "name": installation.name,
            "expires_at": installation.expires_at,
            "disabled": installation.disabled,
            "sealed": self._vault.seal(PREFIX + installation.id, tokens),
        }

    def _opened(self, found_by: str, row: Mapping[str, Any]) -> Installation | None:
        try:
            tokens = self._vault.open(PREFIX + found_by, row["sealed"])
        except CannotOpen:
            self._opens = self._opens or False
            log.warning("slack.install_unreadable", team=found_by)
            return None
        self._opens = True
        return Installation(
            workspace=Workspace(
                team=row["team"],
                enterprise=row["enterprise"],
                bot_token=tokens["bot"],
                bot_user=row["bot_user"],
                bot_id=row["bot_id"],
                app_id=row["app_id"],
                scopes=frozenset(row["scopes"]),
            ),
            name=row["name"],
            refresh_token=tokens["refresh"],
            expires_at=row["expires_at"],
            disabled=row["disabled"],
        )

    @asynccontextmanager
    async def _alone(self, found_by: str) -> AsyncIterator[None]:
        """Hold a row: nobody else changes it meanwhile, in this process or in another."""
        key, owner = f"held:{found_by}", secrets.token_hex(8)
        async with self._locks.setdefault(found_by, asyncio.Lock()):
            while not await self._records.add(  # noqa: ASYNC110 - it is another process that lets go
                key, owner, expires_at=self._now() + _HOLD
            ):
                await asyncio.sleep(_POLL)
            try:
                yield
            finally:
                await self._records.delete(key, only=owner)  # not a hold that another took after ours ended


def ended(event: Mapping[str, Any]) -> str:
    """Return why an event ends an installation: ``app_uninstalled`` or ``tokens_revoked``; else nothing.

    A revocation that names users' tokens only is none of the bot's token.
    """
    kind = event.get("type")
    if kind == "app_uninstalled":
        return "app_uninstalled"
    tokens = event.get("tokens")
    if kind == "tokens_revoked" and isinstance(tokens, dict) and tokens.get("bot"):
        return "tokens_revoked"
    return ""
