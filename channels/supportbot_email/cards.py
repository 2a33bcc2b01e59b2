"""Where the card of a name, a role, a firm and its numbers begins below a letter. Unsure, there is none.

Customers put below their name what they were asked for: where they live, an order's number, who comes. So a
card has a firm and a number to call, or only the name again and what clearly is a role, a firm or their link.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supportbot_email import writers
from supportbot_email.asking import asks, sentences
from supportbot_email.card_words import (
    ASKED_FOR,
    BUSINESS,
    CLOSING,
    EAST,
    FIRM,
    FORMS,
    HEADS,
    INVOICES,
    OF_ANOTHER,
    OF_THE_MATTER,
    OFFICES,
    ON_BEHALF,
    POINTS,
    REFERS,
    SHORT_FORMS,
    TITLES,
    TO_THE_READER,
    VAT,
)
from supportbot_email.phrases import PHONE, POSTSCRIPT, RULE
from supportbot_email.writers import LINK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supportbot_email.mail import Address

_NAME = re.compile(r"[\s*]{0,4}[^\W\d_][\w.'’-]{0,30}(?:[ ,]{1,2}[^\W\d_][\w.'’-]{0,30}){0,4}[\s*]{0,4}")
_SENTENCE = re.compile(r"(?:\S+\s+){5,}\S+[.!。]\s*|.*[?？!！]|.{15,}。\s*")
_WORDS = re.compile(r"(?:[^\W\d]\S*\s+){5,}[^\W\d]\S*\s*")
_LETTER = re.compile(r"(?:[a-zà-öø-ÿ][\w'’]*,?\s+){4,}\S.*")
"""Five words in small letters: no name, no role, no address."""
_PARTS = re.compile(r"\s[|•·]\s")
_SAID_OF = re.compile(r"\s[|•·–—-]\s|,\s(?!S\.|Inc\b|Ltd\b|Lda\b|Ltda\b|GmbH\b)")
"""What parts a name, a role and a firm that stand in one line."""
_LINKING = re.compile(
    r"and|und|et|y|e|i|og|och|of|de|di|du|del|der|den|da|do|la|le|van|von|ter|rue|ul\.|via|bis"
)
"""Words in small letters that names of people and of firms have."""
_MOST_CONTACT = 14  # lines of a name, a role, a firm, an address, numbers
_LONGEST = 120  # characters of a contact's line
_LOOKED = 60  # lines at the end that are looked at
_MOST_LETTER = 20_000  # characters: in a longer one nobody looks for what it speaks of
_MOST_FRAMED = 8  # lines between two rules
_MOST_OF_FIRM = 8  # words of a firm's name
_FEWEST_WORDS = 6
"""A shorter letter may be no more than what introduces the card: "Here you go"."""
_CODE = re.compile(
    r"\d{6,}|\b[^\W\d_]{1,5}[-/#]\d{2,}|#\d|№|\b(?=[A-Za-z\d]{0,20}\d)(?=\d{0,20}[A-Za-z])[A-Za-z\d]{6,}"
)
"""A number as orders and parcels have one."""


def begin(lines: Sequence[str], end: int, *, writer: Address) -> int:
    """Return at which line the card begins, or the end when there is none.

    Args:
        lines: one run of what the customer wrote.
        end: of what is looked at.
        writer: whom From names.
    """
    for at in range(last_line(lines, end), max(-1, end - _LOOKED), -1):
        closing = CLOSING.fullmatch(lines[at])
        if closing and _is_name(closing["name"] or ""):
            start = _below(lines, at, end, named=closing["name"] or "", writer=writer)
            return start if start < end else _framed(lines, end, writer)
    return _framed(lines, end, writer)


def asked_for(quoted: str) -> bool:
    """Whether what is quoted asks for something that a card has: an address, a number, a firm's name."""
    return any(
        ASKED_FOR.search(one) and (one.rstrip().endswith(("?", "？")) or asks(one))
        for one in sentences(quoted)
    )


def is_sentence(line: str) -> bool:
    """Whether a line is a sentence, or half of one, and no name, role or address."""
    return len(line) > _LONGEST or bool(_SENTENCE.fullmatch(line) or _LETTER.fullmatch(line))


def last_line(lines: Sequence[str], end: int) -> int:
    """Return the last line before the end that is not empty, or -1."""
    while end > 0 and not lines[end - 1].strip():
        end -= 1
    return end - 1


