"""bot.yaml as a JSON Schema (draft 2020-12), for editors that complete and check while one types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supportbot.channel import known_channels
from supportbot.config.channels import config_class
from supportbot.config.models import Config
from supportbot.errors import ChannelDependencyMissing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel

_REFERENCE = "reference"
_NOTES = frozenset({"title", "description", "default"})
_NARROW = frozenset({"enum", "pattern"})


def schema(kinds: Iterable[str] | None = None) -> dict[str, Any]:
    """Return the JSON Schema of bot.yaml.

    Args:
        kinds: the channel types to describe; by default all that are installed with what they need.
    """
    definitions: dict[str, Any] = {
        _REFERENCE: {
            "description": "From the environment or a file.",
            "type": "string",
            "pattern": r"^\$\{[^{}]+\}$",
        }
    }
    top = _described(Config, "", definitions)
    sections = []
    for kind in sorted(known_channels() if kinds is None else kinds):
        try:
            section = _described(config_class(kind), f"{kind}.", definitions)
        except ChannelDependencyMissing:
            continue
        section["properties"]["type"] |= {"const": kind}
        definitions[kind] = section
        sections.append({"$ref": f"#/$defs/{kind}"})
    channels = top["properties"]["channels"]
    channels["patternProperties"] = {name: {"oneOf": sections} for name in channels["patternProperties"]}
    channels["additionalProperties"] = False
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **top,
        "title": "bot.yaml",
        "$defs": dict(sorted(definitions.items())),
    }


def _described(model: type[BaseModel], prefix: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return a model's schema; what it refers to goes to ``definitions`` under names with the prefix."""
    made = model.model_json_schema(ref_template=f"#/$defs/{prefix}{{model}}")
    for name, definition in made.pop("$defs", {}).items():
        definitions[f"{prefix}{name}"] = _open(definition)
    opened: dict[str, Any] = _open(made)
    return opened


def _open(part: Any) -> Any:
    """Let ``${NAME}`` stand wherever a schema asks for a number, true or false, or a text of some form."""
    if isinstance(part, list):
        return [_open(item) for item in part]
    if not isinstance(part, dict):
        return part
    part = {key: value if key == "default" else _open(value) for key, value in part.items()}
    if not _is_narrow(part):
        return part
    notes = {key: value for key, value in part.items() if key in _NOTES}
    narrow = {key: value for key, value in part.items() if key not in _NOTES}
    return {**notes, "anyOf": [narrow, {"$ref": f"#/$defs/{_REFERENCE}"}]}


def _is_narrow(part: dict[str, Any]) -> bool:
    """Say whether a schema is one of a single value that not every text fits."""
    kind = part.get("type")
    return kind in ("integer", "number", "boolean") or (kind == "string" and bool(part.keys() & _NARROW))
