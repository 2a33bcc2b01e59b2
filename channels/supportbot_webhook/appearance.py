"""How the website's widget looks and what it offers: its section of bot.yaml.

Nothing of it is ever written into CSS or HTML as it stands: colours are six digits, sizes are numbers, texts
travel as JSON, and the one address (the logo) is a plain URL that can stand in a Content-Security-Policy.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from supportbot.storable import clean_text
from supportbot_webhook.assets import LANGUAGES, Language, text_keys
from supportbot_webhook.hours import Hours  # noqa: TC001 - pydantic reads the annotation
from supportbot_webhook.section import LOOPBACK_HOSTS, Section

if TYPE_CHECKING:
    from collections.abc import Collection

Position = Literal["right", "left"]
Scheme = Literal["auto", "light", "dark"]

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_LOGO = re.compile(r"(https?)://([a-z0-9.-]+)(?::[1-9][0-9]{0,4})?/[A-Za-z0-9._~/%-]{1,1000}")


def _check_color(color: str) -> str:
    if not _COLOR.fullmatch(color):
        raise ValueError("must be a colour such as '#0f766e': # and six hexadecimal digits, in quotes")
    return color.lower()


def _check_logo(url: str) -> str:
    found = _LOGO.fullmatch(url)
    if not found or ".." in url:
        raise ValueError("must be an address such as https://www.example.com/logo.svg, without ? and #")
    if found[1] == "http" and found[2] not in LOOPBACK_HOSTS:
        raise ValueError("must be https (http is for localhost only)")
    return url


def _check_texts(texts: dict[Language, dict[str, str]]) -> dict[Language, dict[str, str]]:
    known = text_keys()
    for language, changed in texts.items():
        for key, text in changed.items():
            if key not in known:
                raise ValueError(f"{language}.{key} is no text of the widget: {_instead(key, known)}")
            if len(text) > 500:
                raise ValueError(f"{language}.{key} must have at most 500 characters")
    return {language: {k: clean_text(v) for k, v in changed.items()} for language, changed in texts.items()}


def _instead(key: str, known: Collection[str]) -> str:
    """Say which text may be meant, or which there are."""
    near = get_close_matches(key, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"there are {', '.join(sorted(known))}"


Color = Annotated[str, AfterValidator(_check_color)]
Logo = Annotated[str, AfterValidator(_check_logo)]
Line = Annotated[str, AfterValidator(clean_text), Field(min_length=1, max_length=80)]
Texts = Annotated[dict[Language, dict[str, str]], AfterValidator(_check_texts)]


class Widget(Section):
    """The widget for websites, and the full page."""

    enabled: bool = Field(True, description="Serve it at all; it needs visitors.enabled.")
    color: Color = Field(
        "#0f766e",
        description="The colour of the launcher, the head and the customer's words; what stands on it is "
        "black or white, whichever reads better.",
    )
    color_dark: Color | None = Field(None, description="The same in the dark; by default the same.")
    corner: int = Field(16, ge=0, le=32, description="How round corners are, in pixels.")
    scheme: Scheme = Field("auto", description="light, dark, or what the visitor's system says.")
    position: Position = Field("right", description="The launcher's side of the page.")
    offset_x: int = Field(20, ge=0, le=400, description="The launcher's distance from that side, in pixels.")
    offset_y: int = Field(20, ge=0, le=400, description="Its distance from the bottom, in pixels.")
    label: Line | None = Field(None, description="Words beside the launcher's symbol.")
    logo: Logo | None = Field(None, description="An image's address, in the place of the symbol.")
    language: Language = Field("en", description="For visitors who speak none of languages.")
    languages: tuple[Language, ...] = Field(
        LANGUAGES,
        strict=False,
        min_length=1,
        description="Languages of the interface to choose from, by the visitor's browser.",
    )
    texts: Texts = Field(
        default_factory=dict, description="Other words, by language and key of the interface's text."
    )
    greeting: str | None = Field(
        None, max_length=1000, description="What the bot says first, in Markdown; by default a line of texts."
    )
    suggestions: tuple[Line, ...] = Field(
        (), strict=False, max_length=6, description="Questions to press, before the first message."
    )
    images: bool = Field(False, description="Let visitors send images.")
    image_bytes: int = Field(
        2 * 1024 * 1024, ge=64 * 1024, le=10 * 1024 * 1024, description="Largest image, in bytes."
    )
    ratings: bool = Field(True, description="Thumbs below answers.")
    survey: bool = Field(True, description="Ask for one to five stars when the chat has ended.")
    handoff: bool = Field(True, description='The button "talk to a person".')
    email: bool = Field(
        True, description="Ask for an e-mail address when a person was asked for and no address is known."
    )
    hours: Hours | None = Field(
        None, description="When somebody of the team is there; by default nothing is said about it."
    )
