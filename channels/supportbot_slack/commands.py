"""Asking without a message: ``/ask``, the shortcut on a message, the form behind the Home tab's button.

Pure translators: what Slack sent becomes an ``Inbound``, what Slack shows at once, or both. Where the answer
goes is part of it. That of ``/ask`` and of the form is posted in the direct message with whoever asked: a
``response_url`` ends after half an hour and five uses, and nobody can look whether something arrived there.
That of the shortcut is posted in the message's thread.

https://docs.slack.dev/interactivity/implementing-slash-commands
https://docs.slack.dev/interactivity/implementing-shortcuts
https://docs.slack.dev/surfaces/modals
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from supportbot.messages import Inbound, Sender
from supportbot_slack.events import id_at, text_at, ts_at
from supportbot_slack.inbound import conversation_key, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot.messages import Assurance

ASK_VIEW = "ask"
"""The form's ``callback_id``."""
_BLOCK = "question"
_ACTION = "text"

_LONGEST = 40_000
"""Characters of a question that are taken: Slack's own limit for a message."""
_BACK = 60.0
"""Seconds before the question from which on its answer is looked for: Slack's clock is not ours."""

ON_IT = "On it. I will answer you in a direct message."
ASKED_BEFORE = "I was asked about that message before; the answer is in its thread."
NO_QUESTION = "Write your question behind the command, as in: /ask How do I return something?"
NO_WORDS = "That message has no words that I could answer."
TOO_LONG = "That is too long for me. Please ask it in fewer words."
NO_SUCH_COMMAND = "I know no such command. Please ask me with /ask, as in: /ask How do I return something?"
NOT_HERE = "I do not answer here."
NO_DIRECT = "I do not answer in direct messages. Please mention me in a channel."
"""For what is written there, and for what would be answered there."""
TOO_MUCH = "That is more than I can answer at once. Please wait a minute, and ask what matters most again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What became of what Slack sent."""

    inbound: Inbound | None = None
    """The question; None when there is none."""
    says: str = ""
    """What only the person who asked is to read, at once; may be empty."""
    errors: Mapping[str, str] = field(default_factory=dict)
    """What is wrong with a form, by block."""

    @property
    def is_malformed(self) -> bool:
        """Whether it is nothing that Slack sends: it is acknowledged, and that is all."""
        return self.inbound is None and not self.says and not self.errors


def from_command(fields: Mapping[str, Any], *, channel: str, assurance: Assurance = "claimed") -> Asked:
    """Read a slash command's form fields.

    Args:
        fields: as they came.
        channel: our name of the channel, in bot.yaml.
        assurance: how sure we are of who asks.
    """
    who = _Person.read(fields, team="team_id", user="user_id", enterprise="enterprise_id")
    trigger = text_at(fields, "trigger_id")
    if who is None or not trigger:
        return Asked()
    text = text_at(fields, "text").strip()
    if not text or len(text) > _LONGEST:
        return Asked(says=TOO_LONG if text else NO_QUESTION)
    return Asked(inbound=_direct(who, text, trigger, channel, assurance), says=ON_IT)


def from_form(payload: Mapping[str, Any], *, channel: str, assurance: Assurance = "claimed") -> Asked:
    """Read the form that ``form`` describes, as a ``view_submission``. Arguments: see ``from_command``."""
    who = _Person.of_payload(payload)
    view = id_at(payload, "view", "id")
    if who is None or not view:
        return Asked()
    text = text_at(payload, "view", "state", "values", _BLOCK, _ACTION, "value").strip()
    if not text or len(text) > _LONGEST:
        return Asked(errors={_BLOCK: TOO_LONG if text else "Write your question here."})
    return Asked(inbound=_direct(who, text, view, channel, assurance), says=ON_IT)


