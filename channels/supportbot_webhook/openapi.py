"""The OpenAPI 3.1 document, made from the table of routes and the types of the bodies."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from supportbot import __version__
from supportbot_webhook.outbound import Callback, ErrorBody
from supportbot_webhook.routes import DESCRIBE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from supportbot_webhook.routes import Answer, Operation, Parameter, Security

_REF = "#/components/schemas/{model}"
_ALWAYS = (429, 503)  # what every route may answer
_SECURITY: dict[Security, list[dict[str, list[str]]]] = {
    "signature": [{"webhook_id": [], "webhook_timestamp": [], "webhook_signature": []}],
    "session": [{"session": []}],
    "none": [],
}
_SCHEMES: dict[str, dict[str, str]] = {
    "webhook_id": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-id",
        "description": "Unique per message, the same on every retry; no dots.",
    },
    "webhook_timestamp": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-timestamp",
        "description": "Unix seconds, within five minutes.",
    },
    "webhook_signature": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "v1,<base64> after the Standard Webhooks specification.",
    },
    "session": {"type": "http", "scheme": "bearer", "description": "The token of a visitor's session."},
}


def document(base_path: str, operations: Iterable[Operation]) -> dict[str, Any]:
    """Return the document that describes these operations and itself, mounted below ``base_path``."""
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for operation in (*operations, DESCRIBE):
        methods = paths.setdefault(operation.path, {})
        methods[operation.method.lower()] = _operation(operation, schemas)
        if operation.head:
            methods["head"] = _head(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "SupportBot webhook channel",
            "version": __version__,
            "description": "Write to the bot and read its replies: programs by signed requests, "
            "a website's visitors by sessions.",
        },
        "servers": [{"url": base_path}],
        "paths": paths,
        "webhooks": {"message.replied": {"post": _callback(schemas)}},
        "components": {"schemas": schemas, "securitySchemes": _SCHEMES},
    }


def _operation(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "security": _SECURITY[operation.security],
        "responses": {
            **{str(status): _answer(answer, schemas) for status, answer in operation.answers.items()},
            **{str(status): _error(status, schemas) for status in sorted({*operation.errors, *_ALWAYS})},
        },
    }
    if operation.parameters:
        described["parameters"] = [_parameter(parameter) for parameter in operation.parameters]
    if operation.body is not None:
        content = {"application/json": {"schema": _schema(operation.body, schemas)}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _head(operation: Operation) -> dict[str, Any]:
    """Return what HEAD does where it is answered: GET's headers."""
    described = _operation(operation, {})
    bare = {
        status: {"description": answer["description"]} for status, answer in described["responses"].items()
    }
    summary = f"The headers of: {operation.summary}"
    return described | {"operationId": f"{operation.id}_head", "summary": summary, "responses": bare}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "description": parameter.description,
        "required": parameter.required,
        "schema": dict(parameter.schema),
    }


def _answer(answer: Answer, schemas: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if answer.body is not None:
        content["application/json"] = {"schema": _schema(answer.body, schemas)}
    if answer.media:
        content[answer.media] = {}
    if answer.events:
        content["text/event-stream"] = {"schema": {"type": "string"}}
    return {"description": answer.description} | ({"content": content} if content else {})


def _error(status: int, schemas: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": _schema(ErrorBody, schemas)}}
    return {"description": HTTPStatus(status).phrase, "content": content}


def _callback(schemas: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": _schema(Callback, schemas)}}
    return {
        "operationId": "reply",
        "summary": "A reply, posted to callback_url, signed with the first secret; the webhook-id is the "
        "same on every try.",
        "requestBody": {"required": True, "content": content},
        "responses": {"2XX": {"description": "Taken. 410 or another 4xx: refused for good."}},
    }


def _schema(body: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """Return a type's schema; the named types in it are collected in ``schemas``."""
    schema = TypeAdapter(body).json_schema(ref_template=_REF)
    schemas.update(schema.pop("$defs", {}))
    title = schema.get("title")
    if title is None or "properties" not in schema:
        return schema
    schemas[title] = schema
    return {"$ref": _REF.format(model=title)}
