"""Where the card of a name, a role, a firm and its numbers begins below a letter. Unsure, there is none.

Customers put below their name what they were asked for: where they live, an order's number. So a card is one
only by what says that a program wrote it, the name again or a firm; and no line may be meant for the reader.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supportbot_email import writers
from supportbot_email.asking import asks, sentences
from supportbot_email.phrases import (
    ABOUT_MAIL,
    ADDRESS,
    ASKED_FOR,
    BUSINESS,
    CLOSING,
    DISCLAIMERS,
    FIRM,
    INVOICES,
    OF_THE_MATTER,
    ON_BEHALF,
    ORGANISATION,
    PHONE,
    POINTS,
    POSTSCRIPT,
    REFERS,
    ROLE,
    TO_THE_READER,
    VAT,
)
from supportbot_email.writers import LINK, is_called_after, says

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supportbot_email.mail import Address

_RULE = re.compile(r"\s*[-_=—–*⸻─━~]{3,}\s*")
_NAME = re.compile(r"[\s*]{0,4}(?:[^\W\d_][\w.'’-]{0,30}[ ,]{0,2}){1,5}[\s*]{0,4}")
_SENTENCE = re.compile(r"(?:\S+\s+){5,}\S+[.!。]\s*|.*[?？!！]|.{15,}。\s*")
_WORDS = re.compile(r"(?:[^\W\d]\S*\s+){5,}[^\W\d]\S*\s*")
_LETTER = re.compile(r"(?:[a-zà-öø-ÿ][\w'’]*,?\s+){4,}\S.*")
"""Five words in small letters: no name, no role, no address."""
_PARTS = re.compile(r"\s[|•·]\s")
_MOST_CONTACT = 14  # lines of a name, a role, a firm, an address, numbers
_LONGEST = 120  # characters of a contact's line
_LOOKED = 60  # lines at the end that are looked at
_MOST_BETWEEN_RULES = 8
_MOST_SMALL = 2  # words of a line in small letters
_FEWEST_WORDS = 6
"""A shorter letter may be no more than what introduces the card: "Here you go"."""
_FIELD = re.compile(r"[^:：]{2,40}[:：]\s*\S")
"""What a form has, and who fills in one by hand."""
_BARE_PHONE = re.compile(r"\s*(?:\+|0|\(\d)[\d ()./–-]{7,20}\d\s*")
_LONG_NUMBER = re.compile(r"\d{6,}|\b(?=\w*\d)(?=\w*[^\W\d_])\w{6,}")
_CODE = re.compile(
    r"\b(?!(?:D|A|CH|F|FR|I|IT|L|B|BE|NL|PL|CZ|SK|DK|S|SE|N|NO|FI|FIN|E|ES|P|PT|H|HR|SI|LT|LV|EE)-\d{4,5}\b)"
    r"[^\W\d_]{1,5}[-/]\d{2,}"
)
"""A number with letters before it; a postcode with its country's is none."""
_REGISTERED = re.compile(
    r"\b(?:hrb|hra|kvk|siret|siren|nip|cif|ust|vat|no|nr|reg|regon|krs)\b", re.IGNORECASE
)
"""Whose long number is no order's."""
_SLOGAN = re.compile(r"\s*[\"“”„«].{3,60}[\"”“»]\s*")
_SMALL_WORD = re.compile(r"(?<![\w'’.@/-])[^\W\d_A-Z][a-zà-öø-ÿß-ž]{3,}", re.UNICODE)


def begin(lines: Sequence[str], end: int, *, writer: Address) -> int:
    """Return at which line the card begins, or the end when there is none.

    Args:
        lines: one run of what the customer wrote.
        end: of what is looked at.
        writer: whom From names.
    """
    for at in range(_last(lines, end), max(-1, end - _LOOKED), -1):
        closing = CLOSING.fullmatch(lines[at])
        if closing:
            start = _below(lines, at, end, named=closing["name"] or "", writer=writer)
            if start < end:
                return start
            break
    start = _below_name(lines, end, writer)
    return start if start < end else _below_rule(lines, end, writer)


