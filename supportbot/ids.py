"""Identifiers: unique everywhere, ordered by the time they were made.

The form is that of a ULID (48 bits of Unix milliseconds, 80 random bits, Crockford base 32),
behind a short prefix that says what the thing is, so that a person reading a log knows what
to do with it: ``msg_01K…`` a message, ``turn_…`` a turn, ``conv_…``, ``dlv_…``, ``contact_…``.
"""

from __future__ import annotations

import os
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_DIGITS = frozenset(_ALPHABET)
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]  # ten bits at a time: half the work


def new_id(prefix: str) -> str:
    """Make an identifier such as ``msg_01K9ZC4RWT8QJ5M3XHGN2B7VDE``."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    return f"{prefix}_" + "".join(_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10))


def now_ms() -> int:
    """The present as Unix time in whole milliseconds, the unit of every ``*_at`` column."""
    return time.time_ns() // 1_000_000


def made_at(identifier: str) -> int:
    """Return when an identifier was made, in Unix milliseconds; 0 for what is none of ours."""
    stamp = identifier.rpartition("_")[2][:10]
    if len(stamp) < 10 or not set(stamp) <= _DIGITS:
        return 0
    number = 0
    for letter in stamp:
        number = number << 5 | _ALPHABET.index(letter)
    return number
