"""A mail's text in spans: what the customer wrote now, what they quote, what their program signs with.

When it is unsure, it is the customer's: too much costs the model tokens, a lost word costs the customer.
Only the first 200 characters of a line are looked at, so the time is linear.
"""

from __future__ import annotations

import re
from itertools import groupby

from supportbot_email import cards, signatures
from supportbot_email.mail import Address, Span, SpanKind
from supportbot_email.phrases import (
    ABOVE,
    BELOW,
    DATE,
    DEVICE,
    FIRST_PERSON,
    FORWARDED,
    GLUED_DEVICE,
    GLUED_ORIGINAL,
    MAILBOX,
    OTHERS,
    ROLES,
    RULE,
    SEPARATED,
    STARTS,
    TIME,
    WROTE,
)

_PLAIN = dict.fromkeys([0xA0, 0x202F, 0x2009], " ") | dict.fromkeys(
    [0x200B, 0x200E, 0x200F, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)
"""Spaces of all widths are one; marks of direction, which mail programs put around names, are none."""

_NOBODY = Address()
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_QUOTE = re.compile(r"\s{0,3}>")
_INITIALS = re.compile(r"\s{0,6}([A-ZА-Я]{1,4})>(?=\s|$)")
_PIPE = re.compile(r"\s{0,3}\|(?: |$)")
_PROMPT = re.compile(r"\s{0,3}>>> ?[\w(#@\[{]|.*<<<?\s*$")
_TRACE = re.compile(
    r"(?:Return-Path|Received|Delivered-To|Message-ID|DKIM-Signature|X-[\w-]+|MIME-Version): ", re.IGNORECASE
)
_YEAR = re.compile(r"\b(?:19|20)\d\d")
_GLUED = re.compile(r"(.{10,160}<[^<>\s@]{1,64}@[^<>\s]{1,120}>\s?[\w ()]{2,30}[:：])\s{2,}\S.*")
"""Yahoo's mobile program sets the quote's first words behind its attribution, after three spaces."""
_NAMES = re.compile(r"[^<>@]{1,60}<[^<>\s@]{1,64}@[^<>\s]{1,120}>\s?[:：]")
"""Somebody's name and address and nothing else above a quote, as Horde writes it."""
_ENDS_BARE = re.compile(r"\s[^\s<>@]{1,64}@[\w.-]{1,120}\s?[:：]$")
_STAMP = r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4},? \d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?: ?[AP]M| ?Uhr)?"
_DATED = re.compile(rf"\s*{_STAMP}\s*", re.IGNORECASE)
"""A line that is a date and a time."""
_NAMED_DATED = re.compile(rf"[^:?!]{{2,60}}, {_STAMP}:", re.IGNORECASE)
_GROUPWISE = re.compile(
    rf">>> ?\"?[^<>]{{2,60}}(?:<[^<>\s@]{{1,64}}@[^<>\s]{{1,120}}> ?)?,? ?{_STAMP}\s*(?:>>>)?\s*",
    re.IGNORECASE,
)
"""GroupWise sets who wrote it and when between such marks above a quote that has none."""
_NOTES_NAME = re.compile(r"\s*\"?[^\W\d_][^:?!]{1,80}[^.:?!,]\s*")
_SAID = re.compile(r"\bsa(?:id|ys)\b|\bschrieben\b", re.IGNORECASE)
"""What a few programs write, and everybody who tells what somebody said."""
_TO_YOU = re.compile(r"\bschrieben\b", re.IGNORECASE)
"""The Bat! says to the quoted when they wrote, to the minute; customers say so, too, by the day."""
_QUOTE_TAG = re.compile(r"<quote who=.{1,120}>")
_LINK = re.compile(r"[\s(<]*https?://\S+\s*[>)]*\s*>?\s*")
_MAKER = re.compile(r"\b(?:galaxy|samsung)\b", re.IGNORECASE)
_MOST_GLUED = 4_000  # characters of a line in which a glued quote is looked for
_MOST_ABOVE = 400  # lines in which a mail that is passed on is looked for
_MOST_RUNS = 500  # of a customer's lines between quotes that are looked at for a signature
_MOST_JOINED = 6  # lines that "On … wrote:" may be wrapped over


def split(
    text: str, *, forwarded: bool = False, answers: bool = True, writer: Address = _NOBODY
) -> tuple[Span, ...]:
    """The spans of a text; together they are the text. What a forwarded mail passes on is its message.

    Args:
        text: all that can be read of a mail.
        forwarded: its subject says that it passes a mail on.
        answers: it answers a mail, so that what stands below a help desk's marker is that one.
        writer: whom From names.
    """
    lines = _parted(text)
    looked = _looked_at(lines)
    kinds = _Marks(looked, forwarded=forwarded, answers=answers, writer=writer).kinds()
    return tuple(
        Span(kind=kind, text="".join(line for _, line in group))
        for kind, group in groupby(zip(kinds, lines, strict=True), key=lambda pair: pair[0])
    )


