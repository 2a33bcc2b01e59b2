"""Where a mail's signature begins: below "-- ", or without it where it is clear. Unsure, there is none."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from supportbot_email import cards
from supportbot_email.asking import asks
from supportbot_email.card_words import BUSINESS, OF_ANOTHER, OF_THE_MATTER, TO_THE_READER
from supportbot_email.cards import is_sentence, last_line
from supportbot_email.patterns import any_of
from supportbot_email.phrases import (
    ABOUT_MAIL,
    DEVICE,
    DEVICE_WORD,
    DISCLAIMERS,
    FIRM_S_FOOT,
    POSTSCRIPT,
    PRINTING,
    PROTON,
    RULE,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supportbot_email.mail import Address

_LIST_FOOTER = re.compile(r"\s*_{20,}\s*")
_AD_RULE = re.compile(r"\s*_{50,}\s*")
_AD = re.compile(r"\b(?:msn|hotmail|windows live|yahoo!?|aol|messenger)\b", re.IGNORECASE)
"""What providers of mailboxes once set below what people wrote."""
_DASHED = re.compile(r"\s?(?:[-–]{1,2}|— ?)[^\W\d_][\w.'’-]{0,30}(?: [A-Z][\w.'’-]{0,30}){0,2}\s*")
_BY_OTHERS = re.compile(r"[\s*_]*sent (?:via|by|with|using)\b", re.IGNORECASE)
_TOLD = any_of(
    r"\b(?:I|we|you|could|cannot|can['’]?t|didn['’]?t|was|but|not|never|without)\b",
    r"\b(?:aber|nicht|keine?|noch|ohne|mais|pas|jamais|aucune?|sans|pero|nunca|sin|mas|não|sem|ma|non|mai|senza|maar|niet|geen|nooit|zonder|nie|nadal|bez|ale|men|inte|ikke|aldrig|utan|но|не|нет|без|але)\b",
)
"""Words of a sentence that only begins like a device's line: "Sent from my iPhone I could not open it."."""
_EXCUSES = re.compile(r"\b(?:excuse|pardon|forgive)\b", re.IGNORECASE)
_FEWEST_WRAPPED = 50  # characters of a line that goes on in the next
_HEADING = re.compile(
    r"\W{0,4}(?:disclaimer|confidential(?:ity)?(?: (?:notice|statement))?"
    r"|(?:legal|important) (?:notice|disclaimer)|aviso legal|nota legal|avis(?: légal)?"
    r"|(?:wichtiger )?hinweis|vertraulichkeit\w{0,10})\W{0,4}",
    re.IGNORECASE,
)
"""What stands above such a paragraph."""
_FIELD = re.compile(r"[^:：]{2,40}[:：]\s*(?P<value>\S.*)")
_LINK = re.compile(r"(?:https?://|www\.)\S+\s*", re.IGNORECASE)
_MOST_LINES = 12  # a longer text below "-- " may be the letter itself


def begin(lines: Sequence[str], *, writer: Address, asked: bool) -> int:
    """Return at which of the customer's lines the signature begins, or their number when there is none.

    Args:
        lines: one run of what the customer wrote.
        writer: whom From names.
        asked: they answer who asked for what a card has, so theirs may be the answer.
    """
    end = _above_disclaimers(lines)
    for at in range(max(0, end - 40), end):
        if _begins(lines, at, end):
            end = at
            break
    while (last := last_line(lines, end)) >= 0 and _is_device(lines, last):
        end = last
    return end if asked else cards.begin(lines, end, writer=writer)


def _begins(lines: Sequence[str], at: int, end: int) -> bool:
    line = lines[at]
    below = [one for one in lines[at + 1 : end] if one.strip()]
    if any(map(POSTSCRIPT.match, below)):
        return False
    if line == "-- ":  # RFC 3676, section 4.3
        return len(below) <= _MOST_LINES and not _adds(lines[at + 1 : end])
    if line.rstrip() == "--":  # or a dash that parts two matters
        device = all(DEVICE.fullmatch(one) for one in below)
        return device or (
            len(below) <= _MOST_LINES and not (asks("\n".join(below)) or any(map(is_sentence, below)))
        )
    if line.strip() in {"__", "—", "–"}:
        return len(below) <= _MOST_LINES // 2 and all(len(one) < 60 for one in below)
    if _AD_RULE.fullmatch(line) and len(below) <= 3 and any(map(_AD.search, below)):
        return True
    return bool(_LIST_FOOTER.fullmatch(line)) and any("mailing list" in one for one in below[:2])


def _adds(signature: Sequence[str]) -> bool:
    """Whether somebody wrote something below their signature, in a paragraph of its own, with what it is."""
    return any(
        not above.strip()
        and (field := _FIELD.fullmatch(line))
        and not _LINK.fullmatch(field["value"])
        and any(words.search(line) for words in (BUSINESS, OF_ANOTHER, OF_THE_MATTER, TO_THE_READER))
        for above, line in pairwise(signature)
    )


def _is_device(lines: Sequence[str], at: int) -> bool:
    line = lines[at]
    if PROTON.fullmatch(line):
        return True
    if DEVICE.fullmatch(line) and not (_TOLD.search(line) or "proton" in line.casefold()):
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
    while (last := last_line(lines, end)) >= 0:
        if last > 0 and (PRINTING.match(lines[last]) or FIRM_S_FOOT.match(lines[last])):
            end = last
            continue
        foot = _foot(lines, last)
        if foot <= 0:
            return end
        end = foot
    return end


def _foot(lines: Sequence[str], last: int) -> int:
    """Return where in its paragraph a lawyer begins who has the last line, or -1 where none has.

    The lines above that are as long as such lines are when they are wrapped, or are a rule, are theirs; the
    others are a card's or the letter's.
    """
    said, at = "", last
    while at >= 0 and lines[at].strip() and last - at <= _MOST_LINES:
        said = f"{lines[at].strip()} {said}"
        if _is_disclaimer(said):
            break
        at -= 1
    else:
        return -1
    while at > 0 and lines[at - 1].strip() and last - at < _MOST_LINES and _is_wrapped(lines[at - 1].strip()):
        at -= 1
    return at


def _is_wrapped(line: str) -> bool:
    headed = _HEADING.fullmatch(line) or RULE.fullmatch(line)
    return bool(headed) or (len(line) >= _FEWEST_WRAPPED and not asks(line))


def _is_disclaimer(paragraph: str) -> bool:
    """Whether a paragraph says for whom the mail is and nothing else."""
    if len(paragraph) <= 60 or "?" in paragraph:
        return False
    return bool(ABOUT_MAIL.search(paragraph) and DISCLAIMERS.search(paragraph))