def _is_name(text: str) -> bool:
    """Whether it may be a name that follows a closing: no thing ("best price"), no firm ("Best Ltd")."""
    last = text.rsplit(" ", maxsplit=1)[-1]
    return not text[:1].islower() and not FORMS.fullmatch(last) and not SHORT_FORMS.fullmatch(last)


# where it may begin


def _below(lines: Sequence[str], closing: int, end: int, *, named: str, writer: Address) -> int:
    """Return where the card below a closing begins, or the end: the name that was typed is the letter's."""
    letter = "\n".join(lines[:closing]).strip()
    below = closing + 1
    if not named and below < end and ON_BEHALF.fullmatch(lines[below]):
        below += 1
    typed, start = (named, below) if named else _typed(lines, below, end)
    block = [one for one in lines[start:end] if one.strip()]
    if not letter or not 0 < len(block) <= _MOST_CONTACT or _is_spoken_of(letter, block):
        return end
    if (
        writers.is_another(block[0], typed, writer)
        and _NAME.fullmatch(block[0])
        and not FIRM.search(block[0])
    ):
        return end
    if _is_contact(block, named=bool(typed)) and _holds_together(lines, start, end):
        return start
    apart = not lines[start].strip() and (bool(typed) or not _is_alone(lines, start, end))
    clear = apart and _is_clear(block, typed, writer)
    return start if clear and not _is_few(letter) else end


def _typed(lines: Sequence[str], below: int, end: int) -> tuple[str, int]:
    """Return the name that somebody typed below their closing, and where what follows it begins.

    Directly below it is theirs when an empty line follows; below an empty line, when the card says it again.
    """
    first = below
    while first < end and not lines[first].strip():
        first += 1
    following = [one for one in lines[first + 1 : end] if one.strip()]
    if not following or lines[first + 1].strip() or not _NAME.fullmatch(lines[first]):
        return "", below
    if first == below or writers.names(lines[first]) < writers.names(following[0]):
        return lines[first].strip(), first + 1
    return "", below


def _is_alone(lines: Sequence[str], start: int, end: int) -> bool:
    """Whether an empty line stands below the first one that is not: that may have been typed."""
    while start < end and not lines[start].strip():
        start += 1
    return start + 1 >= end or not lines[start + 1].strip()


def _holds_together(lines: Sequence[str], start: int, end: int) -> bool:
    """Whether each paragraph has something of a card: what was typed below one may have none.

    Where an empty line follows each line, as in mails made of HTML, the last one has to.
    """
    joined = "\n".join(one.strip() for one in lines[start:end]).strip()
    parts = [one.split("\n") for one in re.split(r"\n{2,}", joined)]
    apart = parts[-1:] if all(len(one) == 1 for one in parts) else parts[1:]
    return all(any(FIRM.search(line) or PHONE.search(line) for line in one) for one in apart)


def _framed(lines: Sequence[str], end: int, writer: Address) -> int:
    """Return where a card begins that stands between two rules, with its own, at the end; or the end."""
    below = last_line(lines, end)
    if below < 0 or not RULE.fullmatch(lines[below]):
        return end
    for at in range(below - 1, max(0, below - _MOST_FRAMED - 2), -1):
        if not RULE.fullmatch(lines[at]):
            continue
        block = [one for one in lines[at + 1 : below] if one.strip()]
        letter = "\n".join(lines[:at]).strip()
        if (
            not block
            or not letter
            or lines[at - 1].strip()
            or _is_few(letter)
            or _is_spoken_of(letter, block)
        ):
            return end
        firm = any(_is_firm(part) for one in block for part in _SAID_OF.split(one))
        known = any(map(PHONE.search, block)) or (firm and writers.is_named("\n".join(block), writer))
        return at if known and not INVOICES.search(letter) and not any(map(_is_said, block)) else end
    return end


# whether it is one


def _is_spoken_of(letter: str, block: Sequence[str]) -> bool:
    """Whether a letter means what stands below it: who is called, where something goes, what a sign says."""
    if len(letter) > _MOST_LETTER or letter.endswith((":", "：")):
        return True
    if REFERS.search(letter) or POINTS.search(letter):
        return True
    return any(map(VAT.search, block)) and bool(INVOICES.search(letter))


