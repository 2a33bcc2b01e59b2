"""What a model wrote is fit to be read, and the same whether streamed or not."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from supportbot.model.output import StreamCleaner, clean_answer

HIDDEN = {
    "NUL": ("a\x00b", "ab"),
    "controls": ("a\x07\x08b\x7f\x85c\rd", "abcd"),
    "tab and newline stay": ("a\tb\nc", "a\tb\nc"),
    "CRLF": ("a\r\nb", "a\nb"),
    "colours": ("\x1b[31mred\x1b[0m", "red"),
    "8-bit control sequence": ("\x9b31mred", "red"),
    "terminal link": ("\x1b]8;;https://evil.example\x07here\x1b]8;;\x1b\\", "here"),
    "lone escape": ("a\x1bb", "ab"),
    "lone surrogates": ("a\ud800b\udc00c", "abc"),
    "a character in two halves": ("a\ud83d\ude00b", "a😀b"),
    "noncharacter": ("a\ufffeb", "ab"),
    "right-to-left override": ("invoice\u202efdp.exe", "invoicefdp.exe"),
    "isolates": ("a\u2066b\u2069c", "abc"),
    "tags": ("hi\U000e0048\U000e0049", "hi"),
    "zero-width space": ("s\u200bk", "sk"),
    "joiner between letters": ("s\u200dk", "sk"),
    "a row of joiners": ("👩\u200d\u200c\u200d\u200c👧", "👩\u200d👧"),
    "emoji family stays": ("👩\u200d👧", "👩\u200d👧"),
    "Persian stays": ("می\u200cخواهم", "می\u200cخواهم"),
    "white space around": ("\n\n  a b \n", "a b"),
    "nothing but white space": (" \n\t\u200b", ""),
}

SECRETS = {
    "Slack": "xoxb-1234567890-abcdefgh",
    "Slack app": "xapp-1-A012-345-abcdef",
    "OpenAI": "sk-proj-abcdef0123456789ABCDEF",
    "Llama": "LLM|1234567890|abcDEF-ghi_jkl",
    "GitHub": "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "Visa": "4111 1111 1111 1111",
    "Visa with hyphens": "4111-1111-1111-1111",
    "Mastercard": "5555555555554444",
    "American Express": "3782 822463 10005",
    "social security": "123-45-6789",
}

HARMLESS = {
    "order number": "A-1234567-2024",
    "no Luhn": "4111 1111 1111 1112",
    "phone": "+1 415 555 2671",
    "ISBN": "978-3-16-148410-0",
    "date and time": "2026-11-22 10:34",
    "a hyphenated phrase": "sk-ip-the-very-long-hyphenated-words",
    "invalid area of a social security number": "900-12-3456",
    "UUID": "550e8400-e29b-41d4-a716-446655440000",
}


@pytest.mark.parametrize(("written", "read"), HIDDEN.values(), ids=HIDDEN)
def test_what_hides_or_commands_is_taken_out(written: str, read: str):
    """Only text that a person can see is left."""
    assert read == clean_answer(written)


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("around", ["{}", "It is {}.", "key={}, ok", "({})", "é{}é", "`{}`\n"])
def test_secrets_are_redacted(secret: str, around: str):
    """Also at the text's ends and beside other characters."""
    assert around.format("[redacted]").strip() == clean_answer(around.format(secret))


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS)
def test_what_only_looks_a_little_like_a_secret_stays(text: str):
    """A customer's order number must survive."""
    assert f"See {text}." == clean_answer(f"See {text}.")


def test_a_secret_is_found_behind_hidden_characters():
    """Zero-width characters inside do not save it."""
    assert "[redacted]" == clean_answer("sk-\u200bproj-abc\u200ddef0123\x00456789")


def test_a_card_is_found_beside_other_numbers():
    """It begins and ends where a group of digits does."""
    assert "Order 12 [redacted] 7" == clean_answer("Order 12 4111 1111 1111 1111 7")


def test_a_secret_cut_into_pieces_is_never_shown():
    """Each character by itself: no piece of the token gets out."""
    cleaner = StreamCleaner()
    shown = [cleaner.feed(c) for c in "key: " + SECRETS["OpenAI"] + ", and"]
    assert "key: [redacted], and" == "".join(shown) + cleaner.flush()
    assert not any("sk" in piece for piece in shown)


def test_words_are_shown_as_soon_as_they_are_complete():
    """Holding back must not stop the streaming."""
    cleaner = StreamCleaner()
    assert ["It", " ships", "", " tomor-row.", " 好的"] == [
        cleaner.feed(p) for p in ("It ", "ships to", "mor-", "row. ", "好的")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a" * 300_000,
        "1 " * 100_000,
        "sk-" * 100_000,
        "\x1b]" * 50_000,
        "4111" * 70_000,
        "\n" * 300_000,
        "<" * 300_000,
    ],
    ids=lambda text: repr(text[:6]),
)
def test_hostile_texts_cost_little(text: str):
    """Time grows with the length, not with its square, in one piece and in small ones."""
    begun = time.process_time()
    clean_answer(text)
    cleaner = StreamCleaner()
    for start in range(0, len(text), 8):
        cleaner.feed(text[start : start + 8])
    cleaner.flush()
    assert 3.0 > time.process_time() - begun


ALPHABET = st.sampled_from(
    [*"ab 1-4|_.\n]\\[m;é你", "\x00", "\x07", "\x1b", "\x9b", "\u200b", "\u200c", "\u200d", "\ud83d",
     "\ude00", "\u202e", "sk-", "1234", "xoxb-", "4111 1111 1111 1111", "4111", "LLM|", "123-45-6789", "👩",
     "\x1b[31m", "\x1b]0;", "\x1b\\", "abcdef0123456789", "  "]
)  # fmt: skip


@settings(max_examples=600)
@given(st.lists(st.tuples(ALPHABET, st.booleans()), max_size=40))
@example([("1 ", True), ("a", False), ("4111 1111 1111 1111", True)])
def test_streamed_and_whole_are_the_same(parts: list[tuple[str, bool]]):
    """However a text is cut, the pieces shown add up to the cleaned whole."""
    whole = "".join(text for text, _ in parts)
    pieces, piece = [], ""
    for text, cut in parts:
        piece += text
        if cut:
            pieces.append(piece)
            piece = ""
    cleaner = StreamCleaner()
    assert clean_answer(whole) == "".join([*map(cleaner.feed, [*pieces, piece]), cleaner.flush()])


@settings(max_examples=300)
@given(st.lists(ALPHABET, max_size=30).map("".join))
def test_one_character_at_a_time_is_the_same(text: str):
    """The finest cutting of all."""
    cleaner = StreamCleaner()
    assert clean_answer(text) == "".join([*map(cleaner.feed, text), cleaner.flush()])
