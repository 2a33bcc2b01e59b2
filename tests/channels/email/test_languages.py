"""Which language a customer writes, and the line above their words in it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from supportbot.messages import Outbound
from supportbot_email import languages, mime
from supportbot_email.follow_up_words import LANGUAGES
from supportbot_email.languages import attribution, language_of
from supportbot_email.mail import Settings
from supportbot_email.outbound import to_mail
from supportbot_email.parse import parse
from supportbot_email.threads import make_token
from tests.channels.email.mailboxes import config

SAID = {
    "ar": ["أين طردي؟ لم يصل بعد.", "مرحبا، أريد إرجاع المصباح."],
    "de": ["Wo ist mein Paket?", "Guten Tag, die Lampe ist kaputt. Kann ich sie zurückschicken?"],
    "en": ["Where is my parcel?", "Hello, the lamp is broken. Can I send it back?"],
    "es": ["¿Dónde está mi paquete?", "Hola, la lámpara está rota. ¿Puedo devolverla?"],
    "fr": ["Où est mon colis ?", "Bonjour, la lampe est cassée. Est-ce que je peux la renvoyer ?"],
    "he": ["איפה החבילה שלי?", "שלום, המנורה שבורה."],
    "it": ["Dov'è il mio pacco?", "Buongiorno, la lampada è rotta. Posso restituirla?"],
    "ja": ["荷物はどこですか？", "こんにちは、ランプが壊れています。"],
    "nl": ["Waar is mijn pakket?", "Hallo, de lamp is stuk. Kan ik hem terugsturen?"],
    "pl": ["Gdzie jest moja paczka?", "Dzień dobry, lampa jest zepsuta. Czy mogę ją odesłać?"],
    "pt": ["Onde está a minha encomenda?", "Olá, a lâmpada está partida. Posso devolvê-la?"],
    "zh": ["我的包裹在哪里？", "你好，灯坏了，可以退货吗？"],
}


@pytest.mark.parametrize(("language", "text"), [(name, one) for name, said in SAID.items() for one in said])
def test_told_by_their_small_words(language: str, text: str) -> None:
    """Four words are enough, as a rule."""
    assert language == language_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4711",
        "Retoure",
        "RMA 12345 Lamp XL",
        "Где моя посылка?",
        "بسته من کجاست؟",
        "Hvor er pakken?",
        "Merci! Thanks!",
    ],
)
def test_not_guessed(text: str) -> None:
    """Two words of two languages, one that there are no words in, or nothing to tell by."""
    assert "" == language_of(text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_line_above_a_quote_is_known_for_one(language: str) -> None:
    """What a person sends of a draft is told from what it quotes, whatever the language is."""
    for date in ("2026-11-25 10:00 UTC", ""):
        line = attribution({}, language, who="Änn Lee <ann@x.example>", date=date)
        assert date in line
        raw = f"From: a@x.example\r\n\r\nYes.\r\n\r\n{line}\r\n> No?\r\n"
        assert "Yes." == parse(raw.encode(), settings=Settings()).reply


def test_bot_yaml_may_have_other_words() -> None:
    """What it does not have is ours."""
    own = {"de": "{who} am {date}:"}
    said = [attribution(own, name, who="Ann", date="2026-11-25") for name in ("de", "en")]
    assert ["Ann am 2026-11-25:", "On 2026-11-25, Ann wrote:"] == said


def test_a_line_of_bot_yaml_without_a_date_needs_none() -> None:
    """Of a mail that says no date, only one that has to have it gives way to ours."""
    own = {"de": "Sie schrieben, {who}:", "fr": "{who}, le {date} :"}
    said = [attribution(own, name, who="Ann", date="") for name in ("de", "fr")]
    assert ["Sie schrieben, Ann:", "Ann a écrit :"] == said


@pytest.mark.parametrize(
    ("asked", "keys", "line", "frame"),
    [
        (
            "Wo ist mein Paket?",
            {},
            "Am 2026-11-25 10:00 UTC schrieb Ann <ann@x.example>:",
            '<div lang="de" dir="ltr">',
        ),
        (
            "איפה החבילה שלי?",
            {},
            "ב-2026-11-25 10:00 UTC, Ann <ann@x.example> כתב:",
            '<div lang="he" dir="rtl">',
        ),
        ("RMA 4711", {}, "On 2026-11-25 10:00 UTC, Ann <ann@x.example> wrote:", ""),
        ("RMA 4711", {"language": "fr"}, "Le 2026-11-25 10:00 UTC, Ann <ann@x.example> a écrit :", ""),
        (
            "Wo ist mein Paket?",
            {"attribution": {"de": "{who} am {date}:"}},
            "Ann <ann@x.example> am 2026-",
            "",
        ),
    ],
)
def test_a_reply_quotes_in_the_customer_s_language(
    asked: str, keys: dict[str, Any], line: str, frame: str
) -> None:
    """Where it cannot be told, in the mailbox's; a program then sets the paragraphs as it likes."""
    plain, markup = _reply(asked, **keys)
    assert line in plain
    assert frame in markup
    assert bool(frame or "Wo ist" in asked) == ("<div lang" in markup)


