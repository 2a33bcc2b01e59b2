"""The way in: whatever Slack sends is verified, stored, and only then acknowledged. No other call is made
before that: names, earlier messages and files are looked up when a turn begins."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from supportbot_slack.commands import NO_DIRECT, TOO_MUCH
from supportbot_slack.events import Event, Ignored, event_of, id_at
from supportbot_slack.inbound import Heard, deleted, heard, inbound_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from supportbot.channel import Accept
    from supportbot.host import Host
    from supportbot.messages import Accepted
    from supportbot_slack.identity import People
    from supportbot_slack.listeners import Listeners
    from supportbot_slack.rules import Rules
    from supportbot_slack.shared import SharedChannels

    Handle = Callable[[Event], Awaitable[None]]

_MOST_THREADS = 20_000
_ENDS = frozenset({"app_uninstalled", "tokens_revoked"})

log = structlog.get_logger(__name__)


class Watch(Protocol):
    """Is told what was accepted, to show that it is being answered."""

    def __call__(self, heard: Heard, accepted: Accepted) -> None:
        """A message is on disk. Must not wait."""


class Ingress:
    """Takes events, from either way in."""

    def __init__(
        self,
        host: Host,
        accept: Accept,
        rules: Rules,
        people: People,
        shared: SharedChannels,
        *,
        watch: Watch,
        tell: Callable[[Heard, str], None],
        is_ours: Callable[[Event], Awaitable[bool]],
        listeners: Listeners | None,
        others: Mapping[str, Handle],
    ) -> None:
        """Wire it.

        Args:
            host: what the core lends.
            accept: the way into the inbox.
            rules: whom to answer.
            people: who is who, as far as that is known already.
            shared: is told which channels are.
            watch: is told what was accepted.
            tell: tells somebody, now and then, why their words are not answered. Must not wait.
            is_ours: whether an event is for this app and a workspace it works in.
            listeners: the bot's author's own, for whatever is no message and ends no installation.
            others: what to do with events that are no messages, by type. They are stored, where they must be,
                when it returns.
        """
        self._host = host
        self._accept = accept
        self._rules = rules
        self._people = people
        self._shared = shared
        self._watch = watch
        self._tell = tell
        self._is_ours = is_ours
        self._listeners = listeners
        self._others = others
        self._taking_part: OrderedDict[str, None] = OrderedDict()

    async def take(self, payload: object) -> None:
        """Take one event; returns when it may be acknowledged.

        Raises:
            StoreUnavailable, NotAccepting: it may not.
        """
        event = event_of(payload)
        outcome = event if isinstance(event, Ignored) else await self._take(event, payload)
        if outcome is not None:
            self._host.ignored(outcome.reason)

    async def _take(self, event: Event, payload: Any) -> Ignored | None:
        if not await self._is_ours(event):
            return Ignored("tenant")
        if event.type in {"message", "app_mention"}:
            if event.shared is None:  # its keys depend on it: what the channel's other events said counts
                event = replace(event, shared=await self._shared.has(id_at(event.body, "channel")))
            if gone := deleted(event):
                await self._host.transcripts.redact(gone)
            said = heard(event)
            return said if isinstance(said, Ignored) else await self._hear(said)
        if self._listeners is not None and event.type not in _ENDS:
            is_theirs, _ = await self._listeners.take(payload)
            if is_theirs:
                return None
        handle = self._others.get(event.type)
        if handle is None:
            return Ignored("unknown_event")
        await handle(event)
        return None

    async def _hear(self, said: Heard) -> Ignored | None:
        await self._shared.note(said.channel, shared=bool(said.event.shared))
        verdict = self._rules.judge(said)
        if isinstance(verdict, Ignored):
            if verdict.reason == "direct_message" and await self._rules.is_to_be_told(said, verdict.reason):
                self._tell(
                    said, NO_DIRECT
                )  # there the bot alone was meant; in a channel silence is an answer
            return verdict
        if verdict == "if_taking_part" and not await self._takes_part(said.conversation):
            return Ignored("not_addressed")
        await self._store(said)
        return None

    async def _store(self, said: Heard) -> None:
        person, is_agent = self._people.known(said), self._rules.is_agent(said)
        inbound = inbound_of(
            said,
            channel=self._host.name,
            name=person.name,
            assurance=person.assurance,
            ignored="" if is_agent else await self._rules.too_much(said),  # a colleague is always heard
        )
        if is_agent:
            inbound = inbound.evolve(author="person")
        accepted = await self._accept(inbound)
        self._remember(said.conversation)
        if inbound.ignored == "loop":
            log.warning("slack.loop", conversation=said.conversation, bot=said.bot)
        if not accepted.duplicate:
            self._rules.came(said)
            self._watch(said, accepted)
            if inbound.ignored == "too_many" and await self._rules.is_to_be_told(said, inbound.ignored):
                self._tell(said, TOO_MUCH)

    async def _takes_part(self, conversation: str) -> bool:
        """Whether the bot was spoken to in a thread before."""
        if conversation in self._taking_part:
            self._taking_part.move_to_end(conversation)
            return True
        known = await self._host.transcripts.conversation_id(conversation) is not None
        if known:
            self._remember(conversation)
        return known

    def _remember(self, conversation: str) -> None:
        self._taking_part[conversation] = None
        if len(self._taking_part) > _MOST_THREADS:
            self._taking_part.popitem(last=False)
