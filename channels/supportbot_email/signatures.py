"""Where a mail's signature begins: below "-- ", or without it where it is clear. Unsure, there is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supportbot_email.asking import asks
from supportbot_email.phrases import (
    ABOUT_MAIL,
    BUSINESS,
    CLOSING,
    DEVICE,
    DEVICE_WORD,
    DISCLAIMERS,
    FIRM,
    FIRM_S_FOOT,
    PHONE,
    POSTSCRIPT,
    PRINTING,
    REFERS,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_LIST_FOOTER = re.compile(r"\s*_{20,}\s*")
_AD_RULE = re.compile(r"\s*_{50,}\s*")
_AD = re.compile(r"\b(?:msn|hotmail|windows live|yahoo!?|aol|messenger)\b", re.IGNORECASE)
"""What providers of mailboxes once set below what people wrote."""
_RULE = re.compile(r"\s*[-_=—–*⸻─━~]{3,}\s*")
_DASHED = re.compile(r"\s?(?:[-–]{1,2}|— ?)[^\W\d_][\w.'’-]{0,30}(?: [A-Z][\w.'’-]{0,30}){0,2}\s*")
_NAME = re.compile(r"[\s*]{0,4}(?:[^\W\d_][\w.'’-]{0,30}[ ,]{0,2}){1,5}[\s*]{0,4}")
_SENTENCE = re.compile(r"(?:\S+\s+){5,}\S+[.!。]\s*|.*[?？!！]|.{15,}。\s*")
_BY_OTHERS = re.compile(r"[\s*_]*sent (?:via|by|with|using)\b", re.IGNORECASE)
_TOLD = re.compile(r"\b(?:I|we|you|could|cannot|can['’]?t|didn['’]?t|was|but|not)\b", re.IGNORECASE)
"""Words of a sentence that only begins like a device's line: "Sent from my iPhone I could not open it."."""
_EXCUSES = re.compile(r"\b(?:excuse|pardon|forgive)\b", re.IGNORECASE)
_WORDS = re.compile(r"(?:[^\W\d]\S*\s+){5,}[^\W\d]\S*\s*")
_LETTER = re.compile(r"(?:[a-zà-öø-ÿ][\w'’]*,?\s+){4,}\S.*")
"""Five words in small letters: no name, no role, no address."""
_MOST_LINES = 12  # a longer text below "-- " may be the letter itself
_PARTS = re.compile(r"\s[|•·]\s")
_MOST_CONTACT = 14  # lines of a name, a role, a firm, an address, numbers
_LONGEST = 120  # characters of a contact's line
_LOOKED = 60  # lines at the end that are looked at


def begin(lines: Sequence[str]) -> int:
    """Return at which of the customer's lines the signature begins, or their number when there is none."""
    end = _above_disclaimers(lines)
    for at in range(max(0, end - 40), end):
        if _begins(lines, at, end):
            end = at
            break
    while (last := _last(lines, end)) >= 0 and _is_device(lines, last):
        end = last
    return _above_contact(lines, end)


def _begins(lines: Sequence[str], at: int, end: int) -> bool:
    line = lines[at]
    below = [one for one in lines[at + 1 : end] if one.strip()]
    if any(map(POSTSCRIPT.match, below)):
        return False
    if line == "-- ":  # RFC 3676, section 4.3
        return len(below) <= _MOST_LINES
    if line.rstrip() == "--":  # or a dash that parts two matters
        device = all(DEVICE.fullmatch(one) for one in below)
        return device or (
            len(below) <= _MOST_LINES and not (asks("\n".join(below)) or any(map(_is_letter, below)))
        )
    if line.strip() in {"__", "—", "–"}:
        return len(below) <= _MOST_LINES // 2 and all(len(one) < 60 for one in below)
    if _AD_RULE.fullmatch(line) and len(below) <= 3 and any(map(_AD.search, below)):
        return True
    return bool(_LIST_FOOTER.fullmatch(line)) and any("mailing list" in one for one in below[:2])


def _is_letter(line: str) -> bool:
    """Whether a line is a sentence, or half of one, and no name, role or address."""
    return _is_long(line) or bool(_SENTENCE.fullmatch(line) or _LETTER.fullmatch(line))


def _is_long(line: str) -> bool:
    return len(line) > _LONGEST


def _last(lines: Sequence[str], end: int) -> int:
    while end > 0 and not lines[end - 1].strip():
        end -= 1
    return end - 1


def _is_device(lines: Sequence[str], at: int) -> bool:
    line = lines[at]
    if DEVICE.fullmatch(line) and not _TOLD.search(line):
        apart = (at == 0 or not lines[at - 1].strip()) and not _BY_OTHERS.match(line)
        return (
            (apart or bool(DEVICE_WORD.search(line)))
            and (", " not in line.partition(":")[0] or bool(_EXCUSES.search(line)))
            and len(line) < 90
        )
    alone = at > 0 and not lines[at - 1].strip() and any(one.strip() for one in lines[:at])
    listed = any(one.lstrip().startswith(("-", "–")) for one in lines[:at])
    return alone and not listed and bool(_DASHED.fullmatch(line))


def _above_disclaimers(lines: Sequence[str]) -> int:
    """Return the end of the lines without the last paragraphs that only say for whom the mail is."""
    end = len(lines)
    while (last := _last(lines, end)) >= 0:
        if last > 0 and (PRINTING.match(lines[last]) or FIRM_S_FOOT.match(lines[last])):
            end = last
            continue
        first = last
        while first > 0 and lines[first - 1].strip() and last - first < 12:
            first -= 1
        if first == 0 or not _is_disclaimer(" ".join(one.strip() for one in lines[first : last + 1])):
            return end
        end = first
    return end


def _is_disclaimer(paragraph: str) -> bool:
    if len(paragraph) <= 60 or "?" in paragraph:
        return False
    return bool(ABOUT_MAIL.search(paragraph) and DISCLAIMERS.search(paragraph))


def _above_contact(lines: Sequence[str], end: int) -> int:
    """Return where a name, a role and a number begin below a closing such as "Best regards"."""
    for at in range(_last(lines, end), max(-1, end - _LOOKED), -1):
        closing = CLOSING.fullmatch(lines[at])
        if closing:
            block = [one for one in lines[at + 1 : end] if one.strip()]
            letter = "\n".join(lines[:at]).strip()
            clear = bool(letter) and not REFERS.search(letter)
            return at + 1 if clear and _is_contact(block, named=bool(closing["name"])) else end
    return end


def _is_contact(block: Sequence[str], *, named: bool) -> bool:
    parts = sum(len(_PARTS.split(one)) for one in block)
    if parts < (2 if named else 3) or len(block) > _MOST_CONTACT:
        return False
    if not any(map(PHONE.search, block)) or not any(map(FIRM.search, block)):
        return False
    if not named and not _NAME.fullmatch(block[0]) and not _RULE.fullmatch(block[0]):
        return False
    return not any(
        _is_long(one)
        or _SENTENCE.fullmatch(one)
        or _WORDS.fullmatch(one)
        or asks(one)
        or POSTSCRIPT.match(one)
        or BUSINESS.search(one)
        for one in block
    )
