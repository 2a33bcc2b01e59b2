"""Patterns of words in many languages, as the modules that know such words write them.

Everything is matched on capped text, and no pattern repeats a repetition, so each takes linear time.
"""

from __future__ import annotations

import re


def any_of(*patterns: str, start: str = "") -> re.Pattern[str]:
    """Return a pattern of any of these, in either case of their letters, after `start`."""
    return re.compile(f"{start}(?:{'|'.join(patterns)})", re.IGNORECASE)
