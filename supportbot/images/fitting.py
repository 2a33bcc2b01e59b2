"""An image made fit for a model: small, upright, without metadata, in a kind that every endpoint takes.

Needs Pillow (the extra ``images``). A decoder is what attackers send broken files to: it is given only what
``header`` has looked at, as the kind that it is, and whatever it raises means that nobody sees the image.
"""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from math import ceil
from typing import TYPE_CHECKING, Any

from supportbot.images import header
from supportbot.messages import Image

if TYPE_CHECKING:
    from supportbot.images.header import Header

_TILE = 336  # pixels; the Llama API's guide to images: 145 tokens for each tile, and a whole view of 147
_MOST_TILES = 9  # 1454 tokens: more shows a model little more, and costs a prompt its history
_LARGE = 500_000  # bytes; a PNG beyond that is a photograph
_QUALITY = 85  # of a JPEG
_WHITE = (255, 255, 255)


def fitted(data: bytes) -> Image | None:
    """Return what a model gets to see of an image; None when it is none, or broken.

    It costs up to a second of a processor and 300 MB: not for the event loop.
    """
    head = header.read(data)
    if head is None:
        return None
    try:
        picture = _decoded(data, head)
        return Image(url=_url(picture, head), tokens=tokens_of(*picture.size))
    except Exception:  # noqa: BLE001 - a decoder raises anything
        return None


def tokens_of(width: int, height: int) -> int:
    """Estimate what an image costs, as the Llama API's guide does; others ask for no more."""
    tiles = ceil(width / _TILE) * ceil(height / _TILE)
    return 147 if tiles == 1 else 145 * tiles + 2 + 147


def size_within(width: int, height: int) -> tuple[int, int]:
    """Return the largest size that needs no more than nine tiles; never larger than it is."""
    grids = [(columns, _MOST_TILES // columns) for columns in range(1, _MOST_TILES + 1)]
    scale = min(1.0, max(min(c * _TILE / width, r * _TILE / height) for c, r in grids))
    return max(1, int(width * scale)), max(1, int(height * scale))


def _decoded(data: bytes, head: Header) -> Any:
    from PIL import Image as Pillow

    with Pillow.open(BytesIO(data), formats=[_kind(head)]) as opened:
        if opened.size != (head.width, head.height):
            raise ValueError("two readers do not agree on its size")
        small = size_within(head.width, head.height)
        opened.draft("RGB", (2 * small[0], 2 * small[1]))  # a JPEG is decoded smaller at once
        picture: Any = _upright(_coloured(opened).resize(small, Pillow.Resampling.LANCZOS, reducing_gap=2.0))
        flat = Pillow.new("RGB", picture.size, _WHITE)
        flat.paste(picture, mask=picture.getchannel("A") if picture.mode == "RGBA" else None)
        return flat


def _coloured(picture: Any) -> Any:
    """Return the first frame in eight bits of red, green and blue, with transparency where there is some."""
    picture.load()
    if picture.mode.startswith("I"):  # 16 bits of grey, which Pillow cuts off instead of scaling
        return picture.point(lambda grey: grey / 256).convert("L").convert("RGB")
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def _upright(picture: Any) -> Any:
    """Turn a photograph as the camera was held; metadata that cannot be read turns nothing."""
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # noqa: BLE001 - likewise
        return picture


def _url(picture: Any, head: Header) -> str:
    """Encode anew: drawings and screens without loss, photographs not."""
    if head.content_type != "image/jpeg" and len(data := _saved(picture, "PNG")) <= _LARGE:
        return f"data:image/png;base64,{b64encode(data).decode()}"
    return f"data:image/jpeg;base64,{b64encode(_saved(picture, 'JPEG', quality=_QUALITY)).decode()}"


def _saved(picture: Any, kind: str, **how: Any) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **how)
    return file.getvalue()


def _kind(head: Header) -> str:
    return head.content_type.removeprefix("image/").upper()
