"""Images that customers send: what is kept of them, and what a model gets to see."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from PIL import Image as Pillow

from supportbot.images import header
from supportbot.images.ledger import MOST_BYTES, load
from supportbot.messages import Attachment
from supportbot.session import ChannelTranscripts, delete_conversation
from tests.durable import Durable, inbound, opened, running

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'


def drawn(kind: str = "PNG", size: tuple[int, int] = (64, 48), mode: str = "RGB", **how: Any) -> bytes:
    """Return an image file."""
    file = BytesIO()
    Pillow.new(mode, size).save(file, kind, **how)
    return file.getvalue()


def attached(data: bytes, name: str = "photo.png") -> Attachment:
    return Attachment(name=name, content_type="application/octet-stream", size=len(data), data=data)


# -- by its own bytes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (drawn("PNG"), ("image/png", 64, 48)),
        (drawn("PNG", (1, 1)), ("image/png", 1, 1)),
        (drawn("GIF", mode="P"), ("image/gif", 64, 48)),
        (drawn("JPEG"), ("image/jpeg", 64, 48)),
        (drawn("JPEG", exif=b"Exif\x00\x00" + bytes(60_000), progressive=True), ("image/jpeg", 64, 48)),
        (drawn("WEBP"), ("image/webp", 64, 48)),
        (drawn("WEBP", lossless=True), ("image/webp", 64, 48)),
        (drawn("WEBP", mode="RGBA", exif=b"Exif\x00\x00"), ("image/webp", 64, 48)),
        (SVG, None),
        (b"", None),
        (b"%PDF-1.7", None),
        (b"\xff\xd8\xff" + b"\xff\xfe\x00\x02" * 2_000_000, None),
        (b"\xff\xd8\xff\xe0", None),
        (drawn("PNG")[:20], None),
        (drawn("WEBP")[:24], None),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + (20_000).to_bytes(4) * 2, None),
        (b"GIF89a" + b"\xff" * 4, None),
        (b"GIF89a" + bytes(4), None),
    ],
    ids=lambda value: f"{value[:12]!r}" if isinstance(value, bytes) else str(value),
)
def test_an_image_is_known_by_its_bytes(data: bytes, expected: tuple[str, int, int] | None) -> None:
    """Four kinds are, with their size; nothing else, nothing cut short and nothing immense."""
    assert expected == header.read(data)


# -- kept with the message -----------------------------------------------------------------------


async def test_an_image_is_on_disk_with_its_message(database_url: str) -> None:
    """Its bytes are kept, its kind and size are its own; whoever reads the message gets no bytes."""
    async with opened(database_url) as store:
        bot = Durable(store)
        image = drawn("JPEG")
        files = (attached(SVG, "logo.svg"), attached(image, "a.txt"))
        accepted = await bot.inbox.accept(inbound("Look").evolve(attachments=files))
        (row,) = await bot.rows("select attachments from messages")
        assert '"data"' not in str(row[0])
        assert [(accepted.message_id, 1)] == await bot.rows("select message_id, ordinal from files")
        assert image == await store.read(lambda tx: load(tx, accepted.message_id, 1))
        assert b"" == await store.read(lambda tx: load(tx, accepted.message_id, 0))


async def test_what_a_turn_is_told_of_attachments(database_url: str) -> None:
    """Of an image the kind, the true size and the pixels; of anything else what the platform said."""
    async with running(database_url) as bot:
        image = drawn("JPEG")
        lie = Attachment(name="b.png", content_type="image/png", size=5, width=7, height=7)
        files = (attached(image), attached(SVG), lie)
        await bot.inbox.accept(inbound("Look").evolve(attachments=files))
        await bot.replies(1)
        found = bot.worker.turns[0].messages[0].attachments
        told = [(a.content_type, a.size, a.width, a.height, a.kept, a.data) for a in found]
        assert [
            ("image/jpeg", len(image), 64, 48, True, b""),
            ("application/octet-stream", len(SVG), 0, 0, False, b""),
            ("image/png", 5, 0, 0, False, b""),
        ] == told


async def test_there_is_a_limit_to_what_is_kept(database_url: str) -> None:
    """Five images of a message, each up to 10 MiB, 20 MiB in all; the others are still told of."""
    async with opened(database_url) as store:
        bot = Durable(store)
        image = drawn()
        large = image + bytes(MOST_BYTES - len(image))
        many = inbound("many").evolve(attachments=(attached(image),) * 7)
        await bot.inbox.accept(many)
        await bot.inbox.accept(
            inbound("large").evolve(attachments=(attached(large + b"x"), *(attached(large),) * 3))
        )
        assert [0, 1, 2, 3, 4] == [row[0] for row in await bot.rows(_PLACES.format("many"))]
        assert [1, 2] == [row[0] for row in await bot.rows(_PLACES.format("large"))]


_PLACES = (
    "select ordinal from files join messages on messages.id = message_id where text = '{}' order by ordinal"
)


async def test_images_go_with_their_conversation(database_url: str) -> None:
    """Whoever asks for deletion gets it."""
    async with opened(database_url) as store:
        bot = Durable(store)
        accepted = await bot.inbox.accept(inbound("Look").evolve(attachments=(attached(drawn()),)))
        await delete_conversation(store, accepted.conversation_id)
        assert [] == await bot.rows("select * from files")


async def test_a_duplicate_keeps_nothing_twice(database_url: str) -> None:
    """The retry of a message with an image is the same message."""
    async with opened(database_url) as store:
        bot = Durable(store)
        message = inbound("Look").evolve(attachments=(attached(drawn()),))
        first, again = await bot.inbox.accept(message), await bot.inbox.accept(message)
        assert (first.message_id, True) == (again.message_id, again.duplicate)
        assert [(1,)] == await bot.rows("select count(*) from files")


async def test_an_image_goes_with_a_message_that_its_writer_deletes(database_url: str) -> None:
    """A platform says that a message was deleted: nothing of it stays."""
    async with opened(database_url) as store:
        bot = Durable(store)
        await bot.inbox.accept(inbound("Look", key="k").evolve(attachments=(attached(drawn()),)))
        assert await ChannelTranscripts(store, "web").redact("k")
        assert [] == await bot.rows("select * from files")