def above_forwarded(text: str) -> str:
    """What stands above a mail that is passed on; all of a text that passes none on."""
    lines = _parted(text)
    looked = _looked_at(lines)
    marks = _Marks(looked, forwarded=True)
    above = looked[:_MOST_ABOVE]
    ends = (at for at, line in enumerate(above) if FORWARDED.fullmatch(line) or marks.begins(at))
    return "".join(lines[: next(ends, len(lines))])


def _parted(text: str) -> list[str]:
    """The lines of a text; what Samsung's plain text glues to the letter's last one is one of its own."""
    lines: list[str] = []
    for line in _LINES.findall(text):
        start = _glued(line[:_MOST_GLUED]) if "--------" in line else -1
        if start < 0:
            lines.append(line)
            continue
        above = line[:start] if start else (lines.pop() if lines else "")
        device = _glued_device(above)
        lines += [piece for piece in (above[:device], above[device:], line[start:]) if piece]
    return lines


def _glued(line: str) -> int:
    """Where the header of a quote begins that stands in one line with what it quotes, or -1."""
    found = GLUED_ORIGINAL.search(line)
    return found.start() if found and ROLES.get(found["word"].strip().casefold()) == "from" else -1


def _glued_device(line: str) -> int:
    """Where "Sent from my Galaxy" begins behind a line's last word, or 0."""
    end = line.rstrip()
    start = max(0, len(end) - 80)
    found = (start + one.start() for one in GLUED_DEVICE.finditer(end[start:]))
    return next((at for at in found if DEVICE.fullmatch(end[at:]) and _MAKER.search(end[at:])), 0)


def _looked_at(lines: list[str]) -> list[str]:
    """What of each line is looked at; QQ Mail writes spaces of HTML into plain text, too.

    The Bat! and some older programs set initials before the mark of a quote: below the line that says who
    wrote it, such lines are looked at without.
    """
    looked = [line[:200].rstrip("\n").replace("&nbsp;", " ").translate(_PLAIN) for line in lines]
    initials, wrote = "", -1
    for at, line in enumerate(looked):
        if line.rstrip().endswith((":", "：")) and WROTE.search(line):
            wrote = at
        elif (marked := _INITIALS.match(line)) and (marked[1] == initials or 0 <= wrote >= at - 2):
            initials = marked[1]
            looked[at] = line[marked.end() - 1 :]
    return looked


