"""Shows the images of a turn to models that see: the newest, made fit, and remembered for the next turns."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

import structlog

from supportbot.images import header, ledger
from supportbot.images.fitting import fitted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from supportbot.messages import Attachment, Image, Message, Turn
    from supportbot.store import Store

    Place = tuple[str, int]  # a message, and which of its attachments

_MOST = 9
"""Images of one request: the Llama API takes no more."""

_MOST_EARLIER = 4  # of them from the history, which is sent again with every turn
_WITHIN = 10.0  # seconds; what is not ready by then is not shown
_AT_ONCE = 2  # images that are decoded: each may take 300 MB
_KEPT = 32 * 1024 * 1024  # characters of images that stay in memory

log = structlog.get_logger(__name__)


class Gallery:
    """What models see of customers' images; in memory as far as there is room, else made anew."""

    def __init__(self, store: Store, *, within: float = _WITHIN) -> None:
        self._store = store
        self._within = within
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="images")
        self._made: dict[Place, Image | None] = {}  # the one used last at the end
        self._size = 0

    async def shown(self, turn: Turn) -> Turn:
        """Return the turn with what a model gets to see of its newest images.

        What is broken, or not ready in time, is left as it is. Raises:
            StoreUnavailable: they cannot be read.
        """
        wanted = dict(_newest(turn))
        if not wanted:
            return turn
        images: dict[Place, Image] = {}
        limit = asyncio.timeout(self._within)
        try:
            async with limit:
                for place, file in wanted.items():
                    if image := await self._image(place, file):
                        images[place] = image
        except TimeoutError:
            if not limit.expired():
                raise
            log.warning("images.late", shown=len(images), wanted=len(wanted))
        return turn.evolve(
            messages=tuple(_with(turn.messages, images)), history=tuple(_with(turn.history, images))
        )

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _image(self, place: Place, file: Attachment) -> Image | None:
        if place in self._made:
            image = self._made[place] = self._made.pop(place)
            return image
        data = file.data or await self._store.read(lambda tx: ledger.load(tx, *place))
        image = await asyncio.get_running_loop().run_in_executor(self._threads, fitted, data)
        if image is None:
            log.info("image.unseen", message=place[0], size=len(data))
        self._keep(place, image)
        return image

    def _keep(self, place: Place, image: Image | None) -> None:
        if place in self._made:  # another turn of the same conversation was quicker
            return
        self._made[place] = image
        self._size += _size(image)
        while self._size > _KEPT:
            oldest = next(iter(self._made))
            self._size -= _size(self._made.pop(oldest))


def _newest(turn: Turn) -> Iterator[tuple[Place, Attachment]]:
    """Yield the images that are to be shown, those of the newest messages first."""
    new = list(islice(_images(turn.messages), _MOST))
    yield from new
    yield from islice(_images(turn.history), min(_MOST_EARLIER, _MOST - len(new)))


def _images(messages: Iterable[Message]) -> Iterator[tuple[Place, Attachment]]:
    for message in reversed(tuple(messages)):
        if message.author == "customer" and message.attachments:
            for number, file in enumerate(message.attachments):
                if file.width or file.data:
                    yield (message.id, number), file


def _with(messages: Iterable[Message], images: Mapping[Place, Image]) -> Iterator[Message]:
    """Yield messages with their images, and without bytes: nobody needs those any more."""
    for message in messages:
        if not message.attachments:
            yield message
            continue
        files = (_seen(f, images.get((message.id, number))) for number, f in enumerate(message.attachments))
        yield message.evolve(attachments=tuple(files))


def _seen(file: Attachment, image: Image | None) -> Attachment:
    head = header.read(file.data) if file.data else None
    if head is not None:
        file = file.evolve(width=head.width, height=head.height)
    return file.evolve(image=image, data=b"")


def _size(image: Image | None) -> int:
    return len(image.url) if image else 100
