"""The wiring: one bot.yaml becomes one running bot. The only module that knows all the parts.

async with running(loaded) as bot:
    print(bot.url)
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import BaseModel, SecretStr

from supportbot import log as logging_setup
from supportbot import schema, server, session, web
from supportbot.bot import Bot
from supportbot.channel import CanReport, Host, load_channel
from supportbot.completion import Completions
from supportbot.errors import DatabaseUnusable
from supportbot.feed import Feed
from supportbot.health import Health, disk_free
from supportbot.inbox import Inbox
from supportbot.knowledge import Knowledge
from supportbot.knowledge.phrases import Phrases
from supportbot.lockfile import LockFile
from supportbot.memory import Memories, Summariser
from supportbot.messages import Choice
from supportbot.metrics import Metrics
from supportbot.model import build as build_model
from supportbot.model import writers
from supportbot.model.base import Reports
from supportbot.model.knowledge import KnowledgeModel
from supportbot.outbox import Outbox
from supportbot.prompt import Prompts
from supportbot.ratings import ChannelRatings
from supportbot.session import ChannelRecords, ChannelTranscripts
from supportbot.steps import Steps
from supportbot.store import open_store, sqlite_path
from supportbot.store.probe import probe, waiting_counts
from supportbot.turns import LocalEngine, Rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from supportbot.channel import Channel, ChannelConfig
    from supportbot.config import Config, Loaded
    from supportbot.health import Check, Weak
    from supportbot.model.base import Model
    from supportbot.store import Store

    MakeChannel = Callable[[ChannelConfig, Host], Channel]

_MODELS_SHARE = 0.95
"""Part of ``turns.timeout`` that all model endpoints have together; after it the knowledge answers."""

_FINISH = 8.0
"""Seconds that turns in flight get to finish when the bot stops; with the rest below 15 in all."""

_DELIVER = 3.0
"""Seconds that deliveries in flight get after that."""

_YES_OR_NO = (Choice(label="Yes, do it", says="yes"), Choice(label="No", says="no"))
"""What a customer may press when they are asked to confirm something."""

_HOUSEKEEPING = 15.0
"""Seconds between two counts of what waits; every 20th time what has expired is deleted."""

log = structlog.get_logger("supportbot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A bot at work."""

    url: str
    """Where it listens."""
    loaded: Loaded
    engine: LocalEngine
    brain: Brain

    def reload(self, loaded: Loaded) -> None:
        """Take over what may change while it runs: the knowledge, the prompts, the models, the texts.

        Raises:
            ConfigError, PromptError: the new ones cannot be used; the old ones stay.
        """
        self.brain.reload(loaded)


class Brain:
    """What answers: knowledge, prompts, models and texts; all of it can be exchanged while the bot runs.

    A ``model`` that is given answers instead of those of bot.yaml, always.
    """

    def __init__(
        self,
        loaded: Loaded,
        outbox: Outbox,
        engine: LocalEngine,
        memories: Memories,
        *,
        store: Store,
        metrics: Metrics,
        completions: Completions,
        model: Model | None = None,
    ) -> None:
        self._given_model = model
        self._completions = completions
        self._store = store
        self._metrics = metrics
        self._outbox = outbox
        self._engine = engine
        self._memories = memories
        self._models: list[Model] = []
        self.reload(loaded)

    def reload(self, loaded: Loaded) -> None:
        """Build everything anew, then let the next turn use it; turns at work keep what they began with."""
        config = loaded.config
        knowledge = Knowledge.load(config.knowledge.path)
        model = self._given_model or build_model(
            config.model,
            KnowledgeModel(knowledge, config.texts, threshold=config.knowledge.threshold),
            self._metrics,
            within=_MODELS_SHARE * config.turns.timeout,
        )
        prompts = make_prompts(config)
        self._models.append(model)
        self._memories.use(_summariser(config, prompts, model))
        self._engine.use(
            Bot(
                knowledge=knowledge,
                complete=self._completions.complete,
                prompts=prompts,
                model=self._with_tools(model, loaded),
                outbox=self._outbox,
                passages=config.knowledge.passages,
                handoff_text=config.texts.handoff,
                failed_text=config.texts.failed,
                patience=config.turns.lease,
            )
        )

    def _with_tools(self, model: Model, loaded: Loaded) -> Model:
        """Let a model use the tools of bot.yaml, if there are any."""
        if not loaded.tools:
            return model
        return Steps(
            model,
            loaded.tools,
            self._store,
            agrees=Phrases.load().agrees,
            confirm_text=loaded.config.texts.confirm,
            choices=_YES_OR_NO,
            confirm_within=loaded.config.turns.confirm_within,
            patience=loaded.config.turns.lease,
            counts=self._metrics,
        )

    def problems(self) -> dict[str, str]:
        """Return what is wrong with each model endpoint; empty where all is well. Answers come all the same,
        from the next one or the knowledge."""
        model = self._models[-1]
        found = model.problems() if isinstance(model, Reports) else {}
        return {f"model {name}": problem for name, problem in found.items()}

    async def close(self) -> None:
        """Let go of the models' connections."""
        for model in self._models:
            await model.close()


