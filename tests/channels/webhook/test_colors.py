"""A website's colour, made readable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from supportbot_webhook.colors import contrast, on_color, readable
from supportbot_webhook.pages import GROUNDS

STYLE = Path(__file__).parents[3] / "channels/supportbot_webhook/widget/src/chat/chat.css"


def _luminance(color: str) -> float:
    """By the letter of WCAG 2.2, for comparison."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("color", "text"),
    [("#ffffff", "#000000"), ("#000000", "#ffffff"), ("#0f766e", "#ffffff"), ("#ffcc00", "#000000")],
)
def test_words_can_be_read_on_any_colour(color: str, text: str) -> None:
    """WCAG 2.2: black or white, whichever has more contrast."""
    assert text == on_color(color)


@pytest.mark.parametrize("ground", GROUNDS.values())
@pytest.mark.parametrize(
    "color", ["#000000", "#ffffff", "#0f766e", "#ffcc00", "#ff0000", "#0000ff", "#777777"]
)
def test_words_can_be_read_in_any_colour(color: str, ground: str) -> None:
    """A colour that is too near to its ground is moved away from it, as far as it must and no further."""
    shown = readable(color, ground)
    assert contrast(_luminance(shown), _luminance(ground)) >= 4.5
    if contrast(_luminance(color), _luminance(ground)) >= 4.6:
        assert color == shown


def test_the_grounds_are_those_of_the_style() -> None:
    """Links lie on what chat.css calls soft, by day and in the dark."""
    found = re.findall(r"--sb-soft: (#[0-9a-f]{6})", STYLE.read_text("utf-8"))
    assert {GROUNDS["light"], GROUNDS["dark"]} == set(found)
