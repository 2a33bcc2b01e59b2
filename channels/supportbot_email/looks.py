"""What a reader would not see of an HTML mail: words without size, without contrast, or switched off.

Only what a mail says of itself counts, in attributes, in ``style`` and in simple rules of its style sheets; a
rule for some screens only (``@media``) hides nothing here, because on the others the words are there.
"""

from __future__ import annotations

import re
from colorsys import hls_to_rgb
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selectolax.lexbor import LexborHTMLParser, LexborNode

Colour = tuple[int, int, int]

_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_NAMED: dict[str, Colour] = {
    "white": _WHITE, "black": _BLACK, "snow": (255, 250, 250), "ivory": (255, 255, 240),
    "azure": (240, 255, 255), "mintcream": (245, 255, 250), "floralwhite": (255, 250, 240),
    "aliceblue": (240, 248, 255), "seashell": (255, 245, 238), "honeydew": (240, 255, 240),
    "ghostwhite": (248, 248, 255), "whitesmoke": (245, 245, 245), "red": (255, 0, 0), "green": (0, 128, 0),
    "blue": (0, 0, 255), "navy": (0, 0, 128), "gray": (128, 128, 128), "grey": (128, 128, 128),
    "silver": (192, 192, 192), "yellow": (255, 255, 0), "orange": (255, 165, 0), "purple": (128, 0, 128),
    "teal": (0, 128, 128), "maroon": (128, 0, 0), "darkblue": (0, 0, 139), "darkred": (139, 0, 0),
    "darkgreen": (0, 100, 0), "lightgray": (211, 211, 211), "lightgrey": (211, 211, 211),
}  # fmt: skip
_HEX = re.compile(r"#?(?:([0-9a-f]{6})(?:[0-9a-f]{2})?|([0-9a-f]{3})[0-9a-f]?)")
_HSL = re.compile(r"hsla?\((\d{1,3})(?:deg)?,(\d{1,3})%?,(\d{1,3})%?(?:,(0?\.?\d+))?\)")
_RGB = re.compile(r"rgba?\((\d{1,3}),(\d{1,3}),(\d{1,3})(?:,(0?\.?\d+))?\)")
_COLOUR = re.compile(r"#[0-9a-f]{3,8}\b|(?:rgb|hsl)a?\([\d.,%deg]{5,30}\)|[a-z]{3,20}")
_SAME = 24
"""Two colours are one to the eye if no channel differs by more, of 255."""

_OFF = re.compile(
    r"display:none|visibility:(?:hidden|collapse)|opacity:0(?:\.0+)?(?:;|$)|mso-hide:all"
    r"|(?:^|;)(?:max-)?(?:height|width):[01](?:px)?(?:;|$)"
    r"|(?:left|top|text-indent):-\d{3,}|clip:rect\(0|clip-path:(?:inset\((?:[5-9]\d|100)%|circle\(0)"
    r"|transform:scale\(0(?:[,)]|\.0)|text-fill-color:transparent"
)
_SIZE = re.compile(
    r"(?:^|;)font(?:-size)?:(?:[^;]{0,60}?[^\d.;#])??(\d{0,4}\.?\d{1,4})(px|pt|em|rem|%)?(?![\w.])"
)
_SMALLEST = {"px": 1.0, "pt": 1.0, "em": 0.1, "rem": 0.1, "%": 10.0, "": 0.0}
"""What is no larger cannot be read."""

_COMMENT = re.compile(r"/\*[^*]{0,5000}\*+/|<!--|-->")
_SELECTOR = re.compile(r"[\w*.#-]{1,60}(?:[ >]{1,3}[\w*.#-]{1,60}){0,3}")
_SAYS = re.compile(
    r"(?:color|background|display|visibility|opacity|font|hide|height|width|left|top|indent|clip)"
)
_MOST_RULES = 100
_MOST_STYLED = 20_000
"""Nodes that the rules apply to, together; those beyond change nothing."""


@dataclass(frozen=True, slots=True)
class Look:
    """How words look at some place: inherited, until something in between says otherwise."""

    colour: Colour = _BLACK
    ground: Colour = _WHITE
    readable: bool = True
    """The letters have a size."""

    @property
    def seen(self) -> bool:
        """Whether a reader can see words that look so."""
        return self.readable and any(
            abs(one - other) > _SAME for one, other in zip(self.colour, self.ground, strict=True)
        )


