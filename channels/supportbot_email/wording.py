"""What a mail's sentences say of who wrote it: a program, where several say so and none asks for anything.

For mail whose headers say nothing. One sentence alone proves nothing: a customer is away as well, and has
received something. `text` is always what was written now, without quotes and without what was passed on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supportbot_email import events, notices, shapes
from supportbot_email.asking import OF_OURS, asks, sentences, without_links, without_log_in
from supportbot_email.phrases import ABOUT_MAIL, DISCLAIMERS, PHONE

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 3_000  # characters at the beginning that are looked at
_OPENING = 600  # in which a program says what it is about
_LONGEST_ABSENCE = 1_500  # longer ones are somebody's letter
_FOOT = 2_000  # and at the end
_A_FEW = 8  # characters of a sentence that are no newsletter
_GREETING = 5  # words; a sentence that is no longer is a greeting, a name, a closing

_QUOTED = re.compile(
    r"[\"“„«「『](?!\s)(?:[^\"“”„«»「」『』\n]|\n(?!\s)){2,400}[\"”“»」』]|(?<!\w)['‘‚][^'‘’\n]{8,200}['’](?!\w)"
)
"""What somebody quotes inside of a sentence of theirs."""


def absence(subject: str, text: str, *, answered: bool, sender: str) -> bool:
    """Whether a program says that somebody is away.

    That somebody is away is what customers write, too. A program says little else: whom to turn to, until
    when, that the mail is not read before, thanks for it. Anything beside that is a person's matter.

    Args:
        subject: the mail's.
        text: what was written.
        answered: the mail answers another one.
        sender: the sender's address: another one is whom to turn to.
    """
    said = text[:_MOST]
    if len(said.strip()) > _LONGEST_ABSENCE or asks(said) or notices.PERSON_AWAY.search(said):
        return False
    told = {"away": False, "instead": False, "unread": False, "returns": False, "thanks": False}
    beside, opened = 0, False
    for one in sentences(said):
        found = _of_absence(one, sender)
        told |= dict.fromkeys(found, True)
        long = len(one.split()) > _GREETING or len(one) > 40
        if long and not (found or opened) and not notices.AUTOMATIC.search(one):
            opened = True
            beside += 2  # a program begins with what it has to say
        opened = opened or bool(found)
        beside += not found and long
        matter = notices.GOODS.search(one) or notices.MATTERS.search(one)
        beside += 2 * (not found and matter is not None)
    if beside > _beside(told):
        return False
    named = _names_absence(subject)
    if told["away"]:
        ends = told["returns"] and (told["thanks"] or (answered and not beside))
        return named or told["unread"] or told["instead"] or ends
    return (told["unread"] and told["instead"]) or (named and (told["unread"] or told["instead"]))


def _beside(told: dict[str, bool]) -> int:
    """Return how many other sentences an absence may have: the more it tells, the more."""
    known = sum(told.values())
    return 2 * known - 3 if told["away"] and told["unread"] and known > 2 else 1


def _of_absence(sentence: str, sender: str) -> list[str]:
    """Return what a sentence says that belongs to an absence."""
    urgent, instead = notices.URGENT.search(sentence), notices.INSTEAD.search(sentence)
    others = {one.lower() for one in shapes.ADDRESS.findall(sentence)} - {sender.lower()}
    reached = bool(others or PHONE.search(sentence) or (urgent and notices.NUMBER.search(sentence)))
    if not reached and not (urgent and instead) and notices.MATTERS.search(sentence):
        return []
    says = {
        "away": notices.AWAY.search(sentence),
        "instead": (urgent or instead) and (reached or (urgent and instead)),
        "unread": notices.UNREAD.search(sentence),
        "returns": notices.RETURNS.search(sentence),
        "thanks": notices.THANKS_FOR_MAIL.search(sentence),
    }
    return [name for name, found in says.items() if found]


def _names_absence(subject: str) -> bool:
    matches = (notices.AWAY_SUBJECT.match(subject), notices.AUTO_SUBJECT.match(subject))
    return any(matches) or bool(notices.AWAY_SUFFIX.search(subject))


def receipt(subject: str, text: str) -> bool:
    """Whether a help desk's program says that a mail arrived, and that somebody will answer."""
    start = without_legal(text[:_MOST])
    if notices.SURVEY.search(start) and notices.WAY_OUT.search(start):
        return True
    if asks(start):
        return False
    joined = " ".join(start.split())
    named = "" if shapes.ANSWERED_SUBJECT.match(subject) else subject
    told = f"{named} \n {joined}"
    opening = [named, *(one for one in sentences(start[:_OPENING]) if not notices.MAY_BE.search(one))]
    filed = notices.RECEIVED.search(told) or any(map(notices.FILED.search, opening))
    points = (
        2 * bool(filed)
        + bool(notices.WILL_ANSWER.search(joined))
        + bool(notices.WITHIN.search(joined))
        + bool(notices.TICKET.search(told))
        + bool(notices.DESK_STAFF.search(joined))
        + bool(notices.THANKED.search(joined))
        + bool(notices.DESK.search(joined))
        + bool(notices.AUTOMATIC.search(joined))
        - bool(notices.COMPLAINS.search(joined))
        - 2 * bool(notices.ENCLOSES.search(joined))
        - 2 * bool(notices.READER.search(joined))
        - 2 * any(notices.FIRST_PERSON.search(one) for one in sentences(joined))
    )
    return points >= 3 and bool(filed or notices.THANKED.search(joined) or notices.DESK.search(joined))