@pytest.mark.parametrize(
    ("asked", "text", "frame", "line"),
    [
        ("איפה החבילה שלי?", "It is with the carrier, and you will have it on Monday.", "en", ("he", "rtl")),
        ("Where is my parcel?", "החבילה שלך אצל השליח.", "he", ("en", "ltr")),
        ("أين طردي؟ لم يصل بعد.", "4711", "ar", ("ar", "rtl")),
        ("RMA 4711", "Das Paket ist bei der Post, und es kommt am Montag.", "de", ("en", "ltr")),
        ("RMA 4711", "4711", "", ("en", "ltr")),
    ],
)
def test_the_line_above_a_quote_has_a_language_of_its_own(
    asked: str, text: str, frame: str, line: tuple[str, str]
) -> None:
    """The reply may be in another one, which runs the other way; screen readers go by it, too."""
    markup = _reply(asked, text=text)[1]
    language, way = line
    above, _, quoted = markup.rpartition(f'<p lang="{language}" dir="{way}">')
    assert "ann@x.example" in quoted.partition("</p>")[0]
    assert [frame] == (re.findall(r'<div lang="(\w+)"', above) or [""])
    known = language_of(asked)
    words = f' lang="{known}" dir="auto"' if known else ' dir="auto"' if frame else ""
    assert f"<blockquote{words}>" in quoted


@pytest.mark.parametrize("language", ["tr", "fi", "xyz"])
def test_a_line_in_a_language_that_no_mail_is_told_to_be_in_is_refused(language: str) -> None:
    """It would never be used, and nobody would know why."""
    with pytest.raises(ValidationError, match=f"{language}.*never be used.*ar, de, en, .*, zh"):
        config("support@example.com", 993, attribution={language: "{who}:"})


def test_what_mails_may_be_told_to_be_in() -> None:
    """All of it, so that a line of one's own in any of them is used some day."""
    told = {language_of(text) for said in SAID.values() for text in said}
    assert set(LANGUAGES) == told == {*languages._small_words(), "ar", "he", "ja", "zh"}


def test_an_attribution_says_who() -> None:
    """Without, nobody could tell whose words are quoted."""
    with pytest.raises(ValidationError, match="who"):
        config("support@example.com", 993, attribution={"de": "Am {date}:"})


def _reply(asked: str, *, text: str = "Ja.", **keys: Any) -> list[str]:
    """Return both texts of a reply."""
    outbound = Outbound(
        delivery_id="dlv_1", conversation_id="c", message_id="m", turn_id="t", tenant="default",
        channel="support", external_id="c", text=text, seq=2, created_at=1,
        address={
            "to": "ann@x.example", "name": "Ann", "subject": "?", "message_id": "<1@x.example>",
            "references": [], "date": 1_795_600_800_000, "thread_index": "", "thread_topic": "",
        },
    )  # fmt: skip
    raw = to_mail(
        outbound,
        message_id=make_token("dlv_1", "example.com", b"k"),
        asked=asked,
        config=config("support@example.com", 993, **keys),
        bot_name="Bot",
    )
    return [part.text for part in mime.read(raw)[0].children]
