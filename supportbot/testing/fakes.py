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

    from supportbot.channel import Accept
    from supportbot.host import Host
    from supportbot.messages import Outbound, Prompt
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
        """Every call in its order: ``send <delivery id>`` and ``find <delivery id>``."""
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
        fate = self.fates.popleft() if self.fates else "delivered"
        if fate == "refused":
            raise Refused(cause="channel_not_found")
        if fate == "busy":
            raise RetryAfter(seconds=self.retry_after, cause="ratelimited")
        if fate == "lost":
            raise Unclear(cause="connection reset")
        self.posts.append(outbound)
        if fate == "unclear but there":
            raise Unclear(cause="connection reset")
        if fate == "crash but there":
            raise RuntimeError("the channel broke")
        return Sent(external_id=f"post-{len(self.posts)}")

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
