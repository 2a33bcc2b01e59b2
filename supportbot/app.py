"""The wiring: one bot.yaml becomes one running bot. The only module that knows all the parts.

async with running(loaded) as bot:
    print(bot.url)
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import BaseModel, SecretStr

from supportbot import __version__, schema, server, web
from supportbot import log as logging_setup
from supportbot.brain import Brain
from supportbot.channel import CanReport, CanShow, FollowedConfig, load_channel
from supportbot.completion import Completions
from supportbot.contacts import ChannelContacts
from supportbot.drafts import ChannelDrafts
from supportbot.errors import DatabaseUnusable
from supportbot.feed import Feed
from supportbot.follow_ups import FollowUps
from supportbot.health import Health, disk_free
from supportbot.host import ROLES, Host
from supportbot.housekeeping import Backlog, keep_house
from supportbot.images.gallery import Gallery
from supportbot.inbox import Inbox
from supportbot.limits import Limits
from supportbot.lockfile import LockFile
from supportbot.memory import Memories
from supportbot.metrics import Metrics
from supportbot.outbox import Outbox
from supportbot.outbox.handoffs import ChannelHandoffs
from supportbot.outbox.returns import ChannelReturns
from supportbot.presence import ChannelPresence
from supportbot.processes import PART, in_time, joined, make_engine, needed_roles
from supportbot.ratings import ChannelRatings
from supportbot.records import ChannelRecords
from supportbot.roster import Roster
from supportbot.session import ChannelTranscripts
from supportbot.spending import Caps, Till
from supportbot.store import open_store, sqlite_path
from supportbot.store.probe import hangs, probe
from supportbot.triage import Triages
from supportbot.turns import Rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from supportbot.channel import Channel, ChannelConfig, FollowUp
    from supportbot.config import Loaded
    from supportbot.health import Check, Weak
    from supportbot.model.base import Model
    from supportbot.outbox.notices import Untold
    from supportbot.store import Store
    from supportbot.turns import Engine

    MakeChannel = Callable[[ChannelConfig, Host], Channel]

_FINISH = 8.0
"""Seconds that turns in flight get to finish when the bot stops; with the rest below 15 in all."""

_DELIVER = 3.0
"""Seconds that deliveries in flight get after that, before their channels are closed."""

log = structlog.get_logger("supportbot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A bot at work."""

    url: str
    """Where it listens."""
    loaded: Loaded
    engine: Engine
    brain: Brain
    pages: tuple[str, ...] = ()
    """Addresses of pages for people, such as the one with the website's widget."""

    def reload(self, loaded: Loaded) -> None:
        """Take over what may change while it runs: the knowledge, the prompts, the models, the texts.

        Raises:
            ConfigError, PromptError: the new ones cannot be used; the old ones stay.
        """
        self.brain.reload(loaded)


def make_channel(section: ChannelConfig, host: Host) -> Channel:
    """Make the channel that a section of bot.yaml names by its type."""
    channel_class: Any = load_channel(section.type)
    channel: Channel = channel_class(section, host)
    return channel


def make_channels(
    loaded: Loaded,
    store: Store,
    feed: Feed,
    metrics: Metrics,
    make_channel: MakeChannel,
    *,
    limits: Limits,
    follow_ups: FollowUps | None = None,
    roles: frozenset[str] = ROLES,
    interrupt: Callable[[str], None] = lambda _conversation_id: None,
    look_at: Callable[[str], None] = lambda _delivery_id: None,
) -> dict[str, Channel]:
    """Make the channels of bot.yaml, by name, each with what the core lends it. None is started.

    ``interrupt`` stops this process's work on a conversation that a person has taken over; ``look_at`` has it
    make a delivery at once.
    """
    made: dict[str, Channel] = {}
    rules = follow_up_rules(loaded)
    for name, section in loaded.channels.items():
        host = Host(
            name=name,
            records=ChannelRecords(store, name),
            transcripts=ChannelTranscripts(store, name),
            feed=feed,
            ignored=partial(metrics.message_ignored, name),
            links_cut=partial(metrics.links_cut, name),
            refused=partial(metrics.refused, name),
            tools=bool(loaded.tools),
            ratings=ChannelRatings(store, name, metrics),
            returned=ChannelReturns(store, name, metrics),
            drafts=ChannelDrafts(store, name, metrics),
            contacts=ChannelContacts(store, name, reaches=follow_ups),
            presence=ChannelPresence(store, name, after=rules[name].after if name in rules else 0.0),
            handoffs=ChannelHandoffs(store, feed, name, interrupt=interrupt, look_at=look_at),
            limiter=partial(limits.limiter, name),
            vault=loaded.vault,
            base_path=f"/channels/{name}",
            bot_name=loaded.config.bot.name,
            roles=roles,
            company=loaded.config.bot.company,
            folder=loaded.root,
            images=any(section.vision for section in loaded.config.model),
        )
        made[name] = make_channel(section, host)
    if follow_ups is not None:
        follow_ups.use(made)
    return made


