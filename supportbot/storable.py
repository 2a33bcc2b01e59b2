"""Text that came from outside, as every database and every JSON parser can carry it."""

from __future__ import annotations

import re
from hashlib import sha256

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LONGEST_KEY = 400


def clean_text(text: str) -> str:
    """Replace what no database and no JSON parser can carry (NUL, lone surrogates) by U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def clean_name(name: str) -> str:
    """Return a name that came from outside as one line that reads as it is written.

    Control characters become spaces, and those that turn the direction of what follows (Unicode Standard
    Annex 9, section 2) are taken out: a name stands beside words of others.
    """
    return " ".join(clean_text(_CONTROL.sub(" ", _TURNING.sub("", name))).split())


def clean_key(key: str) -> str:
    """Return a name that came from outside (a key, a sender, a conversation) as it can be stored and found.

    Longer than 400 characters it is its beginning and its SHA-256: PostgreSQL indexes at most 2704 bytes
    (https://www.postgresql.org/docs/current/btree.html).
    """
    key = clean_text(key)
    return key if len(key) <= _LONGEST_KEY else key[: _LONGEST_KEY - 64] + sha256(key.encode()).hexdigest()
