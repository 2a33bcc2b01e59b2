"""Begins a triage beside each answer; where bot.yaml says so, hands over instead of answering."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from supportbot.messages import Answer

if TYPE_CHECKING:
    from supportbot.config.texts import TextsSection
    from supportbot.messages import Prompt
    from supportbot.triage.engine import Triages
    from supportbot.triage.sorter import Sorter


class TriageScreen:
    """A ``Screen``."""

    def __init__(self, triages: Triages, sorter: Sorter, *, hand_over: bool, texts: TextsSection) -> None:
        """``hand_over``: a customer who wants a person gets one, told so in the words of ``texts``."""
        self._triages = triages
        self._sorter = sorter
        self._hand_over = hand_over
        self._texts = texts

    async def instead(self, prompt: Prompt) -> Answer | None:
        """See ``Screen``. Nobody waits for the triage unless it may hand over."""
        task = self._triages.begin(prompt.turn, self._sorter)
        if not self._hand_over:
            return None
        said = await asyncio.shield(task)  # an answer that nobody wants any more does not end it
        if said is None or not said.wants_person:
            return None
        text = self._texts.of(prompt.turn.contact.language).handoff
        return Answer(prompt=prompt, text=text, model="", handoff="customer_asked")
