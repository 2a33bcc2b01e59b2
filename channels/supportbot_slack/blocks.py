"""An answer as Slack's Block Kit, and what its buttons say. https://docs.slack.dev/reference/block-kit"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from supportbot_slack.address import Address
from supportbot_slack.markdown import escaped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supportbot.messages import Citation, Outbound

FEEDBACK = "supportbot_feedback"
PERSON = "supportbot_person"
CHOICE = "supportbot_choice"
_MOST_SOURCES = 10


def body_blocks(part: str) -> list[dict[str, Any]]:
    """Return the block that shows a part of an answer."""
    return [{"type": "markdown", "text": part}] if part.strip() else []


def closing_blocks(outbound: Outbound, *, feedback: bool, person: bool) -> list[dict[str, Any]]:
    """Return what stands below the last part of an answer: its sources and its buttons."""
    value = pressed_value(outbound)
    blocks = sources(outbound.citations)
    choices = [
        _button(choice.label, f"{CHOICE}:{number}", pressed_value(outbound, says=choice.says))
        for number, choice in enumerate(outbound.choices)
    ]
    if choices:
        blocks.append({"type": "actions", "elements": choices})
    elif feedback and outbound.model and not outbound.handoff:  # a fixed text is no answer
        blocks.append({"type": "context_actions", "elements": [_feedback(value)]})
    if person and not outbound.handoff and not choices:
        blocks.append({"type": "actions", "elements": [_button("Talk to a person", PERSON, value)]})
    return blocks


def sources(citations: Sequence[Citation]) -> list[dict[str, Any]]:
    """Return the block that names an answer's sources, as links where they have an address."""
    if not citations:
        return []
    named = " · ".join(dict.fromkeys(_source(citation) for citation in citations[:_MOST_SOURCES]))
    return [{"type": "context", "elements": [{"type": "mrkdwn", "text": f"Sources: {named}"[:3000]}]}]


def pressed_value(outbound: Outbound, *, says: str = "") -> str:
    """Return what Slack hands back when a button is pressed."""
    value = {"turn": outbound.turn_id, "conversation": outbound.external_id}
    if says:
        address = Address.read(outbound.address)
        value |= {"says": says, "for": f"{address.user_team or address.team}/{address.user}"}
    return orjson.dumps(value).decode()


def _source(citation: Citation) -> str:
    title = escaped(citation.title or citation.source)
    if not citation.source.startswith(("https://", "http://")):
        return title
    target = escaped(citation.source).replace("|", "%7C")
    return f"<{target}|{title.replace('|', '/')}>"


def _button(label: str, action: str, value: str) -> dict[str, Any]:
    return {
        "type": "button",
        "text": {"type": "plain_text", "text": label[:75]},
        "action_id": action,
        "value": value,
    }


def _feedback(value: str) -> dict[str, Any]:
    def side(label: str, verdict: str) -> dict[str, Any]:
        return {
            "text": {"type": "plain_text", "text": label},
            "accessibility_label": f"Say that this answer was {verdict}",
            "value": f"{verdict}:{value}",
        }

    return {
        "type": "feedback_buttons",
        "action_id": FEEDBACK,
        "positive_button": side("Helpful", "good"),
        "negative_button": side("Not helpful", "bad"),
    }