def make_prompts(config: Config) -> Prompts:
    """Make what turns conversations into the words a model reads.

    Raises:
        PromptError: the templates cannot be used.
    """
    return Prompts(
        config.prompts.path,
        system=config.prompts.system,
        history_tokens=config.prompts.history_tokens,
        history_messages=config.prompts.history_messages,
        keep=config.memory.keep,
        pin=config.memory.pin,
        summary_tokens=config.memory.summary_tokens,
        bot=config.bot.model_dump(),
    )


def _summariser(config: Config, prompts: Prompts, model: Model) -> Summariser | None:
    """Make what writes summaries; None without a language model, or when none are wanted."""
    tokens, model_alone = config.memory.summary_tokens, writers(model)
    if not tokens or model_alone is None:
        return None
    return Summariser(prompts=prompts, model=model_alone, tokens=tokens)


def make_channel(section: ChannelConfig, host: Host) -> Channel:
    """Make the channel that a section of bot.yaml names by its type."""
    channel_class: Any = load_channel(section.type)
    channel: Channel = channel_class(section, host)
    return channel


def make_channels(
    loaded: Loaded, store: Store, feed: Feed, metrics: Metrics, make_channel: MakeChannel
) -> dict[str, Channel]:
    """Make the channels of bot.yaml, by name, each with what the core lends it. None is started."""
    made: dict[str, Channel] = {}
    for name, section in loaded.channels.items():
        host = Host(
            name=name,
            records=ChannelRecords(store, name),
            transcripts=ChannelTranscripts(store, name),
            feed=feed,
            ignored=partial(metrics.message_ignored, name),
            ratings=ChannelRatings(store, name, metrics),
            base_path=f"/channels/{name}",
            bot_name=loaded.config.bot.name,
        )
        made[name] = make_channel(section, host)
    return made


