"""What a pydantic model says about one of its fields, however deep it lies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

    from supportbot.config.nodes import Loc


def field_at(model: type[BaseModel], loc: Loc) -> FieldInfo | None:
    """Return the field that a way leads to, None where the models do not know it."""
    field: FieldInfo | None = None
    models = [model]
    keyed = False
    for step in loc:
        if keyed or isinstance(step, int):
            keyed = False
            continue
        field = next((found for m in models if (found := _named(m, step))), None)
        if field is None:
            return None
        models = list(_models(field.annotation))
        keyed = any(get_origin(part) in {dict, Mapping} for part in _parts(field.annotation))
    return field


def keys_at(model: type[BaseModel], loc: Loc) -> list[str]:
    """Return the keys that the mapping at ``loc`` may have, in their order."""
    field = field_at(model, loc) if loc else None
    models = _models(field.annotation) if field else [model]
    return [field.alias or name for m in models for name, field in m.model_fields.items()]


def is_secret(model: type[BaseModel], loc: Loc) -> bool:
    """Say whether the value at ``loc`` is one that must never be shown."""
    return any(
        annotation in {SecretStr, SecretBytes}
        for depth in range(1, len(loc) + 1)
        if (field := field_at(model, loc[:depth]))
        for annotation in _parts(field.annotation)
    )


def _named(model: type[BaseModel], key: str) -> FieldInfo | None:
    return next((field for name, field in model.model_fields.items() if key in {name, field.alias}), None)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    return (part for part in _parts(annotation) if isinstance(part, type) and issubclass(part, BaseModel))


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield a type and the types it is made of: ``tuple[X | None, ...]`` has X in it."""
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)
