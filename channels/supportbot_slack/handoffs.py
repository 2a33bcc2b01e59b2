"""What the team reads in its channel of a customer who waits for a person, and the buttons below it.

All of it is ``rich_text``, whose words Slack takes as they are: whatever a customer wrote can neither ping
anybody nor look like a link (https://docs.slack.dev/reference/block-kit/blocks/rich-text-block).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeGuard
from urllib.parse import urlsplit

from supportbot_slack.address import Address
from supportbot_slack.api import SlackError
from supportbot_slack.events import text_at
from supportbot_slack.markdown import escaped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot.changes import Change, Withdrawn
    from supportbot.messages import Notice, Outbound
    from supportbot_slack.api import SlackApi
    from supportbot_slack.identity import People
    from supportbot_slack.workspaces import Workspace, Workspaces

TAKE_OVER = "supportbot_take_over"
HAND_BACK = "supportbot_hand_back"
_STATUS = "supportbot_status"
_BUTTONS = "supportbot_buttons"
"""The ``block_id`` of what a press changes."""

_WHY = {
    "customer_asked": "asked for a person",
    "no_answer": "asked something that the bot cannot answer",
    "outcome_unknown": "asked for something of which nobody knows whether it was done",
    "flagged": "was not answered: moderation flagged it",
    "unchecked": "was not answered: moderation could not check it",
}
_GONE = "The conversation that was told of here was deleted."
_DID = {
    "human": "has taken it over: the bot stays silent there.",
    "bot": "gave it back: the bot answers what comes next.",
    "queued": "put it back: the customer waits for a person.",
    "snoozed": "put it off.",
    "resolved": "closed it.",
    "spam": "marked it as spam.",
}
_OTHER = {"human": HAND_BACK, "bot": TAKE_OVER}
"""The one thing to do then."""
_LONGEST_NAME = 80
_LONGEST_TEXT = 1_000
"""Characters of what the customer wrote."""
_LONGEST_FALLBACK = 300
"""Characters of it in a notification."""


class Notices:
    """Writes what the team is told."""

    def __init__(self, api: SlackApi, workspaces: Workspaces, people: People | None, *, channel: str) -> None:
        """Take what is needed to look customers of ours up.

        Args:
            api: Slack.
            workspaces: know the tokens.
            people: know names; None where Slack may not be asked for them.
            channel: our name in bot.yaml.
        """
        self._api = api
        self._workspaces = workspaces
        self._people = people
        self._channel = channel

    async def content(self, outbound: Outbound, notice: Notice) -> dict[str, Any]:
        """Return the post's ``text`` and ``blocks``."""
        link = ""
        if notice.channel == self._channel:
            notice, link = await self._looked_up(notice)
        return {"text": _fallback(outbound, notice), "blocks": notice_blocks(outbound, notice, link)}

    async def _looked_up(self, notice: Notice) -> tuple[Notice, str]:
        """Return the notice with the customer's name, and the conversation's address, if Slack says them."""
        address = Address.read(notice.address)
        try:
            workspace = await self._workspaces.get(address.team, address.enterprise)
            if workspace is None:
                return notice, ""
            if self._people is not None and not notice.contact.name and address.user:
                person = await self._people.ask(workspace, address.user)
                notice = notice.evolve(contact=notice.contact.evolve(name=person.name))
            return notice, await self._permalink(workspace, address)
        except SlackError:
            return notice, ""

    async def _permalink(self, workspace: Workspace, address: Address) -> str:
        if not address.ts or address.channel[:1] in {"U", "W"}:
            return ""  # asked by a command: there is no message yet
        where = {"channel": address.channel, "message_ts": address.ts}
        found = text_at(await self._api.read(workspace.bot_token, "chat.getPermalink", where), "permalink")
        return found if found.startswith("https://") else ""


def notice_blocks(outbound: Outbound, notice: Notice, link: str) -> list[dict[str, Any]]:
    """Return what the team reads: who, why, where, the customer's last words, and who speaks.

    Args:
        outbound: the delivery.
        notice: what it tells.
        link: the conversation's address in Slack; empty where there is none.
    """
    who, *about = _who(notice, link)
    head = [who, *about, _text(f" {_why(outbound.handoff)}.")]
    quoted = notice.text.strip()[:_LONGEST_TEXT] or "(no words)"
    if len(notice.text.strip()) > _LONGEST_TEXT:
        quoted += " …"
    return [
        {
            "type": "rich_text",
            "elements": [
                {"type": "rich_text_section", "elements": head},
                {"type": "rich_text_quote", "elements": [_text(quoted)]},
                {"type": "rich_text_section", "elements": _where(outbound, notice, link)},
            ],
        },
        _status(said_of(notice.change), notice.change.at if notice.change is not None else None),
        _buttons(outbound.conversation_id, *_offered(notice.change)),
    ]


