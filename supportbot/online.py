"""Asking platforms and model endpoints whether a configuration works with them: ``check --online``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from supportbot.app import make_channel as make_as_named
from supportbot.app import make_channels
from supportbot.channel import CanVerify
from supportbot.feed import Feed
from supportbot.limits import Limits
from supportbot.metrics import Metrics
from supportbot.model.online import verify as verify_model
from supportbot.store import open_store

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from supportbot.app import MakeChannel
    from supportbot.config import Loaded

_PATIENCE = 30.0
"""Seconds that each has for its answer."""


async def verified(
    loaded: Loaded, *, make_channel: MakeChannel = make_as_named
) -> dict[str, tuple[str, ...]]:
    """Ask; nothing is started.

    Returns what is wrong with each, by ``channel <name>`` and ``model <name>``: nothing where all is well.
    A channel that cannot tell is not there.
    """
    store = open_store(loaded.database)  # lent to the channels; it may not be there, and is not looked into
    try:
        metrics = Metrics()
        limits = Limits(store, owner="check", alone=True, counts=metrics)
        channels = make_channels(loaded, store, Feed(), metrics, make_channel, limits=limits)
        questions = {f"channel {n}": c.verify() for n, c in channels.items() if isinstance(c, CanVerify)}
        questions |= {f"model {section.label}": verify_model(section) for section in loaded.config.model}
        answers = await asyncio.gather(*map(_answer, questions.values()))
        return dict(zip(questions, answers, strict=True))
    finally:
        await store.close()


async def _answer(question: Awaitable[list[str]]) -> tuple[str, ...]:
    try:
        async with asyncio.timeout(_PATIENCE):
            return tuple(await question)
    except Exception as error:  # noqa: BLE001 - a stranger's channel may fail in any way; others are still asked
        what = f"could not be asked ({type(error).__name__})"
        return (f"{what}: try again, or tell the authors of the channel",)
