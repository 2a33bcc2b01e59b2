"""A whole bot in a test's own process: real store, real turns, real server, and a customer to play.

Needs no pytest; the fixtures ``bot`` and ``start_bot`` are made of it.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from supportbot import app, config
from supportbot.channel import config_of
from supportbot.feed import Lagged, Said, Settled
from supportbot.ids import new_id
from supportbot.messages import Inbound, Sender
from supportbot.testing.fakes import RecordingChannel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from supportbot.channel import Channel, ChannelConfig
    from supportbot.config import Loaded
    from supportbot.host import Host
    from supportbot.messages import (
        Accepted,
        Assurance,
        Attachment,
        Citation,
        Message,
        MessageState,
        Outbound,
        Sent,
    )
    from supportbot.model.base import Model

    ChannelClass = tuple[type[Channel], Mapping[str, Any]]

CUSTOMER = "customer"
"""The name of the channel through which ``StartedBot.say`` talks."""

_TEMPLATES = {
    "system.md.j2": "You are {{ bot.name }}. Answer the customer.\n",
    "knowledge.md.j2": "{% for passage in passages %}\n{{ passage.text | quoted }}\n{% endfor %}\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What became of something a customer said."""

    text: str
    """Empty when nobody answered: a person has the conversation."""
    state: MessageState
    """``answered``; ``handed_over`` to a person; ``dead`` when the bot failed (then ``text`` says sorry)."""
    citations: tuple[Citation, ...] = ()
    handoff: str = ""
    """Why the bot asked for a person; empty when it did not."""
    turn_id: str = ""
    """The bot's work on it; empty when it did none."""


class CustomerChannel(RecordingChannel):
    """The channel on which the test is the customer; its ``fates`` say how the platform behaves."""

    def __init__(self, config: ChannelConfig, host: Host) -> None:
        super().__init__(config, host)
        self.lent = host
        self._posted = asyncio.Condition()

    async def send(self, outbound: Outbound) -> Sent:
        """Do what the next fate says, and tell whoever waits for the post."""
        try:
            return await super().send(outbound)
        finally:
            async with self._posted:
                self._posted.notify_all()

    async def post(self, turn_id: str) -> Outbound:
        """Wait until the platform shows the reply of a turn."""
        async with self._posted:
            await self._posted.wait_for(lambda: any(post.turn_id == turn_id for post in self.posts))
        return next(post for post in self.posts if post.turn_id == turn_id)


class StartedBot:
    """A running bot, and the customers who talk to it."""

    def __init__(self, running: app.Running, channels: Mapping[str, Any]) -> None:
        self.url = running.url
        """Where it listens."""
        self.loaded: Loaded = running.loaded
        """The bot.yaml it runs with."""
        self.channels = channels
        """Its channels by name."""
        self.platform: CustomerChannel = channels[CUSTOMER]
        """Where ``say`` writes and replies are posted."""

    async def say(
        self,
        text: str,
        *,
        conversation: str = "anna",
        wants_person: bool = False,
        assurance: Assurance = "anonymous",
        attachments: tuple[Attachment, ...] = (),
        within: float = 10.0,
    ) -> Reply:
        """Write to the bot as a customer, and wait until the reply is on the platform.

        Args:
            text: what the customer writes.
            conversation: which of the customers, and their one conversation.
            wants_person: they pressed "talk to a person".
            assurance: how sure the channel is of who they are; ``verified`` for tools that require it.
            attachments: what comes with it; of an image the bytes, as ``data``.
            within: seconds to wait at most.

        Raises:
            TimeoutError: no reply was posted in time.
        """
        inbound = Inbound(
            channel=CUSTOMER,
            conversation=conversation,
            sender=Sender(id=conversation, assurance=assurance),
            text=text,
            keys=(new_id("m"),),
            wants_person=wants_person,
            attachments=attachments,
        )
        assert self.platform.accept is not None, "the bot has been started"
        async with asyncio.timeout(within):
            accepted = await self.platform.accept(inbound)
            message = await self._end(conversation, accepted)
            if message.turn_id is None or message.state in {"ignored", "pending"}:
                return Reply(text="", state=message.state)
            post = await self.platform.post(message.turn_id)
        return Reply(
            text=post.text,
            state=message.state,
            citations=post.citations,
            handoff=post.handoff,
            turn_id=message.turn_id,
        )

    async def messages(self, conversation: str = "anna") -> list[Message]:
        """Return the first hundred messages of a customer's conversation, oldest first."""
        return await self.platform.lent.transcripts.messages(conversation)

    async def _end(self, conversation: str, accepted: Accepted) -> Message:
        """Wait until a message is no longer pending, and return it."""
        with self.platform.lent.feed.listen(accepted.conversation_id) as events:
            message = await self._message(conversation, accepted)
            while message.state == "pending":
                event = await anext(events)
                if isinstance(event, Said | Settled | Lagged):
                    message = await self._message(conversation, accepted)
        return message

    async def _message(self, conversation: str, accepted: Accepted) -> Message:
        found = await self.platform.lent.transcripts.messages(conversation, after=accepted.seq - 1, limit=1)
        return found[0]


