"""What was said, as a model reads it: who speaks in which role, and how much of it fits."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from supportbot.messages import Words
from supportbot.readable import clip, fits, one_line, shorten, visible
from supportbot.tokens import estimate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from supportbot.messages import Attachment, Author, Image, Message, Role

SMALLEST_BUDGET = 64
"""The least a history may be trimmed to, in tokens: room for two ends of a message and the marker between."""

FRAME = 5
"""Tokens around every entry: Llama 3 spends three on the role, one before and one after the text."""

PERSON_MARK = "[A person from the team wrote:]"
"""Stands above what support staff wrote, so that the model does not take it for its own words."""

_NO_MARK = f"({PERSON_MARK[1:-1]})"
_UNSEEN = "[You cannot see all of these images.]"
_LONGEST_MESSAGE = 32_000  # characters; nobody reads more, and one message must not cost seconds
_MOST_FILES = 20
_NO_BRACKETS = str.maketrans("[]", "()")
_SHORT = 500  # characters
_ROLES: dict[Author, Role] = {"customer": "user", "bot": "assistant", "person": "assistant"}


class Said(NamedTuple):  # a prompt makes many, and keeps few
    """What becomes an entry of a model request."""

    role: Role
    content: str
    seq: int
    """The number of the first message it is made of."""
    images: tuple[Image, ...] = ()

    @property
    def words(self) -> Words:
        """The entry."""
        return Words(role=self.role, content=self.content, images=self.images)


def spoken(messages: Iterable[Message]) -> tuple[Words, ...]:
    """Turn stored messages, oldest first, into the entries of a model request. See ``entries``."""
    return tuple(said.words for said in entries(messages))


def entries(messages: Iterable[Message]) -> tuple[Said, ...]:
    """Do the same, and say of each entry where it begins.

    Customers speak as ``user``; the bot and, under ``PERSON_MARK``, people of the team as ``assistant``.
    What the system noted is left out. Neighbours of the same role become one entry, because some
    endpoints refuse two in a row. Texts have been through ``visible`` and are never empty.
    """
    said: list[Said] = []
    speaking: Role | None = None
    seq = 0
    contents: list[str] = []
    images: tuple[Image, ...] = ()
    for message in messages:
        role, content = _ROLES.get(message.author), _content(message)
        if role is None or not content:
            continue
        if role == speaking:
            contents.append(content)
        else:
            if speaking is not None:
                said.append(Said(speaking, "\n\n".join(contents), seq, images))
            speaking, seq, contents, images = role, message.seq, [content], ()
        if message.attachments:
            images += _images(message)
    if speaking is not None:
        said.append(Said(speaking, "\n\n".join(contents), seq, images))
    return tuple(said)


def in_sight(messages: Sequence[Message], tokens: int) -> Sequence[Message]:
    """Leave out of messages the images that ``tokens`` do not pay for, the oldest first."""
    if not any(message.attachments for message in messages):
        return messages
    shown: list[Message] = []
    for message in reversed(messages):
        files: list[Attachment] = []
        for file in reversed(message.attachments):
            if file.image is not None:
                tokens -= file.image.tokens
            files.insert(0, file.evolve(image=None) if file.image and tokens < 0 else file)
        shown.insert(0, message.evolve(attachments=tuple(files)) if files else message)
    return shown


def seeing(entry: Words, tokens: int) -> Words:
    """Return an entry with those of its images that ``tokens`` pay for, the newest ones; it says when one is
    missing."""
    shown = list(entry.images)
    while _sight(shown) > tokens:
        del shown[0]
    if len(shown) == len(entry.images):
        return entry
    return entry.evolve(images=tuple(shown), content=f"{entry.content}\n{_UNSEEN}")


def cut(said: Sequence[Said], budget: int, *, keep: float) -> Sequence[Said]:
    """Leave out the oldest entries when there are too many, and then so many that it is rarely necessary.

    All of it stays when it costs at most ``budget`` tokens, else about the share ``keep`` (0 to 1) of that.
    What stays begins with a ``user`` entry, and the newest of those always stays, so that it may still
    cost more than the budget. Whoever begins the next history where this one begins gets the same
    beginning until there is too much again, and an endpoint's prefix cache can use it. Empty when no
    ``user`` has spoken.
    """
    users = [place for place, entry in enumerate(said) if entry.role == "user"]
    if not users:
        return ()
    begin, tokens = users[-1], 0
    for place in range(len(said) - 1, users[0] - 1, -1):
        entry = said[place]
        tokens += estimate(entry.content) + _sight(entry.images) + FRAME
        if tokens > budget:
            return said[begin:]
        if entry.role == "user" and tokens <= keep * budget:
            begin = place
    return said[users[0] :]


def newest(messages: Sequence[Message], most: int, *, keep: float) -> Sequence[Message]:
    """Do the same with messages, by their number: all of them when there are at most ``most``.

    What stays begins with a customer's message, if possible with one that follows somebody else's.
    """
    if len(messages) <= most:
        return messages
    least = len(messages) - int(keep * most)
    customers = [place for place in range(least, len(messages)) if messages[place].author == "customer"]
    turns = [place for place in customers if messages[place - 1].author != "customer"]
    begin = next(iter(turns or customers), len(messages))
    return messages[begin:]


def trim(words: Sequence[Words], budget: int) -> tuple[Words, ...]:
    """Keep the newest entries that fit into ``budget`` tokens.

    The history is cut only before a ``user`` entry, so the result begins with one. A ``tool`` entry
    stays with the ``assistant`` entry before it that made the call; one without a call is dropped.
    The newest ``user`` entry is always kept: alone too large, it loses its middle. When what
    follows it (calls and their results) is too large, the newest calls stay. Nothing older then does.

    Empty when no ``user`` has spoken. A pure function: the same words and budget give the same result.

    Raises:
        ValueError: the budget is below ``SMALLEST_BUDGET``.
    """
    if budget < SMALLEST_BUDGET:
        raise ValueError(f"a budget of {budget} tokens is too small; the least is {SMALLEST_BUDGET}")
    exchanges = _exchanges(words)
    if not exchanges:
        return ()
    newest = exchanges.pop()
    kept = [_squeezed(newest, budget)]
    if kept[0] != newest:
        return tuple(kept[0])  # nothing older may take the room that the newest lacked
    left = budget - cost(newest)
    while exchanges and _fit(exchanges[-1], left):
        kept.append(exchanges.pop())
        left -= cost(kept[-1])
    return tuple(chain.from_iterable(reversed(kept)))


def cost(words: Iterable[Words]) -> int:
    """Estimate what some entries cost in a request, in tokens, with what a model writes around each."""
    return sum(estimate(entry.content) + _sight(entry.images) + _calls(entry) + FRAME for entry in words)


def _content(message: Message) -> str:
    """Return a message's words; empty for one by our side that says nothing."""
    text = message.text
    content = _remembered_clean(text) if len(text) <= _SHORT else _clean(text)
    if message.attachments:
        content = "\n".join(filter(None, (content, *map(_attached, message.attachments[:_MOST_FILES]))))
    if message.author == "person" and content:
        return f"{PERSON_MARK}\n{content}"
    if message.author == "bot":  # whom a model only claims to quote
        content = content.replace(PERSON_MARK, _NO_MARK)
    return content or ("[An empty message]" if message.author == "customer" else "")


