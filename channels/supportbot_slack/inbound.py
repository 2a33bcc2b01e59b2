"""A message event of Slack's in the normal form. Pure: it asks nobody and remembers nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from supportbot.messages import Attachment, Inbound, Sender
from supportbot_slack.address import Address
from supportbot_slack.events import MALFORMED, Event, Ignored, id_at, text_at, ts_at
from supportbot_slack.richtext import words_of

if TYPE_CHECKING:
    from supportbot.messages import Assurance

HEARD = frozenset({"", "file_share", "thread_broadcast", "me_message", "bot_message"})
"""Subtypes that are somebody's words: https://docs.slack.dev/reference/events/message#subtypes"""
_NOT_HEARD = {
    "message_changed": "edit",
    "message_deleted": "deletion",
    "message_replied": "thread_info",
    "channel_join": "join",
    "group_join": "join",
    "channel_leave": "join",
    "group_leave": "join",
}
DESCRIBED = "https://slack.com/api/files.info?file="
"""What the ``url`` of a file begins with that Slack has to be asked about, before the file's id.
https://docs.slack.dev/apis/slack-connect/using-slack-connect-apis"""
_GONE = "tombstone"
"""What stands for a message or a file that was deleted."""
_MOST_FILES = 20
_LONGEST_TEXT = 100_000
"""Characters; Slack's own limit is 40,000."""
_TAGS = re.compile("[\U000e0000-\U000e007f]")
"""Characters that nobody sees and a model reads (Unicode tag characters)."""
_CONTROL = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")
_NOBODY = "USLACKBOT"
_SOME_BOT = "unnamed"
"""A bot whose post does not say which it is: no id looks like this, so ``bots`` cannot name it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Somebody's words in Slack, addressed to us or not."""

    event: Event
    channel: str
    kind: str
    """``im``, ``mpim``, ``group``, ``channel``; empty for a mention, which does not say."""
    user: str
    user_team: str
    """The workspace of who wrote it."""
    text: str
    """As Slack wrote it, with its ``<…>``."""
    ts: str
    thread: str
    """The thread's first message; empty at the top level."""
    bot: str
    """The bot that wrote it, ``B…``; empty when a person did."""
    own: bool
    """It is our own post."""
    mentioned: bool
    files: tuple[Attachment, ...]
    client_id: str

    @property
    def is_direct(self) -> bool:
        """Whether it is in a direct message."""
        return self.kind == "im" or self.channel.startswith("D")  # a mention names no kind

    @property
    def reply_thread(self) -> str:
        """Where an answer goes: the thread; a new one below a message in a channel; none in a flat DM."""
        return self.thread or ("" if self.is_direct else self.ts)

    @property
    def conversation(self) -> str:
        """The key of its conversation."""
        shared = bool(self.event.shared)
        return conversation_key(self.event.team, self.channel, self.reply_thread, shared=shared)

    @property
    def from_elsewhere(self) -> bool:
        """Whether its author belongs to another workspace."""
        return self.user_team not in {"", self.event.team, self.event.enterprise}


def conversation_key(team: str, channel: str, thread: str, *, shared: bool) -> str:
    """Return the key of a conversation: a thread in a channel, or a whole direct message.

    A channel that organisations share has the same id in all of them, and its messages may come with either
    workspace's id: there the channel alone is the place.
    """
    return "/".join(filter(None, ("shared" if shared else team, channel, thread)))


def heard(event: Event) -> Heard | Ignored:
    """Read a ``message`` or ``app_mention`` event."""
    body = event.body
    subtype = text_at(body, "subtype")
    if subtype not in HEARD or body.get("hidden") is True:
        return Ignored("deletion" if deleted(event) else _NOT_HEARD.get(subtype, "subtype"))
    channel, ts, user, bot = (
        id_at(body, "channel"),
        ts_at(body, "ts"),
        id_at(body, "user"),
        id_at(body, "bot_id")
        or id_at(body, "bot_profile", "id")
        or (_SOME_BOT if subtype == "bot_message" else ""),
    )
    if not channel or not ts or not (user or bot):
        return MALFORMED
    text = (text_at(body, "text") or words_of(body))[:_LONGEST_TEXT]
    mention = bool(event.bot_user) and f"<@{event.bot_user}" in text
    return Heard(
        event=event,
        channel=channel,
        kind=text_at(body, "channel_type"),
        user=user,
        user_team=id_at(body, "user_team") or id_at(body, "team"),
        text=text,
        ts=ts,
        thread=ts_at(body, "thread_ts"),
        bot=bot or (user if user == _NOBODY else ""),
        own=user == event.bot_user != "" or (bool(bot) and id_at(body, "app_id") == event.app != ""),
        mentioned=event.type == "app_mention" or mention,
        files=_files(body.get("files")),
        client_id=id_at(body, "client_msg_id"),
    )


