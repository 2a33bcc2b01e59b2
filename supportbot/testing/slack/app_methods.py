"""The methods about the app itself and those who use it: auth, users, the assistant pane, views, files."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from supportbot.testing.slack.calls import Call, Caller, SlackError

if TYPE_CHECKING:
    from supportbot.testing.slack.world import World

_MAX_PROMPTS = 4


def auth_test(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """auth.test."""
    mine = caller.workspace
    return {
        "url": "https://fake.slack.com/",
        "team": mine.name,
        "user": "supportbot",
        "team_id": mine.id,
        "user_id": mine.bot_user,
        "bot_id": mine.bot_id,
        "is_enterprise_install": False,
    } | ({"enterprise_id": mine.enterprise_id} if mine.enterprise_id else {})


def auth_revoke(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """auth.revoke."""
    revoked = not call.flag("test")
    caller.token.revoked = caller.token.revoked or revoked
    return {"revoked": revoked}


def bots_info(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """bots.info."""
    mine = caller.workspace
    if call.text("bot") != mine.bot_id:
        raise SlackError("bot_not_found")
    bot = {
        "id": mine.bot_id,
        "app_id": mine.app_id,
        "user_id": mine.bot_user,
        "name": "supportbot",
        "deleted": False,
    }
    return {"bot": bot}


def users_info(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """users.info."""
    if (user := caller.workspace.users.get(call.need("user"))) is None:
        raise SlackError("user_not_found")
    return {"user": user}


def set_status(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """assistant.threads.setStatus; an empty status takes it away."""
    world.writable(caller, call.need("channel_id"))
    call.need("thread_ts")
    if "status" not in call.arguments:
        call.need("status")
    return {}


def set_title(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """assistant.threads.setTitle."""
    _assistant_thread(world, caller, call)
    call.need("title")
    return {}


def set_suggested_prompts(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """assistant.threads.setSuggestedPrompts: at most four, each with a title and a message."""
    _assistant_thread(world, caller, call)
    prompts = call.json("prompts", "invalid_arguments")
    if not isinstance(prompts, list) or not 0 < len(prompts) <= _MAX_PROMPTS:
        raise SlackError("invalid_arguments")
    if any(not {"title", "message"} <= prompt.keys() for prompt in prompts):
        raise SlackError("invalid_arguments")
    return {}


def publish_view(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """views.publish: somebody's App Home."""
    return _view(caller, call, "home", {"user_id": call.need("user_id")})


def open_view(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """views.open."""
    return _view(caller, call, "modal", {"trigger_id": call.need("trigger_id")})


def files_info(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """files.info."""
    stored = world.files.get(call.need("file"))
    if stored is None or stored.team != caller.workspace.id:
        raise SlackError("file_not_found")
    return {"file": stored.shown}


def oauth_access(world: World, call: Call, client: tuple[str, str]) -> dict[str, Any]:
    """oauth.v2.access: a code, or a refresh token, becomes a token."""
    if client[0] != world.client_id:
        raise SlackError("invalid_client_id")
    if client[1] != world.client_secret:
        raise SlackError("bad_client_secret")
    if call.text("grant_type") == "refresh_token":
        return _refreshed(world, call.text("refresh_token"))
    if (team := world.codes.pop(call.text("code"), None)) is None:
        raise SlackError("invalid_code")
    return _granted(world, team)


def _refreshed(world: World, refresh_token: str) -> dict[str, Any]:
    for workspace in world.workspaces.values():
        if refresh_token in workspace.refresh_tokens:
            workspace.refresh_tokens.discard(refresh_token)
            return _granted(world, workspace.id)
    raise SlackError("invalid_refresh_token")


def _granted(world: World, team: str) -> dict[str, Any]:
    workspace = world.workspaces[team]
    token = workspace.issue(time.time() + 43_200 if world.rotation else None)
    answer: dict[str, Any] = {
        "access_token": token.value,
        "token_type": "bot",
        "scope": ",".join(token.scopes),
        "bot_user_id": workspace.bot_user,
        "app_id": workspace.app_id,
        "team": {"id": team, "name": workspace.name},
        "enterprise": {"id": workspace.enterprise_id, "name": "Org"} if workspace.enterprise_id else None,
        "authed_user": {"id": "U0INSTALLER"},
        "is_enterprise_install": False,
    }
    if world.rotation:
        refresh = f"xoxe-1-{secrets.token_hex(8)}"
        workspace.refresh_tokens.add(refresh)
        answer |= {"refresh_token": refresh, "expires_in": 43_200}
    return answer


def _assistant_thread(world: World, caller: Caller, call: Call) -> None:
    found = world.conversation(caller, call.need("channel_id"))
    if call.need("thread_ts") not in found.assistant_threads:
        raise SlackError("thread_not_found")


def _view(caller: Caller, call: Call, kind: str, more: dict[str, Any]) -> dict[str, Any]:
    view = call.json("view", "invalid_arguments")
    if not isinstance(view, dict) or view.get("type") != kind or not isinstance(view.get("blocks"), list):
        raise SlackError("invalid_arguments")
    known = {
        "id": f"V{secrets.token_hex(4).upper()}",
        "team_id": caller.workspace.id,
        "hash": secrets.token_hex(8),
    }
    return {
        "view": {
            **view,
            **known,
            "app_id": caller.workspace.app_id,
            "bot_id": caller.workspace.bot_id,
            **more,
        }
    }
