"""How many tokens a text will cost, without any model's vocabulary.

Every character is weighed by its script. The weights were fitted to what the vocabularies of
Llama 3 and o200k make of some forty support messages; where the two differ, the hungrier one
counts. Natural text comes out at 0.75 to 1.8 times the real figure, scripts that only one of the
two knows well at up to five times that one's, and text that tokenizes badly (random letters,
base64, stacked accents, emoji) at no less than half. Too high only shortens the history a
little; too low could make the model refuse the request.
"""

from __future__ import annotations

from functools import lru_cache

# Hundredths of a token (even ones) for one character, by the first byte of its UTF-8 form.
# The bytes that continue a character (80 to BF) weigh nothing.
_WEIGHTS: tuple[tuple[int, range | bytes], ...] = (
    (8, b" "),  # nearly always part of the word behind it
    (40, b"\t\n\v\f\r"),  # runs of line ends share a token
    (30, range(ord("a"), ord("z") + 1)),  # with its spaces: about four characters a token
    (56, range(ord("A"), ord("Z") + 1)),  # in identifiers and base64 each begins a new token
    (56, b"0123456789"),  # at most three to a token, fewer next to letters
    (62, b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    (300, range(0x20)),  # other control characters, byte by byte; minus the line ends above
    (300, b"\x7f"),
    (80, range(0xC2, 0xC4)),  # é, ü, ß, £: the letter, and the word broken around it
    (100, range(0xC4, 0xCC)),  # ł, ş, ő, phonetics
    (160, range(0xCC, 0xCE)),  # combining accents
    (58, range(0xCE, 0xD0)),  # Greek
    (46, range(0xD0, 0xD4)),  # Cyrillic
    (150, range(0xD4, 0xD6)),  # Armenian
    (116, range(0xD6, 0xD8)),  # Hebrew
    (60, range(0xD8, 0xDC)),  # Arabic
    (200, range(0xDC, 0xE0)),  # Syriac, Thaana, N'Ko
    (126, b"\xe0"),  # the scripts of India, Thai, Lao
    (220, b"\xe1"),  # Georgian, Ethiopic, Khmer, Mongolian; Vietnamese is taken out below
    (106, b"\xe2"),  # typographic signs, arrows, boxes
    (96, b"\xe3"),  # kana, and the punctuation of Chinese and Japanese
    (110, range(0xE4, 0xEA)),  # Han
    (100, range(0xEA, 0xEE)),  # Hangul
    (200, range(0xEE, 0xF0)),  # full-width forms, presentation forms, private use
    (300, range(0xF0, 0xF8)),  # emoji and rare scripts
)
_VIETNAMESE = (b"\xe1\xba", b"\xe1\xbb")
_VIETNAMESE_REBATE = 170  # down to half a token for ế, ộ, ữ


def _weights() -> bytes:
    """Return the weight of every byte, halved so that it fits into one."""
    halved = bytearray(256)
    for weight, leads in _WEIGHTS:
        for lead in leads:
            halved[lead] = halved[lead] or weight // 2
    return bytes(halved)


_WEIGHT_OF = _weights()
_CONTINUATIONS = bytes(range(0x80, 0xC0))


def estimate(text: str) -> int:
    """Estimate the number of tokens a model reads for ``text``; 0 only for the empty text.

    A sum over characters, rounded up: at least one token per 13 characters, at most three per
    character, and never fewer for a longer text. Some 10 µs per kilobyte, less for a short text that was
    asked for lately.
    """
    if len(text) <= _SHORT:
        return _remembered(text)
    return _remembered_long(text) if len(text) <= _LONG else _weighed(text)


def _weighed(text: str) -> int:
    raw = text.encode("utf-8", "replace")
    fiftieths = sum(raw.translate(_WEIGHT_OF, _CONTINUATIONS))
    if not raw.isascii():
        fiftieths -= _VIETNAMESE_REBATE // 2 * sum(map(raw.count, _VIETNAMESE))
    return -(-fiftieths // 50)


# The same messages come again in every turn of their conversation, and several times in each; the system
# prompt comes in every turn of every conversation. So many short texts, and a few long ones: each at most
# some 8 MB in the worst of scripts.
_SHORT = 500  # characters
_LONG = 16_000
_remembered = lru_cache(maxsize=4096)(_weighed)
_remembered_long = lru_cache(maxsize=128)(_weighed)
