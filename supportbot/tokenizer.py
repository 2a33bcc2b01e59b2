"""A model's own vocabulary: how many tokens a text is, exactly. Needs tiktoken (the extra ``tokenizer``).

The file is the ``tokenizer.model`` that comes with Llama 3 and Llama 4: a line for each token, its bytes in
base64 and its rank. Nothing is ever fetched.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_LARGEST = 32 * 1024 * 1024  # bytes of a file; Llama 4's has 3.6 MB
_LLAMA_3 = 128_000  # tokens; Llama 4 has 200,000, and parts a text otherwise
_END = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_LLAMA_3_PARTS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + _END
)
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_LLAMA_4_PARTS = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + _END
)
_PIECE = 20_000  # characters that are counted at once: what is longer makes tiktoken's search give up
_INLINE = 20_000  # characters that the event loop waits for, some milliseconds; more is a thread's work
_REMEMBERED = 1024  # texts, each up to
_SHORT = 8_000  # characters


class NoVocabulary(ValueError):
    """A file that is no vocabulary; its text completes "tokenizer …"."""


def read_ranks(path: Path) -> dict[bytes, int]:
    """Read a vocabulary: tokens and their ranks.

    tiktoken's own reader would copy the file into a folder for temporary files.

    Raises:
        NoVocabulary: it is not there, or is something else.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise NoVocabulary("is larger than any vocabulary")
        lines = path.read_bytes().splitlines()
    except OSError:
        raise NoVocabulary("cannot be read") from None
    try:
        ranks = {
            b64decode(token, validate=True): int(rank)
            for token, rank in map(bytes.split, filter(None, lines))
        }
    except ValueError:
        raise NoVocabulary("is no vocabulary in tiktoken's format") from None
    if not all(bytes([byte]) in ranks for byte in range(256)):
        raise NoVocabulary("is a vocabulary without tokens for all bytes")
    return ranks


class Tokenizer:
    """Counts the tokens of texts; the same texts come again in every turn of a conversation."""

    def __init__(self, path: Path) -> None:
        """Read the vocabulary at ``path``, which takes about a second.

        Raises:
            NoVocabulary: it is none.
        """
        from tiktoken import Encoding

        ranks = read_ranks(path)
        parts = _LLAMA_3_PARTS if len(ranks) <= _LLAMA_3 else _LLAMA_4_PARTS
        self._encoding = Encoding(path.name, pat_str=parts, mergeable_ranks=ranks, special_tokens={})
        self._known: dict[str, int] = {}

    async def total(self, texts: Iterable[str]) -> int:
        """Return how many tokens some texts have together."""
        texts = list(texts)
        known = {text: self._known[text] for text in texts if text in self._known}
        new = {text for text in texts if text not in known}
        if sum(map(len, new)) > _INLINE:
            counts = await asyncio.to_thread(self._counted, new)
        else:
            counts = self._counted(new)
        self._remember(counts)
        counts |= known
        return sum(counts[text] for text in texts)

    def count(self, text: str) -> int:
        """Return how many tokens a text has."""
        pieces = (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
        return sum(len(self._encoding.encode_ordinary(piece)) for piece in pieces)

    def _counted(self, texts: Iterable[str]) -> dict[str, int]:
        return {text: self.count(text) for text in texts}

    def _remember(self, counts: Mapping[str, int]) -> None:
        self._known.update((text, count) for text, count in counts.items() if len(text) <= _SHORT)
        while len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
