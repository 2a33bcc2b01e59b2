"""What a model says about a question, as words for a screen."""

from typing import TYPE_CHECKING

from supportbot.cli.output import phrase

if TYPE_CHECKING:
    from supportbot.reports import TriageRow


def in_short(triage: "TriageRow | None") -> str:
    """Return the topic and what stands out, for a column; empty when there is no triage."""
    if triage is None:
        return ""
    if triage.state == "failed":
        return "failed"
    mood = [each for each in (triage.urgency, triage.sentiment) if each not in {"normal", "neutral"}]
    return ", ".join([phrase(triage.topic), *mood, *(["wants a person"] if triage.wants_person else [])])


def in_full(triage: "TriageRow") -> str:
    """Return all of it in one line."""
    if triage.state == "failed":
        return f"triage failed: {phrase(triage.reason, 200)}"
    person = "wants a person" if triage.wants_person else "wants no person"
    return (
        f"triage: {phrase(triage.topic)}, {phrase(triage.language)}, {triage.sentiment}, "
        f"urgency {triage.urgency}, {person}; by {phrase(triage.model)}"
    )
