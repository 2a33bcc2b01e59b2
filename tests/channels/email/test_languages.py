"""Which language a customer writes, and the line above their words in it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from supportbot.messages import Outbound
from supportbot_email import mime
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
    """For one of ours, or for a further language; what it does not have is English."""
    own = {"de": "{who} am {date}:", "tr": "{date} tarihinde {who} yazdı:"}
    said = [attribution(own, name, who="Ann", date="2026-11-25") for name in ("de", "tr", "fi")]
    assert ["Ann am 2026-11-25:", "2026-11-25 tarihinde Ann yazdı:", "On 2026-11-25, Ann wrote:"] == said


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
    outbound = Outbound(
        delivery_id="dlv_1", conversation_id="c", message_id="m", turn_id="t", tenant="default",
        channel="support", external_id="c", text="Ja.", seq=2, created_at=1,
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
    plain, markup = [part.text for part in mime.read(raw)[0].children]
    assert line in plain
    assert frame in markup
    assert bool(frame or "Wo ist" in asked) == ("<div lang" in markup)


def test_an_attribution_says_who() -> None:
    """Without, nobody could tell whose words are quoted."""
    with pytest.raises(ValidationError, match="who"):
        config("support@example.com", 993, attribution={"de": "Am {date}:"})