def notice(text: str) -> bool:
    """Whether a text says of itself that a program wrote it, or that nobody reads answers."""
    said = without_legal(text)
    if notices.COUNSEL.search(said[:_MOST]) or asks(_without_orders(without_log_in(said))):
        return False
    return any(map(_is_notice, _ends(said)))


def refuses(text: str) -> bool:
    """Whether a text says that nobody reads answers, or that a program wrote it, and nobody says "I".

    Where its address says so as well, its questions are rhetorical, or somebody's who is answered elsewhere.
    """
    said = without_legal(text)
    if _says_i(events.without_your(said)) or any(map(_orders_for_us, sentences(said))):
        return False
    return any(map(_is_notice, _ends(said)))


def _orders_for_us(sentence: str) -> bool:
    return bool(OF_OURS.search(sentence)) and not sentence.endswith("?") and asks(sentence)


def _without_orders(text: str) -> str:
    """Return a text without what programs ask of their reader: to look, to pay, to send what was sold."""
    return "\n\n".join(one for one in sentences(text) if OF_OURS.search(one) or not events.is_order(one))


def is_automatic(text: str) -> bool:
    """Whether one of a text's sentences says of the mail itself that a program wrote it."""
    return any(map(_is_automatic, _ends(without_legal(text))))


def _ends(text: str) -> Iterator[str]:
    """Give the sentences at a text's beginning and at its end, without what they quote.

    Whoever complains of a mail that nobody could answer says in the same breath what is wrong.
    """
    for part in (text[:_MOST], text[-_FOOT:]):
        for paragraph in re.split(r"\n[ \t]*\n", _QUOTED.sub(" ", part)):
            said = list(sentences(paragraph))
            if not any(events.tells_of_trouble(one) for one in said if not _refuses(one)):
                yield from said


def without_legal(text: str) -> str:
    """Return a text without the paragraphs of a firm's lawyer: they speak of machines, and people send them.

    The first paragraph stays whatever it is.
    """
    first, *others = re.split(r"(\n[ \t]*\n)", text)
    kept = [one for one in others if not _is_legal(one)]
    return first + "".join(kept)


def _is_legal(paragraph: str) -> bool:
    joined = " ".join(paragraph[:2_000].split())
    if notices.LEGAL.match(joined):
        return len(joined) > 60
    return bool(ABOUT_MAIL.search(joined) and DISCLAIMERS.search(joined))


def _is_notice(sentence: str) -> bool:
    return _refuses(sentence) or _is_automatic(sentence)


def _refuses(sentence: str) -> bool:
    return bool(notices.DO_NOT_ANSWER.search(sentence)) and not _of_another(sentence)


def _is_automatic(sentence: str) -> bool:
    says = notices.AUTOMATIC.search(sentence) and notices.OF_MAIL.search(sentence)
    return bool(says) and not _of_another(sentence)


def _of_another(sentence: str) -> bool:
    """Whether a sentence is a person's, or about something else than the mail it stands in."""
    spoken = notices.FIRST_PERSON.search(events.without_your(sentence))
    other = spoken or notices.NOT_OF_THIS.search(sentence)
    return bool(other) or sentence.endswith("?")


def of_device(text: str) -> bool:
    """Whether a scanner or a telefax's gateway says what it has attached, and nobody adds a word."""
    start = " ".join(text[:_OPENING].split())
    return bool(notices.DEVICE_TEXT.search(start)) and not (
        notices.FIRST_PERSON.search(text[:_MOST]) or "?" in text
    )


def held(text: str) -> bool:
    """Whether a gate says that it keeps a mail until somebody does something."""
    if shapes.POSSESSED.search(text[:_OPENING]) or notices.GOODS.search(text[:_OPENING]):
        return False
    asked = shapes.PERSONAL.search(text[:200]) and shapes.INTERROGATIVE.search(text[:_MOST])
    return bool(notices.HELD.search(" ".join(text[:_MOST].split()))) and not asked


def speaks(text: str) -> bool:
    """Whether somebody speaks of themselves, or asks for something."""
    return _says_i(text) or asks(text)


def _says_i(text: str) -> bool:
    return bool(notices.FIRST_PERSON.search(without_links(text[:_MOST])))


def without_list_foot(text: str) -> str:
    """Return a text without what the list that it came through set below it."""
    *above, last = re.split(r"(?m)^(?:_{20,}|-- ?)[ \t]*\n", text) if text else ["", ""]
    of_list = notices.LIST_NAMED.search(" ".join(last.split()))
    return text[: -len(last)] if above and last and of_list else text


def newsletter(text: str) -> int:
    """Return how much of a newsletter's foot a text has: 0 for none, 3 and more for all of it."""
    if notices.LIST_FOOT.search(text[-_FOOT:]):
        return 3
    ends = text[:500], text[-_FOOT:]
    leaving = [one for part in ends for one in sentences(part) if notices.UNSUBSCRIBE.search(one)]
    ways = any(notices.WAY_OUT.search(one) for one in leaving)
    subscribed = any(notices.SUBSCRIBED.search(" ".join(one.split())) for one in ends)
    others = [one for one in sentences(text) if one not in leaving]
    if not (subscribed or any(len(one) > _A_FEW for one in others)):
        return 0  # a foot, and nothing above it: somebody writes about it
    speaks = any(notices.FIRST_PERSON.search(one) for one in leaving)
    beside = asks("\n\n".join(one for one in sentences(text) if one not in leaving))
    return bool(leaving) + ways + 2 * subscribed - 3 * speaks - 2 * beside
