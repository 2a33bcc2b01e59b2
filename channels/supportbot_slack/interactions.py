"""What people do with buttons, shortcuts and forms. https://docs.slack.dev/interactivity/handling-user-interaction

Acknowledged like a message: after it is stored. Whatever else Slack is to be told is told afterwards.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import orjson

from supportbot.host import Verdict
from supportbot.messages import Inbound, Sender
from supportbot_slack.address import Address
from supportbot_slack.blocks import CHOICE, FEEDBACK, PERSON
from supportbot_slack.commands import (
    ASK_VIEW,
    ASKED_BEFORE,
    NO_DIRECT,
    NO_SUCH_COMMAND,
    NOT_HERE,
    TOO_MUCH,
    Asked,
    command_answer,
    form,
    form_answer,
    from_command,
    from_form,
    from_shortcut,
    refused,
)
from supportbot_slack.events import id_at, text_at, ts_at
from supportbot_slack.handoffs import HAND_BACK, TAKE_OVER, is_notice, said_of
from supportbot_slack.home import ASK_BUTTON, OPEN_BUTTON
from supportbot_slack.manifest import ASK_COMMAND, ASK_SHORTCUT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from supportbot.channel import Accept
    from supportbot.host import Host
    from supportbot.messages import Assurance
    from supportbot_slack.api import SlackApi
    from supportbot_slack.chores import Chores
    from supportbot_slack.identity import People
    from supportbot_slack.listeners import Listeners
    from supportbot_slack.rules import Rules
    from supportbot_slack.shared import SharedChannels
    from supportbot_slack.workspaces import Workspaces

_WANTS_PERSON = "I would like to talk to a person."
_NOT_YOURS = "Only the person who was asked can answer that."
_ASSIGNED: dict[str, Literal["bot", "person"]] = {TAKE_OVER: "person", HAND_BACK: "bot"}
_GONE = "I know that conversation no more."
_OURS = frozenset({FEEDBACK, PERSON, ASK_BUTTON, OPEN_BUTTON, TAKE_OVER, HAND_BACK})
_THANKS = "Thank you for telling."


class Interactions:
    """Takes what was pressed, chosen and sent."""

    def __init__(
        self,
        host: Host,
        accept: Accept,
        rules: Rules,
        people: People,
        shared: SharedChannels,
        *,
        is_ours: Callable[[str, str, str], Awaitable[bool]],
        listeners: Listeners | None,
        api: SlackApi,
        workspaces: Workspaces,
        chores: Chores,
    ) -> None:
        self._host = host
        self._accept = accept
        self._rules = rules
        self._people = people
        self._shared = shared
        self._is_ours = is_ours
        self._listeners = listeners
        self._api = api
        self._workspaces = workspaces
        self._chores = chores

    async def pressed(self, payload: object) -> dict[str, Any] | None:
        """Take an interaction's payload; returns what Slack is answered.

        Raises:
            StoreUnavailable, NotAccepting: it must not be acknowledged.
        """
        if not isinstance(payload, dict):
            self._host.ignored("malformed")
            return None
        if not await self._is_for_us(payload):
            self._host.ignored("tenant")
            return None
        if self._listeners is not None and not _is_known(payload):
            is_theirs, answer = await self._listeners.take(payload)
            if is_theirs:
                return answer
        match payload.get("type"):
            case "block_actions":
                await self._actions(payload)
            case "view_submission" if text_at(payload, "view", "callback_id") == ASK_VIEW:
                return form_answer(await self._ask(from_form(payload, **self._asker(payload)), place=""))
            case "message_action" if text_at(payload, "callback_id") in {"", ASK_SHORTCUT}:
                place = id_at(payload, "channel", "id")
                shared = await self._shared.has(place)
                read = from_shortcut(payload, **self._asker(payload), shared=shared)
                asked = await self._ask(read, place=place)
                self._whisper(payload, asked.says)
            case _:
                self._host.ignored("interaction")
        return None

    async def command(self, fields: Mapping[str, str]) -> dict[str, Any] | None:
        """Take a slash command's fields; returns what Slack is answered. Raises as ``pressed``."""
        team, user, place = (id_at(fields, name) for name in ("team_id", "user_id", "channel_id"))
        if team and not await self._is_ours(
            team, id_at(fields, "enterprise_id"), id_at(fields, "api_app_id")
        ):
            self._host.ignored("tenant")
            return None
        if self._listeners is not None and fields.get("command") != ASK_COMMAND:
            is_theirs, answer = await self._listeners.take(fields)
            if is_theirs:
                return answer
        if fields.get("command") != ASK_COMMAND:  # one that was added at Slack for something else
            self._host.ignored("unknown_command")
            return command_answer(Asked(says=NO_SUCH_COMMAND))
        sure = self._sure(team, user)
        read = from_command(fields, channel=self._host.name, assurance=sure)
        return command_answer(await self._ask(read, place=place))

    async def _ask(self, asked: Asked, *, place: str) -> Asked:
        """Store a question that is no message, if it may be asked there."""
        if asked.is_malformed:
            self._host.ignored("malformed")
        if asked.inbound is None:
            return asked
        who = Address.read(asked.inbound.address)
        if refusal := self._rules.judge_place(place, who.user, answered=who.channel):
            self._host.ignored(refusal.reason)
            return refused(NO_DIRECT if refusal.reason == "direct_message" else NOT_HERE)
        if too_many := await self._rules.asks_too_much(f"{who.team}/{who.user}", asked.inbound.keys[0]):
            self._host.ignored(too_many)
            return refused(TOO_MUCH)
        accepted = await self._accept(asked.inbound)
        return replace(asked, says=ASKED_BEFORE) if accepted.duplicate and not asked.says else asked

    async def _actions(self, payload: dict[str, Any]) -> None:
        actions = payload.get("actions")
        for action in actions if isinstance(actions, list) else ():
            name = text_at(action, "action_id")
            if name == FEEDBACK:
                await self._rate(payload, text_at(action, "value"))
            elif name == PERSON or name.startswith(CHOICE):
                await self._say(payload, name, _value(text_at(action, "value")))
            elif name in {TAKE_OVER, HAND_BACK}:
                await self._assign(payload, name, text_at(action, "value"))
            elif name == ASK_BUTTON:
                self._chores.begin("open form", self._open_form(payload))
            elif name != OPEN_BUTTON:
                self._host.ignored("interaction")

    async def _rate(self, payload: dict[str, Any], value: str) -> None:
        verdict, _, rest = value.partition(":")
        turn, who = text_at(_value(rest), "turn"), _who(payload)
        for known in get_args(Verdict):
            if verdict == known and turn and who:
                await self._host.ratings.rate(turn, rater=who, verdict=known)
                self._whisper(payload, _THANKS)
                return
        self._host.ignored("malformed")

    async def _say(self, payload: dict[str, Any], action: str, value: dict[str, Any]) -> None:
        """A press says something in its conversation, as the person who pressed."""
        conversation, turn, who = text_at(value, "conversation"), text_at(value, "turn"), _who(payload)
        if not conversation or not turn or not who:
            self._host.ignored("malformed")
            return
        place, user = _address(payload).channel, id_at(payload, "user", "id")
        refusal = self._rules.judge_place(place, user) if place[:1] not in {"", "D"} else None
        if refusal is not None:
            self._host.ignored(refusal.reason)
            self._whisper(payload, NOT_HERE)
            return
        asked = text_at(value, "for")
        if asked and asked != who:
            self._host.ignored("not_asked")
            self._whisper(payload, _NOT_YOURS)
            return
        is_choice = action != PERSON
        await self._accept(
            Inbound(
                channel=self._host.name,
                conversation=conversation,
                sender=Sender(id=who, **self._known(payload)),
                text=text_at(value, "says") if is_choice else _WANTS_PERSON,
                keys=(f"pressed/{turn}" if is_choice else f"person/{turn}/{who}",),
                address=_address(payload).json(),
                wants_person=not is_choice,
            )
        )

    async def _assign(self, payload: dict[str, Any], action: str, conversation: str) -> None:
        """Somebody of the team, in whose channel it stands, takes a conversation over or gives it back.

        Who speaks is the team's to say, so nothing but the notice counts, where the team was told: a post of
        the same app elsewhere, with the same button, may be a customer's to press.
        """
        who, to = _who(payload), _ASSIGNED[action]
        if not conversation or not who:
            self._host.ignored("malformed")
        elif not self._is_the_team_s(payload):
            self._host.ignored("interaction")
        else:
            change = await self._host.handoffs.assign(conversation, to, by=who, name=self._named(payload))
            # Also where the post says it: an old one does not follow, and it may have been so before.
            self._whisper(payload, _GONE if change is None else said_of(change))

    def _is_the_team_s(self, payload: dict[str, Any]) -> bool:
        """Whether what was pressed is what the team was told, and stands where it is told."""
        message = payload.get("message")
        if not isinstance(message, dict) or not is_notice(message.get("blocks")):
            return False
        teams = {_team(payload), id_at(message, "team"), id_at(payload, "enterprise", "id")}
        return self._rules.is_team_s(_address(payload).channel, teams)

    def _named(self, payload: dict[str, Any]) -> str:
        """Return what whoever did something is called, as far as is known by now."""
        user = id_at(payload, "user", "id")
        return self._people.remembered(_team(payload), user).name or text_at(payload, "user", "name") or user

    def _whisper(self, payload: dict[str, Any], text: str) -> None:
        """Tell only the person who did something."""
        if text:
            self._chores.begin("whisper", self._tell(payload, text))

    async def _tell(self, payload: dict[str, Any], text: str) -> None:
        address = _address(payload)
        workspace = await self._workspaces.get(address.team, address.enterprise)
        if workspace is not None and address.channel:
            where = {"thread_ts": address.thread} if address.thread else {}
            arguments = {"channel": address.channel, "user": address.user, "text": text}
            await self._api.call(workspace.bot_token, "chat.postEphemeral", arguments | where)

    async def _open_form(self, payload: dict[str, Any]) -> None:
        workspace = await self._workspaces.get(_team(payload), id_at(payload, "enterprise", "id"))
        if workspace is not None:
            arguments = {"trigger_id": text_at(payload, "trigger_id"), "view": form()}
            await self._api.call(workspace.bot_token, "views.open", arguments)

    async def _is_for_us(self, payload: dict[str, Any]) -> bool:
        """Whether an interaction is for this app, and of a workspace that it works in.

        Somebody of another organisation, in a shared channel, acts in the name of their own workspace: then
        the message's, or the view's, is ours.
        """
        enterprise, app = id_at(payload, "enterprise", "id"), id_at(payload, "api_app_id")
        teams = (
            _team(payload),
            id_at(payload, "view", "app_installed_team_id"),
            id_at(payload, "message", "team"),
            id_at(payload, "user", "team_id"),
        )
        named = dict.fromkeys(filter(None, teams))
        for team in named:
            if await self._is_ours(team, enterprise, app):
                return True
        return not named  # malformed, which is counted as such

    def _asker(self, payload: dict[str, Any]) -> dict[str, Any]:
        return {
            "channel": self._host.name,
            "assurance": self._sure(_team(payload), id_at(payload, "user", "id")),
        }

    def _sure(self, team: str, user: str) -> Assurance:
        return self._people.remembered(team, user).assurance

    def _known(self, payload: dict[str, Any]) -> dict[str, Any]:
        person = self._people.remembered(_team(payload), id_at(payload, "user", "id"))
        return {"name": person.name, "assurance": person.assurance}


