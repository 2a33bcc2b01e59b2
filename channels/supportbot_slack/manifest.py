"""The app's manifest: all of its settings at Slack, ready to paste.

https://docs.slack.dev/reference/app-manifest; a test holds it to the shape and the limits documented there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from supportbot_slack.scopes import events, scopes

ASK_COMMAND = "/ask"
ASK_SHORTCUT = "ask_the_bot"
"""The shortcut's ``callback_id``."""

_NAME = 35
_SHORT = 140
_TITLE = 75


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """What a manifest is made of."""

    name: str
    description: str = ""
    base_url: str = ""
    """Where the channel's routes are from outside, no slash at the end; may be empty with Socket Mode."""
    socket_mode: bool = False
    """Events come over Socket Mode; then no address is called but the install pages'."""
    several: bool = False
    """Several workspaces install it, by the install pages."""
    direct_messages: bool = True
    """It answers direct messages; else there is no assistant pane, which is one, and no ``/ask``."""
    prompts: tuple[str, ...] = ()
    """Questions that the assistant pane offers."""


def manifest(app: App) -> dict[str, Any]:
    """Return the manifest, with all that the bot can do."""
    called = "" if app.socket_mode else f"{app.base_url}/events"
    heard = events(direct_messages=app.direct_messages)
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": _display(app),
        "features": _features(app, called),
        "oauth_config": _oauth(app),
        "settings": {
            "event_subscriptions": _url(called) | {"bot_events": list(heard)},
            "interactivity": {"is_enabled": True} | _url(called),
            "org_deploy_enabled": app.several,
            "socket_mode_enabled": app.socket_mode,
            "token_rotation_enabled": app.several,
        },
    }


def as_json(app: App) -> str:
    """Return the manifest as JSON."""
    return json.dumps(manifest(app), indent=2, ensure_ascii=False)


def as_yaml(app: App) -> str:
    """Return the manifest as YAML, every text in the quotes of JSON, which YAML has too."""
    return "\n".join(_yaml(manifest(app)))


def _display(app: App) -> dict[str, str]:
    description = " ".join(app.description.split()) or f"{app.name} answers your questions."
    return {"name": _cut(app.name, _NAME), "description": _cut(description, _SHORT)}


def _features(app: App, called: str) -> dict[str, Any]:
    direct = {"assistant_view": _assistant(app), "slash_commands": [_ask(app, called)]}
    return {
        "app_home": {
            "home_tab_enabled": True,
            "messages_tab_enabled": app.direct_messages,
            "messages_tab_read_only_enabled": False,
        },
        "bot_user": {"display_name": _cut(app.name, _NAME), "always_online": True},
        "shortcuts": [
            {
                "name": "Ask the bot",
                "type": "message",
                "callback_id": ASK_SHORTCUT,
                "description": "Answers this message in its thread",
            }
        ],
    } | (direct if app.direct_messages else {})


def _ask(app: App, called: str) -> dict[str, Any]:
    described = f"Ask {_cut(app.name, _NAME)} something"
    return (
        {"command": ASK_COMMAND}
        | ({"url": called} if called else {})
        | {"description": described, "usage_hint": "your question", "should_escape": False}
    )


def _assistant(app: App) -> dict[str, Any]:
    described: dict[str, Any] = {"assistant_description": _display(app)["description"]}
    prompts = [{"title": _cut(text, _TITLE), "message": text} for text in app.prompts]
    return described | ({"suggested_prompts": prompts} if prompts else {})


def _oauth(app: App) -> dict[str, Any]:
    asked = {"scopes": {"bot": sorted(scopes(direct_messages=app.direct_messages))}}
    return {"redirect_urls": [f"{app.base_url}/oauth_redirect"]} | asked if app.several else asked


def _url(called: str) -> dict[str, str]:
    return {"request_url": called} if called else {}


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _yaml(value: dict[str, Any], indent: str = "") -> list[str]:
    lines: list[str] = []
    for key, part in value.items():
        if isinstance(part, dict):
            lines += [f"{indent}{key}:", *_yaml(part, indent + "  ")]
        elif isinstance(part, list) and part:
            lines += [f"{indent}{key}:", *(line for item in part for line in _item(item, indent + "  "))]
        else:
            lines.append(f"{indent}{key}: {json.dumps(part, ensure_ascii=False)}")
    return lines


def _item(item: Any, indent: str) -> list[str]:
    if not isinstance(item, dict):
        return [f"{indent}- {json.dumps(item, ensure_ascii=False)}"]
    first, *rest = _yaml(item, indent + "  ")
    return [f"{indent}- {first.lstrip()}", *rest]