def deleted(event: Event) -> str:
    """Return the key of the message that an event says was deleted; empty when it says nothing like it.

    Of a thread's first message Slack says that it changed, into a tombstone, as long as there are replies.
    """
    subtype, ts = text_at(event.body, "subtype"), ""
    if subtype == "message_deleted":
        ts = ts_at(event.body, "deleted_ts")
    elif subtype == "message_changed" and text_at(event.body, "message", "subtype") == _GONE:
        ts = ts_at(event.body, "message", "ts")
    channel = id_at(event.body, "channel")
    return _key(event, channel, ts) if channel and ts else ""


def inbound_of(heard: Heard, *, channel: str, name: str, assurance: Assurance, ignored: str = "") -> Inbound:
    """Return the message in the normal form.

    Args:
        heard: what was said.
        channel: our name of the channel, in bot.yaml.
        name: who said it, if that is known.
        assurance: how sure we are of that.
        ignored: why it is not to be answered.
    """
    event = heard.event
    return Inbound(
        channel=channel,
        conversation=heard.conversation,
        sender=Sender(id=f"{_home(heard)}/{heard.user or heard.bot}", name=name, assurance=assurance),
        text=plain(heard.text, event.bot_user),
        keys=keys_of(heard),
        attachments=heard.files,
        sent_at=int(float(heard.ts) * 1000),
        address=address_of(heard).json(),
        ignored=ignored,
    )


def _home(heard: Heard) -> str:
    """Return the workspace that makes a user's id unique: their own."""
    return heard.user_team if heard.from_elsewhere else heard.event.team


def keys_of(heard: Heard) -> tuple[str, ...]:
    """Return what makes it the same message: its place, Slack's event, and softly its sender's own id.

    The last holds for the same words by the same user in the same channel only: it is the client's word.
    """
    event = heard.event
    keys = [_key(event, heard.channel, heard.ts), f"{event.id}@{event.team}"]
    if heard.client_id:
        words = sha256(heard.text.encode("utf-8", "replace")).hexdigest()[:12]
        keys.append(f"{heard.channel}/{heard.user}/{heard.client_id}/{words}")
    return tuple(keys)


def _key(event: Event, channel: str, ts: str) -> str:
    """Return the key of a message by its place; see ``conversation_key`` for shared channels."""
    return f"{channel}/{ts}@{'shared' if event.shared else event.team}"


def address_of(heard: Heard) -> Address:
    """Return where an answer goes."""
    return Address(
        team=heard.event.team,
        enterprise=heard.event.enterprise,
        channel=heard.channel,
        thread=heard.reply_thread,
        ts=heard.ts,
        user=heard.user,
        user_team=_home(heard),
    )


def plain(text: str, bot_user: str = "") -> str:
    """Return Slack's text as people read it: no ``<…>``, no escapes, without the mention of ourselves.

    https://docs.slack.dev/messaging/formatting-message-text#retrieving-messages
    """

    def shown(match: re.Match[str]) -> str:
        kind, target, label = match.groups()
        if kind == "@":
            return "" if target == bot_user != "" else f"@{label or target}"
        if kind == "#":
            return f"#{label or target}"
        if kind == "!":
            return label or "@" + target.partition("^")[0]
        return target if label in {None, "", target} else f"{label} ({target})"

    found = _CONTROL.sub(shown, text) if "<" in text else text
    if "&" in found:
        found = found.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return _TAGS.sub("", found).strip()


def _files(listed: object) -> tuple[Attachment, ...]:
    if not isinstance(listed, list):
        return ()
    files = (entry for entry in listed[:_MOST_FILES] if isinstance(entry, dict))
    return tuple(file_of(entry) for entry in files if text_at(entry, "mode") != _GONE)


def file_of(entry: dict[str, Any]) -> Attachment:
    """Read a file object; of one from another organisation an event says only where it is described."""
    if text_at(entry, "file_access") == "check_file_info":
        return Attachment(name="a file", content_type="", size=0, url=DESCRIBED + id_at(entry, "id"))
    size = entry.get("size")
    return Attachment(
        name=(text_at(entry, "name") or text_at(entry, "title") or "a file")[:200],
        content_type=text_at(entry, "mimetype")[:100],
        size=size if isinstance(size, int) and 0 <= size < 2**53 else 0,
        url=(text_at(entry, "url_private_download") or text_at(entry, "url_private"))[:2000],
    )
