"""Ask a language model: any endpoint of two wire formats, with the knowledge itself behind them.

sse -> wire (llama, openai) -> exchange -> client -> chain
bytes    one reply's meaning     one try    one answer   until one answers
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from supportbot.model.chain import Chain
from supportbot.model.client import Endpoint
from supportbot.model.output import StreamCleaner, clean_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supportbot.config.models import ModelSection
    from supportbot.model.base import Model

__all__ = ["Chain", "Endpoint", "StreamCleaner", "build", "clean_answer"]


def build(sections: Sequence[ModelSection], knowledge_model: Model) -> Model:
    """Return what answers: the endpoints in their order, then the knowledge; the knowledge alone if none."""
    if not sections:
        return knowledge_model
    return Chain([*map(Endpoint, sections), knowledge_model])
