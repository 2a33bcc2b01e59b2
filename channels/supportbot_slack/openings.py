"""What is looked up when a turn begins: who asks, what was said in the thread before, the images.

None of it was known when the message was acknowledged, which waits for nothing but our own store.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import structlog

from supportbot.ids import now_ms
from supportbot.messages import Message
from supportbot_slack.address import Address
from supportbot_slack.api import SlackError
from supportbot_slack.events import id_at, text_at, ts_at
from supportbot_slack.files import NotFetched, fetch
from supportbot_slack.inbound import DESCRIBED, HEARD, file_of, plain
from supportbot_slack.threads import Thread

if TYPE_CHECKING:
    from supportbot.host import Host
    from supportbot.messages import Attachment, Contact, Turn
    from supportbot_slack.api import SlackApi
    from supportbot_slack.config import SlackConfig
    from supportbot_slack.identity import People
    from supportbot_slack.workspaces import Workspace, Workspaces

_KEEP = 30 * 24 * 3600 * 1000
"""Milliseconds for which what was said before is remembered."""
_MOST_NAMES = 10
_MOST_THREADS = 2_000
_LONGEST = 2_000
"""Characters of one earlier message."""

log = structlog.get_logger(__name__)


class Openings:
    """Completes turns."""

    def __init__(
        self, config: SlackConfig, api: SlackApi, workspaces: Workspaces, people: People, host: Host
    ) -> None:
        self._config = config
        self._asks_who = host.tools if config.look_up_people is None else config.look_up_people
        self._api = api
        self._workspaces = workspaces
        self._people = people
        self._image_bytes = config.image_bytes if host.images else 0
        self._records = host.records
        self._earlier: OrderedDict[str, tuple[Message, ...]] = OrderedDict()

    async def complete(self, turn: Turn) -> Turn:
        """Return a turn with what Slack knows of it. What cannot be had is left as it is.

        Raises:
            SlackError: Slack cannot be asked who we are.
        """
        address = Address.read(turn.address)
        if not self._lacks_something(turn, address):
            return turn
        workspace = await self._workspaces.get(address.team, address.enterprise)
        if workspace is None:
            return turn
        contact, earlier, messages = await asyncio.gather(
            self._known(turn, address, workspace),
            self._said_before(turn, address, workspace),
            asyncio.gather(*(self._with_images(message, workspace) for message in turn.messages)),
        )
        told = turn.memory.evolve(left_out=(*earlier, *turn.memory.left_out)) if earlier else turn.memory
        return turn.evolve(contact=contact, memory=told, messages=tuple(messages))

    def _lacks_something(self, turn: Turn, address: Address) -> bool:
        """Whether Slack is to be asked at all: for most turns it is not, which costs nothing to tell."""
        who = self._asks_who and turn.contact.assurance == "claimed"
        images = self._image_bytes and any(message.attachments for message in turn.messages)
        return bool(who or images) or _joined_late(turn, address)

    async def _known(self, turn: Turn, address: Address, workspace: Workspace) -> Contact:
        """Learn who asks. Several who ask at once stay unknown: none may do what another may."""
        contact = turn.contact
        home, _, user = contact.external_id.partition("/")
        if not self._asks_who or contact.assurance != "claimed" or not user:
            return contact
        if home not in {workspace.team, address.team} and not self._config.trust_guests:
            return contact
        person = await self._people.ask(workspace, user)
        return contact.evolve(name=person.name or contact.name, assurance=person.assurance)

    # -- what was said before ---------------------------------------------------------------------

    async def _said_before(self, turn: Turn, address: Address, workspace: Workspace) -> tuple[Message, ...]:
        """Return what stood in a channel's thread before the bot was called into it, oldest first."""
        if not _joined_late(turn, address) or not self._config.thread_messages:
            return ()
        key = f"earlier/{turn.external_id}"
        if key not in self._earlier:
            stored = await self._records.get(key)
            if stored is None and not turn.history:
                try:
                    stored = await self._read(address, workspace)
                except SlackError as error:  # not for ever: the next turn asks again
                    log.info("slack.thread_not_read", error=error.cause)
                    return ()
                await self._records.put(key, stored, expires_at=now_ms() + _KEEP)
            self._earlier[key] = _messages(stored or [])
            if len(self._earlier) > _MOST_THREADS:
                self._earlier.popitem(last=False)
        return self._earlier[key]

    async def _read(self, address: Address, workspace: Workspace) -> list[dict[str, str]]:
        thread = Thread(
            self._api,
            workspace.bot_token,
            address,
            counts=lambda message: _counts(message, address, workspace),
        )
        chosen = await thread.read(self._config.thread_messages)
        names = await self._names(chosen, workspace)
        return [
            {
                "name": names.get(id_at(message, "user"), ""),
                "text": plain(text_at(message, "text"), workspace.bot_user)[:_LONGEST],
            }
            for message in chosen
        ]

    async def _names(self, said: list[dict[str, Any]], workspace: Workspace) -> dict[str, str]:
        users = list(dict.fromkeys(filter(None, (id_at(message, "user") for message in said))))
        people = await asyncio.gather(*(self._people.ask(workspace, user) for user in users[:_MOST_NAMES]))
        return {user: person.name or user for user, person in zip(users, people, strict=False)}

    # -- images -----------------------------------------------------------------------------------

    async def _with_images(self, message: Message, workspace: Workspace) -> Message:
        if not message.attachments:
            return message
        files = await asyncio.gather(*(self._with_bytes(f, workspace) for f in message.attachments))
        return message.evolve(attachments=tuple(files))

    async def _with_bytes(self, file: Attachment, workspace: Workspace) -> Attachment:
        if not self._image_bytes:
            return file
        try:
            if file.url.startswith(DESCRIBED):
                file = await self._described(file, workspace)
            if not file.content_type.startswith("image/"):
                return file
            data = await fetch(self._api, workspace.bot_token, file, most=self._image_bytes)
        except NotFetched as error:
            log.info("slack.image_not_fetched", reason=str(error))
            return file
        return file.evolve(data=data)

    async def _described(self, file: Attachment, workspace: Workspace) -> Attachment:
        identity = file.url.removeprefix(DESCRIBED)
        try:
            answer = await self._api.read(workspace.bot_token, "files.info", {"file": identity})
        except SlackError as error:
            raise NotFetched(error.cause) from error
        found = answer.get("file")
        return file_of(found) if isinstance(found, dict) else file


def _joined_late(turn: Turn, address: Address) -> bool:
    """Whether a channel's thread was begun by somebody else's message, as far as we can tell."""
    if not address.thread or address.channel.startswith("D"):
        return False
    oldest = (turn.history or turn.messages)[0]
    return oldest.seq > 1 or not oldest.client_key.startswith(f"{address.channel}/{address.thread}@")


def _counts(message: object, address: Address, workspace: Workspace) -> bool:
    """Whether it is somebody's words from before the bot was called."""
    ts = ts_at(message, "ts")
    own = id_at(message, "bot_id") == workspace.bot_id != "" or id_at(message, "user") == workspace.bot_user
    said = bool(text_at(message, "text")) and text_at(message, "subtype") in HEARD
    return isinstance(message, dict) and "" < ts < address.ts and not own and said


def _messages(stored: list[dict[str, str]]) -> tuple[Message, ...]:
    """Return them as messages, numbered so that they stand before the conversation's first."""
    return tuple(
        Message(
            id="",
            seq=number - len(stored),
            author="customer",
            text=f"{said['name']}: {said['text']}" if said["name"] else said["text"],
            created_at=0,
        )
        for number, said in enumerate(stored)
    )
