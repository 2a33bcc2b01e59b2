"""One of several processes on one PostgreSQL: what it does of the whole, and how it hears of the rest."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import structlog

from supportbot.errors import EmptyRole, IdleRoles, NoRole, RolesNeedServer, UnknownRole, UnknownRoleNeeded
from supportbot.host import ROLES
from supportbot.leases import Leases
from supportbot.store import sqlite_path
from supportbot.store.remedies import unavailable
from supportbot.turns import LocalEngine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping

    from supportbot.channel import ChannelConfig
    from supportbot.feed import Feed
    from supportbot.relay import Counts
    from supportbot.store import Store
    from supportbot.turns import Engine, Rules


PART = 1.0
"""Seconds, beyond its grace, that a part of the process gets to stop."""

log = structlog.get_logger(__name__)


def roles_of(names: Collection[str] | None, database: str) -> frozenset[str]:
    """Return the roles that were asked for.

    Args:
        names: of the roles, as they were given; None when nobody named any, which is all of them.
        database: the address of the store.

    Raises:
        NoRole: an empty list of them, such as a variable that was never set.
        EmptyRole: an empty entry, such as a variable beside others that was never set.
        UnknownRole: there is no such role.
        RolesNeedServer: only one process can work on a SQLite file, so it has to do everything.
    """
    if names is None:
        return ROLES
    roles, known = frozenset(filter(None, names)), _enumerated(ROLES)
    if not roles:
        raise NoRole(known=known)
    if "" in names:
        raise EmptyRole(given=",".join(names), known=known)
    unknown = sorted(roles - ROLES)
    if unknown:
        raise UnknownRole(role=unknown[0], known=known)
    if roles != ROLES and sqlite_path(database) is not None:
        raise RolesNeedServer
    return roles


def needed_roles(channels: Mapping[str, ChannelConfig]) -> frozenset[str]:
    """Return the roles that processes must have between them, so that these channels of bot.yaml are served.

    Raises:
        UnknownRoleNeeded: a channel wants one that there is not.
    """
    needed = {"worker"}
    for name, section in channels.items():
        roles = frozenset(section.roles())
        unknown = sorted(roles - ROLES)
        if unknown:
            what = {"name": name, "type": section.type, "role": unknown[0]}
            raise UnknownRoleNeeded(**what, known=_enumerated(ROLES))
        needed |= roles
    return frozenset(needed)


def idle_roles(roles: frozenset[str], channels: Mapping[str, ChannelConfig]) -> list[str]:
    """Return which of a process's roles have nothing to do for these channels of bot.yaml, sorted.

    Raises:
        IdleRoles: all of them.
    """
    needed = needed_roles(channels)
    idle = sorted(roles - needed)
    if not roles & needed:
        raise IdleRoles(given=",".join(idle), needed=_enumerated(needed))
    return idle


def _enumerated(roles: frozenset[str]) -> str:
    return ", ".join(sorted(roles))


def make_engine(
    database: str, store: Store, feed: Feed, rules: Rules, *, roles: frozenset[str], **options: Any
) -> Engine:
    """Return the turn engine that fits the database.

    Args:
        database: its URL.
        store, feed, rules: as for every engine.
        roles: of this process.
        options: the rest that every engine takes.
    """
    if sqlite_path(database) is not None or rules.only:
        return LocalEngine(store, feed, rules, **options)
    from supportbot.turns.queue import QueueEngine

    engine = QueueEngine(store, feed, rules, **options)
    engine.join(database, Leases(store, rules.owner), works="worker" in roles)
    return engine


@asynccontextmanager
async def joined(
    database: str, feed: Feed, engine: Engine, owner: str, counts: Counts
) -> AsyncIterator[None]:
    """On PostgreSQL, hear of what happens in other processes, and tell them what happens here.

    Raises:
        StoreUnavailable: the server is not there.
    """
    if sqlite_path(database) is not None:
        yield
        return
    from psycopg import Error

    from supportbot.relay import CHANNEL, Relay
    from supportbot.store.notices import Notices

    notices = Notices(database, CHANNEL)
    relay = Relay(feed, notices, owner=owner, counts=counts, interrupt=engine.interrupt)
    async with AsyncExitStack() as stack:
        try:
            await relay.start()
        except Error as error:
            raise unavailable(error) from error
        stack.push_async_callback(notices.stop)  # also where the relay does not get so far
        stack.push_async_callback(in_time, relay.stop)
        yield


async def in_time(stop: Callable[..., Awaitable[None]], *args: Any, within: float = PART) -> None:
    """Stop a part of the process; leave it where it is when that takes too long: a database may hang.

    Args:
        stop: what stops it.
        args: its arguments.
        within: seconds that this may take.
    """
    try:
        async with asyncio.timeout(within):
            await stop(*args)
    except TimeoutError:
        log.warning("bot.part_not_stopped", part=getattr(stop, "__qualname__", ""))
