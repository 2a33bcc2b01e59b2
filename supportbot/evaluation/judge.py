"""Whether an answer is what was expected."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from supportbot.evaluation.scenarios import Expect
    from supportbot.testing.bots import Reply


def complaints(expect: Expect, reply: Reply, tokens: int) -> tuple[str, ...]:
    """Return what is not as expected, a line each; empty when all is."""
    return tuple(_complaints(expect, reply, tokens))


def _complaints(expect: Expect, reply: Reply, tokens: int) -> Iterator[str]:
    if reply.state == "dead":
        yield "it could not be answered"
    text = reply.text.casefold()
    for words in expect.contains:
        if words.casefold() not in text:
            yield f"does not contain '{words}'"
    for words in expect.not_contains:
        if words.casefold() in text:
            yield f"contains '{words}'"
    for pattern in expect.matches:
        if not re.search(pattern, reply.text):
            yield f"does not match '{pattern}'"
    for source in expect.cites:
        if not _is_cited(source, reply):
            yield f"does not cite {source}"
    if expect.handoff is not None and expect.handoff is not bool(reply.handoff):
        yield "asks for no person" if expect.handoff else f"asks for a person ({reply.handoff})"
    if expect.max_tokens is not None and tokens > expect.max_tokens:
        yield f"used {tokens} tokens, more than {expect.max_tokens}"


def _is_cited(source: str, reply: Reply) -> bool:
    return source in reply.text or any(
        citation.source == source or citation.source.startswith(f"{source}#") for citation in reply.citations
    )