def from_shortcut(
    payload: Mapping[str, Any], *, channel: str, assurance: Assurance = "claimed", shared: bool = False
) -> Asked:
    """Read a message shortcut: the message is the question, whoever used it asks. Else as ``from_command``.

    Its keys are the message's own, and its conversation is the one that the message is in. So a message is
    answered once, however often and by whomever the shortcut is used, and not at all if it was written to
    the bot. ``shared``: organisations share the channel, as far as we know.
    """
    who = _Person.of_payload(payload)
    place, ts = (
        id_at(payload, "channel", "id"),
        ts_at(payload, "message", "ts") or ts_at(payload, "message_ts"),
    )
    if who is None or not place or not ts:
        return Asked()
    text = plain(text_at(payload, "message", "text"))[:_LONGEST]
    if not text:
        return Asked(says=NO_WORDS)
    thread = ts_at(payload, "message", "thread_ts") or ("" if place.startswith("D") else ts)
    return Asked(
        inbound=Inbound(
            channel=channel,
            conversation=conversation_key(who.team, place, thread, shared=shared),
            sender=Sender(id=who.id, name=who.name, assurance=assurance),
            text=text,
            keys=(f"{place}/{ts}@{who.team}", f"{place}/{ts}@shared"),
            sent_at=int(float(ts) * 1000),
            address=who.address() | {"channel": place, "thread": thread, "ts": ts},
        )
    )


def refused(says: str) -> Asked:
    """Return what becomes of a question that is not taken, in all three forms."""
    return Asked(says=says, errors={_BLOCK: says})


def form() -> dict[str, Any]:
    """Return the form for a question, to be opened by ``views.open``."""
    return {
        "type": "modal",
        "callback_id": ASK_VIEW,
        "title": {"type": "plain_text", "text": "Ask a question"},
        "submit": {"type": "plain_text", "text": "Ask"},
        "close": {"type": "plain_text", "text": "Cancel"},
        "blocks": [
            {
                "type": "input",
                "block_id": _BLOCK,
                "label": {"type": "plain_text", "text": "Your question"},
                "hint": {"type": "plain_text", "text": "The answer comes as a direct message."},
                "element": {
                    "type": "plain_text_input",
                    "action_id": _ACTION,
                    "multiline": True,
                    "max_length": 3000,
                },
            }
        ],
    }


def command_answer(asked: Asked) -> dict[str, Any] | None:
    """Return what Slack is answered to a command: words that only the person who gave it reads."""
    return {"response_type": "ephemeral", "text": asked.says} if asked.says else None


def form_answer(asked: Asked) -> dict[str, Any] | None:
    """Return what Slack is answered to a form: nothing closes it."""
    return {"response_action": "errors", "errors": dict(asked.errors)} if asked.errors else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    """Who did it, and where."""

    team: str
    """The workspace that it was done in."""
    enterprise: str
    user: str
    home: str
    """The workspace that the person belongs to."""
    name: str

    @classmethod
    def read(cls, fields: Mapping[str, Any], *, team: str, user: str, enterprise: str) -> _Person | None:
        """Read a form's fields; None without a workspace or a user."""
        found = id_at(fields, team), id_at(fields, user)
        if not all(found):
            return None
        return cls(
            team=found[0],
            user=found[1],
            enterprise=id_at(fields, enterprise),
            home=found[0],
            name=text_at(fields, "user_name")[:200],
        )

    @classmethod
    def of_payload(cls, payload: Mapping[str, Any]) -> _Person | None:
        """Read an interaction's payload; in an organisation's own installation the team may be null."""
        home = id_at(payload, "user", "team_id")
        team, user = id_at(payload, "team", "id") or home, id_at(payload, "user", "id")
        if not team or not user:
            return None
        return cls(
            team=team,
            user=user,
            enterprise=id_at(payload, "enterprise", "id") or id_at(payload, "team", "enterprise_id"),
            home=home or team,
            name=(text_at(payload, "user", "username") or text_at(payload, "user", "name"))[:200],
        )

    @property
    def id(self) -> str:
        """Return the key of the contact."""
        return f"{self.home}/{self.user}"

    def address(self) -> dict[str, Any]:
        """Return what every address says of them."""
        return {
            "team": self.team, "enterprise": self.enterprise, "user": self.user, "user_team": self.home
        }  # fmt: skip


def _direct(who: _Person, text: str, asked: str, channel: str, assurance: Assurance) -> Inbound:
    """Return a question that is answered in the direct message with whoever asked it.

    ``asked`` is Slack's id of this one asking. The address names the user where others name a channel: which
    direct message that is, Slack says when there is an answer (``conversations.open``).
    """
    now = time.time()
    return Inbound(
        channel=channel,
        conversation=f"{who.team}/ask/{asked}",
        sender=Sender(id=who.id, name=who.name, assurance=assurance),
        text=text,
        keys=(f"ask/{asked}@{who.team}",),
        sent_at=int(now * 1000),
        address=who.address() | {"channel": who.user, "thread": "", "ts": f"{now - _BACK:.6f}"},
    )
