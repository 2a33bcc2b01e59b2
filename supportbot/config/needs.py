"""What parts of bot.yaml need beside themselves: packages of an extra, a vocabulary, a key."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from supportbot.tokenizer import NoVocabulary, read_ranks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from supportbot.channel import ChannelConfig
    from supportbot.config.models import Config, ModelSection
    from supportbot.config.problems import Findings

_POSTGRES = ("psycopg", "psycopg_pool", "procrastinate")
"""What the extra 'postgres' brings."""


def check_needs(models: Sequence[ModelSection], root: Path, findings: Findings) -> None:
    """Record what is missing for what the models are to do. Paths begin at ``root``."""
    for number, model in enumerate(models):
        if model.vision and find_spec("PIL") is None:
            findings.add(("model", number, "vision"), "needs Pillow", _install("images"))
        if model.tokenizer is not None:
            _check_tokenizer(number, root / model.tokenizer, findings)


def check_driver(database: str, findings: Findings) -> None:
    """Record what is missing for talking to the store; nothing is on SQLite, which comes with Python."""
    if findings.suspect(("database",)) or not database.startswith("postgresql"):
        return
    missing = next((name for name in _POSTGRES if find_spec(name) is None), None)
    if missing is not None:
        what = f"names a PostgreSQL server, which needs {missing}"
        findings.add(("database",), what, "install it, in your clone: pip install '.[postgres]'")


def check_keys(config: Config, channels: Mapping[str, ChannelConfig], findings: Findings) -> None:
    """Record what is missing for what is kept encrypted."""
    if config.encryption_keys and find_spec("cryptography") is None:
        findings.add(("encryption_keys",), "needs cryptography", _install("email"))
    if not config.encryption_keys and not findings.suspect(("encryption_keys",)):
        for name, section in channels.items():
            if section.keeps_secrets():
                findings.add(
                    ("channels", name),
                    "keeps secrets in the database, and there is no key to encrypt them with",
                    'set encryption_keys, beside channels, to ["${BOT_KEY}"], and make the key with: '
                    "openssl rand -base64 32 | tr '+/' '-_'",
                )


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
