"""What a message was made of: kept beside it as it came, and gone with it."""

from __future__ import annotations

import pytest

from supportbot import originals
from supportbot.errors import NotFound
from supportbot.session import ChannelTranscripts, delete_conversation
from tests.durable import Durable, inbound, opened
from tests.test_cli import Operator, operator
from tests.test_images import attached, drawn

__all__ = ["operator"]

RAW = b"From: anna@customer.test\r\n\r\nCaf\xe9 \x1b[31m\0"


async def test_it_is_kept_as_it_came(database_url: str) -> None:
    """Byte by byte, beside the images, and once for a message that comes again."""
    async with opened(database_url) as store:
        bot = Durable(store)
        message = inbound("Look").evolve(original=RAW, attachments=(attached(drawn()),))
        accepted = await bot.inbox.accept(message)
        assert accepted.message_id == (await bot.inbox.accept(message)).message_id
        assert RAW == await originals.load(store, accepted.message_id)
        assert [(-1,), (0,)] == await bot.rows("select ordinal from files order by ordinal")


async def test_a_message_without_one_says_so(database_url: str) -> None:
    """Other channels keep none."""
    async with opened(database_url) as store:
        accepted = await Durable(store).inbox.accept(inbound("Look"))
        with pytest.raises(NotFound):
            await originals.load(store, accepted.message_id)


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


def test_a_person_looks_at_it(operator: Operator) -> None:
    """The command writes it byte by byte where no terminal could be steered."""

    async def written(bot: Durable) -> str:
        return (await bot.inbox.accept(inbound("Look").evolve(original=RAW))).message_id

    message = operator.live(written)
    assert RAW == operator.run("conversations", "original", message).stdout_bytes
    assert "There is no original" in operator.refused("conversations", "original", "msg_none")
