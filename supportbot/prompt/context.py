"""What a template can name: plain data, copied out of the turn, with nothing hidden in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from supportbot.readable import clip, one_line, visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from supportbot.messages import Memory, Passage, Turn

VARIABLES = ("bot", "channel", "contact", "conversation", "memory", "passages", "today", "triage")
"""The names a template starts with; docs/prompts.md describes them and everything in them."""

_NAME = 200  # characters of a name, an address, a title
_PARAGRAPH = 4_000  # characters of a description, a fact, a passage
_ALL_PASSAGES = 40_000  # characters of all passages together: below the output limit in any script
_ALL_SAID = 40_000  # likewise of what was said
_SNIPPET = 600  # characters of an earlier message that a triage is shown
_SAID_BEFORE = 4  # so many of them
_OTHER = "other"  # the topic of what belongs to none


def about_bot(bot: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``bot`` of the templates; keys it does not know are left behind, missing ones are empty."""
    facts: Mapping[str, Any] = bot.get("facts") or {}
    return {
        "name": _line(bot, "name"),
        "company": _line(bot, "company"),
        "description": _paragraph(str(bot.get("description") or ""), _PARAGRAPH),
        "contact": _paragraph(str(bot.get("contact") or ""), _PARAGRAPH),
        "language": _line(bot, "language"),
        "facts": {one_line(str(k), _NAME): _paragraph(str(v), _PARAGRAPH) for k, v in facts.items()},
    }


def context(
    turn: Turn,
    passages: Sequence[Passage],
    bot: Mapping[str, Any],
    memory: Memory | None = None,
    *,
    summary_words: int = 0,
    topics: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the variables of one turn.

    ``bot`` comes from ``about_bot``; ``memory`` is the turn's unless another is given;
    ``topics`` are those of a triage, when that is what is asked for.

    Only dicts, lists, texts, whole numbers and booleans: nothing in it can be called, and nothing leads
    anywhere. The same turn and passages give the same data.
    """
    contact = turn.contact
    room = min(_PARAGRAPH, _ALL_PASSAGES // max(len(passages), 1))
    return {
        "bot": bot,
        "channel": {"name": turn.channel},
        "contact": {
            "name": one_line(contact.name, _NAME),
            "email": one_line(contact.email, _NAME),
            "assurance": contact.assurance,
            "identified": contact.assurance != "anonymous",
        },
        "conversation": {"earlier_messages": turn.messages[0].seq - 1},
        "memory": _memory(memory or turn.memory, summary_words),
        "passages": [
            {
                "title": one_line(passage.title, _NAME),
                "source": one_line(passage.source, _NAME),
                "text": _paragraph(passage.text, room),
            }
            for passage in passages
        ],
        "today": datetime.fromtimestamp(turn.created_at / 1000, UTC).date().isoformat(),
        "triage": _triage(turn, topics) if topics else {"topics": [], "earlier": [], "messages": []},
    }


def _triage(turn: Turn, topics: Mapping[str, str]) -> dict[str, Any]:
    """Show the new messages, and the last few before them: a short follow-up makes sense only so."""
    earlier = [message for message in turn.history if message.author != "system"][-_SAID_BEFORE:]
    room = min(_PARAGRAPH, _ALL_SAID // len(turn.messages))
    described = {**topics, **({} if _OTHER in topics else {_OTHER: "nothing of the above"})}
    return {
        "topics": [
            {"name": name, "description": one_line(about, _NAME)} for name, about in described.items()
        ],
        "earlier": [{"author": m.author, "text": _paragraph(m.text, _SNIPPET)} for m in earlier],
        "messages": [_paragraph(message.text, room) for message in turn.messages],
    }


def _memory(memory: Memory, words: int) -> dict[str, Any]:
    said = memory.left_out
    room = min(_PARAGRAPH, _ALL_SAID // max(len(said), 1))
    return {
        "pinned": [one_line(text, _NAME) for text in memory.pinned],
        "summary": _paragraph(memory.summary, _PARAGRAPH),
        "left_out": [{"author": m.author, "text": _paragraph(m.text, room)} for m in said],
        "summary_words": words,
    }


def _line(values: Mapping[str, Any], key: str) -> str:
    return one_line(str(values.get(key) or ""), _NAME)


def _paragraph(text: str, characters: int) -> str:
    return clip(visible(text), characters).strip()
