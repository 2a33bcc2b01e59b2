"""A call of the fake Slack's Web API: its arguments, whoever makes it, and what became of it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from supportbot.testing.slack.store import Place
    from supportbot.testing.slack.workspace import Token, Workspace

_JSON_ARGUMENTS = {"blocks", "attachments", "metadata", "chunks", "prompts", "view", "feedback"}
"""These hold JSON, and come as a string in a form."""


class SlackError(Exception):
    """The Web API refuses a call: its ``error``, and what else is in the answer."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.answer = {"ok": False, "error": error, **more}


@dataclass(slots=True)
class Call:
    """A call as it came. ``FakeSlack.calls`` has them in their order."""

    method: str
    arguments: dict[str, Any]
    token: str = field(repr=False)
    at: float = field(default_factory=time.monotonic)
    """When it came, in seconds of the monotonic clock."""
    team: str = ""
    """Whose token it carries; empty when it is nobody's."""
    taken: bool = False
    """Slack did what it was asked, whatever became of the answer."""
    answer: dict[str, Any] = field(default_factory=dict)
    """What Slack answered, or would have if it had not failed."""
    fault: str = ""
    """What befell it."""

    def text(self, name: str) -> str:
        """Return an argument as text; empty when it is missing."""
        value = self.arguments.get(name)
        return "" if value is None else str(value)

    def need(self, name: str) -> str:
        """Return an argument that must be there.

        Raises:
            SlackError: it is not.
        """
        if not (value := self.text(name)):
            detail = f"[ERROR] missing required field: {name}"
            raise SlackError("invalid_arguments", response_metadata={"messages": [detail]})
        return value

    def flag(self, name: str) -> bool:
        """Return whether an argument is true: ``true``, ``1``, in JSON or in a form."""
        return self.text(name).lower() in {"true", "1"}

    def number(self, name: str, default: int) -> int:
        """Return an argument as a number."""
        try:
            return int(self.text(name) or default)
        except ValueError:
            raise SlackError("invalid_arguments") from None

    def json(self, name: str, error: str) -> Any:
        """Return an argument that holds JSON; None when it is missing.

        Raises:
            SlackError: ``error``, when it cannot be read.
        """
        value = self.arguments.get(name)
        if not isinstance(value, str) or name not in _JSON_ARGUMENTS:
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise SlackError(error) from None


@dataclass(frozen=True, slots=True)
class Caller:
    """The app in a workspace, as whom a call is made."""

    workspace: Workspace
    token: Token

    def place(self, channel: str) -> Place:
        """Return where a channel's messages are kept."""
        return self.workspace.id, channel

    def require(self, *scopes: str) -> None:
        """Make sure that the token has one of the scopes.

        Raises:
            SlackError: ``missing_scope``, with what is needed and what the token has.
        """
        if scopes and not set(scopes) & set(self.token.scopes):
            raise SlackError("missing_scope", needed=scopes[0], provided=",".join(self.token.scopes))


async def read_call(request: web.Request, method: str) -> Call:
    """Read a call: query, form or JSON; the token in the header or among the arguments.

    Raises:
        SlackError: the body is not what its content type says.
    """
    arguments: dict[str, Any] = {**request.query, **await _body(request)}
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    asked = str(arguments.pop("token", ""))
    return Call(method, arguments, token.strip() if scheme.lower() == "bearer" else asked)


async def _body(request: web.Request) -> Mapping[str, Any]:
    raw = await request.read()
    if not raw:
        return {}
    if request.content_type == "application/json":
        return _object(raw)
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except ValueError:
        raise SlackError("invalid_json") from None
    if not isinstance(value, dict):
        raise SlackError("json_not_object")
    return {name: item for name, item in value.items() if item is not None}
