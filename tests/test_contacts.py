"""Where people want to be written to."""

from __future__ import annotations

import asyncio

import psycopg
from sqlalchemy import select

from supportbot import reports
from supportbot.contacts import ChannelContacts
from supportbot.store import Statement
from supportbot.tables import events
from tests.durable import running

_KINDS = Statement(select(events.c.kind))


async def test_an_address_stands_beside_the_proven_one(database_url: str) -> None:
    """It is found again, by the operator too; what tools trust stays as it was."""
    async with running(database_url) as bot:
        await bot.accept("Is anybody there?")
        await bot.replies(1)
        [conversation] = (await reports.conversations(bot.store)).rows
        contacts = ChannelContacts(bot.store, "web")
        assert conversation.email == await contacts.address(conversation.external_id)
        for _ in range(2):
            assert await contacts.write_to(conversation.external_id, "anna@example.com")
        assert "anna@example.com" == await contacts.address(conversation.external_id)
        [after] = (await reports.conversations(bot.store)).rows
        assert (conversation.email, "anna@example.com") == (after.email, after.reply_to)
        kinds = await bot.store.read(lambda tx: [row.kind for row in tx.rows(_KINDS)])
        assert 1 == kinds.count("contact.address_given")


async def test_there_is_no_address_without_a_conversation(database_url: str) -> None:
    """Nor one of another channel."""
    async with running(database_url) as bot:
        await bot.accept("Hello")
        [conversation] = (await reports.conversations(bot.store)).rows
        for channel, key in (("web", "none"), ("other", conversation.external_id)):
            contacts = ChannelContacts(bot.store, channel)
            assert not await contacts.write_to(key, "anna@example.com")
            assert "" == await contacts.address(key)


async def test_the_conversation_is_locked_first(postgres_database: str) -> None:
    """As the inbox locks it, which then completes the contact: else each may wait for the other."""
    async with running(postgres_database) as bot:
        await bot.accept("Is anybody there?")
        await bot.replies(1)
        url = postgres_database.replace("+psycopg", "")
        async with await psycopg.AsyncConnection.connect(url) as inbox:
            await inbox.execute("select 1 from conversations for update")
            giving = asyncio.create_task(ChannelContacts(bot.store, "web").write_to("c1", "a@example.com"))
            waiting = "select 1 from pg_locks where pg_backend_pid() = any(pg_blocking_pids(pid))"
            async with asyncio.timeout(10):
                while await (await inbox.execute(waiting)).fetchone() is None:
                    assert not giving.done()
            free = await inbox.execute("select 1 from contacts for update skip locked")
            assert [(1,)] == await free.fetchall()
            await inbox.commit()
        assert await giving
