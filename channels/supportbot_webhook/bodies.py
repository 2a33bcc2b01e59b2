"""Requests, read strictly: bodies into models, query parameters into numbers, headers into tokens.

And the other way round: values into JSON answers.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

from supportbot import strictjson
from supportbot.web import Problem, read_body, read_json
from supportbot_webhook.inbound import MAX_TEXT, ProgramMessage, VisitorMessage
from supportbot_webhook.misfits import first_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BODY = 64 * 1024
"""Longest body of a request, in bytes."""

MAX_SEQ = 2**31 - 1
"""Highest number a message can have."""

_LARGE_AT_ONCE = 4
_Model = TypeVar("_Model", bound=BaseModel)
_BEARER = re.compile(r"Bearer ([!-~]{1,200})", re.IGNORECASE)


async def read_model(request: web.Request, model: type[_Model], *, limit: int = MAX_BODY) -> _Model:
    """Return the request's JSON body, of ``limit`` bytes at most, as a model.

    Raises:
        Problem: 415, 413 or 400 it is not a JSON object we take; 422 it does not fit the model.
    """
    return _validate(await read_json(request, limit=limit), model)


class LargeBodies:
    """Room for bodies that are longer than ``MAX_BODY``: read before it is known who sent them, they take a
    bounded amount of memory together."""

    def __init__(self, longest: int) -> None:
        """``longest``: the most that one may have, in bytes."""
        self._longest = longest
        self._free = _LARGE_AT_ONCE * longest

    @contextmanager
    def room(self, request: web.Request) -> Iterator[int]:
        """Yield how many bytes of the request's body may be read. One without a length is not a large one.

        Raises:
            Problem: 413 it says that it is longer than any may be, 503 others are being read.
        """
        length = request.content_length or 0
        if length <= MAX_BODY:
            yield MAX_BODY
            return
        if length > self._longest:
            raise Problem(413, "too_large", f"The body may have {self._longest} bytes at most.", close=True)
        if length > self._free:
            message = "Too many large messages come at once. Try again."
            raise Problem(503, "busy", message, headers={"Retry-After": "1"}, close=True)
        self._free -= length
        try:
            yield length
        finally:
            self._free += length


async def read_text(request: web.Request, *, limit: int = MAX_BODY) -> str:
    """Return the body as it was sent, for its signature to be checked before it is parsed.

    Raises:
        Problem: 413 it is too long, 400 it is not UTF-8.
    """
    try:
        return (await read_body(request, limit=limit)).decode()
    except UnicodeDecodeError:
        raise Problem(400, "bad_json", "The body is not UTF-8.") from None


def parse_model(content: str, model: type[_Model]) -> _Model:
    """Return a verified body as a model.

    Raises:
        Problem: 400 it is no strict JSON object, 422 it does not fit the model.
    """
    try:
        value = strictjson.parse(content.encode())
    except strictjson.JSONError as error:
        raise Problem(400, "bad_json", str(error)) from None
    if not isinstance(value, dict):
        raise Problem(400, "bad_json", "The body must be a JSON object.")
    return _validate(value, model)


def check_length(body: ProgramMessage | VisitorMessage) -> None:
    """Hold a message's text to its limit.

    Raises:
        Problem: 413, it is longer.
    """
    if len(body.text.encode()) > MAX_TEXT:
        raise Problem(413, "text_too_long", f"The text may have {MAX_TEXT} bytes at most.")


def whole_number(
    request: web.Request, name: str, *, default: int, least: int = 0, most: int = MAX_SEQ
) -> int:
    """Return a query parameter that is a whole number.

    Raises:
        Problem: 422, it is not one, is out of bounds, or is given twice.
    """
    values = request.query.getall(name, [])
    if not values:
        return default
    if len(values) == 1 and re.fullmatch(r"[0-9]{1,10}", values[0]) and least <= int(values[0]) <= most:
        return int(values[0])
    raise Problem(422, "invalid", f"{name}: must be a whole number from {least} to {most}")


def bearer_token(request: web.Request) -> str:
    """Return the token of the ``Authorization`` header; empty when there is none or it is given twice."""
    values = request.headers.getall("Authorization", [])
    found = _BEARER.fullmatch(values[0]) if len(values) == 1 else None
    return found[1] if found else ""


def accepts_event_stream(request: web.Request) -> bool:
    """Say whether the ``Accept`` header names ``text/event-stream``."""
    ranges = ",".join(request.headers.getall("Accept", [])).lower().split(",")
    return any(part.partition(";")[0].strip() == "text/event-stream" for part in ranges)


def json_answer(body: object, *, status: int = 200) -> web.Response:
    """Return a dataclass or a dictionary as a JSON answer."""
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def _validate(value: object, model: type[_Model]) -> _Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Problem(422, "invalid", first_problem(error)) from None
