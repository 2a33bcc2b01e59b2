"""The fixed texts, for customers who read another language than bot.yaml is written in."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from supportbot.config.texts import TextsSection


def test_what_nobody_wrote_is_in_the_customer_s_language() -> None:
    """Of the texts that are shipped in it; the others stay as they are."""
    texts = TextsSection()
    assert "jemanden aus unserem Team" in texts.of("de").handoff
    assert "jemanden aus unserem Team" in texts.of("de").failed
    assert texts.unknown == texts.of("de").unknown
    for language in ("", "en", "fi"):
        assert texts == texts.of(language)


def test_bot_yaml_comes_first() -> None:
    """Its translation, then its own words for all, and only then ours."""
    texts = TextsSection(
        handoff="A colleague takes over.",
        translations={"fr": {"handoff": "Un collègue prend le relais.", "unknown": "Je ne sais pas."}},
    )
    assert ("Un collègue prend le relais.", "Je ne sais pas.") == (
        texts.of("fr").handoff,
        texts.of("fr").unknown,
    )
    assert "A colleague takes over." == texts.of("de").handoff
    assert "jemanden aus unserem Team" in texts.of("de").failed


def test_a_text_is_known_in_every_language() -> None:
    """All that a customer may have read, in whatever language, and none that bot.yaml has replaced."""
    texts = TextsSection(unknown="No idea.", translations={"fr": {"unknown": "Je ne sais pas."}})
    assert {"No idea.", "Je ne sais pas."} == texts.all_of("unknown")
    assert texts.all_of("failed") > {texts.failed, texts.of("de").failed}
    assert {"Sorry."} == TextsSection(failed="Sorry.").all_of("failed")


@pytest.mark.parametrize(
    "translations",
    [
        {"de": {"handof": "x"}},
        {"de": {"handoff": " "}},
        {"de": {"confirm": "Darf ich? {action}"}},
        {"deutsch": {"handoff": "x"}},
        {"de": {"translations": "x"}},
    ],
)
def test_what_is_no_translation(translations: dict[str, dict[str, str]]) -> None:
    """A key that there is not, an empty text, no language; and a confirmation, whose words may not change
    between the question and the yes."""
    with pytest.raises(ValidationError):
        TextsSection(translations=translations)
