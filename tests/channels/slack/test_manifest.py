"""The app's manifest fits what Slack documents, and says what the configuration needs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from supportbot_slack.manifest import App, as_json, as_yaml, manifest
from supportbot_slack.scopes import EVENTS, SCOPES, missing

URL = {"type": "string", "pattern": "^https://", "maxLength": 3000}


def _text(most: int) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": most}


def _object(required: str = "", **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required.split(),
        "properties": properties,
    }


def _list(items: Any, most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "maxItems": most, "uniqueItems": True}


BOOLEAN = {"type": "boolean"}
SHAPE = _object(
    "display_information",
    _metadata=_object(major_version={"const": 1}, minor_version={"type": "integer"}),
    display_information=_object("name", name=_text(35), description=_text(140)),
    features=_object(
        app_home=_object(
            home_tab_enabled=BOOLEAN, messages_tab_enabled=BOOLEAN, messages_tab_read_only_enabled=BOOLEAN
        ),
        assistant_view=_object(
            "assistant_description",
            assistant_description=_text(300),
            suggested_prompts=_list(_object("title message", title=_text(75), message=_text(3000)), 4),
        ),
        bot_user=_object("display_name", display_name=_text(80), always_online=BOOLEAN),
        shortcuts=_list(
            _object(
                "name type callback_id description",
                name=_text(24),
                type={"enum": ["message", "global"]},
                callback_id=_text(255),
                description=_text(150),
            ),
            10,
        ),
        slash_commands=_list(
            _object(
                "command description",
                command={"type": "string", "pattern": "^/[a-z0-9_-]{1,31}$"},
                url=URL,
                description=_text(2000),
                usage_hint=_text(1000),
                should_escape=BOOLEAN,
            ),
            50,
        ),
    ),
    oauth_config=_object(redirect_urls=_list(URL, 1000), scopes=_object(bot=_list(_text(50), 255))),
    settings=_object(
        event_subscriptions=_object(request_url=URL, bot_events=_list(_text(50), 100)),
        interactivity=_object("is_enabled", is_enabled=BOOLEAN, request_url=URL),
        org_deploy_enabled=BOOLEAN,
        socket_mode_enabled=BOOLEAN,
        token_rotation_enabled=BOOLEAN,
    ),
)
"""What https://docs.slack.dev/reference/app-manifest says of the parts that we use."""

BASE = "https://bot.example.com/channels/slack"
SOCKET = App(name="Fern", socket_mode=True)
HTTP = App(name="Fern", base_url=BASE)
SEVERAL = App(name="Fern", base_url=BASE, several=True, prompts=("Where is my parcel?",))
CHANNELS = App(name="Fern", base_url=BASE, direct_messages=False, prompts=("Where is my parcel?",))
STRANGE = App(
    name='Fern: the "best" & longest-named helper of all 🌿',
    description="It\nanswers: {all} #questions, " + "and more " * 40,
    base_url=BASE,
    prompts=("yes", "no: really", "- a\n- b", "x" * 200),
)


@pytest.mark.parametrize(
    "app",
    [SOCKET, HTTP, SEVERAL, CHANNELS, STRANGE],
    ids=["socket", "http", "several", "channels", "strange"],
)
def test_it_fits_what_slack_documents(app: App) -> None:
    """No key that Slack does not know, nothing too long, whatever bot.yaml says."""
    errors = Draft202012Validator(SHAPE).iter_errors(manifest(app))
    assert [] == [f"{error.json_path}: {error.message}" for error in errors]


@pytest.mark.parametrize(
    "app",
    [SOCKET, HTTP, SEVERAL, CHANNELS, STRANGE],
    ids=["socket", "http", "several", "channels", "strange"],
)
def test_both_forms_say_the_same(app: App) -> None:
    """YAML and JSON are read back as what they were made of."""
    assert manifest(app) == json.loads(as_json(app))
    assert manifest(app) == YAML(typ="safe", pure=True).load(as_yaml(app))


def test_socket_mode_names_no_address() -> None:
    """A bot behind a firewall can be set up by it."""
    made = manifest(SOCKET)
    assert "http" not in as_json(SOCKET)
    assert (True, False, False) == (
        made["settings"]["socket_mode_enabled"],
        made["settings"]["token_rotation_enabled"],
        made["settings"]["org_deploy_enabled"],
    )


def test_http_names_one_address_for_all() -> None:
    """Events, buttons and commands come to the same place; nobody installs it from a page."""
    made = manifest(HTTP)
    assert {f"{BASE}/events"} == {
        made["settings"]["event_subscriptions"]["request_url"],
        made["settings"]["interactivity"]["request_url"],
        made["features"]["slash_commands"][0]["url"],
    }
    assert (False, False) == (
        made["settings"]["socket_mode_enabled"],
        "redirect_urls" in made["oauth_config"],
    )


def test_several_workspaces_install_it_and_rotate_their_tokens() -> None:
    """The way back from Slack is allowed, organisations may install it, tokens end after twelve hours."""
    made = manifest(SEVERAL)
    assert [f"{BASE}/oauth_redirect"] == made["oauth_config"]["redirect_urls"]
    assert made["settings"]["token_rotation_enabled"]
    assert made["settings"]["org_deploy_enabled"]


def test_scopes_and_events_are_all_there() -> None:
    """As the code knows them, in one order, so that two manifests can be compared."""
    made = manifest(HTTP)
    assert sorted(SCOPES) == made["oauth_config"]["scopes"]["bot"]
    assert sorted(EVENTS) == made["settings"]["event_subscriptions"]["bot_events"]


def test_without_direct_messages_it_asks_for_nothing_that_only_they_need() -> None:
    """Nobody can write to it there, no pane is offered, and no command whose answer would stand there.

    What is left is what a workspace's administrator is asked to allow; group messages are channels.
    """
    made = manifest(CHANNELS)
    assert {"assistant:write", "im:history", "im:write"} == SCOPES.keys() - set(
        made["oauth_config"]["scopes"]["bot"]
    )
    assert {"assistant_thread_context_changed", "assistant_thread_started", "message.im"} == set(
        EVENTS
    ) - set(made["settings"]["event_subscriptions"]["bot_events"])
    assert {"app_home", "bot_user", "shortcuts"} == made["features"].keys()
    assert not made["features"]["app_home"]["messages_tab_enabled"]


def test_missing_scopes_are_named_with_what_they_are_for() -> None:
    """What a token has more than that does no harm."""
    granted = {*SCOPES, "channels:join"} - {"im:write"}
    assert {"im:write": "to open a direct message, where answers to /ask go"} == missing(
        granted, direct_messages=True
    )
    assert {} == missing(granted, direct_messages=False)
