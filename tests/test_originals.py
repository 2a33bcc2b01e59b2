"""What a message was made of: kept beside it as it came, and gone with it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import text

from supportbot import originals
from supportbot.errors import NotFound, OriginalSealed
from supportbot.session import ChannelTranscripts, delete_conversation
from supportbot.store import Statement
from supportbot.vault import Vault
from tests.durable import Durable, inbound, opened
from tests.test_images import attached, drawn

if TYPE_CHECKING:
    from supportbot.store import Store
    from tests.operators import Operator

RAW = b"From: anna@customer.test\r\n\r\nCaf\xe9 \x1b[31m\0"


OLD, NEW = (SecretStr(Fernet.generate_key().decode()) for _ in range(2))


def _no_key() -> Vault | None:
    return None


async def test_it_is_kept_as_it_came(database_url: str) -> None:
    """Byte by byte, beside the images, and once for a message that comes again."""
    async with opened(database_url) as store:
        bot = Durable(store)
        message = inbound("Look").evolve(original=RAW, attachments=(attached(drawn()),))
        accepted = await bot.inbox.accept(message)
        assert accepted.message_id == (await bot.inbox.accept(message)).message_id
        assert RAW == await originals.load(store, accepted.message_id, _no_key)
        assert [(-1,), (0,)] == await bot.rows("select ordinal from files order by ordinal")


async def test_a_message_without_one_says_so(database_url: str) -> None:
    """Other channels keep none."""
    async with opened(database_url) as store:
        accepted = await Durable(store).inbox.accept(inbound("Look"))
        with pytest.raises(NotFound):
            await originals.load(store, accepted.message_id, _no_key)


@pytest.mark.parametrize("how", ["deleted", "redacted"])
async def test_it_goes_with_its_message(database_url: str, how: str) -> None:
    """Whoever asks for deletion gets it."""
    async with opened(database_url) as store:
        bot = Durable(store)
        accepted = await bot.inbox.accept(inbound("Look", key="k").evolve(original=RAW))
        if how == "deleted":
            await delete_conversation(store, accepted.conversation_id)
        else:
            assert await ChannelTranscripts(store, "web").redact("k")
        assert [] == await bot.rows("select * from files")


async def test_with_a_key_it_is_encrypted(database_url: str) -> None:
    """Nobody reads it in the database, or puts it in another message's place; whoever has the key gets every
    byte."""
    async with opened(database_url) as store:
        bot = Durable(store, vault=Vault([OLD]))
        one, two = [
            (await bot.inbox.accept(inbound("Look", key=key).evolve(original=RAW))).message_id
            for key in ("1", "2")
        ]
        [(data,), _] = await bot.rows("select data from files")
        assert RAW[:10] not in bytes(data)
        assert RAW == await originals.load(store, one, lambda: Vault([NEW, OLD]))
        for vault in (Vault([NEW]), None):
            with pytest.raises(OriginalSealed):
                await originals.load(store, one, lambda vault=vault: vault)  # type: ignore[misc]
        swap = Statement(
            text(
                "update files set data = (select data from files where message_id = :one) "
                "where message_id = :two"
            )
        )
        await store.write(lambda tx: tx.run(swap, one=one, two=two))
        with pytest.raises(OriginalSealed):
            await originals.load(store, two, lambda: Vault([OLD]))


@pytest.mark.parametrize(("size", "aside"), [(100, False), (1_000_000, True)])
async def test_no_transaction_waits_for_the_encryption(database_url: str, size: int, aside: bool) -> None:
    """It is done before the transaction begins; what is large in a thread, so that nobody waits for it."""
    done: list[str] = []

    class ToldVault(Vault):
        def seal_bytes(self, purpose: str, data: bytes) -> bytes:
            done.append("sealed aside" if threading.current_thread() is not here else "sealed")
            return super().seal_bytes(purpose, data)

    here = threading.current_thread()
    async with opened(database_url) as store:

        class ToldStore:
            async def write(self, *args: Any, **options: Any) -> Any:
                done.append("written")
                return await store.write(*args, **options)

        bot = Durable(cast("Store", ToldStore()), vault=ToldVault([OLD]))
        accepted = await bot.inbox.accept(inbound("Look").evolve(original=RAW * (size // len(RAW))))
        assert ["sealed aside" if aside else "sealed", "written"] == done
        found = await originals.load(store, accepted.message_id, lambda: Vault([OLD]))
        assert RAW * (size // len(RAW)) == found


async def test_keys_are_rotated(database_url: str) -> None:
    """The new key before the old one, everything sealed anew, also what lay there in clear: the old one can
    go. What no key opens stays."""
    lost = Vault([SecretStr(Fernet.generate_key().decode())])
    async with opened(database_url) as store:
        accepted = [
            await Durable(store, vault=vault).inbox.accept(
                inbound("Look", key=f"{number}").evolve(original=RAW + bytes([number]))
            )
            for number, vault in enumerate([None] * 25 + [Vault([OLD])] * 25 + [lost])
        ]
        assert (50, 1) == await originals.reseal(store, Vault([NEW, OLD]))
        assert (0, 1) == await originals.reseal(store, Vault([NEW, OLD]))
        for number, message in enumerate(accepted[:50]):
            found = await originals.load(store, message.message_id, lambda: Vault([NEW]))
            assert RAW + bytes([number]) == found


def test_a_person_reseals(operator: Operator) -> None:
    """The command says what is missing, and what it did."""
    assert "There is no key to encrypt with" in operator.refused("conversations", "reseal")


def test_a_person_looks_at_it(operator: Operator) -> None:
    """The command writes it byte by byte where no terminal could be steered."""

    async def written(bot: Durable) -> str:
        return (await bot.inbox.accept(inbound("Look").evolve(original=RAW))).message_id

    message = operator.live(written)
    assert RAW == operator.run("conversations", "original", message).stdout_bytes
    assert "There is no original" in operator.refused("conversations", "original", "msg_none")
