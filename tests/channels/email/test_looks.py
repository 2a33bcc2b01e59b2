"""What a reader would see of an HTML mail: the customer's words, and no others."""

from __future__ import annotations

import pytest

from supportbot_email.html import to_text

SEEN = {
    "white on a coloured parent": '<div style="background:#1a4b8c"><p style="color:#fff">word</p></div>',
    "white on a coloured cell": '<table><td bgcolor="#003366"><font color="white">word</font></table>',
    "white on itself": '<p style="color:white; background-color: navy">word</p>',
    "a dark body": '<body style="background:black;color:white"><p>word</p></body>',
    "white, then a dark cell": '<div style="color:#fff"><div style="background:#222">word</div></div>',
    "white, then black again": '<div style="color:#ffffff"><span style="color:#000">word</span></div>',
    "no size, then some": '<td style="font-size:0"><span style="font-size:14px">word</span></td>',
    "a size in a font": '<p style="font: italic bold .8em/1.2 Arial, sans-serif">word</p>',
    "blue in hsl": '<p style="color:hsl(220deg 80% 40%);margin:0 0 0 0;font:12px/1.5 Arial">word</p>',
    "scaled": '<p style="transform:scale(0.9)">word</p>',
    "light grey": '<p style="color:#999">word</p>',
    "white over a picture with a colour": '<p style="background:url(x.png) #000;color:#fff">word</p>',
    "on telephones only": "<style>@media (max-width:9em){.a{display:none!important}}</style><p class=a>word",
    "a style sheet for others": "<style>.b{display:none}</style><p class=a>word</p>",
    "a class on a dark ground": "<style>p.h{background:#036}.h b{color:#fff}</style><p class=h><b>word</b>",
    "an open style sheet": "<style>.a{color:red} .b{</style><p class=a>word</p>",
}
HIDDEN = {
    "white on white": '<p style="color:#fff">word</p>',
    "white inherited": '<div style="color:white"><p>word</p></div>',
    "nearly white": '<p style="color:#fefefe">word</p>',
    "rgb": '<p style="color: rgb(255, 255, 255) !important">word</p>',
    "rgb with spaces": '<p style="color: rgb(255 255 255 / 1)">word</p>',
    "hsl": '<p style="color: hsl(0, 0%, 100%)">word</p>',
    "four digits": '<p style="color:#ffff">word</p>',
    "a name": '<p style="color:azure">word</p>',
    "clipped": '<p style="clip-path: inset(100%)">word</p>',
    "scaled away": '<p style="transform: scale(0)">word</p>',
    "a dialog": "<dialog>word</dialog>",
    "an attribute": '<font color="#FFFFFF">word</font>',
    "black on black": '<p style="background:#000;color:#010101">word</p>',
    "the ground's colour": '<table><td bgcolor="#003366"><span style="color:#003366">word</span></table>',
    "white over nothing": '<p style="background:url(http://far.example/x.png);color:#fff">word</p>',
    "transparent": '<p style="color:transparent">word</p>',
    "no size": '<p style="font-size:0">word</p>',
    "one pixel": '<p style="font-size: 1px">word</p>',
    "no size in a font": '<p style="font:0/0 a">word</p>',
    "display": '<p style="DISPLAY : none">word</p>',
    "a class": "<style>.a{display:none}</style><p class=a>word</p>",
    "a class in a list": "<style>h1, p.a , b { color : #FFF }</style><p class=a>word</p>",
    "an id": "<style><!-- #a{font-size:0px} --></style><div id=a><p>word</p></div>",
    "below a class": "<style>/* x */ .a > p {visibility:hidden}</style><div class=a><p>word</p></div>",
    "hidden": "<p hidden>word</p>",
}


@pytest.mark.parametrize("name", SEEN)
def test_seen(name: str) -> None:
    """Words on a ground of another colour are there, whoever gave it its colour."""
    assert "word" == to_text(SEEN[name])


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden(name: str) -> None:
    """Words that a reader cannot see are not what the customer wrote."""
    assert "and" == to_text(HIDDEN[name] + "<p>and</p>")


@pytest.mark.parametrize(
    "style",
    [
        "a{" * 50_000,
        "}" * 100_000,
        ".a{color:red}" * 8_000,
        "/*" * 50_000,
        "@media x{" * 10_000,
        "a," * 50_000,
    ],
)
def test_hostile_style_sheets(style: str) -> None:
    """A style sheet made to hurt takes no time and hides nothing."""
    assert "word" == to_text(f"<style>{style}</style>" + "<b class=a>" * 300 + "word")
