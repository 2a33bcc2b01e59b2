"""The header on a draft that tells a person, or a rule of their mail program, what the draft rests on.

Some mail programs keep unknown headers when a draft is sent (docs/email.md says which), so it holds nothing
that a customer must not see: no words of the conversation, no reasons, and names only in a safe alphabet.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supportbot.messages import Source

NAME = "X-SupportBot"

_MOST = 5
_LONGEST = 100
"""Characters of one source."""

_IN_HEADER = re.compile(rb"^X-SupportBot[ \t]*:", re.IGNORECASE | re.MULTILINE)
_HEADER = 65_536


def mark(sources: Sequence[Source]) -> tuple[str, str]:
    """Return the field's name and value: ``draft; confidence=0.83; sources=returns.md, shipping.md``.

    The confidence is how well the best source fits the question, 0 to 1. What is not a letter, a digit or one
    of ``-._~:/#`` in a source is percent-encoded (RFC 3986, section 2.1).
    """
    best = max((source.score for source in sources), default=0.0)
    names = ", ".join(
        quote(source.source, safe=":/#", errors="replace")[:_LONGEST] for source in sources[:_MOST]
    )
    return NAME, f"draft; confidence={min(1.0, max(0.0, best)):.2f}; sources={names or 'none'}"


def is_marked(raw: bytes) -> bool:
    """Say whether a mail has the header."""
    return _IN_HEADER.search(re.split(rb"\r?\n\r?\n", raw[:_HEADER], maxsplit=1)[0]) is not None