def follow_up_rules(loaded: Loaded) -> dict[str, FollowUp]:
    """Return what becomes of what is missed, by the names of the channels where it may be."""
    return {
        name: section.follow_up
        for name, section in loaded.channels.items()
        if isinstance(section, FollowedConfig) and section.follow_up is not None
    }


@asynccontextmanager
async def running(
    loaded: Loaded,
    *,
    model: Model | None = None,
    make_channel: MakeChannel = make_channel,
    only: str = "",
    roles: frozenset[str] = ROLES,
) -> AsyncIterator[Running]:
    """Start the bot, and stop it cleanly on leaving: within 15 s, losing nothing.

    Args:
        loaded: what bot.yaml says.
        model: answers instead of the models of bot.yaml.
        make_channel: how a section of bot.yaml becomes a channel.
        only: work for this one of ``loaded.channels``; what waits for other channels is left as it is.
        roles: what of it all this process does, where others do the rest.

    Raises:
        SupportBotError: it cannot start; the message says what to do.
    """
    config = loaded.config
    async with AsyncExitStack() as stack:
        lock = _lock(loaded.database, stack)
        await asyncio.to_thread(_prepare, loaded.database)
        metrics = Metrics()
        store = open_store(loaded.database, observe=metrics.store_committed)
        stack.push_async_callback(store.close)
        feed = Feed()
        owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        caps = Caps.of(config.spending)
        till = Till(store, caps, alone=lock is not None, counts=metrics)
        roster = Roster(store, owner, roles, needed_roles(loaded.channels))
        limits = Limits(store, owner=owner, alone=lock is not None, counts=metrics)
        engine = make_engine(
            loaded.database,
            store,
            feed,
            Rules(
                owner=owner,
                lease_ms=int(config.turns.lease * 1000),
                attempts=config.turns.attempts,
                # What is more than that is left out by the prompt, which has to see it; the rest is rare.
                history=2 * config.prompts.history_messages,
                only=only,
                capped=caps.conversation is not None,
            ),
            roles=roles,
            counts=metrics,
            alone=lock is not None,
            concurrency=config.turns.concurrency,
            timeout=config.turns.timeout,
            retry_delay=config.turns.retry_delay,
        )
        await stack.enter_async_context(joined(loaded.database, feed, engine, owner, metrics))
        follow_ups = FollowUps(store, {} if only else follow_up_rules(loaded), counts=metrics)
        memories = Memories(
            store, owner=owner, alone=lock is not None, only=only, timeout=config.turns.timeout
        )
        outbox = Outbox(
            store,
            feed,
            owner=owner,
            enlist=engine.enlist,
            remember=memories.keep,
            charge=till.charge,
            missed=follow_ups.said,
            currency=caps.currency,
            counts=metrics,
            alone=lock is not None,
            attempts=config.deliveries.attempts,
            retry_delay=config.deliveries.retry_delay,
            timeout=config.deliveries.timeout,
            settle_delay=config.deliveries.settle_delay,
            only=only,
        )
        backlog = Backlog(store, metrics)
        triages = Triages(store, metrics)
        completions = Completions()
        gallery = stack.enter_context(closing(Gallery(store)))
        brain = Brain(
            loaded,
            outbox,
            engine,
            memories,
            triages,
            store=store,
            metrics=metrics,
            till=till,
            limits=limits,
            completions=completions,
            gallery=gallery,
            model=model,
        )
        stack.push_async_callback(in_time, brain.close)
        inbox = Inbox(
            store,
            feed,
            enlist=engine.enlist,
            interrupt=engine.interrupt,
            counts=metrics,
            missed=follow_ups.said,
            debounce=config.turns.debounce,
            vault=loaded.vault,
            look_at=outbox.deliveries.look_at,
        )
        channels = make_channels(
            loaded,
            store,
            feed,
            metrics,
            make_channel,
            limits=limits,
            follow_ups=follow_ups,
            roles=roles,
            interrupt=engine.interrupt,
            look_at=outbox.deliveries.look_at,
        )
        completions.use(channels)
        application = _application(
            loaded,
            channels,
            inbox,
            store,
            metrics,
            untold=outbox.untold,
            weak=lambda: {**brain.problems(), **roster.problems(), **backlog.problems()},
            takes="web" in roles,
        )
        await till.start()
        stack.push_async_callback(in_time, till.stop)
        stack.push_async_callback(in_time, triages.stop)
        listening = await server.serve(application, config.server, metrics)
        stack.push_async_callback(listening.stop, 2.0)
        if "worker" in roles:  # stops before the channels are closed, which deliveries at work still need
            await _start_work(stack, channels, outbox, memories, follow_ups)
        stack.callback(asyncio.create_task(keep_house(store, limits, outbox.untold, backlog)).cancel)
        try:
            await engine.start()  # last: a start that fails must not have begun, and counted, any turn
            await _sign_in(stack, lock, None if only else roster, listening.url)
            _say_started(listening.url, channels, roles)
            yield Running(
                url=listening.url,
                loaded=loaded,
                engine=engine,
                brain=brain,
                pages=_pages(channels, listening.url) if "web" in roles else (),
            )
        finally:
            log.info("bot.stopping", turns=engine.running)
            listening.drain()
            inbox.close()
            await engine.stop(0.0 if await hangs(store) else _FINISH)
            feed.close()
    log.info("bot.stopped")


