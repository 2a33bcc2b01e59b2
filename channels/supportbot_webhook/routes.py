"""Every route of the channel in one table: the router and the OpenAPI document are both made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from supportbot_webhook.bodies import MAX_SEQ
from supportbot_webhook.inbound import (
    KEY_PATTERN,
    Address,
    NewSession,
    ProgramMessage,
    Seen,
    Survey,
    Thumb,
    Token,
    VisitorMessage,
)
from supportbot_webhook.outbound import (
    Continuation,
    IdentifiedSession,
    OpenedSession,
    Page,
    Receipt,
    Result,
    Status,
    VisitorReceipt,
)
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
    where: Literal["query", "header", "path"] = "query"
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One way in which an operation succeeds."""

    description: str
    body: Any = None
    """The JSON body's type; None when there is none."""
    events: bool = False
    """It may be a stream of server-sent events instead."""
    media: str = ""
    """The type of a body that is no JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method on one path."""

    id: str
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    summary: str
    security: Security
    answers: Mapping[int, Answer]
    errors: tuple[int, ...]
    """Statuses of its refusals, besides what every route may answer."""
    body: type[BaseModel] | None = None
    parameters: tuple[Parameter, ...] = ()
    head: bool = False
    """HEAD is answered too: like GET, without the body (RFC 9110, section 9.3.2)."""

    @property
    def methods(self) -> tuple[str, ...]:
        """What the path answers by this operation."""
        return (self.method, "HEAD") if self.head else (self.method,)


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
_SEQ = Parameter(
    name="seq",
    where="path",
    required=True,
    description="The message's number.",
    schema={"type": "integer", "minimum": 1, "maximum": MAX_SEQ},
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
            description="Resume after this event's id; counts before the parameter after. With the message's "
            "own id behind it, as in 2-msg_…, all is sent when another message has that number now.",
            schema={"type": "string", "pattern": "^[0-9]{1,10}(-[A-Za-z0-9_]{1,64})?$"},
        ),
        _AFTER,
    ),
    answers={200: Answer(description="Events: message, typing, delta, state, settled, bye.", events=True)},
    errors=(400, 401, 422),
)

IDENTIFY = Operation(
    id="identify",
    method="POST",
    path="/sessions/identify",
    summary="Say who the visitor is, by a token that their website signed. The session of the request, if it "
    "has one, ends.",
    security="none",
    body=Token,
    answers={
        200: Answer(description="The session is that person's already, and goes on.", body=IdentifiedSession),
        201: Answer(description="The session; its token is shown this once.", body=IdentifiedSession),
    },
    errors=(400, 401, 403, 413, 415, 422),
)
STATUS = Operation(
    id="status",
    method="GET",
    path="/conversation/status",
    summary="Read what is known beside the messages.",
    security="session",
    answers={200: Answer(description="Who is there, and what the visitor said of it.", body=Status)},
    errors=(401,),
)
RATE_ANSWER = Operation(
    id="rate_answer",
    method="PUT",
    path="/conversation/messages/{seq}/rating",
    summary="Say what one thinks of an answer; the newest counts.",
    security="session",
    parameters=(_SEQ,),
    body=Thumb,
    answers={204: Answer(description="It is stored.")},
    errors=(400, 401, 403, 404, 413, 415, 422),
)
READ_IMAGE = Operation(
    id="read_image",
    method="GET",
    path="/conversation/messages/{seq}/images/{n}",
    summary="Read an image of a message.",
    security="session",
    parameters=(
        _SEQ,
        Parameter(
            name="n",
            where="path",
            required=True,
            description="Which of its images.",
            schema={"type": "integer", "minimum": 0},
        ),
    ),
    answers={200: Answer(description="The image, never as a page of its own.", media="image/*")},
    errors=(401, 404),
)
ANSWER_SURVEY = Operation(
    id="answer_survey",
    method="PUT",
    path="/conversation/survey",
    summary="Say what one thinks of the conversation; the newest counts.",
    security="session",
    body=Survey,
    answers={204: Answer(description="It is stored.")},
    errors=(400, 401, 403, 409, 413, 415, 422),
)
GIVE_EMAIL = Operation(
    id="give_email",
    method="PUT",
    path="/conversation/email",
    summary="Say where one wants to be written to.",
    security="session",
    body=Address,
    answers={200: Answer(description="It is stored.", body=Continuation)},
    errors=(400, 401, 403, 413, 415, 422),
)


SEE = Operation(
    id="see",
    method="PUT",
    path="/conversation/seen",
    summary="Say what the visitor has seen; what nobody saw may be sent to them by mail.",
    security="session",
    body=Seen,
    answers={204: Answer(description="It is stored.")},
    errors=(400, 401, 403, 413, 415, 422),
)


def _file(name: str, path: str, summary: str, media: str, *parameters: Parameter) -> Operation:
    return Operation(
        id=name,
        method="GET",
        path=path,
        summary=summary,
        security="none",
        parameters=parameters,
        answers={
            200: Answer(description="It.", media=media),
            304: Answer(description="It has not changed (If-None-Match)."),
        },
        errors=(),
        head=True,
    )


_LANG = Parameter(
    name="lang",
    description="The language wished for, as Accept-Language writes it.",
    schema={"type": "string"},
)
_THEME = Parameter(
    name="theme",
    description="Instead of widget.scheme.",
    schema={"type": "string", "enum": ["auto", "light", "dark"]},
)
_VERSION = Parameter(
    name="v",
    description="Of the content; with it the answer may be kept for ever.",
    schema={"type": "string"},
)
LOADER = _file("widget_loader", "/widget.js", "The script that a website embeds.", "text/javascript")
FRAME = _file("widget_frame", "/frame", "The chat, for the widget's frame.", "text/html", _LANG, _THEME)
PAGE = _file("widget_page", "/", "The chat as a page by itself.", "text/html", _LANG, _THEME)
SCRIPT = _file("widget_script", "/chat.js", "The chat's script.", "text/javascript", _VERSION)
LATE_SCRIPT = _file(
    "widget_late_script", "/late.js", "What the chat fetches once it is needed.", "text/javascript", _VERSION
)
ICON = _file("widget_icon", "/icon.svg", "The symbol of the browser's tab.", "image/svg+xml")
STYLE = _file("widget_style", "/chat.css", "The chat's style.", "text/css", _VERSION)
TYPES = _file("widget_types", "/widget.d.ts", "TypeScript types of the JavaScript API.", "text/plain")

DESCRIBE = Operation(
    id="describe",
    method="GET",
    path="/openapi.json",
    summary="This document.",
    security="none",
    answers={200: Answer(description="An OpenAPI 3.1 document.", body=dict[str, Any])},
    errors=(),
    head=True,
)
