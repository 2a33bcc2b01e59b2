"""The text a reader of an HTML mail sees: blocks on lines of their own, quotes with `>`, nothing hidden."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from selectolax.lexbor import LexborHTMLParser

from supportbot_email.looks import Look, look, style_sheet

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

MOST_BYTES = 1024 * 1024
_MOST_NODES = 60_000
_MOST_DEPTH = 400
_MOST_TAGS = 40_000
_DROPPED = frozenset(
    {
        "script",
        "style",
        "template",
        "head",
        "title",
        "noscript",
        "svg",
        "math",
        "object",
        "iframe",
        "embed",
        "select",
        "textarea",
        "button",
        "video",
        "audio",
        "canvas",
        "datalist",
        "dialog",
        "noframes",
        "noembed",
        "form-data",
        "meta",
        "link",
        "-comment",
        "_comment",
    }
)
_BLOCKS = frozenset(
    {
        "p",
        "div",
        "table",
        "tr",
        "ul",
        "ol",
        "li",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "blockquote",
        "pre",
        "section",
        "article",
        "header",
        "footer",
        "hr",
        "address",
        "center",
        "dl",
        "dt",
        "dd",
        "form",
        "fieldset",
    }
)
_DIVIDERS = frozenset(
    {"divRplyFwdMsg", "x_divRplyFwdMsg", "mail-editor-reference-message-container", "stopSpelling", "zwchr"}
)
_DIVIDING_CLASSES = frozenset({"yahoo_quoted", "OutlookMessageHeader", "ms-outlook-mobile-reference-message"})
_OUTLOOK_LINE = re.compile(
    r"border-top(?:-color)?: ?(?:solid )?(?:#(?:e1e1e1|b5c4df)|rgb\(229, ?229, ?229\))", re.IGNORECASE
)
"""The line above the header of the mail that Outlook or Windows Mail quotes."""
_QUOTING = frozenset({"gmail_quote", "protonmail_quote", "zmail_extra"})
_LONGEST_ATTRIBUTION = 300
_ATTRIBUTIONS = frozenset({"gmail_attr", "moz-cite-prefix"})
_LINE = "_" * 32
DIVIDER = "-----Original Message-----"
"""What stands for it in the text, whatever language the quote's header is in."""
_PARAGRAPHS = frozenset({"p", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "table"})


def to_text(markup: str) -> str:
    """The visible text. Nothing is loaded. Markup too large or too deep is stripped of its tags instead."""
    markup = markup[:MOST_BYTES]
    if markup.count("<") > _MOST_TAGS:
        return _stripped(markup)
    tree = LexborHTMLParser(markup)
    walker = _Walker(style_sheet(tree))
    if tree.body is not None and not walker.walk(tree.body):
        return _stripped(markup)
    return walker.text()


def _is_divider(node: LexborNode) -> bool:
    """Whether a program marks here where the mail begins that is answered or passed on."""
    if node.tag not in {"div", "hr"}:
        return False
    marks = node.attributes
    if marks.get("id") in _DIVIDERS or marks.get("name") == "quote":
        return True
    if node.tag == "hr":
        above = node.prev
        while above is not None and above.tag in {"br", "-text"} and not (above.text_content or "").strip():
            above = above.prev
        return above is not None and above.attributes.get("id") == "appendonsend"
    if _DIVIDING_CLASSES & {*(marks.get("class") or "").split()}:
        return True
    return bool(_OUTLOOK_LINE.search((marks.get("style") or "")[:500])) and len(node.css("b")) > 1


def _introduces(children: list[LexborNode], node: LexborNode) -> int:
    """How many of a quoting block's children say who wrote the quote; a reply may stand below it."""
    if node.tag != "div" or not _QUOTING & {*(node.attributes.get("class") or "").split()}:
        return 0
    at = next((number for number, child in enumerate(children) if child.tag == "blockquote"), 0)
    text = " ".join((child.text_content or child.text() or "").strip() for child in children[:at]).strip()
    says = len(text) <= _LONGEST_ATTRIBUTION and (text.endswith((":", "-", "：", ">")) or "@" in text)
    return at if says and not any(map(_is_attribution, children[:at])) else 0


