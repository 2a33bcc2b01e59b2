"""Between bot and model: a turn's steps, in each of which the model asks for tools and they are run.

plan -> ledger -> running -> ledger -> the model again          (loop)
what to do    written down   done     written down
with a call   before                  after
"""

from __future__ import annotations

from supportbot.steps.loop import Counts, Steps

__all__ = ["Counts", "Steps"]
