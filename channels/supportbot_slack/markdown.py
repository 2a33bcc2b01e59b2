"""What a model wrote, as Slack may show it: standard Markdown that pings nobody and hides nothing.

Slack takes standard Markdown (``markdown`` blocks, ``markdown_text``), but in any text of a message
``<…>`` is its own: ``<!channel>`` calls everybody, ``<https://evil|our page>`` is a link in disguise
(https://docs.slack.dev/messaging/formatting-message-text). So ``& < >`` are escaped, and a link whose words
are not its target is written out: words, then the target.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_QUOTE = re.compile(r"(?: {0,3}> ?)+")
_LINK = re.compile(
    r'!?\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(\s*<?([^\s<>()]*(?:\([^\s()]*\)[^\s<>()]*)*)>?(?:\s+["\'(][^)]*)?\)'
)
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^\s<>|]+)>")
_DEFINITION = re.compile(r"( {0,3})\[(?=[^\]]+\]:)")
_SLACKS_OWN = re.compile(r"<(?=[!@#]|[a-zA-Z][a-zA-Z+.-]*:)")
_FOREIGN_HOST = re.compile(r"(https?://)([^\s/?#]*[^\x00-\x7f\s/?#][^\s/?#]*)")
_UNSEEN = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
_SENTENCE = re.compile(r"[.!?…。！？]['\")\]]*\s")


def safe(text: str) -> str:
    """Return Markdown that Slack shows as the reader should see it; a code fence left open is closed."""
    lines: list[str] = []
    fence = ""
    for line in _UNSEEN.sub("", text).split("\n"):
        found = _FENCE.fullmatch(line)
        if fence:
            lines.append(_in_code(line))
            fence = "" if found and _closes(fence, found) else fence
        elif found and not (found[1][0] == "`" and "`" in found[2]):
            fence = found[1]
            lines.append(_in_code(line))
        else:
            lines.append(_in_text(line))
    if fence:
        lines.append(fence)
    return "\n".join(lines)


def escaped(text: str) -> str:
    """Return plain words as Slack's ``text`` and ``mrkdwn`` take them."""
    return _UNSEEN.sub("", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def settled(text: str) -> str:
    """Return the beginning of a text still being written whose ``safe`` form will not change any more."""
    begin = text.rfind("\n") + 1
    end = text.rfind(" ") + 1
    if end <= begin:
        return text[:begin]
    tail = text[begin:end]
    opened = min((at for at in (tail.find("["), tail.find("<"), _lone_tick(tail)) if at >= 0), default=-1)
    return text[: begin + opened] if opened >= 0 else text[:end]


def split(text: str, limit: int) -> list[str]:
    """Cut safe Markdown into parts of ``limit`` characters at most, at paragraphs, lines, sentences, words.

    A code block that is cut is closed at the end of a part and opened again in the next.
    """
    parts: list[str] = []
    rest, opener = text.strip("\n"), ""
    while True:
        piece = f"{opener}\n{rest}" if opener else rest
        if len(piece) <= limit:
            parts.append(piece)
            return parts
        cut = _cut(piece, limit - 8, at_least=len(opener) + 1)
        head, rest = piece[:cut].rstrip(), piece[cut:].lstrip("\n" if opener else " \n")
        opener = _open_fence(head)
        if opener:
            head += "\n" + _FENCE.fullmatch(opener)[1]  # type: ignore[index]  # it is a fence
        parts.append(head)


def _closes(fence: str, found: re.Match[str]) -> bool:
    return found[1][0] == fence[0] and len(found[1]) >= len(fence) and not found[2].strip()


def _in_code(line: str) -> str:
    """Nothing in code is Markdown, and Slack's own ``<…>`` must not be Slack's."""
    return _SLACKS_OWN.sub("&lt;", line)


def _in_text(line: str) -> str:
    quote = _QUOTE.match(line)
    begin = quote[0] if quote else ""
    return begin + "".join(_spans(_DEFINITION.sub(r"\1\\[", line[len(begin) :])))


def _spans(line: str) -> Iterator[str]:
    at = 0
    for code in _CODE_SPAN.finditer(line):
        yield _words(line[at : code.start()])
        yield _in_code(code[0])
        at = code.end()
    yield _words(line[at:])


def _words(text: str) -> str:
    text = _AUTOLINK.sub(r"\1", text)
    text = _LINK.sub(_written_out, text).replace("](", "] (")
    text = _FOREIGN_HOST.sub(_ascii_host, text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _written_out(link: re.Match[str]) -> str:
    words, target = link[1].strip(), link[2]
    if not target or words in {target, target.removeprefix("https://").removesuffix("/")}:
        return target or words
    return f"{words} ({target})" if words else target


def _ascii_host(url: re.Match[str]) -> str:
    """Show a host for what it is: look-alike letters become their ASCII form (RFC 3492)."""
    try:
        return url[1] + url[2].encode("idna").decode()
    except UnicodeError:
        return url[1] + url[2].encode("ascii", "replace").decode()


def _lone_tick(text: str) -> int:
    """Return where a code span begins that has not ended; -1 when there is none."""
    without = _CODE_SPAN.sub(lambda code: "x" * len(code[0]), text)
    return without.find("`")


def _cut(text: str, limit: int, *, at_least: int) -> int:
    """Return where to cut: the last good place within ``limit``, not before half of it if that can be."""
    half = max(at_least, limit // 2)
    for mark in ("\n\n", "\n"):
        at = text.rfind(mark, half, limit)
        if at >= 0:
            return at + len(mark)
    sentences = [found.end() for found in _SENTENCE.finditer(text, half, limit)]
    if sentences:
        return sentences[-1]
    at = text.rfind(" ", half, limit)
    if at >= 0:
        return at + 1
    entity = text.rfind("&", limit - 6, limit)  # not through the middle of &amp;
    return entity if entity > at_least and ";" not in text[entity:limit] else limit


def _open_fence(text: str) -> str:
    """Return the line that opened the code block which is still open at the text's end; else nothing."""
    fence = line_of = ""
    for line in text.split("\n"):
        found = _FENCE.fullmatch(line)
        if found is None:
            continue
        if fence:
            fence, line_of = ("", "") if _closes(fence, found) else (fence, line_of)
        elif not (found[1][0] == "`" and "`" in found[2]):
            fence, line_of = found[1], line
    return line_of