def configure_logging(loaded: Loaded) -> None:
    """Set up this process's log; no secret of bot.yaml will be seen in it."""
    secrets_ = [value for part in (loaded.config, *loaded.channels.values()) for value in _secrets(part)]
    logging_setup.set_up(loaded.config.log, secrets=secrets_)


# -- one part each -------------------------------------------------------------------------------


def _lock(database: str, stack: AsyncExitStack) -> LockFile | None:
    """On SQLite, take the right to be the only bot on this file."""
    path = sqlite_path(database)
    if path is None:
        return None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnusable(database=str(path), cause=str(error)) from error
    lock = LockFile(path)
    lock.acquire()
    stack.callback(lock.release)
    return lock


def _prepare(database: str) -> None:
    """Make sure that the database is right, and may be written."""
    schema.prepare(database)
    schema.check_writable(database)


async def _sign_in(stack: AsyncExitStack, lock: LockFile | None, roster: Roster | None, url: str) -> None:
    """Let others know of this process: by the lock where it is alone, else among those on the same store."""
    if lock is not None:
        lock.update({"url": url, "version": __version__})
    elif roster is not None:
        stack.push_async_callback(in_time, roster.stop)
        await roster.start()


async def _start_work(
    stack: AsyncExitStack,
    channels: Mapping[str, Channel],
    outbox: Outbox,
    memories: Memories,
    follow_ups: FollowUps,
) -> None:
    await outbox.start(channels)
    stack.push_async_callback(in_time, outbox.stop, _DELIVER, within=_DELIVER + PART)
    await memories.start()
    stack.push_async_callback(in_time, memories.stop)
    await follow_ups.start()
    stack.push_async_callback(in_time, follow_ups.stop)


def _application(
    loaded: Loaded,
    channels: Mapping[str, Channel],
    inbox: Inbox,
    store: Store,
    metrics: Metrics,
    *,
    untold: Untold,
    weak: Weak,
    takes: bool,
) -> Any:
    config = loaded.config
    application = web.new_application(config.server, metrics)
    checks: dict[str, Check] = {"store": lambda: probe(store)}
    path = sqlite_path(loaded.database)
    if path is not None:
        checks["disk"] = disk_free(path.parent)
    for name, channel in channels.items():
        part = channel.app(inbox.accept)  # started in every role: what is sent needs its connections
        if not takes:
            part.middlewares.insert(0, web.closed)
        application.add_subapp(f"/channels/{name}/", part)
    health = Health(
        checks,
        metrics,
        admin_token=config.server.admin_token,
        # Weak, since the website's chat goes on while the mailbox is shut.
        weak=lambda: {**_reports(channels, untold.problems()), **weak()},
    )
    application.add_routes(health.routes())
    return application


def _say_started(url: str, channels: Mapping[str, Channel], roles: frozenset[str]) -> None:
    told = {"channels": ", ".join(sorted(channels)), "roles": ", ".join(sorted(roles))}
    log.info("bot.started", url=url, **told)


def _pages(channels: Mapping[str, Channel], url: str) -> tuple[str, ...]:
    """Return the addresses of channels' pages."""
    paths = [channel.page() for channel in channels.values() if isinstance(channel, CanShow)]
    return tuple(url + path for path in paths if path)


def _reports(channels: Mapping[str, Channel], untold: Mapping[str, str]) -> dict[str, str]:
    """Return what each channel that can say so says of itself, or else what the team was not told in it."""
    own = {name: _report(channel) for name, channel in channels.items() if isinstance(channel, CanReport)}
    named = {**dict.fromkeys(untold, ""), **own}
    return {f"channel {name}": problem or untold.get(name, "") for name, problem in named.items()}


def _report(channel: CanReport) -> str:
    try:
        return channel.problem()
    except Exception as error:  # noqa: BLE001 - a stranger's channel; that it cannot say is a finding
        return f"failed with {type(error).__name__}"


def _secrets(part: object) -> Iterator[str]:
    """Yield every secret value in a configuration."""
    if isinstance(part, SecretStr):
        yield part.get_secret_value()
    elif isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from _secrets(getattr(part, name))
    elif isinstance(part, dict):
        for value in part.values():
            yield from _secrets(value)
    elif isinstance(part, list | tuple):
        for value in part:
            yield from _secrets(value)