def _is_attribution(node: LexborNode) -> bool:
    """Whether a program says here who wrote what it quotes next, in whatever language."""
    names = (node.attributes.get("class") or "").split() if node.tag == "div" else ()
    if not _ATTRIBUTIONS & {*names}:
        return False
    below = node.next
    while below is not None and below.tag in {"br", "-text"} and not (below.text_content or "").strip():
        below = below.next
    return below is not None and below.tag == "blockquote"


def _stripped(markup: str) -> str:
    """The text between the tags, when walking them would take too long."""
    text = re.sub(r"<[^<>]{0,1000}>", " ", markup)
    return re.sub(r"\s+", " ", text).strip()[:100_000]


_Step = tuple["LexborNode | None", str, int, bool, Look]
"""A node to open, or none and the tag to close; its depth; whether blanks count; how it looks around it."""


class _Walker:
    """Collects lines in one pass without recursion."""

    def __init__(self, sheet: dict[int, str]) -> None:
        self._sheet = sheet
        self._lines: list[tuple[int, str]] = []
        self._words: list[str] = []
        self._quotes = 0

    def walk(self, root: LexborNode) -> bool:
        """Whether all of it was within the limits."""
        stack: list[_Step] = [(root, "", 0, False, Look())]
        seen = 0
        while stack:
            node, closing, depth, pre, around = stack.pop()
            if node is None:
                self._close(closing)
                continue
            seen += 1
            if seen > _MOST_NODES or depth > _MOST_DEPTH:
                return False
            tag = node.tag or ""
            if tag == "-text":
                if around.seen:
                    self._add(node.text_content or "", pre=pre)
            elif tag in _DROPPED or tag.startswith(("-", "!")):
                continue
            elif inside := look(node, around, self._sheet):
                self._open(tag)
                if _is_divider(node):
                    self._divide()
                elif _is_attribution(node):
                    self._quotes += 1
                    tag = "-attribution"
                stack.append((None, tag, depth, pre, around))
                children = list(node.iter(include_text=True))
                below: list[_Step] = [
                    (child, "", depth + 1, pre or tag == "pre", inside) for child in children
                ]
                if introduced := _introduces(children, node):
                    self._quotes += 1
                    below.insert(introduced, (None, "-attribution", depth, pre, around))
                stack += reversed(below)
        return True

    def _divide(self) -> None:
        self._break()
        if any(line == DIVIDER for _, line in self._lines[-3:]):
            return
        if self._lines and self._lines[-1][1] == _LINE:
            self._lines.pop()
        self._lines += [(self._quotes, ""), (self._quotes, DIVIDER)]

    def text(self) -> str:
        self._break()
        lines = [("> " * depth + line).rstrip() for depth, line in self._lines]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")

    def _open(self, tag: str) -> None:
        if tag == "br":
            self._break(always=True)
        elif tag in _BLOCKS:
            self._break()
        if tag == "blockquote":
            self._quotes = min(self._quotes + 1, 20)
        elif tag == "li":
            self._words.append("- ")
        elif tag == "hr":
            self._lines.append((self._quotes, _LINE))
        elif tag in {"td", "th"} and self._words:
            self._words.append(" ")

    def _close(self, tag: str) -> None:
        if tag in _BLOCKS or tag == "-attribution":
            self._break()
        if tag in {"blockquote", "-attribution"}:
            self._quotes = max(0, self._quotes - 1)
        if tag in _PARAGRAPHS and self._lines and self._lines[-1][1]:
            self._lines.append((self._quotes, ""))

    def _add(self, text: str, *, pre: bool) -> None:
        if not pre:
            self._words.append(re.sub(r"[ \t\r\n\f]+", " ", text))
            return
        first, *rest = text.split("\n")
        self._words.append(first)
        for line in rest:
            self._break(always=True)
            self._words.append(line)

    def _break(self, *, always: bool = False) -> None:
        line = re.sub(r"  +", " ", "".join(self._words)).strip(" ")
        self._words.clear()
        if line or always:
            self._lines.append((self._quotes, line))
