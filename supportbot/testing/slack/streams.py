"""The stream methods: a message that grows while it is written.

Two rules that Slack's pages leave out were measured by others: a stream ends by itself after 306 seconds, and
takes only the kind of content it was opened with.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from supportbot.testing.slack.blocks import MAX_MARKDOWN, checked_blocks, checked_metadata
from supportbot.testing.slack.calls import Call, Caller, SlackError
from supportbot.testing.slack.chat import own_message, thread_root
from supportbot.testing.slack.shapes import message_json

if TYPE_CHECKING:
    from supportbot.testing.slack.store import Message
    from supportbot.testing.slack.world import World

_CHUNKS = {"markdown_text", "task_update", "plan_update", "blocks"}


def start_stream(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """chat.startStream: only as a reply, and in channels only for somebody."""
    found = world.writable(caller, call.need("channel"))
    if not call.text("thread_ts"):
        raise SlackError("invalid_thread_ts")
    if found.kind != "im":
        for name in ("recipient_user_id", "recipient_team_id"):
            if not call.text(name):
                raise SlackError(f"missing_{name}")
    if call.text("recipient_team_id") and call.text("recipient_team_id") not in world.workspaces:
        raise SlackError("team_not_found")
    text, mode = _content(call)
    message = world.store.post(
        caller.place(found.id),
        caller.workspace.bot_user,
        text,
        bot_id=caller.workspace.bot_id,
        thread_ts=thread_root(world, caller, found.id, call.text("thread_ts")),
        streaming_since=time.time(),
        stream_mode=mode,
        arguments=dict(call.arguments),
    )
    return {"channel": found.id, "ts": message.ts}


def append_stream(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """chat.appendStream."""
    message = _streaming(world, caller, call)
    _grow(message, call, needed=True)
    return {"channel": call.need("channel"), "ts": message.ts}


def stop_stream(world: World, caller: Caller, call: Call) -> dict[str, Any]:
    """chat.stopStream: the last words, the blocks below them and the metadata."""
    message = _streaming(world, caller, call)
    blocks, metadata = checked_blocks(call), checked_metadata(call)
    _grow(message, call, needed=False)
    message.blocks, message.metadata, message.streaming_since = blocks, metadata, None
    shown = message_json(caller.workspace, message)
    return {"channel": call.need("channel"), "ts": message.ts, "message": shown}


def _streaming(world: World, caller: Caller, call: Call) -> Message:
    message = own_message(world, caller, call, "message_not_owned_by_app")
    since = message.streaming_since
    if since is not None and time.time() - since >= world.stream_seconds:
        message.streaming_since = since = None
    if since is None:
        raise SlackError("message_not_in_streaming_state")
    return message


def _grow(message: Message, call: Call, *, needed: bool) -> None:
    text, mode = _content(call)
    if needed and not mode:
        raise SlackError("no_text")
    if mode and message.stream_mode and mode != message.stream_mode:
        raise SlackError("streaming_mode_mismatch")
    message.stream_mode = message.stream_mode or mode
    message.text += text


def _content(call: Call) -> tuple[str, str]:
    """Return the words of a call and how they are given: as ``text``, as ``chunks``, or not at all."""
    chunks = call.json("chunks", "invalid_chunks")
    markdown = call.text("markdown_text")
    if chunks and markdown:
        raise SlackError("cannot_provide_both_markdown_text_and_chunks")
    if not isinstance(chunks or [], list) or any(_is_wrong(chunk) for chunk in chunks or []):
        raise SlackError("invalid_chunks")
    parts = [chunk["text"] for chunk in chunks or [] if chunk["type"] == "markdown_text"] or [markdown]
    if max(map(len, parts)) > MAX_MARKDOWN:
        raise SlackError("msg_too_long")
    return "".join(parts), "chunks" if chunks else "text" if markdown else ""


def _is_wrong(chunk: Any) -> bool:
    if not isinstance(chunk, dict) or chunk.get("type") not in _CHUNKS:
        return True
    return chunk["type"] == "markdown_text" and not isinstance(chunk.get("text"), str)