def _attached(file: Attachment) -> str:
    name = _base_name(file.name)
    if not file.width:
        unseen = ", which you cannot see" if file.content_type.startswith("image/") else ""
        return f"[Attached: {name or 'a file'}{unseen}]"
    unseen = "" if file.image else ", which you cannot see"
    return f"[Image: {name or 'without a name'}, {file.width}\u00d7{file.height}{unseen}]"


def _base_name(name: str) -> str:
    """Return a file's name without folders, and without the brackets that end what is told of it."""
    base = re.split(r"[/\\]", visible(name).rstrip("/\\"))[-1]
    return one_line(base.translate(_NO_BRACKETS), 100)


def _images(message: Message) -> tuple[Image, ...]:
    if message.author != "customer":
        return ()
    return tuple(file.image for file in message.attachments[:_MOST_FILES] if file.image)


def _sight(images: Iterable[Image]) -> int:
    """Return what images cost."""
    return sum(image.tokens for image in images) if images else 0


def _exchanges(words: Sequence[Words]) -> list[list[Words]]:
    """Part the history before every ``user`` entry; what comes before the first one is dropped."""
    exchanges: list[list[Words]] = []
    for entry in words:
        if entry.role == "user":
            exchanges.append([entry])
        elif exchanges and not (entry.role == "tool" and exchanges[-1][-1].role == "user"):
            exchanges[-1].append(entry)
    return exchanges


def _squeezed(exchange: Sequence[Words], budget: int) -> list[Words]:
    """Make the newest exchange fit: its newest calls, and of its ``user`` entry what there is room for."""
    user, *rest = exchange
    if not _fit(exchange, budget):
        user = seeing(user, budget // 4)
    left = budget - (cost([user]) if _fit([user], budget // 2) else budget // 2)
    kept: list[list[Words]] = []
    for step in reversed(_steps(rest)):
        if not _fit(step, left):
            break
        kept.insert(0, step)
        left -= cost(step)
    room = budget - sum(map(cost, kept)) - _sight(user.images) - FRAME
    return [user.evolve(content=shorten(user.content, room)), *chain.from_iterable(kept)]


def _steps(words: Iterable[Words]) -> list[list[Words]]:
    """Part what follows a ``user`` entry into steps: an entry with the ``tool`` results that belong to it."""
    steps: list[list[Words]] = []
    for entry in words:
        if entry.role == "tool":
            steps[-1].append(entry)
        else:
            steps.append([entry])
    return steps


def _fit(words: Iterable[Words], budget: int) -> bool:
    """Say whether entries cost at most ``budget``, without reading on once they do not."""
    for entry in words:
        budget -= FRAME + _calls(entry) + _sight(entry.images)
        if len(entry.content) > _SHORT and not fits(entry.content, budget):
            return False
        budget -= estimate(entry.content)
        if budget < 0:
            return False
    return True


def _calls(entry: Words) -> int:
    """Estimate what the tool calls of an entry cost."""
    calls = entry.tool_calls
    return sum(estimate(call.name) + estimate(call.arguments) + FRAME for call in calls) if calls else 0


def _clean(text: str) -> str:
    return clip(visible(text), _LONGEST_MESSAGE).strip()


# The same messages come again in every turn of their conversation. Short texts only: at most 4,096 of
# 500 characters each, so some 8 MB in the worst of scripts.
_remembered_clean = lru_cache(maxsize=4096)(_clean)
