"""What an endpoint counts, against what we estimate."""

from __future__ import annotations

import pytest

from supportbot.config.models import ModelSection
from supportbot.history import cost
from supportbot.messages import Words
from supportbot.model import Chain, Endpoint
from supportbot.model.base import room_of
from supportbot.model.scale import Scale
from supportbot.testing.fakes import ScriptedModel
from supportbot.testing.model_calls import RecordingSink, a_prompt
from supportbot.testing.model_replies import ModelReply
from supportbot.testing.model_server import FakeModelServer


def after(*pairs: tuple[int, int | None], times: int = 60) -> float:
    scale = Scale()
    for _ in range(times):
        for estimated, reported in pairs:
            scale.learn(estimated, reported)
    return round(scale.factor, 2)


def test_the_factor_becomes_what_is_reported() -> None:
    """Slowly: one answer moves it by a tenth of the difference."""
    assert [1.03, 1.3] == [after((1000, 1300), times=1), after((1000, 1300))]


@pytest.mark.parametrize(
    ("estimated", "reported", "factor"),
    [
        (1000, 3000, 2.0),
        (1000, 500, 0.75),
        (1000, 9000, 1.0),
        (1000, 100, 1.0),
        (40, 80, 1.0),
        (1000, None, 1.0),
        (0, 1000, 1.0),
    ],
    ids=["much more", "much less", "something else", "without what was cached", "small", "nothing", "empty"],
)
def test_the_factor_is_bounded(estimated: int, reported: int | None, factor: float) -> None:
    """It leaves its bounds for no figure, and figures that cannot mean the prompt are not learnt from."""
    assert factor == after((estimated, reported))


def section(url: str, **options: object) -> ModelSection:
    return ModelSection(model="m", base_url=url, context_tokens=2000, max_tokens=1000, **options)  # type: ignore[arg-type]


async def test_an_endpoint_learns_and_fits_what_it_is_asked() -> None:
    """Its room shrinks when it counts more than we do, and no prompt costs more than its room."""
    words = tuple(Words(role="user" if n % 2 else "assistant", content="word " * 50) for n in range(1, 60, 1))
    prompt = a_prompt().evolve(words=(Words(role="system", content="Rules."), *words))
    async with FakeModelServer(ModelReply(usage=(1800, 5))) as server:
        endpoint = Endpoint(section(server.base_url("openai")))
        rooms = []
        for _ in range(3):
            rooms.append(endpoint.room)
            await endpoint.complete(prompt, RecordingSink())
        await endpoint.close()
    sent = [
        cost(Words(role=m["role"], content=m["content"]) for m in request.body["messages"])
        for request in server.requests
    ]
    assert rooms[0] == 1000 > rooms[1] > rooms[2]
    assert all(tokens <= room for tokens, room in zip(sent, rooms, strict=True))
    assert {"Rules."} == {request.body["messages"][0]["content"] for request in server.requests}


def test_a_chain_has_the_room_of_its_first_model() -> None:
    """It is the one that is mostly asked; where nothing is known there is no limit."""
    endpoint, scripted = Endpoint(section("http://localhost:1/v1")), ScriptedModel()
    chains = [Chain([endpoint, scripted]), Chain([scripted, endpoint])]
    assert [1000, None, None] == [room_of(model) for model in (*chains, scripted)]
