"""Personal data, replaced by what kind it is: ``[email]``, ``[phone]``, ``[card]``, ``[iban]``, ``[name]``.

Found are e-mail addresses, telephone numbers, payment cards (by their check digit), IBANs (by theirs), the
contact's own names, the credentials that ``model.redact`` knows and bearer tokens, in the digits of any
script and in full-width letters. Order numbers stay: they say nothing to others, and a model has to learn
their form. What has no form of its own stays too: other people's names, postal addresses, what somebody tells
of their life.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from supportbot.examples.names import Names
from supportbot.model.redact import REDACTED, without_credentials, without_private_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Span = tuple[int, int]

_EMAIL = re.compile(
    r"""[^\s@<>()\[\],;:"']{1,64}@
        [\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.(?:[^\W\d_]{2,24}|xn--[\w-]{2,40})""",
    re.VERBOSE,
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,40}")
_IBAN_LENGTHS = range(15, 35)  # ISO 13616: Norway has the shortest, 34 is the most
_CARD = re.compile(
    r"(?<![A-Za-z0-9])(?:[2-6][0-9](?:[ -]?[0-9]){11,17}"
    r"|[2-6][0-9]{3}\.[0-9]{4}\.[0-9]{4}\.[0-9]{1,4}(?:\.[0-9]{1,3})?|3[0-9]{3}\.[0-9]{6}\.[0-9]{5})(?![0-9])"
)
_PHONES = (
    re.compile(r"(?<![\w+])(?:\+|00)[1-9](?:[ ./()-]{0,2}[0-9]){6,14}(?!\w)"),
    re.compile(r"(?<![\w+./-])\(?0[0-9](?:[ ./()-]{0,2}[0-9]){7,11}(?!\w)"),  # with a trunk prefix
    re.compile(r"(?<![\w+./-])(?:1[ .-])?\(?[2-9][0-9]{2}\)?[ .-]{1,2}[2-9][0-9]{2}[ .-][0-9]{4}(?!\w)"),
)
_TOKEN = re.compile(
    r"""(?<![A-Za-z0-9])(?:
        (?i:bearer)[ ]+(?=[!-~]{0,64}[0-9])[A-Za-z0-9._~+/=-]{8,}  # RFC 6750; words hold no digit
      | eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*   # a JWT begins with {" in base64
      | whsec_[A-Za-z0-9+/=_-]{8,}                                # Standard Webhooks, Stripe
    )""",
    re.VERBOSE,
)


class Redactor:
    """Takes personal data out of the texts of one conversation."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """``names``: what the customer is called, each in full; their parts are found on their own too."""
        self._names = Names(names)

    def clean(self, text: str) -> str:
        """Return a text without personal data."""
        text = _TOKEN.sub(REDACTED, text)
        for find, mark in _FOUND:
            text = _replaced(text, find, mark)
        text = without_private_numbers(without_credentials(text))
        for pattern in _PHONES:
            text = _replaced(text, _matches(pattern), "[phone]")
        return self._names.replaced(text, "[name]")


def _replaced(text: str, find: Callable[[str], Iterable[Span]], mark: str) -> str:
    """Find in the text as ASCII has it, and replace in the text as it is."""
    parts: list[str] = []
    kept = 0
    for start, end in find(_plain(text)):
        parts += (text[kept:start], mark)
        kept = end
    return "".join(parts) + text[kept:]


def _matches(pattern: re.Pattern[str]) -> Callable[[str], Iterable[Span]]:
    return lambda text: (match.span() for match in pattern.finditer(text))


def _cards(text: str) -> Iterator[Span]:
    return (match.span() for match in _CARD.finditer(text) if _is_card(match[0]))


def _plain(text: str) -> str:
    """Return digits of all scripts and full-width characters as ASCII, one character for each."""
    return text if text.isascii() else "".join(map(_ascii, text))


def _ascii(character: str) -> str:
    if character.isascii():
        return character
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    if "\uff01" <= character <= "\uff5e":
        return chr(ord(character) - 0xFEE0)
    return {"\u00a0": " ", "\u202f": " ", "\u2011": "-", "\u2013": "-"}.get(character, character)


def _is_card(found: str) -> bool:
    found = found.replace(".", "-")
    return without_private_numbers(found) != found


def _ibans(text: str) -> Iterator[Span]:
    end = 0
    for match in _IBAN.finditer(text):
        if match.start() >= end and (found := _iban_end(text, match.start(), match.end())):
            end = found
            yield match.start(), found


def _iban_end(text: str, start: int, end: int) -> int | None:
    """Return where the longest IBAN ends that begins at ``start``, if one does."""
    letters, last = "", None
    for place in range(start, end):
        if text[place] in " -":
            continue
        letters += text[place]
        ends = place + 1 == len(text) or not text[place + 1].isalnum()
        if ends and len(letters) in _IBAN_LENGTHS and _is_iban(letters):
            last = place + 1
    return last


def _is_iban(letters: str) -> bool:
    """ISO 7064, MOD 97-10, over the account with its country and check digits behind it."""
    digits = "".join(str(int(letter, 36)) for letter in letters[4:] + letters[:4])
    return int(digits) % 97 == 1


_FOUND = ((_matches(_EMAIL), "[email]"), (_ibans, "[iban]"), (_cards, "[card]"))
