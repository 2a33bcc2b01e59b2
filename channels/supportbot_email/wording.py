"""What a mail's sentences say of who wrote it: a program, where several say so and none asks for anything.

For mail whose headers say nothing. One sentence alone proves nothing: a customer is away as well, and has
received something. `text` is always what was written now, without quotes and without what was passed on.
"""

from __future__ import annotations

from supportbot_email import notices, shapes
from supportbot_email.asking import asks, sentences
from supportbot_email.phrases import PHONE

_MOST = 3_000  # characters at the beginning that are looked at
_OPENING = 600  # in which a program says what it is about
_LONGEST_ABSENCE = 1_500  # longer ones are somebody's letter
_FOOT = 2_000  # and at the end


def absence(subject: str, text: str, *, answered: bool, sender: str) -> bool:
    """Whether a program says that somebody is away.

    Absence alone is what customers write of, too. A program adds to whom to turn, when the mail will be read,
    and speaks of the mail itself.

    Args:
        subject: the mail's.
        text: what was written.
        answered: the mail answers another one.
        sender: the sender's address: another one is whom to turn to.
    """
    said = text[:_MOST]
    start = " ".join(said.split())
    named = bool(
        notices.AWAY_SUBJECT.match(subject)
        or notices.AUTO_SUBJECT.match(subject)
        or notices.AWAY_SUFFIX.search(subject)
    )
    back = bool(notices.COMES_BACK.search(start))
    word = named or bool(notices.AWAY_WORD.search(start[:_OPENING]))
    if len(start) > _LONGEST_ABSENCE or not (word or back) or asks(said):
        return False
    core = (
        bool(notices.URGENT.search(start))
        + bool(notices.INSTEAD.search(start))
        + back
        + (back and not notices.FIRST_PERSON.search(start))
    )
    others = {one.lower() for one in shapes.ADDRESS.findall(start)} - {sender.lower()}
    beside = bool(others or PHONE.search(start)) + bool(
        notices.ITS_MAIL.search(start) or notices.THANKED.search(start)
    )
    away = bool(notices.AWAY.search(start))
    if named and (away or core + beside):
        return True
    return core > (not word) and core + beside >= (2 if word and (answered or away) else 3)


def receipt(subject: str, text: str) -> bool:
    """Whether a help desk's program says that a mail arrived, and that somebody will answer."""
    start = text[:_MOST]
    if notices.SURVEY.search(start) and notices.WAY_OUT.search(start):
        return True
    if asks(start):
        return False
    joined = " ".join(start.split())
    named = "" if shapes.ANSWERED_SUBJECT.match(subject) else subject
    told = f"{named} \n {joined}"
    filed = notices.RECEIVED.search(told) or any(
        map(notices.FILED.search, [named, *sentences(start[:_OPENING])])
    )
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
        - 2 * any(notices.FIRST_PERSON.search(one) for one in sentences(joined))
    )
    return points >= 3


def notice(text: str) -> bool:
    """Whether a text says of itself that a program wrote it, or that nobody reads answers."""
    if asks(text):
        return False
    return any(_is_notice(one) for part in (text[:_MOST], text[-_FOOT:]) for one in sentences(part))


def _is_notice(sentence: str) -> bool:
    says = notices.AUTOMATIC.search(sentence) or notices.DO_NOT_ANSWER.search(sentence)
    other = notices.FIRST_PERSON.search(sentence) or notices.NOT_OF_THIS.search(sentence)
    return bool(says) and not other and not sentence.endswith("?")


def held(text: str) -> bool:
    """Whether a gate says that it keeps a mail until somebody does something."""
    asked = shapes.PERSONAL.search(text[:200]) and shapes.INTERROGATIVE.search(text[:_MOST])
    return bool(notices.HELD.search(" ".join(text[:_MOST].split()))) and not asked


def speaks(text: str) -> bool:
    """Whether somebody speaks of themselves, or asks for something."""
    return bool(notices.FIRST_PERSON.search(text[:_MOST])) or asks(text)


def newsletter(text: str) -> int:
    """Return how much of a newsletter's foot a text has: 0 for none, 3 and more for all of it."""
    if notices.LIST_FOOT.search(text[-_FOOT:]):
        return 3
    ends = text[:500], text[-_FOOT:]
    leaving = [one for part in ends for one in part.splitlines() if notices.UNSUBSCRIBE.search(one[:300])]
    ways = any(notices.WAY_OUT.search(one[:300]) for one in leaving)
    subscribed = any(notices.SUBSCRIBED.search(" ".join(one.split())) for one in ends)
    speaks = any(notices.FIRST_PERSON.search(one[:300]) for one in leaving)
    return bool(leaving) + ways + 2 * subscribed - 3 * speaks - asks(text)