def _is_few(letter: str) -> bool:
    """Whether a letter may be no more than what introduces the card."""
    lines = [one.strip() for one in letter.split("\n") if one.strip()]
    said = lines[1:] if len(lines) > 1 and lines[0].endswith((",", "!", ":", "，")) else lines
    words = sum(len(one.split()) for one in said)
    return max(words, len(re.findall(r"[\u3040-\u9fff\uac00-\ud7af]", letter)) // 3) < _FEWEST_WORDS


def _is_contact(block: Sequence[str], *, named: bool) -> bool:
    """Whether a block has a firm and a number to call, and nothing that is meant for the reader."""
    if sum(len(_PARTS.split(one)) for one in block) < (2 if named else 3):
        return False
    if not any(map(PHONE.search, block)) or not any(map(FIRM.search, block)):
        return False
    called = _NAME.fullmatch(block[0]) and _is_titled(block[0])
    if not named and not called and not RULE.fullmatch(block[0]):
        return False
    ends = any(known.search(block[-1]) for known in (PHONE, FIRM, VAT))
    return ends and not any(map(_is_said, block))


def _is_said(line: str) -> bool:
    """Whether a line may be meant for the reader: a sentence, a wish, a number that the matter is about."""
    if is_sentence(line) or _WORDS.fullmatch(line) or POSTSCRIPT.match(line) or BUSINESS.search(line):
        return True
    rest = LINK.sub("", PHONE.sub("", line))
    if TO_THE_READER.search(rest) or OF_THE_MATTER.search(rest) or asks(line):
        return True
    if not _is_titled(rest) and not any(known.search(line) for known in (PHONE, FIRM, VAT)):
        return True
    alone = re.search(r"\d", rest) and not re.search(r"[^\W\d_]", rest)
    return not VAT.search(rest) and bool(_CODE.search(rest) or (alone and not PHONE.search(line)))


def _is_clear(block: Sequence[str], typed: str, writer: Address) -> bool:
    """Whether a block without a number is the name again, and beside it only roles, firms and own links."""
    first, *rest = _SAID_OF.split(block[0])
    if not _is_titled(first) or not _NAME.fullmatch(first) or not writers.is_again(first, typed, writer):
        return False
    parts = [*rest, *(part for line in block[1:] for part in _SAID_OF.split(line))]
    clear = any(_is_role(one) or _is_firm(one) for one in parts)
    return clear and all(
        _is_role(one) or _is_firm(one) or _is_short_firm(one) or _is_own_link(one, writer) for one in parts
    )


def _is_role(part: str) -> bool:
    """Whether all words say what somebody is in a firm; trade words alone say nothing."""
    words = re.findall(r"[^\W\d_]+", part)
    if re.search(r"[\d?!:@/]", part) or not words:
        return False
    titles = [one for one in words if TITLES.fullmatch(one)]
    heads = [one for one in words if HEADS.fullmatch(one)]
    offices = [one for one in words if OFFICES.fullmatch(one) and not _LINKING.fullmatch(one.lower())]
    known = all(TITLES.fullmatch(one) or HEADS.fullmatch(one) or OFFICES.fullmatch(one) for one in words)
    return known and bool(titles or (heads and set(offices) - set(heads)))


def _is_firm(part: str) -> bool:
    """Whether a part is a firm's name, by the legal form at its end."""
    if EAST.fullmatch(part.strip()):
        return not (TO_THE_READER.search(part) or OF_ANOTHER.search(part))
    return _has_form(part, FORMS)


def _is_short_firm(part: str) -> bool:
    return _has_form(part, SHORT_FORMS)


def _has_form(part: str, forms: re.Pattern[str]) -> bool:
    words = part.split()
    if not 1 < len(words) <= _MOST_OF_FIRM or re.search(r"[\d?!:@/]", part.replace("A/S", "")):
        return False
    cut = next((at for at in range(1, len(words)) if forms.fullmatch(" ".join(words[at:]))), 0)
    name = " ".join(words[:cut]).rstrip(",")
    others = any(known.search(name) for known in (TO_THE_READER, OF_ANOTHER, OF_THE_MATTER))
    return bool(name) and _is_titled(name) and not others


def _is_titled(text: str) -> bool:
    """Whether each word has a capital, or a letter that has none, as names have; or links two that have."""
    return all(not one[0].islower() or _LINKING.fullmatch(one) for one in text.split())


def _is_own_link(part: str, writer: Address) -> bool:
    found = re.fullmatch(r"\s*(?:[^\W\d_]{1,8}:\s)?(\S{3,180})\s*", part)
    return found is not None and bool(LINK.fullmatch(found[1])) and writers.is_own(found[1], writer)