class _Marks:
    """The kind of each line of one text."""

    def __init__(
        self, lines: list[str], *, forwarded: bool, answers: bool = True, writer: Address = _NOBODY
    ) -> None:
        self._lines = lines
        self._forwarded = forwarded
        self._answers = answers
        self._writer = writer
        self._kinds: list[SpanKind] = ["reply"] * len(lines)
        self._quoted = False
        """Something has been quoted so far."""

    def kinds(self) -> list[SpanKind]:
        self._quotes()
        self._signatures()
        if not self._has("reply") and not self._has("signature"):
            return ["reply"] * len(self._lines)
        return self._kinds

    def begins(self, at: int) -> bool:
        """Whether a header as Outlook writes it begins at a line."""
        return self._from_block(at) > 0

    def _has(self, kind: SpanKind, end: int | None = None) -> bool:
        pairs = zip(self._kinds[:end], self._lines[:end], strict=True)
        return any(one == kind and line.strip() for one, line in pairs)

    def _mark(self, start: int, end: int, kind: SpanKind) -> None:
        self._kinds[start:end] = [kind] * (end - start)
        self._quoted = self._quoted or (kind == "quoted" and end > start)

    # quotes

    def _quotes(self) -> None:
        at, written, attributed = 0, False, False
        before = False  # what ``written`` was above the last line
        while at < len(self._lines):
            line = self._lines[at]
            if not line.strip():
                at += 1
            elif FORWARDED.fullmatch(line):
                return
            elif _GROUPWISE.fullmatch(line) and written and not self._forwarded:
                self._mark(at, len(self._lines), "quoted")
                return
            elif _QUOTE.match(line):
                if not attributed and (first := self._introduction(at)) < at:
                    self._mark(first, at, "quoted")
                    written, attributed = before, True
                at, kept = self._block(at, attributed=attributed, written=written)
                written, attributed = written or kept, False
            elif header := self._header(at):
                end, sure = header
                below = self._next(end)
                marked = below < len(self._lines) and bool(_QUOTE.match(self._lines[below]))
                if (piped := self._piped(end)) > end:
                    self._mark(at, piped, "quoted")
                    at = piped
                    continue
                if marked or not sure:
                    self._mark(at, end if marked else at, "quoted")
                    written = written or not marked
                elif written and not self._forwarded and not self._answers_below(at):
                    self._mark(at, len(self._lines), "quoted")
                    return
                else:
                    return
                at, attributed = end, marked
            else:
                before, written, attributed, at = written, True, False, at + 1

    def _block(self, start: int, *, attributed: bool, written: bool) -> tuple[int, bool]:
        """Mark the quote that begins here; its end, and whether it was kept as the customer's own."""
        end = self._block_end(start)
        lines = [line for line in self._lines[start:end] if line.strip()]
        after = self._next(end) < len(self._lines)
        first = self._lines[start].strip(" >")
        attributed = attributed or _is_attribution(first, wrapped=False) or bool(SEPARATED.fullmatch(first))
        attributed = attributed or self._from_block(start) > 0
        own = not attributed and (
            all(_PROMPT.match(line) for line in lines)
            or (written and after and not self._quoted_again(end) and not self._has("quoted", start))
            or (len(lines) == 1 and written and not self._quoted and bool(self._lines[start - 1].strip()))
        )
        if not own:
            self._mark(start, end, "quoted")
        return end, own

    def _block_end(self, at: int) -> int:
        """Where the quote ends: blank lines and bare links between quoted lines belong to it."""
        end = at
        while at < len(self._lines):
            line = self._lines[at]
            if _QUOTE.match(line):
                end = at + 1
            elif line.strip() and not _LINK.fullmatch(line):
                break
            at += 1
        return end

    def _quoted_again(self, at: int) -> bool:
        return any(_QUOTE.match(line) for line in self._lines[at : at + 200])

    def _piped(self, at: int) -> int:
        """Where lines with a bar before them end, as some programs quote; here when there are none."""
        end = at
        while at < len(self._lines) and (not self._lines[at].strip() or _PIPE.match(self._lines[at])):
            at += 1
            end = at if self._lines[at - 1].strip() else end
        return end

    def _next(self, at: int) -> int:
        while at < len(self._lines) and not self._lines[at].strip():
            at += 1
        return at

    # headers of quotes

    def _header(self, at: int) -> tuple[int, bool] | None:
        """The end of the quote's header that begins here, and whether it is sure without `>` below it."""
        line = self._lines[at]
        start = at
        if ABOVE.fullmatch(line):
            return (at + 1, True) if self._answers else None
        if _glued(line) == 0:
            return at + 1, True
        if SEPARATED.fullmatch(line):
            apart = at == 0 or not self._lines[at - 1].strip() or line.startswith("------")
            return at + 1, apart or self._from_block(self._next(at + 1)) > 0
        if RULE.fullmatch(line):
            start = self._next(at + 1)
        block = self._from_block(start) or self._notes_block(start)
        if block:
            return block, True
        if start == at and (glued := _GLUED.fullmatch(line)) and _is_attribution(glued[1], wrapped=False):
            return at + 1, True
        return self._attribution(at) if start == at else None

    def _from_block(self, at: int) -> int:
        """The end of an Outlook header block, or 0. A traveller's "From: Berlin, To: Paris" is none.

        Nor are the headers of a mail that a customer shows: they have more above them than programs write.
        """
        if at > 0 and _TRACE.match(self._lines[at - 1]):
            return 0
        roles: dict[str, str] = {}
        end, blanks = at, 0
        for number in range(at, min(at + 14, len(self._lines))):
            role, value = _role(self._lines[number])
            if role and role not in roles:
                roles[role], end, blanks = value, number + 1, 0
            elif not self._lines[number].strip():
                blanks += 1
            elif blanks or number == at:
                break
            if blanks > 1:
                break
        return end if _is_header(roles) else 0

    def _notes_block(self, at: int) -> int:
        """The end of a header of Lotus Notes, or 0: a name, a date, then whom it went to and its subject."""
        dated = self._next(at + 1)
        if dated >= min(at + 4, len(self._lines)) or not _DATED.fullmatch(self._lines[dated]):
            return 0
        if not _NOTES_NAME.fullmatch(self._lines[at]):
            return 0
        found = dict[str, int]()
        for number in range(dated + 1, min(dated + 16, len(self._lines))):
            bare = self._lines[number].strip()
            word = bare.partition(":")[0].rstrip()
            if role := ROLES.get(word.casefold()):
                found.setdefault(role, number)
        return found["subject"] + 1 if {"to", "subject"} <= set(found) else 0

    def _attribution(self, at: int) -> tuple[int, bool] | None:
        joined = ""
        for end in range(at + 1, min(at + _MOST_JOINED, len(self._lines)) + 1):
            line = self._lines[end - 1].strip()
            open_address = joined.count("<") > joined.count(">")
            if not line or (end > at + 1 and _QUOTE.match(line) and not open_address):
                return None
            joined = f"{joined} {line}".strip()
            if len(joined) > 400:
                return None
            if _is_attribution(joined, wrapped=end > at + 1):
                later = any(self._attribution_ends(inner, end) for inner in range(at + 1, end))
                return None if later else (end, _is_sure(joined))
        return None

    def _introduction(self, at: int) -> int:
        """Where the words begin that introduce this quote without being a header of it; else here."""
        above = at - 1
        while above >= max(0, at - 3) and not self._lines[above].strip():
            above -= 1
        if above < max(0, at - 3) or self._kinds[above] == "quoted":
            return at
        line = self._lines[above].strip()
        named = MAILBOX.search(line) and DATE.search(line) and line.endswith((">", ")", "]:", "]"))
        named = named or bool(_NAMED_DATED.fullmatch(line) or _QUOTE_TAG.fullmatch(line))
        named = named or bool(_NAMES.fullmatch(line) or (_ENDS_BARE.search(line) and DATE.search(line)))
        said = line.endswith((":", "：")) and WROTE.search(line) and not OTHERS.search(line)
        if said and not named:
            apart = above == self._next(0) or not self._lines[above - 1].strip()
            outer = above == self._next(0) or self._next(self._block_end(at)) == len(self._lines)
            said = apart and outer and len(line.split()) <= 8
        return above if named or said else at

    def _answers_below(self, at: int) -> bool:
        """Whether the customer says that the answers stand in the flat quote below: nobody can part them."""
        said = " ".join(line.strip() for line in self._lines[:at]).strip()
        return len(said) <= 400 and bool(BELOW.search(said))

    def _attribution_ends(self, at: int, end: int) -> bool:
        joined = " ".join(line.strip() for line in self._lines[at:end])
        above = self._lines[at - 1]
        other = not ("<" in above or DATE.search(above) or MAILBOX.search(above) or STARTS.match(above))
        begins = STARTS.match(joined) or (other and DATE.search(joined) and TIME.search(joined))
        return bool(begins) and _is_attribution(joined, wrapped=False)

    def _signatures(self) -> None:
        """Sign off each run of the customer's lines; a signature ends at the next quote or with the text."""
        pairs = zip(self._kinds, self._lines, strict=True)
        quoted = "\n".join(line.lstrip("> ") for kind, line in pairs if kind == "quoted" and "@" not in line)
        asked = cards.asked_for(quoted)
        start, runs = 0, 0
        for kind, group in groupby(list(self._kinds)):
            end = start + len(list(group))
            if kind == "reply" and (runs := runs + 1) <= _MOST_RUNS:
                begins = start + signatures.begin(self._lines[start:end], writer=self._writer, asked=asked)
                self._mark(begins, end, "signature")
            start = end


