"""How much of a draft was changed: what mail programs do to its text does not count, what people do does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbot_email.words import bare, distance, is_drawn_from, without_ending

DRAFT = (
    "Hello Anna,\n\nyour parcel **4711** left our warehouse on Monday. You can follow it at "
    "[our tracking page](https://example.com/track).\n\n- It takes two to three days.\n- It comes by post."
    "\n\nIf it is not there by Friday, write to us again and we'll send another one."
)
OWN = (
    "Hello Anna,\n\nI had a look with the carrier: somebody signed for it yesterday at noon, at number 14. "
    "Could you ask your neighbours? Otherwise I shall start an inquiry, which takes about a week.\n\nBen"
)


@pytest.mark.parametrize(
    "sent",
    [
        DRAFT.replace("\n", "\r\n"),
        DRAFT.replace("**4711**", "*4711*").replace(
            "[our tracking page](https://example.com/track)", "our tracking page <https://example.com/track>"
        ),
        DRAFT.replace("- It", "   • It").replace("we'll", "we’ll"),
        DRAFT.replace("**", "").replace("left our warehouse on", "left our warehouse\non "),
    ],
    ids=["line ends", "Gmail", "Outlook", "plain"],
)
def test_how_a_program_writes_it_anew_is_no_change(sent: str) -> None:
    """Marks, blanks, bullets and typographic quotes come and go."""
    assert 0 == distance(bare(DRAFT), bare(sent))


def test_what_a_person_changes_counts() -> None:
    """Each character that was inserted, deleted or replaced, and nothing else."""
    assert 4 == distance(bare("It comes on Monday."), bare("It comes on Friday!"))
    assert 3 == distance(bare("It comes."), bare("It comes now."))


@given(st.text("abc", max_size=40), st.text("abcd", max_size=40))
def test_the_distance_is_levenshtein_s(one: str, other: str) -> None:
    """The fast way counts what the slow way counts."""
    row = list(range(len(other) + 1))
    for at, character in enumerate(one, 1):
        row = _next_row(row, at, [character != each for each in other])
    assert row[-1] == distance(one, other)


def _next_row(before: list[int], at: int, differs: list[bool]) -> list[int]:
    row = [at]
    for number, unlike in enumerate(differs):
        row.append(min(row[-1] + 1, before[number + 1] + 1, before[number] + unlike))
    return row


@pytest.mark.parametrize(
    "sent",
    [
        DRAFT.replace("on Monday", "on Tuesday"),
        DRAFT.partition("\n\n- ")[0],
        DRAFT + "\n\n" + OWN,
        "Dear Ms Miller,\n\n"
        + DRAFT.partition("\n\n")[2].replace("two to three days", "up to a week")
        + " Ben",
    ],
    ids=["a word", "only the beginning", "much more", "all over"],
)
def test_an_edited_draft_is_known(sent: str) -> None:
    """However much was added or taken away, as long as some of it was kept."""
    assert is_drawn_from(bare(sent), bare(DRAFT))


@pytest.mark.parametrize("sent", [OWN, "Done!", "", "Hello Anna, thank you."])
def test_a_person_s_own_words_are_known(sent: str) -> None:
    """A greeting alone makes no draft of it."""
    assert not is_drawn_from(bare(sent), bare(DRAFT))


def test_chinese_has_no_blanks_between_words() -> None:
    """What is compared are characters."""
    draft = "您好，您的包裹已于星期一从我们的仓库发出，预计两到三天内送达。"
    assert is_drawn_from(bare(draft.replace("两到三天", "一周")), bare(draft))
    assert not is_drawn_from(bare("抱歉，这个商品目前缺货，我们会在下个月补货后通知您。"), bare(draft))


def test_a_signature_is_no_change() -> None:
    """Also where it was not recognised as one."""
    assert "Itcomes." == without_ending(bare("It comes.\nKind regards\nBen"), bare("Kind regards\nBen"))
    assert "Itcomes." == without_ending("Itcomes.", "")


def test_long_texts_take_no_time() -> None:
    """Two texts with nothing in common, as long as they get: well below a second."""
    assert 20_000 == distance("a" * 20_000, "b" * 20_000)
