"""The conversations methods: read threads and histories, look conversations up, open direct messages."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from supportbot.testing.slack.calls import Call, Caller, SlackError
from supportbot.testing.slack.shapes import archived_json, conversation_json, message_json
from supportbot.testing.slack.world import HISTORY_SCOPES

if TYPE_CHECKING:
    from supportbot.testing.slack.store import Message
    from supportbot.testing.slack.workspace import Conversation
    from supportbot.testing.slack.world import World


def replies(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """conversations.replies: a thread from its beginning, oldest first."""
    found = _readable(world, caller, call)
    place, ts = caller.place(found.id), call.need("ts")
    if (named := world.store.get(place, ts)) is None:
        raise SlackError("thread_not_found")
    thread = world.store.thread(place, named.thread_ts or ts)
    return _page(world, caller, call, thread, default=1000)


def history(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """conversations.history: what is not in a thread, newest first."""
    found = _readable(world, caller, call)
    top = [m for m in world.store.all(caller.place(found.id)) if m.thread_ts in ("", m.ts)]
    page = _page(world, caller, call, top[::-1], default=100)
    if found.archived and not call.text("cursor"):
        page["messages"].insert(0, archived_json(found))
    return page


def info(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """conversations.info."""
    found = world.conversation(caller, call.need("channel"))
    return {"channel": conversation_json(caller.workspace, found)}


def members(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """conversations.members."""
    found = world.conversation(caller, call.need("channel"))
    return {"members": sorted(found.members), "response_metadata": {"next_cursor": ""}}


def open_direct(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """conversations.open: the direct message with somebody, always the same one."""
    if call.text("channel"):
        return {"channel": {"id": world.conversation(caller, call.text("channel")).id}}
    user = call.need("users")
    if user not in caller.workspace.users:
        raise SlackError("user_not_found")
    return {"channel": {"id": caller.workspace.direct(user).id}}


def listed(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """conversations.list and users.conversations."""
    mine = caller.workspace
    seen = [c for c in mine.conversations.values() if c.kind == "channel" or mine.bot_user in c.members]
    channels = [conversation_json(mine, found) for found in seen]
    return {"channels": channels, "response_metadata": {"next_cursor": ""}}


def _readable(world: World, caller: Caller, call: Call) -> Conversation:
    found = world.conversation(caller, call.need("channel"))
    caller.require(HISTORY_SCOPES[found.kind])
    if caller.workspace.bot_user not in found.members:
        raise SlackError("not_in_channel")
    return found


def _page(
    world: World, caller: Caller, call: Call, messages: list[Message], *, default: int
) -> dict[str, Any]:
    start, limit = _offset(call.text("cursor")), call.number("limit", default)
    seen = world.store.read([message for message in messages if _within(call, message.ts)])
    more = start + limit < len(seen)
    with_metadata = call.flag("include_all_metadata")
    shown = [message_json(caller.workspace, m, metadata=with_metadata) for m in seen[start : start + limit]]
    for message in shown:
        if message.get("thread_ts") == message["ts"]:
            place = caller.place(call.need("channel"))
            message["reply_count"] = len(world.store.thread(place, message["ts"])) - 1
    answer: dict[str, Any] = {"messages": shown, "has_more": more}
    if more:
        answer["response_metadata"] = {"next_cursor": base64.b64encode(b"next:%d" % (start + limit)).decode()}
    return answer


def _within(call: Call, ts: str) -> bool:
    oldest, latest, inclusive = call.text("oldest"), call.text("latest"), call.flag("inclusive")
    if inclusive and ts in (oldest, latest):
        return True
    return float(ts) > float(oldest or 0) and (not latest or float(ts) < float(latest))


def _offset(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        return int(base64.b64decode(cursor, validate=True).removeprefix(b"next:"))
    except (binascii.Error, ValueError):
        raise SlackError("invalid_cursor") from None
