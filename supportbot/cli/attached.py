"""What came with a message, as an operator reads it."""

from typing import TYPE_CHECKING

from supportbot.cli.output import phrase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from supportbot.reports import MessageRow

_MOST = 20


def attached_lines(message: "MessageRow") -> "Iterator[str]":
    """Yield a line for each file: its name, kind, size, and of an image that is kept the pixels."""
    for file in message.attachments[:_MOST]:
        facts = [phrase(file.content_type) or "?", f"{file.size} bytes"]
        if file.kept:
            facts.append(f"{file.width}×{file.height}, kept")
        yield f"Attached: {phrase(file.name) or '(no name)'} ({', '.join(facts)})"
    if len(message.attachments) > _MOST:
        yield f"… and {len(message.attachments) - _MOST} more"
