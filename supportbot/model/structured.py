"""Ask a model for a value instead of words: a pydantic model goes out, an instance comes back.

The request goes the way of every other one: chain, gate, breaker, deadlines. An answer that does not fit is
shown to the model once, with what is wrong with it; what does not fit then is a failure.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from supportbot import strictjson
from supportbot.errors import ModelUnusable
from supportbot.history import cost
from supportbot.messages import Form, Words
from supportbot.tools.schema import plain_schema

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from supportbot.messages import Prompt
    from supportbot.model.base import Model
    from supportbot.usage import Usage

Value = TypeVar("Value", bound=BaseModel)

_FENCE = re.compile(r"\A```(?:json)?\s*(.*?)\s*```\Z", re.DOTALL)  # hosts that know no response_format
_MOST_PROBLEMS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Structured(Generic[Value]):
    """A value that a model gave."""

    value: Value
    model: str
    """Which one did, as named in bot.yaml."""
    usage: Usage
    """Of all requests that it took."""


async def ask(model: Model, prompt: Prompt, kind: type[Value]) -> Structured[Value]:
    """Ask a language model for a value of a kind; in two requests at most. Nobody reads along.

    Raises:
        ModelError: no model answered; ``ModelUnusable`` when what it answered does not fit, twice.
    """
    asked = prompt.evolve(form=form_of(kind))
    first = await model.complete(asked, Unheard())
    try:
        return Structured(value=_read(kind, first.text), model=first.model, usage=first.usage)
    except _MisfitError as error:
        second = await model.complete(_again(asked, first.text, error.problems), Unheard())
    usage = first.usage.plus(second.usage)
    try:
        return Structured(value=_read(kind, second.text), model=second.model, usage=usage)
    except _MisfitError as error:
        cause = f"its answer does not fit the schema: {error.where}"
        raise ModelUnusable(model=second.model, cause=cause) from None  # the error quotes the model


def form_of(kind: type[BaseModel]) -> Form:
    """Return the form that asks for instances of a pydantic model.

    As strict as OpenAI wants it (https://platform.openai.com/docs/guides/structured-outputs): every property
    is required, no others are allowed; and without ``$ref``, which the Llama API is silent about.
    """
    schema = plain_schema(kind.__name__, kind.model_json_schema())
    return Form(name=kind.__name__, schema=_strict(schema))


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(part) for part in node]
    if not isinstance(node, dict):
        return node
    strict = {key: _strict(value) for key, value in node.items()}
    if node.get("type") == "object" and "properties" in node:
        strict |= {"required": list(node["properties"]), "additionalProperties": False}
    return strict


class _MisfitError(Exception):
    """What was written is not what was asked for."""

    def __init__(self, problems: str, where: str) -> None:
        """``problems``: for the model, with its own words; ``where``: for people, without them."""
        super().__init__(problems)
        self.problems = problems
        self.where = where


def _read(kind: type[Value], text: str) -> Value:
    """Read what a model wrote, as the schema has it: no name twice, no other property, no text for true."""
    fenced = _FENCE.match(text.strip())
    try:
        value = strictjson.parse((fenced[1] if fenced else text).encode("utf-8", "replace"))
        return kind.model_validate_json(json.dumps(value), strict=True, extra="forbid")
    except strictjson.JSONError as error:
        raise _MisfitError(str(error).rstrip("."), "all of it") from None
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)[:_MOST_PROBLEMS]
    problems = "; ".join(f"{_dotted(each['loc']) or 'the answer'}: {each['msg']}" for each in found)
    raise _MisfitError(problems, ", ".join(sorted(set(map(_place, found)))))


def _place(error: ErrorDetails) -> str:
    """Say where it does not fit; the name of a property that should not be there is the model's word."""
    extra = error["type"] == "extra_forbidden"
    return _dotted(error["loc"][:-1] if extra else error["loc"]) or "all of it"


def _dotted(loc: tuple[int | str, ...]) -> str:
    return ".".join(map(str, loc))


def _again(prompt: Prompt, wrong: str, problems: str) -> Prompt:
    repair = f"That does not fit: {problems}. Answer once more, with nothing but the JSON that was asked for."
    words = (
        *prompt.words,
        Words(role="assistant", content=wrong),
        Words(role="user", content=repair),
    )
    return prompt.evolve(words=words, tokens=cost(words))


class Unheard:
    """A sink for what nobody reads."""

    async def append(self, text: str) -> None:
        """Let it go."""

    async def restart(self) -> None:
        """There is nothing to take back."""
