"""The store of a bot.yaml, for commands that look into it: beside a running bot, or without one."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from supportbot.cli.settings import settings_of
from supportbot.errors import NoStoreYet, NoSuchChannel, NotFound, NotInState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import typer

    from supportbot.errors import SupportBotError
    from supportbot.store import Store

T = TypeVar("T")


def with_store(context: typer.Context, work: Callable[[Store], Awaitable[T]]) -> T:
    """Open the store that bot.yaml names, do the work, close it.

    Raises:
        NoStoreYet: no bot has run on it.
        SupportBotError: bot.yaml does not say where the store is, or it cannot be used.
    """
    return looked_into(settings_of(context).database(), work)


def looked_into(database: str, work: Callable[[Store], Awaitable[T]]) -> T:
    """The same with the store of this URL."""
    be_quiet()
    check_store(database)
    return asyncio.run(worked(database, work))


def check_channel(context: typer.Context, name: str) -> None:
    """Refuse a channel that neither bot.yaml nor the store knows, when nothing was found of it.

    Raises:
        NoSuchChannel: there is none; the message says which there are.
    """
    from supportbot import reports

    loaded = settings_of(context).check().loaded if name else None
    if loaded is None or name in loaded.channels:
        return
    if not with_store(context, lambda store: reports.conversations(store, limit=1, channel=name)).rows:
        raise NoSuchChannel(name=name, known=", ".join(sorted(loaded.channels)))


def check_store(database: str) -> None:
    """Make sure that there is a store at this release's schema version; nothing is changed.

    Raises:
        NoStoreYet: it is empty, or not there.
        SchemaBehind, UnknownSchema, ForeignDatabase, DatabaseUnusable: there is something else.
    """
    from sqlalchemy.engine import make_url

    from supportbot import schema

    if schema.is_empty(database):
        raise NoStoreYet(database=make_url(database).render_as_string(hide_password=True))
    schema.prepare(database)


async def why_not(store: Store, identifier: str, refusal: NotFound, *, wanted: str) -> SupportBotError:
    """Return what to say of an id that is not of a ``wanted`` turn or delivery: its state, if it has one."""
    from supportbot import reports

    with suppress(NotFound):
        story = await reports.explain(store, identifier)
        for what, rows in (("Turn", story.turns), ("Delivery", story.deliveries)):
            for row in rows:
                if row.id == identifier and row.state != wanted:
                    return NotInState(what=what, id=identifier, state=row.state, wanted=wanted)
    withdrawal = await reports.withdrawal(store, identifier)
    if withdrawal is not None:
        return NotInState(what="Withdrawal", id=identifier, state=withdrawal.state, wanted=wanted)
    return refusal


def be_quiet() -> None:
    """Let only errors be logged: a command's output is not to be mixed with other lines."""
    from supportbot import log
    from supportbot.config.models import LogSection

    log.set_up(LogSection(level="error"))


async def worked(database: str, work: Callable[[Store], Awaitable[T]]) -> T:
    """Open the store of this URL, which is known to be one, do the work, close it."""
    from supportbot.store import open_store

    store = open_store(database)
    try:
        return await work(store)
    finally:
        await store.close()
