"""Reading bot.yaml again while the bot runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from pydantic import BaseModel

from supportbot.errors import SupportBotError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from supportbot.app import Running
    from supportbot.config import Loaded, Report

_TAKEN_OVER = frozenset({"bot", "texts", "model", "memory", "moderation", "tools", "triage", "log"})
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
    before = bot.brain.loaded
    try:
        bot.reload(report.loaded)
    except SupportBotError as error:
        log.error("config.rejected", problems=str(error))  # noqa: TRY400 - the message says it all
        return False
    configure_logging(report.loaded)
    log.info("config.reloaded", keys=", ".join(applied(before, report.loaded)))
    for key in no_longer_judged(before, report.loaded):
        log.warning("moderation.off", key=key)
    for event, keys in (
        ("config.needs_restart", needs_restart(bot.loaded, report.loaded)),
        ("config.channels_need_restart", channels_keep(bot.loaded, report.loaded)),
    ):
        if keys:
            log.warning(event, keys=", ".join(keys))
    return True


def applied(before: Loaded, new: Loaded) -> list[str]:
    """Return the keys whose new values count at once: sections and, of those that count in part, keys."""
    return [
        key
        for name in type(new.config).model_fields
        if name not in {"channels", "database"}
        for key in _changed(name, getattr(before.config, name), getattr(new.config, name))
        if name in _TAKEN_OVER or key in _KEYS_TAKEN_OVER
    ]


def no_longer_judged(before: Loaded, new: Loaded) -> list[str]:
    """Return what moderation looked at and does not any more, as ``moderation.input``."""
    was, now = before.config.moderation, new.config.moderation
    return [
        f"moderation.{name}"
        for name in ("input", "output")
        if getattr(was, name) is not None and getattr(now, name) is None
    ]


def channels_keep(running: Loaded, new: Loaded) -> list[str]:
    """Return the keys that channels were told of when they were made, and do not hear of again."""
    was, now = _told(running), _told(new)
    return [key for key in was if was[key] != now[key]]


def _told(loaded: Loaded) -> dict[str, object]:
    return {
        "bot.name": loaded.config.bot.name,
        "bot.company": loaded.config.bot.company,
        "model[].vision": any(section.vision for section in loaded.config.model),
        "tools": bool(loaded.tools),
    }


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


def _changed(section: str, before: object, after: object) -> Iterator[str]:
    """Yield the keys of a section that differ; of a list, the section's own."""
    if not isinstance(after, BaseModel):
        if before != after:
            yield section
        return
    for key in type(after).model_fields:
        if getattr(before, key) != getattr(after, key):
            yield f"{section}.{key}"
