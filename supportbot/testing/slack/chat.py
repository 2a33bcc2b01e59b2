"""The chat methods: post, update, delete, and a message for one person only.

https://docs.slack.dev/reference/methods/chat.postMessage and the pages beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supportbot.testing.slack.blocks import checked_content, checked_metadata
from supportbot.testing.slack.calls import Call, Caller, SlackError
from supportbot.testing.slack.shapes import message_json

if TYPE_CHECKING:
    from supportbot.testing.slack.store import Message
    from supportbot.testing.slack.world import World

_MAX_UPDATE = 4_000


def post_message(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """chat.postMessage."""
    found = world.writable(caller, call.need("channel"))
    text, blocks = checked_content(call)
    message = world.store.post(
        caller.place(found.id),
        caller.workspace.bot_user,
        text,
        bot_id=caller.workspace.bot_id,
        thread_ts=thread_root(world, caller, found.id, call.text("thread_ts")),
        blocks=blocks,
        metadata=checked_metadata(call),
        arguments=dict(call.arguments),
    )
    shown = message_json(caller.workspace, message)
    return {"channel": found.id, "ts": message.ts, "message": shown}


def update(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """chat.update: what is not given stays, except that a text alone takes the blocks away."""
    place = caller.place(call.need("channel"))
    message = own_message(world, caller, call, "cant_update_message")
    if message.streaming_since is not None:
        raise SlackError("streaming_state_conflict")
    text, blocks = checked_content(call, max_text=_MAX_UPDATE)
    if "metadata" in call.arguments:
        message.metadata = checked_metadata(call)
    if text or "blocks" in call.arguments:
        message.blocks = blocks
    world.store.edit(place, message, text or message.text)
    message.arguments |= call.arguments
    shown = message_json(caller.workspace, message)
    return {"channel": place[1], "ts": message.ts, "text": message.text, "message": shown}


def delete(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """chat.delete."""
    message = own_message(world, caller, call, "cant_delete_message")
    world.store.delete(caller.place(call.need("channel")), message.ts)
    return {"channel": call.need("channel"), "ts": message.ts}


def post_ephemeral(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """chat.postEphemeral: nobody but one person sees it, and it is in no history."""
    found = world.writable(caller, call.need("channel"))
    if call.need("user") not in caller.workspace.users:
        raise SlackError("user_not_in_channel")
    checked_content(call)
    return {"message_ts": world.store.next_ts(caller.place(found.id))}


def permalink(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """chat.getPermalink."""
    channel, ts = call.need("channel"), call.need("message_ts")
    if world.store.get(caller.place(channel), ts) is None:
        raise SlackError("message_not_found")
    return {
        "channel": channel,
        "permalink": f"https://fake.slack.com/archives/{channel}/p{ts.replace('.', '')}",
    }


def own_message(world: World, caller: Caller, call: Call, error: str) -> Message:
    """Return the message a call is about.

    Raises:
        SlackError: there is none, or ``error`` when it is not the app's own.
    """
    world.conversation(caller, call.need("channel"))
    message = world.store.get(caller.place(call.need("channel")), call.need("ts"))
    if message is None:
        raise SlackError("message_not_found")
    if message.bot_id != caller.workspace.bot_id:
        raise SlackError(error)
    return message


def thread_root(world: World, caller: Caller, channel: str, thread_ts: str) -> str:
    """Return the thread a reply goes to: the first message's ``ts``, even when a reply's is given."""
    parent = world.store.get(caller.place(channel), thread_ts) if thread_ts else None
    if parent is None:
        return thread_ts
    parent.thread_ts = parent.thread_ts or parent.ts
    return parent.thread_ts
