"""What a model wrote, made fit to be read: no invisible or commanding characters, no secrets.

Every answer goes through here piece by piece while it is being streamed, so that what was shown
and what is stored are the same text::

    "".join([*map(cleaner.feed, pieces), cleaner.flush()]) == clean_answer("".join(pieces))
"""

from __future__ import annotations

import re

from supportbot.model.redact import without_credentials, without_private_numbers

_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]"  # ECMA-48 control sequences: colours, cursor
    r"|\x1b\][^\x07\x1b]{0,512}(?:\x07|\x1b\\)"  # operating system commands: titles, links
    r"|([\ud800-\udbff])([\udc00-\udfff])"  # one character that a model's server cut in two
)
_UNFINISHED = re.compile(
    r"(?:\x1b(?:\[[0-?]{0,64}[ -/]{0,8}|\][^\x07\x1b]{0,512}\x1b?)?"
    r"|\x9b[0-?]{0,64}[ -/]{0,8}|[\ud800-\udbff])\Z"
)
_UNWANTED = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but tab and newline
    "\u00ad\u180e\u200b\u2060-\u2064\ufeff"  # invisible: soft hyphen, zero-width space, word joiner
    "\u202a-\u202e\u2066-\u2069"  # bidirectional overrides, embeddings and isolates
    "\ud800-\udfff"  # half characters
    "\ufdd0-\ufdef\ufff9-\ufffb\ufffe\uffff"  # noncharacters, interlinear annotation
    "\U000e0000-\U000e01ef"  # tags and supplementary variation selectors: text smuggled out of sight
    "]+"
)
# Zero-width (non-)joiners belong between the letters of some scripts and inside emoji: one, after a
# character beyond ASCII. Anywhere else they only hide something.
_STRAY_JOINER = re.compile(r"(?<![^\x00-\x7f\u200c\u200d])[\u200c\u200d]")
_JOINERS = "\u200c\u200d"

_DIGIT = frozenset("0123456789")
_RUN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-|")
"""Of such characters everything that is redacted is made, and of single spaces between digits."""


def clean_answer(text: str) -> str:
    """Return the text as a customer may read it; empty when nothing readable is left.

    Without control characters, terminal escapes, half characters, bidirectional overrides, tags and
    other invisible ones; what looks like a credential, a payment card or a social security number
    is ``[redacted]``; no white space around it.
    """
    cleaner = StreamCleaner()
    return cleaner.feed(text) + cleaner.flush()


class StreamCleaner:
    """``clean_answer`` for a text that comes in pieces, cut anywhere.

    It holds back an unfinished word, as the beginning of a secret looks like any other, and white
    space until something follows it.
    """

    __slots__ = ("_begun", "_held", "_last", "_raw", "_space", "_wide")

    def __init__(self) -> None:
        """Begin a text."""
        self._raw = ""  # an escape sequence or a character that is not complete
        self._wide = False  # the last visible character may be followed by a joiner
        self._held: list[str] = []  # a run of characters that may become a secret
        self._last = ""  # the last character in it, or before it
        self._space: list[str] = []  # white space that nothing has followed yet
        self._begun = False  # something was given out

    def feed(self, text: str) -> str:
        """Take some more text and return what can be shown of all so far."""
        return self._given(self._released(self._visible(text)))

    def flush(self) -> str:
        """Return the rest: the text ends here."""
        rest = self._strip(self._raw)
        self._raw = ""
        return self._given(_redact("".join((*self._held, rest))))

    def _visible(self, text: str) -> str:
        """Take out what is no text, and keep back what cannot be judged yet."""
        if self._raw:
            text = self._raw + text
            self._raw = ""
        if unfinished := _UNFINISHED.search(text):
            self._raw = text[unfinished.start() :]
            text = text[: unfinished.start()]
        return self._strip(text)

    def _strip(self, text: str) -> str:
        text = _UNWANTED.sub("", _ESCAPES.sub(_whole, text))
        if "\u200c" in text or "\u200d" in text:
            text = _STRAY_JOINER.sub("", ("\u3000" if self._wide else " ") + text)[1:]
        if text:
            self._wide = text[-1] > "\x7f" and text[-1] not in _JOINERS
        return text

    def _released(self, text: str) -> str:
        """Give out all up to the last place that no secret can span; hold the rest."""
        cut = self._last_break(text) + 1
        if not cut:
            if text:
                self._held.append(text)
                self._last = text[-1]
            return ""
        released = "".join((*self._held, text[:cut]))
        self._held = [text[cut:]] if cut < len(text) else []
        self._last = text[-1]
        return _redact(released)

    def _last_break(self, text: str) -> int:
        """Return the last index whose character can stand in no secret, or -1."""
        following = ""
        for index in range(len(text) - 1, -1, -1):
            character = text[index]
            if character not in _RUN:
                before = text[index - 1] if index else self._last
                joins = character == " " and before in _DIGIT and (not following or following in _DIGIT)
                if not joins:
                    return index
            following = character
        return -1

    def _given(self, text: str) -> str:
        """Drop white space around the whole text."""
        if not self._begun:
            text = text.lstrip()
        if not text:
            return ""
        self._begun = True
        kept = text.rstrip()
        if not kept:
            self._space.append(text)
            return ""
        given = "".join((*self._space, kept))
        self._space = [text[len(kept) :]]
        return given


def _whole(match: re.Match[str]) -> str:
    high, low = match.groups()
    if high is None:
        return ""
    return chr(0x10000 + ((ord(high) - 0xD800) << 10) + ord(low) - 0xDC00)


def _redact(text: str) -> str:
    return without_private_numbers(without_credentials(text)) if text else ""
