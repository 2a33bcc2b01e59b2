"""What kind of image some bytes are, by their own first bytes: what a platform says of a file proves nothing.

Nothing is decoded. Whoever decodes it later knows beforehand how much memory that takes.
"""

from __future__ import annotations

import struct
from struct import unpack_from
from typing import NamedTuple

MOST_PIXELS = 50_000_000
"""More is refused: decoded, such an image takes 200 MB. The cameras of most telephones have fewer."""

_LONGEST_SIDE = 30_000  # pixels
_SEGMENTS = 500  # of a JPEG that are skipped to find its size; a photograph has a dozen


class Header(NamedTuple):
    """What the first bytes of an image say."""

    content_type: str
    width: int
    """In pixels."""
    height: int


def read(data: bytes) -> Header | None:
    """Return the header of a PNG, JPEG, GIF or WebP; None for everything else, and for what is too large."""
    try:
        content_type, width, height = _header(data)
    except struct.error:  # it ends before its header does
        return None
    if 0 < width <= _LONGEST_SIDE and 0 < height <= _LONGEST_SIDE and width * height <= MOST_PIXELS:
        return Header(content_type, width, height)
    return None


def _header(data: bytes) -> tuple[str, int, int]:
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
        return "image/png", *unpack_from(">II", data, 16)
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif", *unpack_from("<HH", data, 6)
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg", *_jpeg_size(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp", *_webp_size(data)
    return "", 0, 0


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Find the frame header, behind metadata of any length (ITU T.81, B.1.1 and B.2.2)."""
    at = 2
    for _ in range(_SEGMENTS):
        mark, kind, length = unpack_from(">BBH", data, at)
        if mark != 0xFF or length < 2:
            break
        if 0xC0 <= kind <= 0xCF and kind not in {0xC4, 0xC8, 0xCC}:  # tables and an extension are no frames
            height, width = unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + length
    return 0, 0


def _webp_size(data: bytes) -> tuple[int, int]:
    """Read the size from the first chunk (RFC 9649, sections 2.5 to 2.7)."""
    match data[12:16]:
        case b"VP8 ":
            width, height = unpack_from("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L":
            (bits,) = unpack_from("<I", data, 21)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X" if len(data) >= 30:
            return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    return 0, 0
