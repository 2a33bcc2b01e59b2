"""The throwaway bot: its bot.yaml and what it names."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SECRET = "whsec_" + "YWNjZXB0YW5jZSB0ZXN0cyBzaWduIHdpdGggdGhpcw=="
API_KEY = "sk-acceptance-0123456789abcdef"
ADMIN_TOKEN = "admin-acceptance-0123456789"  # noqa: S105 - see below
ENVIRONMENT = {"BOT_SECRET": SECRET, "BOT_API_KEY": API_KEY, "BOT_ADMIN_TOKEN": ADMIN_TOKEN}
"""What bot.yaml names as ``${…}``. Everybody knows these, so they are good only for a
throwaway bot on the loopback address."""

UNLIMITED = dict.fromkeys(
    (
        "requests_per_address",
        "sessions_per_address",
        "emails_per_address",
        "messages_per_session",
        "messages_per_channel",
    )
)
"""The limits of a webhook channel that would slow the traffic down."""

_SYSTEM = "You are {{ bot.name }}. The customer is {{ contact.name }} <{{ contact.email }}>.\n"
_KNOWLEDGE = "{% for passage in passages %}\n{{ passage.title }}\n{{ passage.text | quoted }}\n{% endfor %}\n"
_ARTICLE = "# Parcels\n\nA parcel takes three days. You can follow it in your account.\n"


class BotFolder:
    """A bot.yaml and what it names, quick to fail and to try again unless a test says otherwise."""

    def __init__(
        self,
        root: Path,
        *,
        model_url: str = "",
        database: str = "sqlite:///data/bot.db",
        webhook: Mapping[str, Any] | None = None,
        prompt: str = _SYSTEM,
        article: str = _ARTICLE,
        tools: Sequence[str] = (),
        model: Mapping[str, Any] | None = None,
        **sections: Mapping[str, Any],
    ) -> None:
        """Write it.

        Args:
            root: an empty folder.
            model_url: a model's ``base_url``; without one the bot answers from its knowledge.
            database: as in bot.yaml.
            webhook: more keys of the channel ``web``.
            prompt: the system prompt.
            article: the one article of the knowledge.
            tools: as in bot.yaml.
            model: more keys of the model.
            sections: more keys of ``turns``, ``deliveries``, ``server``, ``log`` and so on.
        """
        self.root = root
        self.file = root / "bot.yaml"
        self.database = database
        content: dict[str, Any] = {
            "tools": list(tools),
            "database": database,
            "bot": {"name": "Fern"},
            "knowledge": {},
            "prompts": {"history_messages": 1000, "history_tokens": 100_000},
            "turns": {"retry_delay": 0.1},
            "deliveries": {"retry_delay": 0.1, "settle_delay": 0.1, "attempts": 100},
            "server": {"port": 0, "admin_token": "${BOT_ADMIN_TOKEN}"},
            "channels": {
                "web": {"type": "webhook", "secrets": ["${BOT_SECRET}"], "limits": UNLIMITED}
                | dict(webhook or {}),
            },
        }
        for name, section in sections.items():
            content[name] = content.get(name, {}) | dict(section)
        if model_url:
            content["model"] = [
                {
                    "dialect": "openai",
                    "model": "test-model",
                    "base_url": model_url,
                    "api_key": "${BOT_API_KEY}",
                    "context_tokens": 200_000,
                }
                | dict(model or {})
            ]
        root.mkdir(exist_ok=True)
        self.file.write_text(json.dumps(content, indent=2), "utf-8")
        for name, text in {
            "prompts/system.md.j2": prompt,
            "prompts/knowledge.md.j2": _KNOWLEDGE,
            "knowledge/parcels.md": article,
        }.items():
            path = root / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")

    @property
    def database_file(self) -> Path:
        """The SQLite file."""
        return self.root / self.database.removeprefix("sqlite:///")

    def integrity(self) -> str:
        """Return what SQLite says about the file: ``ok``."""
        connection = sqlite3.connect(self.database_file)
        try:
            return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
        finally:
            connection.close()
