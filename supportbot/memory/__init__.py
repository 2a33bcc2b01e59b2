"""What is remembered of a conversation that is longer than its prompts.

The prompt decides where the history is cut (``prompt``); what that leaves out is kept here, and a model
writes a summary of it in the background.
"""

from __future__ import annotations

from supportbot.memory.engine import Memories
from supportbot.memory.summariser import Summariser

__all__ = ["Memories", "Summariser"]
