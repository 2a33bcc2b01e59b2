"""The port to whatever answers: a language model, or the knowledge itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot.messages import Answer, Prompt
    from supportbot.usage import Spent


class Sink(Protocol):
    """Where the words go while they are being written."""

    async def append(self, text: str) -> None:
        """Take some more text."""

    async def restart(self) -> None:
        """Void what was appended: another model begins anew."""


class Model(Protocol):
    """Something that answers a prompt."""

    name: str

    async def complete(self, prompt: Prompt, live: Sink) -> Answer:
        """Answer, writing to ``live`` as the words come.

        Returns only a complete answer: one that ended properly with a known stop reason and holds text.

        Raises:
            ModelError: there is no such answer; ``retryable`` says whether trying again makes sense.
        """

    async def close(self) -> None:
        """Let go of connections."""


@runtime_checkable
class Reports(Protocol):
    """What a model may be beside: one that knows how the endpoints behind it are."""

    def problems(self) -> Mapping[str, str]:
        """Return what is wrong with each, in one line, by its name; empty where all is well."""


@runtime_checkable
class Limited(Protocol):
    """What a model may be beside: one whose prompts have a limit."""

    @property
    def room(self) -> int | None:
        """What a prompt may cost, in tokens as we estimate them; None when nothing limits it."""


def room_of(model: Model) -> int | None:
    """Return what a model's prompt may cost, in tokens as we estimate them; None when nothing limits it."""
    room: int | None = getattr(model, "room", None)  # asked at every turn: isinstance of a protocol is slow
    return room


@runtime_checkable
class Unprompted(Protocol):
    """What a model may be beside: one that answers from the passages and reads no words."""

    @property
    def unprompted(self) -> bool:
        """Whether rendering a prompt for it would be in vain."""


def reads_words(model: Model) -> bool:
    """Return whether a model reads a prompt's words, so that they must be rendered."""
    return not (isinstance(model, Unprompted) and model.unprompted)


class Counts(Protocol):
    """What models tell of themselves."""

    def model_called(self, model: str, outcome: str, seconds: float | None) -> None:
        """A request to a model ended; None for one that was not sent."""

    def model_waited(self, model: str, seconds: float) -> None:
        """A request to a model was let through by its limits, after so long."""


class Purse(Protocol):
    """Who pays for requests to models."""

    def refusal(self, prompt: Prompt, *, priced: bool) -> str:
        """Return why this may not be asked; empty when it may.

        ``priced``: asking costs money.
        """

    def spent(self, prompt: Prompt, spent: Spent) -> None:
        """A request used something."""