def _is_known(payload: dict[str, Any]) -> bool:
    """Whether an interaction is with something of ours."""
    match payload.get("type"):
        case "block_actions":
            pressed = payload.get("actions")
            names = [text_at(action, "action_id") for action in pressed] if isinstance(pressed, list) else []
            return all(name in _OURS or name.startswith(CHOICE) for name in names)
        case "view_submission":
            return text_at(payload, "view", "callback_id") == ASK_VIEW
        case "message_action":
            return text_at(payload, "callback_id") == ASK_SHORTCUT
    return False


def _value(text: str) -> dict[str, Any]:
    """Read what a button of ours says."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _team(payload: dict[str, Any]) -> str:
    return id_at(payload, "team", "id") or id_at(payload, "user", "team_id")


def _who(payload: dict[str, Any]) -> str:
    """Return the key of whoever did it; empty when Slack does not say."""
    home, user = id_at(payload, "user", "team_id") or _team(payload), id_at(payload, "user", "id")
    return f"{home}/{user}" if home and user else ""


def _address(payload: dict[str, Any]) -> Address:
    """Return the place where something was done: the thread that the pressed message stands in."""
    ts = ts_at(payload, "message", "ts") or ts_at(payload, "container", "message_ts")
    thread = ts_at(payload, "message", "thread_ts") or ts_at(payload, "container", "thread_ts")
    return Address(
        team=_team(payload),
        enterprise=id_at(payload, "enterprise", "id"),
        channel=id_at(payload, "channel", "id") or id_at(payload, "container", "channel_id"),
        thread=thread,
        ts=ts,
        user=id_at(payload, "user", "id"),
        user_team=id_at(payload, "user", "team_id"),
    )
