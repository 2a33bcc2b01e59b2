"""The trial: customers write, everybody around the bot misbehaves, and again and again it dies."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import aiohttp

from supportbot.chaos import faults
from supportbot.chaos.audit import Evidence, Tables, compare_with_api, examine, needless
from supportbot.chaos.clients import Http, Visitor
from supportbot.chaos.fleet import fleet
from supportbot.chaos.folder import BotFolder
from supportbot.chaos.load import Follower, Habits, Load
from supportbot.chaos.model import ListeningModel
from supportbot.chaos.plan import Done
from supportbot.chaos.program import Program
from supportbot.chaos.receiver import Receiver
from supportbot.chaos.troubles import Troubles

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from supportbot.chaos.fleet import Fleet
    from supportbot.chaos.plan import Plan
    from supportbot.chaos.postgres import OwnServer
    from supportbot.chaos.verdict import Verdict

LEASE = 4.0
"""Seconds: the bot's ``turns.lease``, short, so that much is taken over; and longer than a process is left
without the processor on a busy machine, since it cannot end its work with its lease then."""

_FROZEN = 3 * LEASE
_PATIENCE = 2.0
"""Seconds: the bot's ``deliveries.timeout``, shorter than a platform hangs."""

_FOLLOWERS = 3
_REQUEST = 5.0
"""Seconds a customer waits for an acknowledgement before it is asked for again, of any process."""

_WHILE_STARTING = 0.3
"""How likely a process that is killed is killed again while it starts."""

_BETWEEN_STOPS = 5.0
"""Seconds, at most, between one clean stop and the next."""

_RESTART_EVERY = (5.0, 20.0)
"""Seconds between two crashes of the database."""

_DRAINED_WITHIN = 180.0
"""Seconds in which, with nothing failing any more, everything must have ended."""

_CAUGHT_UP_WITHIN = 15.0


async def hold(
    plan: Plan,
    root: Path,
    database: str,
    *,
    server: OwnServer | None = None,
    crash: Callable[[Program], Awaitable[None]] = Program.kill,
    report: Callable[[Done], None] = lambda _: None,
) -> Verdict:
    """Put a throwaway bot on trial.

    Args:
        plan: what it is to go through.
        root: an empty folder for its files.
        database: as in bot.yaml; an empty one that nobody else uses.
        server: the PostgreSQL that it is in, if it may be crashed.
        crash: how a process is killed.
        report: told now and then how far it is.

    Raises:
        BotDidNotStart, BotMisbehaved: it could not be held to the end.
    """
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(ListeningModel(in_order=False, keep=False, ending="."))
        receiver = await stack.enter_async_context(Receiver())
        session = await stack.enter_async_context(_session())
        folder = _folder(root, database, model, receiver, plan)
        bots = await stack.enter_async_context(fleet(folder, plan.processes, _chance(plan, "requests")))
        receiver.who = bots.who
        trial = _Trial(plan, bots, model, receiver, session, server=server, crash=crash, report=report)
        await trial.storm()
        return await trial.judge(Tables(_sync_url(folder)))


