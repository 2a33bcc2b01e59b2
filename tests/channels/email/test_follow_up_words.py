"""The words around answers that a visitor missed, in their language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args

import pytest
from pydantic import ValidationError

from supportbot.messages import Message, Missed, Outbound
from supportbot_email.conversations import Conversations
from supportbot_email.follow_up_words import LANGUAGES, FollowUpWords
from supportbot_email.follow_ups import FollowUps
from supportbot_email.knocks import Knocks
from supportbot_webhook.assets import Language
from tests.channels.email.mailboxes import config
from tests.channels.email.test_follow_ups import read, text

if TYPE_CHECKING:
    from supportbot.testing.host import MemoryRecords


async def written(records: MemoryRecords, missed: Missed, **follow_up: Any) -> bytes:
    """Return the mail that tells what was missed."""
    nobody: Any = None  # sends and drafts nothing here
    outbound = Outbound(
        delivery_id="dlv_1",
        conversation_id="conv_1",
        message_id="msg_1",
        turn_id="",
        tenant="default",
        channel="support",
        external_id="route_1",
        address={"to": "anna@customer.test", "name": ""},
        text="",
        seq=2,
        created_at=1_763_808_312_250,
    )
    follow_ups = FollowUps(
        config("support@example.com", 993, follow_up=follow_up),
        bot_name="Lumen",
        knocks=Knocks(records, per_day=10),
        conversations=Conversations(records, domain="example.com"),
        sending=nobody,
        drafting=nobody,
    )
    return await follow_ups.mail(outbound, missed, "<sb.dlv_1@example.com>", automatic=True)


def missed(language: str, said: str = "On Monday.") -> Missed:
    message = Message(id="msg_1", seq=2, author="person", text=said, created_at=0)
    return Missed(
        messages=(message,), withheld=1, question="When?", link="https://shop.example/help", language=language
    )


def html(raw: bytes) -> str:
    return str(read(raw).get_body(("html",)).get_content()).replace("\r\n", "\n")


def test_every_language_of_the_chat_has_every_text() -> None:
    """With the places to fill in where English has them, and none that nothing is put into."""
    assert get_args(Language) == LANGUAGES
    english = FollowUpWords().words("en")
    for language in LANGUAGES:
        words = FollowUpWords().words(language)
        assert list(english) == list(words)
        for key, words_in_english in english.items():
            assert re.findall(r"{.*?}", words_in_english) == re.findall(r"{.*?}", words[key]), (language, key)
            assert words[key].strip()
            assert language == "en" or words[key] != words_in_english, (language, key)


async def test_a_mail_is_in_the_visitor_s_language(records: MemoryRecords) -> None:
    """All that we say in it, the subject too; nothing is left in English."""
    raw = await written(records, missed("de"))
    assert "Ihr Chat mit Lumen" == read(raw)["Subject"]
    words = FollowUpWords().words("de")
    plain = text(raw)
    assert plain.startswith(f"{words['intro']}\n\nOn Monday.\n\n{words['waiting']}\n\n")
    assert "Weiter im Chat: <https://shop.example/help>" in plain
    assert words["stranger"] in plain
    assert plain.endswith("Sie fragten:\n> When?\n")
    assert '<div lang="de" dir="ltr">' in html(raw)
    for said in FollowUpWords().words("en").values():
        assert said.partition("{")[0].strip() not in plain


async def test_a_language_that_runs_from_right_to_left(records: MemoryRecords) -> None:
    """The mail does, and each paragraph as its own words do: the answer may be in another language."""
    raw = await written(records, missed("ar", "On *Monday*.\n\n- one"))
    shown = html(raw)
    assert '<div lang="ar" dir="rtl">' in shown
    assert '<p dir="auto">On <em>Monday</em>.</p>' in shown
    assert '<ul dir="auto">' in shown
    assert '<blockquote dir="auto">When?</blockquote>' in shown
    assert re.findall("<(?:p|li|blockquote)>", shown) == []


@pytest.mark.parametrize("language", ["", "sv"])
async def test_who_reads_another_language_gets_the_usual_one(records: MemoryRecords, language: str) -> None:
    """English, or what bot.yaml says."""
    assert "Your chat with Lumen" == read(await written(records, missed(language)))["Subject"]
    dutch = read(await written(records, missed(language), language="nl"))
    assert "Uw chat met Lumen" == dutch["Subject"]


async def test_bot_yaml_has_the_last_word(records: MemoryRecords) -> None:
    """A text of one language, one for all of them, and a language that we do not speak."""
    texts = {"de": {"asked": "Frage:"}, "sv": {"subject": "Din chatt med {name}"}}
    german = await written(records, missed("de"), texts=texts, intro="")
    assert text(german).startswith("On Monday.")
    assert text(german).endswith("Frage:\n> When?\n")
    swedish = await written(records, missed("sv"), texts=texts)
    assert "Din chatt med Lumen" == read(swedish)["Subject"]
    assert text(swedish).endswith("You asked:\n> When?\n")


@pytest.mark.parametrize(
    "follow_up",
    [
        {"texts": {"de": {"title": "x"}}},
        {"texts": {"German": {"asked": "x"}}},
        {"texts": {"de": {"subject": " "}}},
        {"texts": {"de": {"asked": "x" * 201}}},
        {"language": "sv"},
    ],
)
def test_what_is_no_text_is_refused(follow_up: dict[str, Any]) -> None:
    """An unknown key or language, an empty subject, too long a text: at the start, not in a mail."""
    with pytest.raises(ValidationError, match="follow_up"):
        config("support@example.com", 993, follow_up=follow_up)