def asked_for(quoted: str) -> bool:
    """Whether what is quoted asks for something that a card has: an address, a number, a firm's name."""
    return any(
        ASKED_FOR.search(one) and (one.rstrip().endswith(("?", "？")) or asks(one))
        for one in sentences(quoted)
    )


def is_long(line: str) -> bool:
    """Whether a line has more than a card's."""
    return len(line) > _LONGEST


def is_sentence(line: str) -> bool:
    """Whether a line is a sentence, or half of one, and no name, role or address."""
    return is_long(line) or bool(_SENTENCE.fullmatch(line) or _LETTER.fullmatch(line))


def _last(lines: Sequence[str], end: int) -> int:
    while end > 0 and not lines[end - 1].strip():
        end -= 1
    return end - 1


def _block(lines: Sequence[str], start: int, end: int) -> list[str]:
    return [one for one in lines[start:end] if one.strip()]


def is_disclaimer(paragraph: str) -> bool:
    """Whether a paragraph says for whom the mail is and nothing else."""
    if len(paragraph) <= 60 or "?" in paragraph:
        return False
    return bool(ABOUT_MAIL.search(paragraph) and DISCLAIMERS.search(paragraph))


# where it may begin


def _below(lines: Sequence[str], closing: int, end: int, *, named: str, writer: Address) -> int:
    """Return where the card below a closing begins, or the end: the name that was typed is the letter's."""
    letter = "\n".join(lines[:closing]).strip()
    if not letter:
        return end
    below = closing + 1
    if not named and below < end and ON_BEHALF.fullmatch(lines[below]):
        below += 1
    typed, start = (named, below) if named else _typed(lines, below, end)
    block = _block(lines, start, _above_foot(lines, start, end))
    if not REFERS.search(letter) and _is_contact(block, named=bool(typed)):
        return start
    apart = start < end and not lines[start].strip() and (typed or not _is_named_apart(lines, start, end))
    apart = apart and _holds_together(lines, start, end)
    return start if apart and _is_card(block, typed=typed, writer=writer, letter=letter) else end


def _is_named_apart(lines: Sequence[str], start: int, end: int) -> bool:
    """Whether a name stands alone above lines that belong together: it may have been typed, and they too."""
    parts = _paragraphs(lines, start, end)
    return len(parts) > 1 and "\n" not in parts[0] and any("\n" in one for one in parts[1:])


def _holds_together(lines: Sequence[str], start: int, end: int) -> bool:
    """Whether each paragraph has something of a card: what was typed below one may have none.

    Where an empty line follows each line, as in mails made of HTML, the last one has to.
    """
    parts = [one.split("\n") for one in _paragraphs(lines, start, end)]
    apart = parts[-1:] if all(len(one) == 1 for one in parts) else parts[1:]
    return all(any(_is_of_work(line) or _has_phone(line) for line in one) for one in apart)


def _paragraphs(lines: Sequence[str], start: int, end: int) -> list[str]:
    joined = "\n".join(one.strip() for one in lines[start:end]).strip()
    return re.split(r"\n{2,}", joined)


def _above_foot(lines: Sequence[str], start: int, end: int) -> int:
    """Return the end of a card's lines without what a lawyer has to say in its last ones."""
    last = _last(lines, end)
    for at in range(start + 1, last + 1):
        foot = " ".join(one.strip() for one in lines[at : last + 1])
        if lines[at].strip() and not _is_small(lines[at]) and is_disclaimer(foot):
            return at if all(one.strip() for one in lines[at : last + 1]) else end
    return end


def _typed(lines: Sequence[str], below: int, end: int) -> tuple[str, int]:
    """Return the name that somebody typed below their closing, and where what follows it begins.

    Directly below it is theirs when an empty line follows; below an empty line, when the card says it again.
    """
    first = below
    while first < end and not lines[first].strip():
        first += 1
    following = _block(lines, first + 1, end)
    if not following or lines[first + 1].strip() or not _NAME.fullmatch(lines[first]):
        return "", below
    if first == below or says(following[0], lines[first], more=True):
        return lines[first].strip(), first + 1
    return "", below