@asynccontextmanager
async def running(
    loaded: Loaded,
    *,
    model: Model | None = None,
    make_channel: MakeChannel = make_channel,
    only: str = "",
) -> AsyncIterator[Running]:
    """Start the bot, and stop it cleanly on leaving: within 15 s, losing nothing.

    Args:
        loaded: what bot.yaml says.
        model: answers instead of the models of bot.yaml.
        make_channel: how a section of bot.yaml becomes a channel.
        only: work for this one of ``loaded.channels``; what waits for other channels is left as it is.

    Raises:
        SupportBotError: it cannot start; the message says what to do.
    """
    config = loaded.config
    async with AsyncExitStack() as stack:
        lock = _lock(loaded.database, stack)
        await asyncio.to_thread(schema.prepare, loaded.database)
        metrics = Metrics()
        store = open_store(loaded.database, observe=metrics.store_committed)
        stack.push_async_callback(store.close)
        feed = Feed()
        owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        engine = LocalEngine(
            store,
            feed,
            Rules(
                owner=owner,
                lease_ms=int(config.turns.lease * 1000),
                attempts=config.turns.attempts,
                # What is more than that is left out by the prompt, which has to see it; the rest is rare.
                history=2 * config.prompts.history_messages,
                only=only,
            ),
            counts=metrics,
            alone=lock is not None,
            concurrency=config.turns.concurrency,
            timeout=config.turns.timeout,
            retry_delay=config.turns.retry_delay,
        )
        memories = Memories(
            store, owner=owner, alone=lock is not None, only=only, timeout=config.turns.timeout
        )
        outbox = Outbox(
            store,
            feed,
            owner=owner,
            enlist=engine.enlist,
            remember=memories.keep,
            counts=metrics,
            alone=lock is not None,
            attempts=config.deliveries.attempts,
            retry_delay=config.deliveries.retry_delay,
            timeout=config.deliveries.timeout,
            settle_delay=config.deliveries.settle_delay,
            only=only,
        )
        completions = Completions()
        brain = Brain(
            loaded,
            outbox,
            engine,
            memories,
            store=store,
            metrics=metrics,
            completions=completions,
            model=model,
        )
        stack.push_async_callback(brain.close)
        inbox = Inbox(
            store,
            feed,
            enlist=engine.enlist,
            interrupt=engine.interrupt,
            counts=metrics,
            debounce=config.turns.debounce,
        )
        channels = make_channels(loaded, store, feed, metrics, make_channel)
        completions.use(channels)
        application = _application(loaded, channels, inbox, store, metrics, weak=brain.problems)
        await outbox.start(channels)
        stack.push_async_callback(outbox.stop, _DELIVER)
        await memories.start()
        stack.push_async_callback(memories.stop)
        listening = await server.serve(application, config.server, metrics)
        stack.push_async_callback(listening.stop, 2.0)
        keeper = asyncio.create_task(_keep_house(store, metrics))
        stack.callback(keeper.cancel)
        try:
            await engine.start()  # last: a start that fails must not have begun, and counted, any turn
            if lock is not None:
                lock.update({"url": listening.url})
            log.info("bot.started", url=listening.url, channels=", ".join(sorted(channels)))
            yield Running(url=listening.url, loaded=loaded, engine=engine, brain=brain)
        finally:
            log.info("bot.stopping", turns=engine.running)
            listening.drain()
            inbox.close()
            await engine.stop(_FINISH)
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


def _application(
    loaded: Loaded,
    channels: Mapping[str, Channel],
    inbox: Inbox,
    store: Store,
    metrics: Metrics,
    *,
    weak: Weak,
) -> Any:
    config = loaded.config
    application = web.new_application(config.server, metrics)
    checks: dict[str, Check] = {"store": lambda: probe(store)}
    path = sqlite_path(loaded.database)
    if path is not None:
        checks["disk"] = disk_free(path.parent)
    for name, channel in channels.items():
        application.add_subapp(f"/channels/{name}/", channel.app(inbox.accept))
        if isinstance(channel, CanReport):
            checks[f"channel {name}"] = _report(channel)
    health = Health(checks, metrics, admin_token=config.server.admin_token, weak=weak)
    application.add_routes(health.routes())
    return application


def _report(channel: CanReport) -> Check:
    async def check() -> str:
        return channel.problem()

    return check


async def _keep_house(store: Store, metrics: Metrics) -> None:
    """Count what waits, and delete what has expired."""
    rounds = 0
    while True:
        try:
            turns, deliveries = await waiting_counts(store)
            metrics.turns_waiting(turns)
            metrics.deliveries_open(deliveries)
            if rounds % 20 == 0:
                await session.purge_expired(store)
        except Exception as error:  # noqa: BLE001 - housekeeping must never take the house down
            log.warning("housekeeping.failed", error=type(error).__name__)
        rounds += 1
        await asyncio.sleep(_HOUSEKEEPING)


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
