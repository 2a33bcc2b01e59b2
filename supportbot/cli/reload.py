"""Reading bot.yaml again while the bot runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from supportbot.errors import SupportBotError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from supportbot.app import Running
    from supportbot.config import Loaded, Report

_TAKEN_OVER = frozenset({"bot", "texts", "model", "memory", "tools", "log"})
"""Sections that count at once; so do these keys of others:"""
_KEYS_TAKEN_OVER = frozenset(
    {
        "knowledge.path",
        "knowledge.threshold",
        "knowledge.passages",
        "prompts.path",
        "prompts.system",
        "prompts.history_tokens",
        "turns.confirm_within",
    }
)

log = structlog.get_logger("supportbot")


def reload(bot: Running, report: Report) -> bool:
    """Take over what can change of a bot.yaml read again; say in the log what cannot. Returns whether it did.

    With an error in it everything stays as it is.
    """
    from supportbot.app import configure_logging

    if report.loaded is None:
        log.error("config.rejected", problems=" | ".join(map(str, report.problems)))
        return False
    try:
        bot.reload(report.loaded)
    except SupportBotError as error:
        log.error("config.rejected", problems=str(error))  # noqa: TRY400 - the message says it all
        return False
    configure_logging(report.loaded)
    log.info("config.reloaded")
    waiting = needs_restart(bot.loaded, report.loaded)
    if waiting:
        log.warning("config.needs_restart", keys=", ".join(waiting))
    return True


def needs_restart(running: Loaded, new: Loaded) -> list[str]:
    """Return the keys whose new values count only after a restart, as ``turns.debounce``."""
    keys = [
        key
        for name in type(new.config).model_fields
        if name not in _TAKEN_OVER | {"channels", "database"}
        for key in _changed(name, getattr(running.config, name), getattr(new.config, name))
        if key not in _KEYS_TAKEN_OVER
    ]
    if running.database != new.database:
        keys.append("database")
    names = sorted({*running.channels, *new.channels})
    changed = [name for name in names if running.channels.get(name) != new.channels.get(name)]
    return [*keys, *(f"channels.{name}" for name in changed)]


def _changed(section: str, before: BaseModel, after: BaseModel) -> Iterator[str]:
    for key in type(after).model_fields:
        if getattr(before, key) != getattr(after, key):
            yield f"{section}.{key}"
