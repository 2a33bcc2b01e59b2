"""Whom the bot answers, and where."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from supportbot_slack.config import Rule
from supportbot_slack.events import Ignored, id_at
from supportbot_slack.inbound import keys_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine

    from supportbot.host import MakeLimiter
    from supportbot_slack.config import SlackConfig
    from supportbot_slack.inbound import Heard

_BOT_TURNS = 10
_BOT_WINDOW = 600.0  # seconds
_MOST_KEYS = 20_000
_TELL_EVERY = 600.0
"""Seconds between two notices of a kind to one user: that they write too much, or in the wrong place."""

_MENTION = Rule()

Verdict = Literal["answer", "if_taking_part"]
"""``if_taking_part``: only in a thread in which the bot has been spoken to before."""


class Rules:
    """The rules of bot.yaml."""

    def __init__(
        self, config: SlackConfig, limiter: MakeLimiter, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``limiter`` makes limits that all processes share; one between bots is this process's own."""
        limit = config.limit
        self._config = config
        self._bots = _Window(_BOT_TURNS, _BOT_WINDOW, clock)
        self._users = limit and limiter("limit", per_minute=limit.per_minute, burst=limit.burst)
        self._told = limiter("told", per_minute=60 / _TELL_EVERY, burst=1)
        self._counted: OrderedDict[str, None] = OrderedDict()
        self._counting: dict[str, asyncio.Future[str]] = {}

    def judge(self, heard: Heard) -> Verdict | Ignored:
        """Return what is to be done with somebody's words."""
        if heard.own:
            return Ignored("own_message")
        if heard.bot and heard.bot not in self._config.bots:
            return Ignored("bot")
        if heard.is_direct:
            return "answer" if self._config.direct_messages else Ignored("direct_message")
        return self._judge_in_channel(heard)

    def _judge_in_channel(self, heard: Heard) -> Verdict | Ignored:
        if self.is_agent(heard):
            return "if_taking_part"
        rule = self._rule(heard.channel)
        if refused := _refused(rule, heard.user):
            return refused
        if heard.mentioned or rule.answer == "every":
            return "answer"
        return "if_taking_part" if heard.thread else Ignored("not_addressed")

    def judge_place(self, channel: str, user: str, *, answered: str = "") -> Ignored | None:
        """Return why somebody may not ask beside messages: by a command, a shortcut, a button or a form.

        Args:
            channel: where; empty on the Home tab, which counts as a direct message.
            user: who.
            answered: where the answer goes, if that is another place: a channel, or a user's direct message.
        """
        if not channel or channel.startswith("D"):
            return None if self._config.direct_messages else Ignored("direct_message")
        refusal = _refused(self._rule(channel), user)
        if refusal is None and answered[:1] in {"D", "U", "W"} and not self._config.direct_messages:
            return Ignored("direct_message")
        return refusal

    def is_team_s(self, channel: str, teams: Collection[str]) -> bool:
        """Whether the team is told of hand-overs there.

        Args:
            channel: where.
            teams: the workspaces and the organisation that it may be in, as Slack names them.
        """
        where = self._config.handoff_team
        return channel == self._config.handoff_channel and (where is None or where in teams)

    def _rule(self, channel: str) -> Rule:
        # Where the team is told, people talk about customers, not to the bot.
        others = _MENTION if channel == self._config.handoff_channel else self._config.others
        return self._config.channels.get(channel, others)

    def is_agent(self, heard: Heard) -> bool:
        """Whether a member of the support team wrote it to a customer: in another's thread, and not to us."""
        if heard.bot or heard.mentioned or heard.is_direct or not heard.thread:
            return False
        return heard.user in self._config.agents and id_at(heard.event.body, "parent_user_id") != heard.user

    async def too_much(self, heard: Heard) -> str:
        """Count a message that would be answered; returns why it is not, ``loop`` or ``too_many``.

        One that comes again, or as another event, is counted once.
        """
        if not heard.bot:
            return await self.asks_too_much(f"{heard.event.team}/{heard.user}", keys_of(heard)[0])
        return await self._once(keys_of(heard)[0], self._bot_talks(heard.conversation))

    async def asks_too_much(self, who: str, key: str) -> str:
        """The same for a person's question of any kind, by its key."""
        return await self._once(key, self._user_asks(who))

    async def _bot_talks(self, conversation: str) -> str:
        return "" if self._bots.take(conversation) else "loop"

    async def _user_asks(self, who: str) -> str:
        return "too_many" if self._users and await self._users.take(who) else ""

    def came(self, heard: Heard) -> None:
        """A message was stored that had not come before: after a person's, bots may go on."""
        if not heard.bot:
            self._bots.forget(heard.conversation)

    async def _once(self, key: str, count: Coroutine[Any, Any, str]) -> str:
        if key in self._counted:
            count.close()
            return ""
        counting = self._counting.get(key)
        if counting is None:
            counting = self._counting[key] = asyncio.ensure_future(count)
            counting.add_done_callback(partial(self._note, key))
        else:  # as another event, at the same moment: the same is true of both
            count.close()
        return await asyncio.shield(counting)  # it is counted, also when whoever asked first is gone

    def _note(self, key: str, counting: asyncio.Future[str]) -> None:
        del self._counting[key]
        if counting.cancelled() or counting.exception() is not None or counting.result():
            return
        self._counted[key] = None
        if len(self._counted) > _MOST_KEYS:
            self._counted.popitem(last=False)

    async def is_to_be_told(self, heard: Heard, why: str) -> bool:
        """Whether a person whose words are not answered has not been told why lately; counts as telling."""
        return not heard.bot and not await self._told.take(f"{why}/{heard.event.team}/{heard.user}")


def _refused(rule: Rule, user: str) -> Ignored | None:
    if rule.answer == "off":
        return Ignored("channel_off")
    return Ignored("user_not_allowed") if rule.users and user not in rule.users else None


class _Window:
    """At most so many of a kind within so many seconds, by key."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._seconds = seconds
        self._now = clock
        self._taken: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, key: str) -> bool:
        """Take one, if there is one left."""
        now = self._now()
        taken = self._taken.setdefault(key, deque())
        self._taken.move_to_end(key)
        while taken and taken[0] <= now - self._seconds:
            taken.popleft()
        if len(taken) >= self._most:
            return False
        taken.append(now)
        if len(self._taken) > _MOST_KEYS:
            self._taken.popitem(last=False)
        return True

    def forget(self, key: str) -> None:
        """Begin anew."""
        self._taken.pop(key, None)
