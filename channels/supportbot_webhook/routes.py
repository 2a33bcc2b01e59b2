"""Every route of the channel in one table: the router and the OpenAPI document are both made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from supportbot_webhook.bodies import MAX_SEQ
from supportbot_webhook.inbound import KEY_PATTERN, NewSession, ProgramMessage, VisitorMessage
from supportbot_webhook.outbound import OpenedSession, Page, Receipt, Result, VisitorReceipt
from supportbot_webhook.programs import LONGEST_WAIT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

Security = Literal["signature", "session", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A query parameter or header of an operation."""

    name: str
    description: str
    schema: Mapping[str, Any]
    where: Literal["query", "header"] = "query"
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One way in which an operation succeeds."""

    description: str
    body: Any = None
    """The JSON body's type; None when there is none."""
    events: bool = False
    """It may be a stream of server-sent events instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method on one path."""

    id: str
    method: Literal["GET", "POST", "DELETE"]
    path: str
    summary: str
    security: Security
    answers: Mapping[int, Answer]
    errors: tuple[int, ...]
    """Statuses of its refusals, besides what every route may answer."""
    body: type[BaseModel] | None = None
    parameters: tuple[Parameter, ...] = ()


_AFTER = Parameter(
    name="after",
    description="Only messages with a higher number than this.",
    schema={"type": "integer", "minimum": 0, "maximum": MAX_SEQ, "default": 0},
)
_LIMIT = Parameter(
    name="limit",
    description="At most so many messages.",
    schema={"type": "integer", "minimum": 1, "maximum": 200, "default": 100},
)

PASS_MESSAGE = Operation(
    id="pass_message",
    method="POST",
    path="/messages",
    summary="Pass on a message, and wait for the reply if wanted.",
    security="signature",
    body=ProgramMessage,
    parameters=(
        Parameter(
            name="wait",
            description="Wait up to so many seconds for the reply.",
            schema={"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT, "default": 0},
        ),
    ),
    answers={
        200: Answer(
            description="The reply (with wait), a stream of events until the reply (with "
            "Accept: text/event-stream), or the receipt of a message that came before.",
            body=Result | Receipt,
            events=True,
        ),
        202: Answer(description="Accepted; the reply comes later.", body=Result | Receipt),
    },
    errors=(400, 401, 409, 413, 415, 422),
)
READ_CONVERSATION = Operation(
    id="read_conversation",
    method="GET",
    path="/messages",
    summary="Read a conversation. The signed content is the query string, exactly as sent.",
    security="signature",
    parameters=(
        Parameter(
            name="conversation",
            description="The conversation's key.",
            schema={"type": "string", "pattern": KEY_PATTERN},
            required=True,
        ),
        _AFTER,
        _LIMIT,
    ),
    answers={200: Answer(description="Messages, oldest first.", body=Page)},
    errors=(400, 401, 404, 422),
)

OPEN_SESSION = Operation(
    id="open_session",
    method="POST",
    path="/sessions",
    summary="Begin a visitor's session.",
    security="none",
    body=NewSession,
    answers={201: Answer(description="The session; its token is shown this once.", body=OpenedSession)},
    errors=(400, 403, 413, 415, 422),
)
CLOSE_SESSION = Operation(
    id="close_session",
    method="DELETE",
    path="/sessions/current",
    summary="End the session: its token is dead.",
    security="session",
    answers={204: Answer(description="It is ended.")},
    errors=(401, 403),
)
WRITE_MESSAGE = Operation(
    id="write_message",
    method="POST",
    path="/conversation/messages",
    summary="Write a message.",
    security="session",
    body=VisitorMessage,
    answers={
        200: Answer(description="It had been accepted before.", body=VisitorReceipt),
        202: Answer(description="Accepted; the reply comes as an event.", body=VisitorReceipt),
    },
    errors=(400, 401, 403, 409, 413, 415, 422),
)
READ_MESSAGES = Operation(
    id="read_messages",
    method="GET",
    path="/conversation/messages",
    summary="Read the conversation.",
    security="session",
    parameters=(_AFTER, _LIMIT),
    answers={200: Answer(description="Messages, oldest first.", body=Page)},
    errors=(401, 422),
)
FOLLOW = Operation(
    id="follow",
    method="GET",
    path="/conversation/events",
    summary="Follow the conversation as server-sent events.",
    security="session",
    parameters=(
        Parameter(
            name="Last-Event-ID",
            where="header",
            description="Resume after this event's id; counts before the parameter after.",
            schema={"type": "integer", "minimum": 0, "maximum": MAX_SEQ},
        ),
        _AFTER,
    ),
    answers={200: Answer(description="Events: message, typing, delta, state, settled, bye.", events=True)},
    errors=(400, 401, 422),
)

DESCRIBE = Operation(
    id="describe",
    method="GET",
    path="/openapi.json",
    summary="This document.",
    security="none",
    answers={200: Answer(description="An OpenAPI 3.1 document.", body=dict[str, Any])},
    errors=(),
)
