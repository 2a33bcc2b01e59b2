"""Ask a language model: any endpoint of two wire formats, with the knowledge itself behind them.

sse -> wire (llama, openai) -> exchange -> client -> chain
bytes    one reply's meaning     one try    one answer   until one answers
                                            (gate, quota, breaker, overflow, catalogue)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from supportbot.model.chain import Chain
from supportbot.model.client import Endpoint
from supportbot.model.counted import Counted
from supportbot.model.output import StreamCleaner, clean_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supportbot.config.models import ModelSection
    from supportbot.model.base import Counts, Model, Purse
    from supportbot.model.quota import MakeQuota

__all__ = ["Chain", "Counted", "Endpoint", "StreamCleaner", "build", "clean_answer", "writers"]


def build(
    sections: Sequence[ModelSection],
    knowledge_model: Model,
    counts: Counts | None = None,
    *,
    purse: Purse | None = None,
    quotas: MakeQuota | None = None,
    within: float | None = None,
) -> Model:
    """Return what answers: the endpoints in their order, then the knowledge; the knowledge alone if none.

    ``counts`` is told of every request, and of what the knowledge answers; ``purse`` of what each used.
    ``quotas`` says what may be sent to an endpoint; by default what its section allows this process.
    ``within`` is how many seconds the endpoints have together before the knowledge answers in their place.
    """
    last = knowledge_model if counts is None else Counted(knowledge_model, counts)
    if not sections:
        return last
    endpoints = [
        Endpoint(section, counts=counts, purse=purse, quota=quotas(section) if quotas else None)
        for section in sections
    ]
    return Chain([*endpoints, last], within=within)


def writers(model: Model, name: str = "") -> Model | None:
    """Return what ``build`` returned without the knowledge at its end: language models only, or None.

    With a ``name`` only the one that is called so.
    """
    if not isinstance(model, Chain):
        return None
    return Chain([writer for writer in model.models[:-1] if name in {"", writer.name}])
