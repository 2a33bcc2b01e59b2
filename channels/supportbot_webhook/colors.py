"""A website's colour, and what can be read on it and in it: by the contrast of WCAG 2.2, section 1.4.3."""

from __future__ import annotations

_READABLE = 4.6
"""The contrast that text is given: 4.5 is asked for, and a colour is rounded to whole numbers."""
_STEPS = 20


def on_color(color: str) -> str:
    """Return black or white, whichever reads better on a colour (``#`` and six digits): at least 4.58:1."""
    luminance = _luminance(_parts(color))
    return "#ffffff" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#000000"


def readable(color: str, ground: str) -> str:
    """Return a colour, moved towards white or black until text in it can be read on ``ground``."""
    back = _luminance(_parts(ground))
    to = 0.0 if back > 0.4 else 1.0
    parts = _parts(color)
    for _ in range(_STEPS):
        if contrast(_luminance(parts), back) >= _READABLE:
            break
        parts = tuple(part + (to - part) * 0.12 for part in parts)
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts)


def contrast(one: float, other: float) -> float:
    """Return the contrast of two relative luminances: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    dark, light = sorted((one, other))
    return (light + 0.05) / (dark + 0.05)


def _parts(color: str) -> tuple[float, ...]:
    """Return a colour's red, green and blue, each of 0 to 1."""
    return tuple(int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))


def _luminance(parts: tuple[float, ...]) -> float:
    """Return the relative luminance: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