def withdrawn_content(withdrawn: Withdrawn) -> dict[str, Any]:
    """Return the ``text`` and ``blocks`` of a post whose conversation was deleted: nothing else of it."""
    said = "An operator deleted the conversation that was told of here."
    return {"text": _GONE, "blocks": [_status(said, withdrawn.deleted_at)]}


def is_notice(blocks: object) -> TypeGuard[list[dict[str, Any]]]:
    """Whether a post's blocks are those of a notice, whatever Slack sends in their place."""
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        return False
    return {_STATUS, _BUTTONS} <= {text_at(block, "block_id") for block in blocks}


def _who(notice: Notice, link: str) -> list[dict[str, Any]]:
    """Name the customer, in Slack with a link to their profile, which is no mention: it pings nobody."""
    contact = notice.contact
    _, _, user = contact.external_id.partition("/")
    name = (contact.name or contact.email or (user if link else contact.external_id))[:_LONGEST_NAME]
    host = urlsplit(link).netloc
    if host and user:
        return [{"type": "link", "url": f"https://{host}/team/{user}", "text": name or user}]
    mail = contact.email[:_LONGEST_NAME] if contact.email != name else ""
    return [_text(name or "A customer", bold=True), *([_text(f" ({mail})")] if mail else [])]


def _where(outbound: Outbound, notice: Notice, link: str) -> list[dict[str, Any]]:
    place = Address.read(notice.address).channel if notice.channel == outbound.channel else ""
    named = f"in the channel {notice.channel}"
    if place:
        named = "in a direct message" if place[:1] in {"D", "U", "W"} else "in this thread"
    shown = {"type": "link", "url": link, "text": named} if link and place[:1] in {"C", "G"} else _text(named)
    return [shown, _text(" · "), {"type": "text", "text": outbound.conversation_id, "style": {"code": True}}]


def _fallback(outbound: Outbound, notice: Notice) -> str:
    """Return the words of a notification, where blocks are not shown."""
    name = (notice.contact.name or notice.contact.email or "A customer")[:_LONGEST_NAME]
    said = notice.text.strip()[:_LONGEST_FALLBACK]
    return escaped(f"{name} {_why(outbound.handoff)}" + (f": {said}" if said else ""))


def _why(handoff: str) -> str:
    return _WHY.get(handoff, "waits for a person")


def _text(words: str, *, bold: bool = False) -> dict[str, Any]:
    return {"type": "text", "text": words} | ({"style": {"bold": True}} if bold else {})


def _status(said: str, since: int | None) -> dict[str, Any]:
    """Say how it stands, and since when (Unix milliseconds), by the reader's own clock."""
    elements = [{"type": "plain_text", "text": said}]
    if since is not None:
        at = since // 1000
        plain = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
        elements.append({"type": "mrkdwn", "text": f"<!date^{at}^{{date_short_pretty}}, {{time}}|{plain}>"})
    return {"type": "context", "block_id": _STATUS, "elements": elements}


def said_of(change: Change | None) -> str:
    """Say by whose word who speaks there."""
    if change is None:
        return "The bot is silent there from now on."
    if change.actor == "customer":
        return "The customer wrote again, and the bot answers."
    who = change.name[:_LONGEST_NAME] or ("An operator" if change.actor == "operator" else "Somebody")
    return f"{who} {_DID.get(change.state, 'changed who speaks there.')}"


def _offered(change: Change | None) -> tuple[str, ...]:
    if change is not None and change.state in _OTHER:
        return (_OTHER[change.state],)
    return (TAKE_OVER, HAND_BACK)


def _buttons(conversation: str, *actions: str) -> dict[str, Any]:
    return {
        "type": "actions",
        "block_id": _BUTTONS,
        "elements": [
            {
                "type": "button",
                "text": {"type": "plain_text", "text": _LABELS[action]},
                "action_id": action,
                "value": conversation,
            }
            for action in actions
        ],
    }


_LABELS: Mapping[str, str] = {TAKE_OVER: "Take over", HAND_BACK: "Hand back to the bot"}
