"""What a trial came to, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

FAULTS = (
    "lost",
    "dead",
    "duplicated",
    "out_of_order",
    "cross_talk",
    "truncated",
    "overlapping",
)
"""What must be zero."""


@dataclass
class Verdict:
    """The counts of a trial. A message is counted once, however often it was sent."""

    accepted: int = 0
    """Messages that were acknowledged."""
    answered: int = 0
    """Of these: ended by exactly the reply they had to get."""
    lost: int = 0
    """Gone, never ended, ended without a reply or by one that ignores them; replies never delivered."""
    dead: int = 0
    """Put aside as dead: the bot gave up on them. Nothing is lost, but nothing is answered either."""
    duplicated: int = 0
    """Stored twice, answered twice, posted to the platform as two, or again without need."""
    out_of_order: int = 0
    """Replies that stand or were posted before an earlier one, prompts that lack an earlier message."""
    cross_talk: int = 0
    """Replies and prompts that hold another conversation's words."""
    truncated: int = 0
    """Replies that are not, word for word, what was meant to be said."""
    overlapping: int = 0
    """Model calls for a conversation that another call was at work for."""
    problems: list[str] = field(default_factory=list)
    """What was found, in words; also what fits none of the counts. Must be empty."""

    from_knowledge: int = 0
    """Answered by the knowledge, because the model failed too often."""
    repeats: int = 0
    """Messages that were sent although they had been, or may have been, sent before."""
    turns: int = 0
    model_calls: int = 0
    callback_tries: int = 0
    retried: int = 0
    """Of these: under the id of an earlier one, for whatever reason."""
    reposted: int = 0
    """Posts under the id of one that was taken, because the bot died, or its database, before it knew."""
    unattributed: int = 0
    """Of these: nobody could tell whose post it was, so the trouble of any process had to do as an excuse."""
    written_down_within: float = 0.0
    """Seconds after which the slowest post that was taken stood in the database as delivered."""
    kills: int = 0
    freezes: int = 0
    stops: int = 0
    restarts: int = 0
    """Of the database."""
    failed_starts: int = 0
    """Processes that ended instead of starting, the database being down."""
    model_faults: int = 0
    platform_faults: int = 0
    stalls: int = 0
    """How often the machine stood still for half a second or longer: it had other things to do."""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """All that was accepted was answered, once, in order, whole, to whom it concerns."""
        clean = not any(getattr(self, name) for name in FAULTS) and not self.problems
        return clean and 0 < self.accepted == self.answered

    @property
    def line(self) -> str:
        """All counts in one line."""
        counts = {f.name: getattr(self, f.name) for f in fields(self)}
        counts["problems"] = len(self.problems)
        counts["seconds"] = round(self.seconds, 1)
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in counts.items())
