"""What an operator asks the store: lists, newest first, and the whole story of one message.

Everything here only reads. Every query is cut off by a limit and follows an index, so that its cost
does not grow with the store; where a filter has no index of its own, that is said at its function.
"""

from __future__ import annotations

from supportbot.reports.advice import advice
from supportbot.reports.drafts import DraftGrouping, DraftRow, drafts_by
from supportbot.reports.exchanges import Exchange
from supportbot.reports.lists import Page, conversations, dead, deliveries, turns, withdrawal
from supportbot.reports.ratings import (
    OpinionRow,
    RatingGrouping,
    RatingRow,
    RatingSums,
    opinions,
    ratings_by,
)
from supportbot.reports.rows import (
    ConversationRow,
    DeliveryRow,
    FileRow,
    MemoryRow,
    MessageRow,
    ToolCallRow,
    TriageRow,
    TurnRow,
)
from supportbot.reports.story import EventRow, Story, explain
from supportbot.reports.transcript import Transcript, conversation_ids, messages, transcript
from supportbot.reports.usage import Grouping, UsageRow, usage, usage_totals

__all__ = [
    "ConversationRow",
    "DeliveryRow",
    "DraftGrouping",
    "DraftRow",
    "EventRow",
    "Exchange",
    "FileRow",
    "Grouping",
    "MemoryRow",
    "MessageRow",
    "OpinionRow",
    "Page",
    "RatingGrouping",
    "RatingRow",
    "RatingSums",
    "Story",
    "ToolCallRow",
    "Transcript",
    "TriageRow",
    "TurnRow",
    "UsageRow",
    "advice",
    "conversation_ids",
    "conversations",
    "dead",
    "deliveries",
    "drafts_by",
    "explain",
    "messages",
    "opinions",
    "ratings_by",
    "transcript",
    "turns",
    "usage",
    "usage_totals",
    "withdrawal",
]
