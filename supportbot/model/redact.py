"""Take out what must not be said: credentials wherever they turn up, payment cards and social security
numbers in what a customer reads."""

from __future__ import annotations

import re

REDACTED = "[redacted]"

_CREDENTIAL = re.compile(
    r"""(?<![A-Za-z0-9])(?:
        xox[a-z]-[A-Za-z0-9-]{8,}                               # Slack bot, user and other tokens
      | xapp-[A-Za-z0-9-]{8,}                                   # Slack app-level token
      | sk-(?=[A-Za-z_-]{0,64}[0-9])[A-Za-z0-9_-]{16,}          # OpenAI and its likes
      | LLM\|[0-9]+\|[A-Za-z0-9_-]{6,}                          # Llama API
      | gh[pousr]_[A-Za-z0-9]{20,} | github_pat_[A-Za-z0-9_]{20,}
      | (?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])                # AWS access key id
      | AIza[A-Za-z0-9_-]{35}                                   # Google
    )""",
    re.VERBOSE,
)
_DIGITS = re.compile(r"(?<![A-Za-z0-9])[0-9](?:[ -]?[0-9])*")
_GROUP = re.compile(r"[0-9]+")
_SSN = re.compile(r"(?<![A-Za-z0-9-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![A-Za-z0-9-])")
_CARD_LENGTHS = range(13, 20)  # ISO/IEC 7812-1: 13 to 19 digits
_LUHN_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")


def without_credentials(text: str) -> str:
    """Replace everything that looks like an API key or token by ``[redacted]``."""
    return _CREDENTIAL.sub(REDACTED, text)


def without_private_numbers(text: str) -> str:
    """Replace payment card numbers (those that pass the Luhn check) and US social security numbers."""
    return _DIGITS.sub(_without_cards, _SSN.sub(REDACTED, text))


def _without_cards(match: re.Match[str]) -> str:
    """Look for cards in a run of digit groups. A card begins where a group begins and ends where one ends."""
    run = match[0]
    if len(run) < _CARD_LENGTHS.start:
        return run
    groups = [(m.start(), m.end()) for m in _GROUP.finditer(run)]
    parts: list[str] = []
    kept = first = 0
    while first < len(groups):
        last = _card_end(run, groups, first)
        if last is None:
            first += 1
            continue
        parts += (run[kept : groups[first][0]], REDACTED)
        kept = groups[last][1]
        first = last + 1
    return "".join(parts) + run[kept:]


def _card_end(run: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """Return the index of the last group of the longest card that begins with group ``first``."""
    if run[groups[first][0]] not in "23456":  # no issuer of payment cards begins otherwise
        return None
    digits, found = "", None
    for last in range(first, len(groups)):
        start, end = groups[last]
        if len(digits) + end - start >= _CARD_LENGTHS.stop:
            break
        digits += run[start:end]
        if len(digits) in _CARD_LENGTHS and _luhn(digits):
            found = last
    return found


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B: every second digit from the right is doubled, and its digits added."""
    code = digits.encode()
    total = sum(code[-1::-2]) + sum(code[-2::-2].translate(_LUHN_DOUBLED)) - 48 * len(code)
    return total % 10 == 0
