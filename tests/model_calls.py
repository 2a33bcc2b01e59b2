"""One call of a model at the fake model server, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.config.models import ModelSection
from supportbot.errors import ModelError
from supportbot.model.client import Endpoint
from supportbot.testing.model_calls import RecordingSink, a_prompt
from supportbot.testing.model_replies import (
    Dialect,
    ModelReply,
)
from supportbot.testing.model_server import FakeModelServer

if TYPE_CHECKING:
    from supportbot.model.breaker import Breaker


both_dialects = pytest.mark.parametrize("dialect", ["llama", "openai"])


@dataclass
class Outcome:
    """What came of one call: an answer's text or an error, and what was shown meanwhile."""

    text: str = ""
    error: ModelError | None = None
    sink: RecordingSink = field(default_factory=RecordingSink)

    @property
    def kind(self) -> type[ModelError] | None:
        return type(self.error) if self.error else None


def endpoint(
    server: FakeModelServer, dialect: Dialect, breaker: Breaker | None = None, **more: Any
) -> Endpoint:
    section = ModelSection(dialect=dialect, model="test-model", base_url=server.base_url(dialect), **more)
    return Endpoint(section, breaker=breaker, jitter=lambda: 0.0)


async def outcome(model: Endpoint) -> Outcome:
    result = Outcome()
    try:
        answer = await model.complete(a_prompt(), result.sink)
    except ModelError as error:
        result.error = error
    else:
        result.text = answer.text
    finally:
        await model.close()
    return result


async def ask(
    *replies: ModelReply, dialect: Dialect = "openai", **more: Any
) -> tuple[Outcome, FakeModelServer]:
    async with FakeModelServer(*replies) as server:
        return await outcome(endpoint(server, dialect, **more)), server


def raw(data: bytes, after: int = 1) -> ModelReply:
    return ModelReply(fault="raw", fault_after=after, raw=data)