def look(node: LexborNode, around: Look, sheet: dict[int, str]) -> Look | None:
    """How words in a node look; None when nothing in it is shown at all."""
    attributes, style = node.attributes, sheet.get(node.mem_id, "")
    if not attributes and not style:  # as most are, of those that there may be a hundred thousand
        return around
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return None
    ground = colour(_squeezed(attributes.get("bgcolor")))
    written = colour(_squeezed(attributes.get("color") or attributes.get("text")))
    found = around
    if ground or written:
        found = replace(around, ground=ground or around.ground, colour=written or around.colour)
    style += _squeezed(attributes.get("style"))
    return _styled(style, found) if style else found


def _styled(style: str, found: Look) -> Look | None:
    if _OFF.search(style):
        return None
    for declaration in style.split(";")[:100]:
        name, _, value = declaration.partition(":")
        if name == "color":
            shown = found.ground if value == "transparent" else colour(value)
            found = replace(found, colour=shown or found.colour)
        elif name in {"background", "background-color"}:
            colours = map(colour, _COLOUR.findall(re.sub(r"url\([^)]*\)", "", value)))
            found = replace(found, ground=next(filter(None, colours), found.ground))
    if size := _SIZE.search(style):
        found = replace(found, readable=float(size[1]) > _SMALLEST[size[2] or ""])
    return found


def colour(value: str) -> Colour | None:
    """Return a colour as CSS and HTML write it, without spaces; None for one that is not known, or none."""
    if value in _NAMED:
        return _NAMED[value]
    if (rgb := _RGB.fullmatch(value)) and (rgb[4] is None or float(rgb[4]) > 0):
        return min(255, int(rgb[1])), min(255, int(rgb[2])), min(255, int(rgb[3]))
    if (hsl := _HSL.fullmatch(value)) and (hsl[4] is None or float(hsl[4]) > 0):
        red, green, blue = hls_to_rgb(int(hsl[1]) / 360, min(1, int(hsl[3]) / 100), min(1, int(hsl[2]) / 100))
        return round(255 * red), round(255 * green), round(255 * blue)
    if not (found := _HEX.fullmatch(value)):
        return None
    digits = found[1] or "".join(digit * 2 for digit in found[2])
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def style_sheet(tree: LexborHTMLParser) -> dict[int, str]:
    """What the simple rules of a mail's own style sheets say of its nodes, by their ids."""
    rules = _rules("".join(node.text() for node in tree.css("style")[:20])[:100_000])
    sheet: dict[int, str] = {}
    left = _MOST_STYLED
    for selector, style in islice(rules, _MOST_RULES):
        nodes = tree.css(selector)
        left -= len(nodes)
        if left < 0:
            break
        for node in nodes:
            sheet[node.mem_id] = f"{sheet.get(node.mem_id, '')}{style};"[:4_000]
    return sheet


def _rules(text: str) -> Iterator[tuple[str, str]]:
    """Yield the rules whose selector is simple, one for each selector, outside of ``@media`` and its like."""
    for head, body in _blocks(_COMMENT.sub("", text)):
        style = _squeezed(body)
        if head.startswith("@") or not _SAYS.search(style):
            continue
        for selector in head[:1_000].split(","):
            if _SELECTOR.fullmatch(selector.strip()):
                yield selector.strip(), style


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield what stands before and between the outermost braces."""
    depth, start, head, body = 0, 0, "", 0
    for found in re.finditer(r"[{};]", text):
        if found[0] == "{":
            if not depth:
                head, body = text[start : found.start()].strip(), found.end()
            depth += 1
        elif found[0] == "}":
            if depth == 1:
                yield head, text[body : found.start()]
            depth = max(0, depth - 1)
        if not depth:
            start = found.end()


def _squeezed(value: str | None) -> str:
    """Return a style without spaces; where they part numbers, a comma does, as it did before CSS 4."""
    if not value:
        return ""
    parted = re.sub(r"(?<=[\d%])\s{1,20}(?:/\s{0,20})?(?=[\d.])", ",", value[:2000])
    return re.sub(r"\s+|!important", "", parted).lower()
