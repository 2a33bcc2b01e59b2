"""Listeners of your own, written for Bolt (https://docs.slack.dev/tools/bolt-python), behind our way in.

What Slack sends is verified, and a question stored and acknowledged, before any of this. Listeners get what
is no question: commands, shortcuts, buttons, forms and events that we do not know. Bolt is imported only
where bot.yaml names some.
"""

from __future__ import annotations

import importlib
import logging
import sys
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from supportbot.errors import SupportBotError
from supportbot.web import Problem
from supportbot_slack.sdk import web_client

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from slack_bolt.app.async_app import AsyncApp
    from slack_bolt.authorization import AuthorizeResult

    from supportbot_slack.workspaces import Workspaces

_NOBODY_S = 404
_FAILED = 500
_QUESTIONS = ("message", "app_mention")
"""Events that ``Ingress`` hands to no listener."""

log = structlog.get_logger(__name__)


class BadListeners(SupportBotError):
    """The listeners '{name}' of the Slack channel cannot be used: {problem}. Name a function in a module
    beside bot.yaml, or an installed one, as in 'mybot_slack:register'; it is given the Bolt app."""


class Listeners:
    """A Bolt app, with what a function of the bot's author registered."""

    def __init__(self, app: AsyncApp) -> None:
        self._app = app

    @classmethod
    def load(cls, name: str, *, folder: Path | None, workspaces: Workspaces, api_url: str) -> Listeners:
        """Make the app and let the function register its listeners.

        Args:
            name: the function, as ``module:function``.
            folder: where modules are looked for that are not installed.
            workspaces: know the tokens.
            api_url: where Slack's Web API is.

        Raises:
            BadListeners: there is no such function, or it fails.
        """
        app = _app(workspaces, api_url)
        try:
            _function(name, folder)(app)
        except Exception as error:
            raise BadListeners(name=name, problem=f"{type(error).__name__}: {error}") from error
        return cls(app)

    async def take(self, payload: Mapping[str, Any]) -> tuple[bool, dict[str, Any] | None]:
        """Hand something over: an interaction's payload, a command's fields, or an event with its envelope.

        Returns whether there is a listener for it, and what Slack is answered.

        Raises:
            Problem: the listener failed before it acknowledged; Slack shows that something went wrong.
        """
        from slack_bolt.request.async_request import AsyncBoltRequest

        # In this mode Bolt takes the parsed payload; it was verified, from its bytes, on the way in.
        try:
            response = await self._app.async_dispatch(
                AsyncBoltRequest(body=dict(payload), mode="socket_mode")
            )
        except Exception as error:  # noqa: BLE001 - Bolt relies on keys that Slack may leave out
            log.warning("slack.not_for_bolt", error=type(error).__name__)
            return False, None
        if response.status == _NOBODY_S:
            return False, None
        if response.status != 200:
            raise Problem(503, "listener_failed", "A listener of the bot's own failed.")
        return True, _answer(response.body)


def _app(workspaces: Workspaces, api_url: str) -> AsyncApp:
    from slack_bolt import BoltResponse
    from slack_bolt.app.async_app import AsyncApp
    from slack_bolt.authorization import AuthorizeResult
    from slack_bolt.error import BoltUnhandledRequestError

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult | None:
        here = await workspaces.get(team_id or "", enterprise_id or "")
        if here is None:
            return None
        return AuthorizeResult(
            enterprise_id=here.enterprise or None,
            team_id=here.team or team_id,
            bot_user_id=here.bot_user,
            bot_id=here.bot_id,
            bot_token=here.bot_token,
            bot_scopes=sorted(here.scopes),
        )

    async def failed(error: Exception, response: BoltResponse | None) -> BoltResponse | None:
        if isinstance(error, BoltUnhandledRequestError):
            return BoltResponse(status=_NOBODY_S)
        log.error("slack.listener_failed", error=type(error).__name__, exc_info=error)
        return None if response is None else BoltResponse(status=_FAILED)  # None: it was acknowledged before

    class App(AsyncApp):
        """Says of listeners that they will hear nothing."""

        def message(self, *args: Any, **kwargs: Any) -> Any:
            _warn("message")
            return super().message(*args, **kwargs)

        def event(self, event: Any, *args: Any, **kwargs: Any) -> Any:
            named = event.get("type") if isinstance(event, dict) else event
            if named in _QUESTIONS:
                _warn(named)
            return super().event(event, *args, **kwargs)

    quiet = logging.getLogger("supportbot_slack.listeners")  # Bolt's own lines hold what customers wrote
    quiet.setLevel(logging.ERROR)
    app = App(
        name="supportbot",
        logger=quiet,
        client=web_client(api_url),
        authorize=authorize,  # type: ignore[arg-type]  # Bolt takes None: not installed there
        request_verification_enabled=False,
        raise_error_for_unhandled_request=True,
    )
    app.error(failed)
    return app


def _warn(event: str) -> None:
    log.warning("slack.listener_never_runs", on=event, why="messages and mentions are the bot's to answer")


def _function(name: str, folder: Path | None) -> Any:
    if folder is not None and str(folder) not in sys.path:
        sys.path.append(str(folder))  # the last place: nothing in it hides what is installed
    module, _, attribute = name.partition(":")
    importlib.invalidate_caches()
    return getattr(importlib.import_module(module), attribute)


def _answer(body: str) -> dict[str, Any] | None:
    """Return what a listener acknowledged with, as we answer: None for nothing."""
    if not body:
        return None
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {"text": body}
    return answer if isinstance(answer, dict) else {"text": body}