@asynccontextmanager
async def started_bot(
    bot_yaml: Path | str | Mapping[str, Any] | Loaded,
    folder: Path,
    *,
    model: Model | None = None,
    channels: Mapping[str, ChannelClass] | None = None,
) -> AsyncIterator[StartedBot]:
    """Run a bot until the block ends, on a new SQLite file and a free port whatever its bot.yaml says.

    Args:
        bot_yaml: a file; or the text or the content of one, whose paths begin at ``folder``: there short
            prompts and an empty knowledge are made unless they are there already. Or what was loaded of one.
        folder: for the database and what is made.
        model: answers instead of the models of bot.yaml, such as a ``ScriptedModel``.
        channels: channels beside those of bot.yaml, by name, as (class, section without ``type``); they
            need not be installed.

    Raises:
        ConfigError: bot.yaml has problems.
    """
    classes: dict[str, ChannelClass] = {**(channels or {}), CUSTOMER: (CustomerChannel, {})}
    loaded = _changed(await asyncio.to_thread(_loaded, bot_yaml, folder), folder, classes)
    made: dict[str, Any] = {}

    def make_channel(section: ChannelConfig, host: Host) -> Channel:
        channel_class: Any = classes[host.name][0] if host.name in classes else None
        made[host.name] = channel_class(section, host) if channel_class else app.make_channel(section, host)
        channel: Channel = made[host.name]
        return channel

    async with app.running(loaded, model=model, make_channel=make_channel) as running:
        yield StartedBot(running, made)


def _loaded(bot_yaml: Path | str | Mapping[str, Any] | Loaded, folder: Path) -> Loaded:
    if isinstance(bot_yaml, config.Loaded):
        return bot_yaml
    return config.load(bot_yaml if isinstance(bot_yaml, Path) else _write(bot_yaml, folder))


def _write(bot_yaml: str | Mapping[str, Any], folder: Path) -> Path:
    """Make a folder that a bot can run from."""
    path = _free(folder, "yaml")
    path.write_text(bot_yaml if isinstance(bot_yaml, str) else json.dumps(bot_yaml), "utf-8")
    (folder / "knowledge").mkdir(exist_ok=True)
    (folder / "prompts").mkdir(exist_ok=True)
    for name, words in _TEMPLATES.items():
        template = folder / "prompts" / name
        if not template.exists():
            template.write_text(words, "utf-8")
    return path


def _changed(loaded: Loaded, folder: Path, classes: Mapping[str, ChannelClass]) -> Loaded:
    """Put a bot on a database and a port of its own, and give it the channels that bot.yaml has not."""
    database = f"sqlite:///{_free(folder, 'db')}"
    server = loaded.config.server.model_copy(update={"host": "127.0.0.1", "port": 0})
    added = {
        name: config_of(channel_class).model_validate({"type": name, **section})
        for name, (channel_class, section) in classes.items()
    }
    sections = {**loaded.channels, **added}
    changes = {"database": database, "server": server, "channels": sections}
    return replace(
        loaded, config=loaded.config.model_copy(update=changes), channels=sections, database=database
    )


def _free(folder: Path, ending: Literal["yaml", "db"]) -> Path:
    """Return a path where no file is: several bots may share a folder."""
    number = len(list(folder.glob(f"bot*.{ending}"))) + 1
    return folder / f"bot{number}.{ending}"
