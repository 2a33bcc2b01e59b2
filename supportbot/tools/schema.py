"""The arguments of a function: from its signature and docstring to a JSON Schema and a validator."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError

from supportbot.errors import BadArguments, BadTool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SECTION = re.compile(
    r"^(Args|Arguments|Parameters|Returns|Raises|Yields|Examples?|Notes?):\s*$", re.MULTILINE
)
_ENTRY = re.compile(
    r"^\s+\*{0,2}(\w+)(?:\s*\([^)]*\))?:[ \t]*(.*(?:\n(?!\s+\w+(?:\s*\([^)]*\))?:).*)*)", re.MULTILINE
)
_VALUES = frozenset({"default", "const", "enum", "examples"})  # not schemas, whatever is in them
_DROPPED = ("title", "discriminator", "$ref")
_CHOICES = ("anyOf", "oneOf")
_NULL = ("default", None)
_MOST_PROBLEMS = 5


class _Arguments(BaseModel):
    """What all models of arguments are made of: a name that is not known is an error, never ignored."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes from a model."""

    parameters: Mapping[str, Any]
    """JSON Schema, an object without ``$ref``."""
    names: tuple[str, ...]
    """The parameters, in order."""
    wants_caller: bool
    """Its first parameter, which is none of these, is the ``Caller``."""
    _model: type[BaseModel]

    def read(self, arguments: str) -> dict[str, Any]:
        """Return the values by parameter, from JSON text; nothing at all means no arguments.

        Raises:
            BadArguments: they do not fit; the message tells a model how.
        """
        try:
            read = self._model.model_validate_json(arguments.strip() or "{}")
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            problems = "; ".join(_problem(each["loc"], each["msg"]) for each in found[:_MOST_PROBLEMS])
            raise BadArguments(problems=problems) from None
        return {name: getattr(read, _field(number)) for number, name in enumerate(self.names)}


def signature_of(function: Callable[..., Any], caller: type) -> Signature:
    """Read a function's parameters; ``caller`` is the type of the one that the model does not see.

    Raises:
        BadTool: they cannot be described.
    """
    parameters = list(inspect.signature(function).parameters.values())
    hints = _hints(function)
    wants_caller = bool(parameters) and hints.get(parameters[0].name) is caller
    given = parameters[1:] if wants_caller else parameters
    described = _descriptions(function)
    fields: dict[str, Any] = {}
    for number, parameter in enumerate(given):
        default = ... if parameter.default is parameter.empty else parameter.default
        said: Any = {"description": described[parameter.name]} if parameter.name in described else {}
        annotation = _annotation(function, parameter, hints, caller)
        fields[_field(number)] = (annotation, Field(default, alias=parameter.name, **said))
    try:
        model = create_model(function.__name__, __base__=_Arguments, **fields)
        schema = model.model_json_schema()
    except PydanticUserError as error:
        problem = f"has parameters that JSON cannot describe ({error.code or 'unknown type'})"
        raise BadTool(tool=function.__name__, problem=problem, fix="use plain types or models") from None
    names = tuple(parameter.name for parameter in given)
    return Signature(plain_schema(function.__name__, schema), names, wants_caller, model)


def description_of(function: Callable[..., Any]) -> str:
    """Return what the docstring says before its first section (``Args:``, ``Returns:`` …)."""
    doc = inspect.getdoc(function) or ""
    found = _SECTION.search(doc)
    return (doc[: found.start()] if found else doc).strip()


def _field(number: int) -> str:
    """Return the name of a parameter's field: the real one might be one that pydantic needs for itself."""
    return f"argument_{number}"


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError) as error:
        problem = f"has an annotation that cannot be resolved ({error})"
        fix = "import what it names at run time, not under TYPE_CHECKING"
        raise BadTool(tool=function.__name__, problem=problem, fix=fix) from None


def _annotation(
    function: Callable[..., Any], parameter: inspect.Parameter, hints: Mapping[str, Any], caller: type
) -> Any:
    if parameter.kind not in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}:
        problem, fix = f"has the parameter '{parameter.name}' without a name", "give each parameter its own"
    elif parameter.name not in hints:
        problem, fix = f"has the parameter '{parameter.name}' without a type", "annotate it"
    elif hints[parameter.name] is caller:
        problem, fix = "takes the Caller behind other parameters", "make it the first"
    else:
        return hints[parameter.name]
    raise BadTool(tool=function.__name__, problem=problem, fix=fix)


def _descriptions(function: Callable[..., Any]) -> dict[str, str]:
    """Return what the docstring's ``Args:`` says of each parameter."""
    doc = inspect.getdoc(function) or ""
    found = re.search(r"^(?:Args|Arguments|Parameters):\s*$", doc, re.MULTILINE)
    if not found:
        return {}
    rest = doc[found.end() :]
    following = _SECTION.search(rest)
    section = rest[: following.start()] if following else rest
    return {name: " ".join(text.split()) for name, text in _ENTRY.findall(section)}


def plain_schema(of: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Make a schema plain enough for every endpoint: no ``$ref``, no titles, always an object.

    Raises:
        BadTool: it holds itself; ``of`` names what it is the schema of.
    """
    definitions = schema.pop("$defs", {})
    schema.pop("description", None)  # of the model's class, not of the tool

    def inlined(node: Any, within: tuple[str, ...]) -> Any:
        if isinstance(node, list):
            return [inlined(part, within) for part in node]
        if not isinstance(node, dict):
            return node
        plain = {key: value if key in _VALUES else inlined(value, within) for key, value in node.items()}
        for key in _DROPPED:
            plain.pop(key, None)
        if "properties" in node:  # whose keys are names, whatever they look like
            plain["properties"] = {key: inlined(value, within) for key, value in node["properties"].items()}
        if "$ref" in node:
            name = node["$ref"].removeprefix("#/$defs/")
            if name in within:
                fix = "flatten it: a model cannot fill in what never ends"
                raise BadTool(tool=of, problem=f"takes '{name}', which holds itself", fix=fix)
            plain = inlined(definitions[name], (*within, name)) | plain
        return _with_type(plain)

    plain: dict[str, Any] = inlined(schema, ())
    return {"type": "object", "properties": {}} | plain


def _with_type(node: dict[str, Any]) -> dict[str, Any]:
    """Say ``X`` instead of ``X or null``, and give other choices a ``type``: the Llama API wants one."""
    choices = node.get("anyOf") or node.get("oneOf") or []
    real: list[dict[str, Any]] = [choice for choice in choices if choice.get("type") != "null"]
    if len(real) == 1:
        beside = {key: value for key, value in node.items() if key not in _CHOICES and (key, value) != _NULL}
        return real[0] | beside
    kinds = list(dict.fromkeys(choice.get("type") for choice in choices))
    if kinds and all(isinstance(kind, str) for kind in kinds):
        return {"type": kinds[0] if len(kinds) == 1 else kinds} | node
    return node


def _problem(loc: tuple[int | str, ...], message: str) -> str:
    return ": ".join(filter(None, (".".join(map(str, loc)), message)))
