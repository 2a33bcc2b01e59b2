"""What a model says about each question: topic, language, sentiment, urgency, whether a person is wanted.

screen -> engine -> sorter -> ledger
begins    a task    asks      keeps what it said with the turn
"""

from __future__ import annotations

from supportbot.triage.engine import Triages
from supportbot.triage.screen import TriageScreen
from supportbot.triage.sorter import Sorter
from supportbot.triage.values import Triage

__all__ = ["Sorter", "Triage", "TriageScreen", "Triages"]