def _role(line: str) -> tuple[str, str]:
    bare = line.strip(" \t*>").replace("*", "").replace("：", ":")
    word, colon, value = bare.partition(":")
    return (ROLES.get(word.strip().casefold(), "") if colon else ""), value.strip()


def _is_header(roles: dict[str, str]) -> bool:
    first = next(iter(roles), "")
    if "from" not in roles or len(roles) < 2 or (first not in {"from", "sent", "subject"} and len(roles) < 4):
        return False
    if not roles["from"] or not {"sent", "subject"} & set(roles):  # "From: …, To: …" people write
        return False
    dated = bool(TIME.search(roles.get("sent", "")) or _YEAR.search(roles.get("sent", "")))
    known = MAILBOX.search(roles["from"]) or (dated and MAILBOX.search(roles.get("to", "")))
    return bool(known) or (dated and "subject" in roles)


def _is_attribution(joined: str, *, wrapped: bool) -> bool:
    bare = joined.rstrip("* _-")
    ends = bare.endswith((":", "："))
    if not (ends or joined.endswith("--") or bare.endswith("wrote")) or FIRST_PERSON.match(joined):
        return False
    if _is_dashed(joined):
        return True
    if _TO_YOU.search(joined) and not TIME.search(joined):
        return False
    placed = bool(DATE.search(joined) or MAILBOX.search(joined))
    if WROTE.search(joined) and placed:
        return bool(STARTS.match(joined)) or not wrapped or bool(re.match(r"[^ ].{0,80}(?:<|\d)", joined))
    addressed = ends and bare[:-1].rstrip().endswith((">", ">)")) and MAILBOX.search(joined[-120:])
    return bool(addressed and DATE.search(joined) and TIME.search(joined))


def _is_dashed(joined: str) -> bool:
    return bool(re.fullmatch(r"-{2,} ?.{2,150} ?-{2,}", joined) and WROTE.search(joined))


def _is_sure(joined: str) -> bool:
    return _is_dashed(joined) or (
        not _SAID.search(joined)
        and bool(DATE.search(joined))
        and bool(MAILBOX.search(joined) or (TIME.search(joined) and STARTS.match(joined)))
    )
