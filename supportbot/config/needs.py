"""What the entries of ``model`` need beside their endpoint: packages of an extra, and a vocabulary."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from supportbot.tokenizer import NoVocabulary, read_ranks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from supportbot.config.models import ModelSection
    from supportbot.config.problems import Findings


def check_needs(models: Sequence[ModelSection], root: Path, findings: Findings) -> None:
    """Record what is missing for what the models are to do. Paths begin at ``root``."""
    for number, model in enumerate(models):
        if model.vision and find_spec("PIL") is None:
            findings.add(("model", number, "vision"), "needs Pillow", _install("images"))
        if model.tokenizer is not None:
            _check_tokenizer(number, root / model.tokenizer, findings)


def with_paths(models: Sequence[ModelSection], root: Path) -> tuple[ModelSection, ...]:
    """Return the models with absolute paths."""
    return tuple(
        model.model_copy(update={"tokenizer": root / model.tokenizer}) if model.tokenizer else model
        for model in models
    )


def _check_tokenizer(number: int, path: Path, findings: Findings) -> None:
    loc = ("model", number, "tokenizer")
    if find_spec("tiktoken") is None:
        findings.add(loc, "needs tiktoken", _install("tokenizer"))
        return
    try:
        read_ranks(path)
    except NoVocabulary as error:
        findings.add(
            loc, str(error), "name the tokenizer.model that comes with the model; paths begin at bot.yaml"
        )


def _install(extra: str) -> str:
    return f"install SupportBot with the extra '{extra}', or leave the key out"
