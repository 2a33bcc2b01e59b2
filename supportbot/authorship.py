"""Who is behind the bot's words, by what stands as their ``model``: a model, the articles, or nobody."""

from __future__ import annotations

KNOWLEDGE = "knowledge"
"""What stands there where no language model wrote: articles are quoted, or it is a fixed text."""


def is_written(model: str) -> bool:
    """Say whether a language model wrote it."""
    return model not in {"", KNOWLEDGE}


def is_fixed(model: str, *, cites: bool) -> bool:
    """Say whether it is a fixed text: nobody wrote it, and it quotes nothing.

    Args:
        model: who answered.
        cites: it names sources.
    """
    return not (is_written(model) or cites)
