"""Written conversations, had with a real bot: does it still say what it should?"""

from __future__ import annotations

from supportbot.evaluation.run import Outcome, Said, evaluate, usable
from supportbot.evaluation.scenarios import Scenario, read_scenarios

__all__ = ["Outcome", "Said", "Scenario", "evaluate", "read_scenarios", "usable"]