class _Trial:
    def __init__(
        self,
        plan: Plan,
        bots: Fleet,
        model: ListeningModel,
        receiver: Receiver,
        session: aiohttp.ClientSession,
        *,
        server: OwnServer | None,
        crash: Callable[[Program], Awaitable[None]],
        report: Callable[[Done], None],
    ) -> None:
        self._plan = plan
        self._bots = bots
        self._model = model
        self._receiver = receiver
        self._server = server
        self._crash = crash
        self._report = report
        self._done = Done()
        self._load = Load(
            Http(bots, session),
            model,
            customers=plan.conversations,
            chance=_chance(plan, "load"),
            habits=Habits(messages=plan.messages, repeats=plan.repeats, swaps=plan.swaps),
            enough=self._is_enough,
        )
        self._moments = faults.Moments(self._load, model, receiver, _chance(plan, "moments"))
        self._troubles = Troubles()
        self._flaky_model = faults.FlakyModel(model, _chance(plan, "model"), plan.model_faults)
        self._flaky_platform = faults.FlakyPlatform(receiver, _chance(plan, "platform"), plan.platform_faults)
        self._begun = asyncio.get_running_loop().time()
        self._problems: list[str] = []
        self._followers: list[Follower] = []
        self._following: list[asyncio.Task[None]] = []

    async def storm(self) -> None:
        """Let everything happen that the plan asks for, then let calm return."""
        try:
            async with asyncio.TaskGroup() as group:
                ticking = group.create_task(self._tick(group))
                following = group.create_task(self._follow(group))
                feeling = group.create_task(self._troubles.feel())
                async with asyncio.TaskGroup() as storm:
                    storm.create_task(self._load.run())
                    storm.create_task(self._kill(storm))
                    storm.create_task(self._freeze())
                    storm.create_task(self._stop(storm))
                    storm.create_task(self._restart())
                for task in (ticking, following, feeling, *self._following):
                    task.cancel()
                self._flaky_model.behave()
                self._flaky_platform.behave()
        except BaseExceptionGroup as errors:
            raise _first(errors) from None

    async def judge(self, tables: Tables) -> Verdict:
        """Let the bot finish, stop it, and compare what was promised with what happened."""
        problems = self._problems
        try:
            await tables.drained(within=_DRAINED_WITHIN)
        except TimeoutError:
            problems.append(f"not everything has ended {_DRAINED_WITHIN:.0f} s after the last fault")
        stored = await asyncio.to_thread(tables.stored)
        problems += await compare_with_api(self._load.conversations, stored)
        problems += [wrong for follower in self._followers for wrong in await _missed(follower)]
        codes = await self._bots.stop()
        if any(codes):
            problems.append(f"the processes stopped with the exit codes {codes}")
        problems += await asyncio.to_thread(_damage, self._bots.folder)
        verdict = await asyncio.to_thread(
            examine,
            Evidence(
                conversations=self._load.conversations,
                stored=stored,
                calls=self._model.calls,
                said=frozenset(self._model.said),
                tries=self._receiver.tries,
                forged=self._receiver.forged,
                wrong=self._model.wrong,
                overlapping=self._model.overlapping,
                troubles=self._troubles.seen,
            ),
        )
        verdict.problems += problems
        verdict.repeats = self._load.duplicates
        verdict.failed_starts = self._bots.failed_starts
        verdict.model_faults = self._flaky_model.faults
        verdict.platform_faults = self._flaky_platform.faults
        verdict.stalls = self._troubles.stalls
        for name, value in asdict(self._done).items():
            if name != "accepted":
                setattr(verdict, name, value)
        if self._plan.is_calm:
            verdict.problems += needless(verdict)
        return verdict

    # -- what happens at once -------------------------------------------------------------------

    def _is_enough(self) -> bool:
        done, plan = self._look(), self._plan
        restarted = self._server is None or done.restarts >= plan.restarts
        ended = done.kills >= plan.kills and done.stops >= plan.stops
        return ended and restarted and done.freezes >= plan.freezes and done.seconds >= plan.seconds

    def _look(self) -> Done:
        self._done.accepted = self._load.accepted
        self._done.seconds = asyncio.get_running_loop().time() - self._begun
        return self._done

    async def _kill(self, storm: asyncio.TaskGroup) -> None:
        chance = _chance(self._plan, "kills")
        while self._goes_on(self._done.kills, self._plan.kills):
            starting = chance.random() < _WHILE_STARTING and self._done.kills + 1 != self._plan.kills
            program = await faults.kill(
                self._bots, self._moments, self._troubles, chance, crash=self._crash, starting=starting
            )
            storm.create_task(self._bots.revive(program))
            self._done.kills += 1 + starting
            await self._moments.progress()

    async def _freeze(self) -> None:
        chance = _chance(self._plan, "freezes")
        for _ in range(self._plan.freezes):
            await asyncio.sleep(chance.uniform(0, _FROZEN))
            await faults.freeze(self._bots, self._moments, self._troubles, seconds=_FROZEN)
            self._done.freezes += 1

    async def _stop(self, storm: asyncio.TaskGroup) -> None:
        chance = _chance(self._plan, "stops")
        for _ in range(self._plan.stops):
            await asyncio.sleep(chance.uniform(0, _BETWEEN_STOPS))
            program, wrong = await faults.stop(self._bots, self._moments, self._troubles)
            storm.create_task(self._bots.revive(program))
            self._problems += [wrong] if wrong else []
            self._done.stops += 1

    async def _restart(self) -> None:
        if self._server is None:
            return
        chance = _chance(self._plan, "restarts")
        while self._goes_on(self._done.restarts, self._plan.restarts):
            await faults.restart(self._server, self._troubles, chance, pause=_RESTART_EVERY)
            self._done.restarts += 1

    def _goes_on(self, done: int, planned: int) -> bool:
        """Say whether there is more to do: less was done than planned, or there is time left for more."""
        return done < planned or (planned > 0 and self._look().seconds < self._plan.seconds)

    async def _tick(self, group: asyncio.TaskGroup) -> None:
        """Tell how far it is; start again what ended by itself, and hold that against it."""
        while True:
            self._report(self._look())
            for program in self._bots.fallen():
                code = await program.ended(within=1)
                self._problems.append(f"a process ended by itself with {code}: {program.errors[-1:]}")
                group.create_task(self._bots.revive(program))
            await asyncio.sleep(0.2)

    async def _follow(self, group: asyncio.TaskGroup) -> None:
        """Open browser tabs on the first visitors' conversations."""
        while len(visitors := self._visitors()) < min(_FOLLOWERS, self._plan.conversations // 2):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        self._followers = [Follower(visitor) for visitor in visitors[:_FOLLOWERS]]
        self._following = [group.create_task(follower.run()) for follower in self._followers]

    def _visitors(self) -> list[Visitor]:
        return [c.writer for c in self._load.conversations if isinstance(c.writer, Visitor)]


async def _missed(follower: Follower) -> list[str]:
    """Let a browser tab catch up, and return whether it was shown every message once and in order."""
    messages = await follower.visitor.read()
    if not messages:
        return []
    last = messages[-1]["seq"]
    following = asyncio.create_task(follower.run())
    with suppress(TimeoutError):
        async with asyncio.timeout(_CAUGHT_UP_WITHIN):
            await follower.reached(last)
    following.cancel()
    shown = follower.seqs == list(range(1, last + 1))
    return [] if shown else [f"{follower.visitor.conversation}: a tab was shown {follower.seqs} of {last}"]


def _folder(root: Path, database: str, model: ListeningModel, receiver: Receiver, plan: Plan) -> BotFolder:
    """Return a bot that gives up nothing soon, and waits for nobody long, unless nobody is made to fail."""
    short: dict[str, Any] = {"first_token_timeout": 1, "idle_timeout": 1, "total_timeout": 5}
    return BotFolder(
        root,
        model_url=model.url,
        model={} if plan.is_calm else short,
        database=database,
        webhook=receiver.section,
        turns={"attempts": plan.attempts} | ({} if plan.is_calm else {"lease": LEASE}),
        deliveries={} if plan.is_calm else {"timeout": _PATIENCE},
        log={"level": "warning"},
    )


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=_REQUEST),
    )


def _chance(plan: Plan, purpose: str) -> random.Random:
    """Return chance of a purpose's own: what one part draws changes no other part's luck."""
    return random.Random(f"{plan.seed} {purpose}")  # noqa: S311 - to be repeated, not to be secret


def _damage(folder: BotFolder) -> list[str]:
    """Return what SQLite finds wrong with its file."""
    said = folder.integrity() if folder.database.startswith("sqlite:") else "ok"
    return [] if said == "ok" else [f"the database is damaged: {said}"]


def _sync_url(folder: BotFolder) -> str:
    is_file = folder.database.startswith("sqlite:")
    return f"sqlite:///{folder.database_file}" if is_file else folder.database


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error that began it all."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