def _below_name(lines: Sequence[str], end: int, writer: Address) -> int:
    """Return where the card begins below the writer's name that stands alone below the letter; or the end."""
    for at in range(_last(lines, end), max(0, end - _MOST_CONTACT), -1):
        alone = lines[at].strip() and not lines[at - 1].strip() and at + 1 < end and not lines[at + 1].strip()
        if not alone or not says(writers.name_of(writer), lines[at], more=False):
            continue
        block, letter = _block(lines, at + 1, end), "\n".join(lines[:at]).strip()
        again = bool(block) and says(block[0], lines[at], more=True) and any(map(_is_of_work, block))
        if letter and again and _is_card(block, typed=lines[at], writer=writer, letter=letter):
            return at + 1
    return end


def _below_rule(lines: Sequence[str], end: int, writer: Address) -> int:
    """Return where a rule stands above a firm and the writer or a number, at the end; or the end."""
    last = _last(lines, end)
    below = last - 1 if last > 0 and _RULE.fullmatch(lines[last]) else last
    for at in range(below, max(0, below - _MOST_BETWEEN_RULES), -1):
        if not _RULE.fullmatch(lines[at]):
            continue
        block, letter = _block(lines, at + 1, below + 1), "\n".join(lines[:at]).strip()
        known = any(ORGANISATION.search(one) for one in block) and (
            any(writers.is_named(one, writer) for one in block) or any(map(_has_phone, block))
        )
        apart = not lines[at - 1].strip()
        return at if letter and apart and known and _is_free(block, letter, writer, strangers=0) else end
    return end


# whether it is one


def _is_contact(block: Sequence[str], *, named: bool) -> bool:
    """Whether a block has a firm and a number to call, wherever it stands below a closing."""
    parts = sum(len(_PARTS.split(one)) for one in block)
    if parts < (2 if named else 3) or len(block) > _MOST_CONTACT:
        return False
    if not any(map(_has_phone, block)) or not any(map(FIRM.search, block)):
        return False
    if not named and not _NAME.fullmatch(block[0]) and not _RULE.fullmatch(block[0]):
        return False
    return not any(
        is_long(one)
        or _SENTENCE.fullmatch(one)
        or _WORDS.fullmatch(one)
        or asks(one)
        or POSTSCRIPT.match(one)
        or BUSINESS.search(one)
        for one in block
    )


def _is_card(block: Sequence[str], *, typed: str, writer: Address, letter: str) -> bool:
    """Whether a block below an empty line is a card, by the name that it says again or by the firm."""
    if not block or len(block) > _MOST_CONTACT:
        return False
    again = bool(typed) and says(block[0], typed, more=len(block) == 1)
    if not again and not writers.is_named(block[0], writer):
        theirs = typed and _is_their_firm(block[0], typed, writer)
        return bool(theirs) and all(map(_is_titled, block)) and _is_free(block, letter, writer, strangers=0)
    work = any(_is_of_work(one) or writers.is_of_domain(one, writer) for one in block)
    called = any(is_called_after(one, block[0]) for one in block[1:])
    known = work or (bool(typed) and called)
    return (
        known
        and max(map(_small_words, block)) <= _MOST_SMALL
        and _is_free(block, letter, writer, strangers=1)
    )


def _is_their_firm(line: str, typed: str, writer: Address) -> bool:
    """Whether a line is the writer's firm, by their domain or name; in other letters nobody can tell."""
    if writers.is_of_domain(line, writer):
        return True
    called = is_called_after(line, typed) or is_called_after(line, writers.name_of(writer))
    return _is_firm(line) and (called or not any(char.isascii() and char.isalpha() for char in line))


def _is_free(block: Sequence[str], letter: str, writer: Address, *, strangers: int) -> bool:
    """Whether nothing in a block is meant for the reader, and the letter does not speak of it.

    Args:
        block: the card's lines.
        letter: what stands above them.
        writer: whom From names.
        strangers: how many lines may be there that have nothing of a card, none of them the last one.
    """
    if letter.rstrip().endswith((":", "：")) or POINTS.search(letter) or not all(map(_may_stand, block)):
        return False
    plain = [one for one in block if not _is_of_a_card(one, block[0], writer)]
    if len(plain) > strangers or block[-1] in plain or any(map(_has_digits, plain)):
        return False
    if not all(writers.links_are_own(one, writer) for one in block):
        return False
    if any(map(VAT.search, block)) and INVOICES.search(letter):
        return False
    firm = any(_is_firm(one) or _is_of_work(one) or writers.is_of_domain(one, writer) for one in block)
    if not any(map(_has_digits, block)):
        return firm or not (_is_few(letter) or REFERS.search(letter))
    return firm and not _is_few(letter) and not REFERS.search(letter)


