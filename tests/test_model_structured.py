"""A value instead of words, over real HTTP in both dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from pydantic import BaseModel, Field

from supportbot.config.models import ModelSection
from supportbot.errors import ModelUnusable
from supportbot.model.client import Endpoint
from supportbot.model.structured import Structured, ask, form_of
from supportbot.testing.model_calls import a_prompt
from supportbot.testing.model_replies import ModelReply
from supportbot.testing.model_server import FakeModelServer
from supportbot.usage import Usage

if TYPE_CHECKING:
    from supportbot.testing.model_replies import Dialect

both_dialects = pytest.mark.parametrize("dialect", ["llama", "openai"])
GOOD = '{"items": [{"sku": "A-17"}], "mood": "calm"}'


class Item(BaseModel):
    sku: str = Field("none", max_length=8)


class Order(BaseModel):
    items: list[Item]
    mood: Literal["calm", "angry"] = "calm"


async def asked(server: FakeModelServer, dialect: Dialect) -> Structured[Order]:
    section = ModelSection(dialect=dialect, model="m", base_url=server.base_url(dialect), attempts=1)
    model = Endpoint(section)
    try:
        return await ask(model, a_prompt(), Order)
    finally:
        await model.close()


@both_dialects
async def test_a_value_comes_back(dialect: Dialect) -> None:
    """The schema goes out by name; the fake server holds OpenAI's rules for strict ones."""
    async with FakeModelServer(ModelReply(pieces=(GOOD[:9], GOOD[9:]))) as server:
        found = await asked(server, dialect)
    sent = server.requests[0].body["response_format"]
    form = form_of(Order)
    strict = {"strict": True} if dialect == "openai" else {}
    assert {"type": "json_schema", "json_schema": {"name": "Order", "schema": form.schema, **strict}} == sent
    assert (
        Structured(
            value=Order(items=[Item(sku="A-17")]),
            model="m",
            usage=Usage(prompt_tokens=30, completion_tokens=4),
        )
        == found
    )


def test_a_schema_is_plain_and_strict() -> None:
    """No ``$ref``, no titles; what has a default is required all the same, at every depth."""
    item = {
        "type": "object",
        "properties": {"sku": {"type": "string", "default": "none", "maxLength": 8}},
        "required": ["sku"],
        "additionalProperties": False,
    }
    schema = form_of(Order).schema
    assert item == schema["properties"]["items"]["items"]
    assert ["items", "mood"] == schema["required"]


@both_dialects
async def test_what_does_not_fit_is_repaired_once(dialect: Dialect) -> None:
    """The model is shown its own words and what is wrong with them; both requests count."""
    wrong = '{"items": [], "mood": "odd"}'
    async with FakeModelServer(ModelReply(pieces=(wrong,)), ModelReply(pieces=(GOOD,))) as server:
        found = await asked(server, dialect)
    own, repair = server.requests[1].body["messages"][-2:]
    assert (wrong, Usage(prompt_tokens=60, completion_tokens=8)) == (own["content"], found.usage)
    assert repair["content"].startswith("That does not fit: mood: Input should be 'calm' or 'angry'.")


@pytest.mark.parametrize(
    "text", ["I cannot.", '{"items": [', "[1]", '{"items": [{"sku": "customer words"}]}']
)
async def test_after_one_repair_it_is_a_failure(text: str) -> None:
    """The error says where it does not fit, and quotes nothing."""
    async with FakeModelServer(ModelReply(pieces=(text,))) as server:
        with pytest.raises(ModelUnusable) as raised:
            await asked(server, "openai")
    assert 2 == len(server.requests)
    assert text not in str(raised.value)
    assert "customer words" not in str(raised.value)


class Wish(BaseModel):
    person: bool
    count: int = 1


@pytest.mark.parametrize(
    "text",
    [
        '{"person": "true"}',
        '{"person": 1}',
        '{"person": true, "count": "3"}',
        '{"person": false, "person": true}',
        '{"person": true, "customer words": 1}',
    ],
)
async def test_it_is_read_as_strictly_as_it_is_asked_for(text: str) -> None:
    """Text is not true, a name twice or beside the schema is no answer, and nothing of it is quoted."""
    async with FakeModelServer(
        ModelReply(pieces=(text,)), ModelReply(pieces=('{"person": false}',))
    ) as server:
        model = Endpoint(ModelSection(model="m", base_url=server.base_url("openai"), attempts=1))
        try:
            found = await ask(model, a_prompt(), Wish)
        finally:
            await model.close()
    assert (2, Wish(person=False)) == (len(server.requests), found.value)
    async with FakeModelServer(ModelReply(pieces=(text,))) as server:
        with pytest.raises(ModelUnusable) as raised:
            await asked(server, "openai")
    assert "customer words" not in str(raised.value)


async def test_a_fence_around_the_json_is_no_mistake() -> None:
    """Hosts that do not know ``response_format`` let models write Markdown."""
    async with FakeModelServer(ModelReply(pieces=(f"```json\n{GOOD}\n```",))) as server:
        found = await asked(server, "openai")
    assert 1 == len(server.requests)
    assert "calm" == found.value.mood


@both_dialects
async def test_json_that_is_cut_off_is_none(dialect: Dialect) -> None:
    """An answer that ends at the token limit is not complete, whatever it looks like: nothing is repaired."""
    async with FakeModelServer(ModelReply(pieces=(GOOD,), stop_reason="length")) as server:
        with pytest.raises(ModelUnusable):
            await asked(server, dialect)
    assert 1 == len(server.requests)
