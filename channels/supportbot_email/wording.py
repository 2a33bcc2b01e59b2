"""What a mail's sentences say of who wrote it: a program, where several say so and none asks for anything.

For mail whose headers say nothing. One sentence alone proves nothing: a customer is away as well, and has
received something. `text` is always what was written now, without quotes and without what was passed on.
"""

from __future__ import annotations

from supportbot_email import notices, shapes
from supportbot_email.asking import asks, sentences

_MOST = 3_000  # characters at the beginning that are looked at
_FOOT = 2_000  # and at the end
_GREETING = 6  # words; a shorter sentence is a greeting, a name, a closing


def absence(subject: str, text: str, *, answered: bool) -> bool:
    """Whether a program says that somebody is away.

    Args:
        subject: the mail's.
        text: what was written.
        answered: the mail answers another one.
    """
    start = text[:_MOST]
    away = bool(notices.AWAY.search(" ".join(start.split())))
    named = bool(notices.AWAY_SUBJECT.match(subject))
    if not (away or named) or asks(start):
        return False
    marks = sum(bool(mark.search(start)) for mark in notices.AWAY_MARKS)
    if away:
        return named or marks > 1 or (marks == 1 and answered) or (answered and _says_little(start))
    return marks > 1


def _says_little(text: str) -> bool:
    """Whether a text hardly says more than that somebody is away."""
    return sum(len(one.split()) > _GREETING or len(one) > 60 for one in sentences(text)) <= 1


def receipt(subject: str, text: str) -> bool:
    """Whether a help desk's program says that a mail arrived and will be answered."""
    start = text[:_MOST]
    if notices.SURVEY.search(start):
        return True
    if asks(start):
        return False
    joined = " ".join(start.split())
    received = notices.RECEIVED.search(joined) or notices.RECEIVED.search(subject)
    points = (
        2 * bool(received)
        + bool(notices.WILL_ANSWER.search(joined))
        + bool(notices.TICKET.search(subject) or notices.TICKET.search(joined))
        + bool(notices.THANKED.search(joined))
        + bool(notices.DESK.search(joined))
        + bool(notices.AUTOMATIC.search(joined))
        - 2 * any(notices.FIRST_PERSON.search(one) and len(one) > 40 for one in sentences(joined))
    )
    return points >= 3


def notice(text: str) -> bool:
    """Whether a text says of itself that a program wrote it, or that nobody reads answers."""
    if asks(text):
        return False
    return any(_is_notice(one) for part in (text[:_MOST], text[-_FOOT:]) for one in sentences(part))


def _is_notice(sentence: str) -> bool:
    says = notices.AUTOMATIC.search(sentence) or notices.DO_NOT_ANSWER.search(sentence)
    return bool(says) and not notices.FIRST_PERSON.search(sentence)


def held(text: str) -> bool:
    """Whether a gate says that it keeps a mail until somebody does something."""
    return bool(notices.HELD.search(" ".join(text[:_MOST].split()))) and not _speaks(text)


def _speaks(text: str) -> bool:
    return bool(shapes.PERSONAL.search(text[:200])) and bool(shapes.INTERROGATIVE.search(text[:_MOST]))


def newsletter(text: str) -> int:
    """Return how much of a newsletter's foot a text has: 0 for none, 3 for all of it."""
    if notices.LIST_FOOT.search(text[-_FOOT:]):
        return 3
    ends = text[:500], text[-_FOOT:]
    leaves = any(notices.UNSUBSCRIBE.search(one) for one in ends)
    subscribed = any(notices.SUBSCRIBED.search(one) for one in ends)
    return leaves + 2 * subscribed
