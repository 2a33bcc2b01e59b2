"""What people do in the fake Slack: write, edit, press buttons, open the bot's pages. The bot hears of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from supportbot.testing.slack.payloads import (
    command_form,
    envelope,
    interaction,
    mention_event,
    message_event,
)
from supportbot.testing.slack.sender import Delivery, send, signed
from supportbot.testing.slack.shapes import message_json
from supportbot.testing.slack.sockets import Sockets
from supportbot.testing.slack.world import World

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp

    from supportbot.testing.slack.store import Message

_JSON = {"Content-Type": "application/json"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class People:
    """Delivers to ``event_url``, or over Socket Mode when that is empty."""

    def __init__(self, signing_secret: str) -> None:
        self.world = World()
        self.sockets = Sockets("A0SUPPORT")
        self.signing_secret = signing_secret
        self.event_url = ""
        """Where the bot takes events; empty: the bot has opened a socket."""
        self.interaction_url = ""
        """Where it takes buttons, shortcuts and views; empty: ``event_url``."""
        self.command_url = ""
        """Where it takes slash commands; empty: ``event_url``."""
        self.deliveries: list[Delivery] = []
        """Everything that was sent to the bot, with its answers."""
        self._http: aiohttp.ClientSession | None = None

    async def say(
        self,
        team: str,
        channel: str,
        user: str,
        text: str,
        *,
        thread_ts: str = "",
        files: tuple[str, ...] = (),
        retries: int = 0,
        **more: Any,
    ) -> Message:
        """Write a message. The bot gets ``message``, and ``app_mention`` too when it is named in a channel.

        Args:
            team: the workspace's id.
            channel: where; made with the bot in it when it is new.
            user: who; made when new.
            text: the words. ``<@U0BOT>`` names the bot.
            thread_ts: the thread to write in.
            files: ids of files that ``add_file`` gave.
            retries: how often Slack sends everything once more.
            more: fields to put into the event, or over its own.
        """
        workspace = self.world.workspaces[team]
        workspace.user(user)
        found = workspace.conversation(channel)
        found.members.add(user)
        shown = [self.world.files[file].shown for file in files]
        message = self.world.store.post((team, channel), user, text, thread_ts=thread_ts, files=shown)
        event = message_event(workspace, found, message, **more)
        events = [event]
        if found.kind != "im" and f"<@{workspace.bot_user}>" in text:
            events.append(mention_event(event))
        for each in events:
            await self.event(team, each, retries=retries)
        return message

    async def edit(self, team: str, channel: str, ts: str, text: str) -> Delivery:
        """Change a message; the bot gets ``message_changed``. The same text stands for an unfurled link."""
        message = self._known(team, channel, ts)
        workspace = self.world.workspaces[team]
        before = message_json(workspace, message)
        if text != message.text:
            self.world.store.edit((team, channel), message, text)
        after = message_json(workspace, message)
        return await self._changed(team, channel, "message_changed", message=after, previous_message=before)

    async def remove(self, team: str, channel: str, ts: str) -> Delivery:
        """Delete a message; the bot gets ``message_deleted``."""
        before = message_json(self.world.workspaces[team], self._known(team, channel, ts))
        self.world.store.delete((team, channel), ts)
        return await self._changed(team, channel, "message_deleted", deleted_ts=ts, previous_message=before)

    async def open_assistant(self, team: str, user: str, **context: Any) -> str:
        """Open the assistant pane, and return its thread's ``ts``. Its channel is ``direct(team, user)``."""
        workspace = self.world.workspaces[team]
        workspace.user(user)
        found = workspace.direct(user)
        root = self.world.store.post((team, found.id), workspace.bot_user, "New Assistant Thread")
        root.thread_ts = root.ts
        found.assistant_threads.add(root.ts)
        thread = {"user_id": user, "context": context, "channel_id": found.id, "thread_ts": root.ts}
        event = {"type": "assistant_thread_started", "assistant_thread": thread, "event_ts": root.ts}
        await self.event(team, event)
        return root.ts

    def direct(self, team: str, user: str) -> str:
        """Return the channel of somebody's direct message with the bot."""
        self.world.workspaces[team].user(user)
        return self.world.workspaces[team].direct(user).id

    async def open_home(self, team: str, user: str, tab: str = "home") -> Delivery:
        """Open the bot's page: ``app_home_opened``."""
        ts = self.world.store.next_ts((team, ""))
        event = {"type": "app_home_opened", "user": user, "channel": self.direct(team, user), "tab": tab}
        return await self.event(team, event | {"event_ts": ts})

    async def uninstall(self, team: str) -> Delivery:
        """Remove the app: its tokens are void, and the bot is told so twice, as Slack does."""
        workspace = self.world.workspaces[team]
        for token in workspace.tokens.values():
            token.revoked = True
        tokens = {"oauth": [], "bot": [workspace.bot_user]}
        await self.event(team, {"type": "tokens_revoked", "tokens": tokens})
        return await self.event(team, {"type": "app_uninstalled"})

    async def press(
        self,
        team: str,
        channel: str,
        user: str,
        action: Mapping[str, Any],
        *,
        ts: str = "",
        **more: Any,
    ) -> Delivery:
        """Press a button: ``block_actions`` with one action.

        Args:
            team: the workspace's id.
            channel: where the button is.
            user: who presses it.
            action: the button as it stands in the message's ``blocks``, or its ``action_id`` and ``value``.
            ts: the message that it is in; what Slack sends of that one is filled in.
            more: further fields of the payload, such as ``view`` for a button in one.
        """
        workspace = self.world.workspaces[team]
        more["actions"] = [{"action_ts": self.world.store.next_ts((team, "")), **action}]
        if ts:
            message = self._known(team, channel, ts)
            container = {"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": False}
            more = {"container": container, "message": message_json(workspace, message)} | more
        more |= {"channel": {"id": channel, "name": channel.lower()}, "response_url": self._response_url()}
        return await self.interact(interaction(workspace, "block_actions", user, **more))

    async def shortcut(self, team: str, channel: str, user: str, ts: str, callback_id: str) -> Delivery:
        """Use a shortcut on a message: ``message_action``."""
        workspace = self.world.workspaces[team]
        workspace.user(user)
        message = message_json(workspace, self._known(team, channel, ts))
        more = {
            "callback_id": callback_id,
            "action_ts": self.world.store.next_ts((team, "")),
            "channel": {"id": channel, "name": channel.lower()},
            "message_ts": ts,
            "message": message,
            "response_url": self._response_url(),
        }
        return await self.interact(interaction(workspace, "message_action", user, **more))

    async def submit(self, team: str, user: str, view: Mapping[str, Any]) -> Delivery:
        """Submit a form: ``view_submission``."""
        more = {"view": dict(view), "response_urls": []}
        return await self.interact(interaction(self.world.workspaces[team], "view_submission", user, **more))

    async def command(self, team: str, channel: str, user: str, command: str, text: str = "") -> Delivery:
        """Use a slash command."""
        workspace = self.world.workspaces[team]
        workspace.user(user)
        url = self._response_url()
        form = command_form(workspace, channel=channel, user=user, command=command, text=text, url=url)
        if self.event_url:
            return await self.raw(urlencode(form).encode(), _FORM, url=self.command_url)
        return await self._push("slash_commands", form)

    async def interact(self, payload: Mapping[str, Any]) -> Delivery:
        """Send an interactive payload as it is."""
        if self.event_url:
            form = urlencode({"payload": json.dumps(payload)}).encode()
            return await self.raw(form, _FORM, url=self.interaction_url)
        return await self._push("interactive", payload)

    async def event(self, team: str, event: Mapping[str, Any], *, retries: int = 0, **more: Any) -> Delivery:
        """Send any event in an envelope, which ``more`` adds to. Returns the last answer."""
        return await self.deliver(envelope(self.world.workspaces[team], dict(event), **more), retries=retries)

    async def deliver(self, body: Mapping[str, Any], *, retries: int = 0) -> Delivery:
        """Send a whole envelope as it is, and again ``retries`` times, marked as Slack marks it."""
        for number in range(retries + 1):
            if self.event_url:
                mark = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": "http_timeout"}
                headers = _JSON | (mark if number else {})
                delivery = await self.raw(json.dumps(body).encode(), headers)
            else:
                delivery = await self._push("events_api", body, retry=number)
        return delivery

    async def verify_url(self, challenge: str = "challenge-word") -> Delivery:
        """Ask the bot to prove that it is there: ``url_verification``."""
        body = {"type": "url_verification", "token": "verification-token", "challenge": challenge}
        return await self.raw(json.dumps(body).encode(), _JSON)

    async def raw(
        self,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        secret: str | None = None,
        at: float | None = None,
        url: str = "",
    ) -> Delivery:
        """Send any bytes, with a good signature unless told otherwise.

        Args:
            body: the bytes.
            headers: more headers, or others than those of the signature.
            secret: another secret to sign with; empty: no signature at all.
            at: when it was signed, in Unix seconds.
            url: where to, instead of ``event_url``.
        """
        key = self.signing_secret if secret is None else secret
        sent = {**(signed(body, key, at=at) if key else {}), **(headers or {})}
        assert self._http is not None, "enter the FakeSlack first"
        delivery = await send(self._http, url or self.event_url, body, sent)
        self.deliveries.append(delivery)
        return delivery

    async def _push(self, kind: str, payload: Mapping[str, Any], *, retry: int = 0) -> Delivery:
        delivery = await self.sockets.push(kind, payload, retry=retry)
        self.deliveries.append(delivery)
        return delivery

    async def _changed(self, team: str, channel: str, subtype: str, **more: Any) -> Delivery:
        ts = self.world.store.next_ts((team, channel))
        found = self.world.workspaces[team].conversation(channel)
        event = {"type": "message", "subtype": subtype, "hidden": True, "channel": channel, "ts": ts, **more}
        return await self.event(team, event | {"channel_type": found.kind, "event_ts": ts})

    def _known(self, team: str, channel: str, ts: str) -> Message:
        message = self.world.store.get((team, channel), ts)
        if message is None:
            raise LookupError(f"No message {ts} in {channel}.")
        return message

    def _response_url(self) -> str:
        return f"{self.world.url}/response"
