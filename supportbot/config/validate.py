"""A tree -> pydantic models, with every complaint at its line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from supportbot.config import nodes, scalars, shape
from supportbot.config.complaints import Complaints
from supportbot.config.expand import is_reference, references
from supportbot.config.nodes import Mapping, Scalar, Sequence
from supportbot.config.problems import shown

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from supportbot.config.expand import Expander
    from supportbot.config.nodes import Loc, Node
    from supportbot.config.problems import Findings

_Model = TypeVar("_Model", bound=BaseModel)

_CONVERTED = {"int_type", "float_type", "bool_type"}


def expanded(node: Node, expander: Expander, findings: Findings, loc: Loc = ()) -> Any:
    """Return a tree as plain values, references replaced; None, and a problem, where that cannot be done."""
    if isinstance(node, Mapping):
        return {key: expanded(e.node, expander, findings, (*loc, key)) for key, e in node.entries.items()}
    if isinstance(node, Sequence):
        return [expanded(item, expander, findings, (*loc, n)) for n, item in enumerate(node.items)]
    if not isinstance(node.value, str):
        return node.value
    text, wrong = expander.expand(node.value)
    for error in wrong:
        findings.add(loc, error.what, error.fix, origin=False)
    return None if wrong else text


def check_scalars(tree: Node, model: type[BaseModel], findings: Findings, base: Loc = ()) -> None:
    """Look at every value of a part of the file: record what YAML readers disagree about, warn of secrets."""
    for loc, scalar in nodes.scalars(tree):
        secret = shape.is_secret(model, loc)
        if scalar.trap:
            why, instead = scalar.trap
            what = f"is {why}" if secret else f"is {shown(scalar.text)}, {why}"
            findings.add((*base, *loc), what, instead)
        if secret and isinstance(scalar.value, str) and scalar.text and not references(scalar.text):
            findings.warn((*base, *loc), "is a secret written into the file", "give it as ${NAME}")


def validated(model: type[_Model], data: Any, findings: Findings, base: Loc = ()) -> _Model | None:
    """Return the model of a part of the file; None, with problems recorded, when it does not fit."""
    try:
        return _validate(model, data)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    data = _converted(data, errors, findings, base)
    try:
        return _validate(model, data)
    except ValidationError as error:
        complaints = Complaints(model, data, findings, base)
        for details in error.errors(include_url=False):
            complaints.record(details)
    return None


def _validate(model: type[_Model], data: Any) -> _Model:
    """Validate by way of JSON, whose strict rules know that lists become tuples and text becomes paths."""
    return model.model_validate_json(json.dumps(data))


def _converted(data: Any, errors: list[ErrorDetails], findings: Findings, base: Loc) -> Any:
    """Read ``port: ${PORT}`` as a number, where one is asked and the reference stands without quotes."""
    for error in errors:
        node = findings.node((*base, *error["loc"]))
        if (
            error["type"] in _CONVERTED
            and isinstance(node, Scalar)
            and node.plain
            and is_reference(node.text)
        ):
            text = error["input"]
            value = scalars.read(text)[0] if isinstance(text, str) else text
            data = _replaced(data, error["loc"], value)
    return data


def _replaced(data: Any, loc: Loc, value: Any) -> Any:
    """Return a copy of plain values with one of them changed."""
    if not loc:
        return value
    copy = data.copy()
    copy[loc[0]] = _replaced(data[loc[0]], loc[1:], value)
    return copy
