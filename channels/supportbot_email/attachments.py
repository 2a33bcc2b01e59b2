"""What came with a mail: listed; of images within the limits the bytes too, for models that see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supportbot_email.mail import Part

if TYPE_CHECKING:
    from supportbot_email.mail import Settings
    from supportbot_email.mime import Entity

_DECORATION = 5_000
"""Bytes below which an image inside the text is a logo, a line or a counting pixel: nobody asks about it."""

_MARKS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


def attachments(entity: Entity, settings: Settings, *, missing: int = 0) -> tuple[Part, ...]:
    """Return a mail's attachments in their order. Nothing is opened; an image is what its bytes say.

    Args:
        entity: the mail.
        settings: whose mailbox it is.
        missing: bytes at its end that were not read. They are the last part's, whose size is estimated.
    """
    found, images = [], 0
    parts = entity.walk()
    for part in parts:
        if not _is_attachment(part):
            continue
        data = part.data
        cut = _decoded(missing, part) if part is parts[-1] else 0
        kind = _image_type(data)
        kept = (
            bool(kind) and images < settings.max_images and len(data) <= settings.max_image_bytes and not cut
        )
        kept = kept and not (len(data) < _DECORATION and _is_inline(part))
        images += kept
        found.append(
            Part(
                name=part.filename,
                content_type=kind or part.content_type,
                size=len(data) + cut,
                data=data if kept else b"",
            )
        )
    return tuple(found)


def _decoded(encoded: int, part: Entity) -> int:
    """Return how many bytes so many are without their transfer encoding: base64 has 57 in a line of 78."""
    is_base64 = part.get("content-transfer-encoding").strip().lower() == "base64"
    return encoded * 57 // 78 if is_base64 else encoded


def _is_attachment(part: Entity) -> bool:
    if part.content_type.startswith("multipart/"):
        return False
    own = part.content_type == "text/calendar" or not part.content_type.startswith("text")
    return own or part.disposition == "attachment" or bool(part.filename)


def _is_inline(part: Entity) -> bool:
    return part.disposition != "attachment" and bool(part.get("content-id") or part.disposition == "inline")


def _image_type(data: bytes) -> str:
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for mark, kind in _MARKS if data.startswith(mark)), "")