def _is_of_a_card(line: str, first: str, writer: Address) -> bool:
    """Whether a line has what only a card's have: a name, a role, a firm, a number to call, a place."""
    if _has_digits(_without_phones(line)) and not (_is_of_work(line) or VAT.search(line)):
        return bool(ADDRESS.search(line))
    if line is first or _SLOGAN.fullmatch(line) or writers.is_named(line, writer):
        return True
    known = _is_of_work(line) or writers.is_of_domain(line, writer) or is_called_after(line, first)
    return known or bool(_has_phone(line) or ADDRESS.search(line) or VAT.search(line) or LINK.search(line))


def _is_few(letter: str) -> bool:
    """Whether a letter may be no more than what introduces the card."""
    lines = [one.strip() for one in letter.split("\n") if one.strip()]
    said = lines[1:] if len(lines) > 1 and lines[0].endswith((",", "!", ":", "，")) else lines
    words = sum(len(one.split()) for one in said)
    return max(words, len(re.findall(r"[\u3040-\u9fff\uac00-\ud7af]", letter)) // 3) < _FEWEST_WORDS


def _may_stand(line: str) -> bool:
    """Whether a line may be a card's: a name, a role, a firm, an address, a number to call, a link."""
    if is_sentence(line) or POSTSCRIPT.match(line) or BUSINESS.search(line):
        return False
    if LINK.search(line):
        return not OF_THE_MATTER.search(LINK.sub("", line))
    rest = _without_phones(line)
    said = TO_THE_READER.search(rest) or asks(rest)
    return not said and _has_form(line) and (not re.search(r"\d", rest) or _may_have_number(rest))


def _has_form(line: str) -> bool:
    """Whether a line is neither words without a name's capitals nor what was filled in."""
    words = _WORDS.fullmatch(line) and not (_is_firm(line) and not _small_words(line))
    field = _FIELD.match(line) and not (_is_of_work(line) or _has_phone(line))
    return not words and not field and (not _is_small(line) or _has_phone(line))


def _may_have_number(line: str) -> bool:
    """Whether the number in a line may be a house's, a postcode, or one under which a firm is registered."""
    code = not re.search(r"[^\W\d_]", line) or _CODE.search(line)
    long_number = _LONG_NUMBER.search(line) and not _REGISTERED.search(line)
    return not code and not long_number and not OF_THE_MATTER.search(line)


def _is_small(line: str) -> bool:
    first = next((char for char in line if char.isalpha()), "")
    return first.islower()


def _is_titled(line: str) -> bool:
    """Whether a line has capitals as names have; beside a firm's name, two words may have none."""
    most = _MOST_SMALL if _is_firm(line) or _has_phone(line) else 0
    return bool(_SLOGAN.fullmatch(line)) or _small_words(line) <= most


def _small_words(line: str) -> int:
    return len(_SMALL_WORD.findall(LINK.sub("", line)))


def _has_phone(line: str) -> bool:
    return bool(PHONE.search(line)) or any(map(_BARE_PHONE.fullmatch, _PARTS.split(line)))


def _has_digits(line: str) -> bool:
    return bool(re.search(r"\d", LINK.sub("", line)))


def _without_phones(line: str) -> str:
    parts = [one for one in _PARTS.split(PHONE.sub("", line)) if not _BARE_PHONE.fullmatch(one)]
    return " ".join(parts)


def _is_firm(line: str) -> bool:
    return bool(ORGANISATION.search(line))


def _is_of_work(line: str) -> bool:
    bare = LINK.sub("", line)
    return bool(FIRM.search(bare) or ORGANISATION.search(line) or ROLE.search(line))
