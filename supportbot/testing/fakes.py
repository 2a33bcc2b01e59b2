"""Fakes to test with: a platform that misbehaves on cue, a model that says what it is told."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from aiohttp import web

from supportbot.channel import Capabilities, ChannelConfig
from supportbot.errors import ModelError, Refused, RetryAfter, Unclear
from supportbot.ids import new_id
from supportbot.messages import Answer, Sent, ToolCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from supportbot.changes import Withdrawn
    from supportbot.channel import Accept
    from supportbot.host import Host
    from supportbot.messages import Notice, Outbound, Prompt
    from supportbot.model.base import Sink

Fate = Literal["delivered", "refused", "busy", "lost", "unclear but there", "crash but there"]
"""What becomes of one post: taken; refused for good; asked to wait; not taken, and nobody knows; taken, and
nobody knows; taken, and the channel breaks."""


class RecordingChannel:
    """A channel on a platform that exists in memory and does with each post what the next fate says.

    ``posts`` is what the platform shows: the one truth about what a customer sees.
    """

    class Config(ChannelConfig):
        """Nothing to set."""

    capabilities: ClassVar[Capabilities] = Capabilities()

    def __init__(self, config: ChannelConfig | None = None, host: Host | None = None) -> None:
        self.host = host
        self.accept: Accept | None = None
        """The way in, once the channel is mounted: a test hands messages in itself."""
        self.posts: list[Outbound] = []
        self.calls: list[str] = []
        """Every call in its order: ``send <delivery id>``, ``find <delivery id>``; of a ``TeamChannel`` also
        ``update …`` and ``withdraw …``."""
        self.fates: deque[Fate] = deque()
        self.retry_after: float | None = 0.05
        """Seconds that a busy platform asks to wait; None when it does not say."""

    def app(self, accept: Accept) -> web.Application:
        """No routes; keeps ``accept``."""
        self.accept = accept
        return web.Application()

    async def send(self, outbound: Outbound) -> Sent:
        """Do what the next fate says; deliver when there is none."""
        self.calls.append(f"send {outbound.delivery_id}")
        self._meet(self.fates, lambda: self.posts.append(outbound))
        return Sent(external_id=f"post-{len(self.posts)}")

    def _meet(self, fates: deque[Fate], take: Callable[[], None]) -> None:
        """Let the platform take something, or not, as the next fate says."""
        fate = fates.popleft() if fates else "delivered"
        if fate == "refused":
            raise Refused(cause="channel_not_found")
        if fate == "busy":
            raise RetryAfter(seconds=self.retry_after, cause="ratelimited")
        if fate == "lost":
            raise Unclear(cause="connection reset")
        take()
        if fate == "unclear but there":
            raise Unclear(cause="connection reset")
        if fate == "crash but there":
            raise RuntimeError("the channel broke")

    async def find(self, outbound: Outbound) -> Sent | None:
        """Look among the posts."""
        self.calls.append(f"find {outbound.delivery_id}")
        for number, post in enumerate(self.posts, start=1):
            if post.delivery_id == outbound.delivery_id:
                return Sent(external_id=f"post-{number}")
        return None

    @property
    def texts(self) -> list[str]:
        """The posts' texts, in the order in which the platform took them."""
        return [post.text for post in self.posts]


class TeamChannel(RecordingChannel):
    """The same platform with a place for the team: it is told there of customers who wait for a person, that
    is kept up to date, and taken back when a conversation is deleted.

    ``board`` is what that place shows.
    """

    def __init__(self, config: ChannelConfig | None = None, host: Host | None = None) -> None:
        super().__init__(config, host)
        self.updates: list[Outbound] = []
        """What was brought up to date, in order."""
        self.withdrawals: list[Withdrawn] = []
        """What was taken back, in order."""
        self.update_fates: deque[Fate] = deque()
        """As ``fates``, for updates; those of posts are ``fates`` here, too."""
        self.withdraw_fates: deque[Fate] = deque()
        """As ``fates``, for what is taken back."""

    def team_address(self) -> dict[str, Any] | None:
        """Return where the team is told."""
        return {"room": "team"}

    async def update(self, outbound: Outbound) -> Sent:
        """Do what the next fate of updates says."""
        self.calls.append(f"update {outbound.delivery_id}")
        assert outbound.notice is not None
        self._meet(self.update_fates, lambda: self.updates.append(outbound))
        return Sent(external_id=outbound.notice.standing)

    async def withdraw(self, withdrawn: Withdrawn) -> None:
        """Do what the next fate of withdrawals says."""
        self.calls.append(f"withdraw {withdrawn.delivery_id}")
        self._meet(self.withdraw_fates, lambda: self.withdrawals.append(withdrawn))

    @property
    def told(self) -> list[Outbound]:
        """What the team was told, each as it was posted."""
        return [post for post in self.posts if post.notice is not None]

    @property
    def board(self) -> dict[str, Notice | None]:
        """What the team reads: by receipt, the notice as it stands; None for a post that was taken back."""
        board: dict[str, Notice | None] = {
            f"post-{number}": post.notice
            for number, post in enumerate(self.posts, start=1)
            if post.notice is not None
        }
        board |= {update.notice.standing: update.notice for update in self.updates if update.notice}
        return board | dict.fromkeys(withdrawn.external_id for withdrawn in self.withdrawals)


class BlindChannel:
    """The same platform, for a channel that cannot look: it has no ``find``."""

    capabilities: ClassVar[Capabilities] = Capabilities()

    def __init__(self, fates: Iterable[Fate] = ()) -> None:
        self.platform = RecordingChannel()
        self.platform.fates.extend(fates)

    async def send(self, outbound: Outbound) -> Sent:
        """Do what the next fate says."""
        return await self.platform.send(outbound)


class ScriptedModel:
    """A model that gives what it is told, in order: texts, tool calls, errors to raise; then ``fallback``.

    ``prompts`` holds what it was asked. ``call_tool`` makes a call; a tuple holds several at once.
    """

    def __init__(
        self,
        *script: str | ToolCall | tuple[ToolCall, ...] | Exception,
        fallback: Callable[[Prompt], str] = lambda prompt: f"You said: {prompt.turn.question}",
        name: str = "scripted",
    ) -> None:
        self.name = name
        self.prompts: list[Prompt] = []
        self._script = deque(script)
        self._fallback = fallback

    async def complete(self, prompt: Prompt, live: Sink) -> Answer:
        """Answer with the next entry of the script, word by word."""
        self.prompts.append(prompt)
        entry = self._script.popleft() if self._script else self._fallback(prompt)
        if isinstance(entry, Exception):
            raise entry
        if isinstance(entry, ToolCall):
            entry = (entry,)
        if isinstance(entry, tuple):
            return Answer(prompt=prompt, text="", model=self.name, stop_reason="tool_calls", tool_calls=entry)
        for word in entry.split(" "):
            await live.append(word + " ")
        return Answer(prompt=prompt, text=entry, model=self.name)

    async def close(self) -> None:
        """Nothing is held."""


def call_tool(name: str, /, **arguments: Any) -> ToolCall:
    """Return a tool call as a model would make it, for the script of a ``ScriptedModel``."""
    return ToolCall(id=new_id("call"), name=name, arguments=json.dumps(arguments))


def model_down(name: str = "scripted") -> ModelError:
    """Return the error of a model that did not answer."""
    return ModelError(model=name, cause="connection refused")
