"""What a model wrote, as Slack may show it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbot_slack.markdown import safe, settled, split

FENCE = "```"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<!channel> <!here> <!everyone>", "&lt;!channel&gt; &lt;!here&gt; &lt;!everyone&gt;"),
        ("<!subteam^S1> and <@U1>", "&lt;!subteam^S1&gt; and &lt;@U1&gt;"),
        ("`<!channel>`", "`&lt;!channel>`"),
        ("```\n<!channel>\n```", "```\n&lt;!channel>\n```"),
        ("`List<String>` && x", "`List<String>` &amp;&amp; x"),
        ("<https://evil.example/?q=SECRET|our docs>", "&lt;https://evil.example/?q=SECRET|our docs&gt;"),
        ("[our docs](https://evil.example/?q=S)", "our docs (https://evil.example/?q=S)"),
        ("![x](https://evil.example/p.png)", "x (https://evil.example/p.png)"),
        ("[https://a.example](https://b.example)", "https://a.example (https://b.example)"),
        ("[https://a.example](https://a.example)", "https://a.example"),
        ("[a [b] c](https://b.example 'title')", "a [b] c (https://b.example)"),
        ("[a](javascript:alert(1))", "a (javascript:alert(1))"),
        ("[x]: https://evil.example", "\\[x]: https://evil.example"),
        ("<https://a.example/b>", "https://a.example/b"),
        ("> quoted > twice\n# Head\n**bold** | _it_", "> quoted &gt; twice\n# Head\n**bold** | _it_"),
        ("see https://аpple.example/", "see https://xn--pple-43d.example/"),
        ("a\u202eb\U000e0041c", "abc"),
        ("1 < 2 & 3", "1 &lt; 2 &amp; 3"),
        ("```py\nx = 1", "```py\nx = 1\n```"),
    ],
)
def test_nothing_pings_and_nothing_hides(written: str, shown: str) -> None:
    """Slack's own markup is plain text, a link shows where it leads, a fence is closed."""
    assert shown == safe(written)


@given(st.text(alphabet="<>!@#|[]()`~ \n&aU/:.", max_size=60))
def test_no_text_makes_slacks_markup(text: str) -> None:
    """Whatever is around it."""
    shown = safe(text)
    assert not any(mark in shown for mark in ("<!", "<@", "<#"))
    assert "](" not in "\n".join(_outside_code(shown))


def _outside_code(text: str) -> list[str]:
    fenced, lines = False, []
    for line in text.split("\n"):
        if line.lstrip().startswith((FENCE, "~~~")):
            fenced = not fenced
        elif not fenced and "`" not in line:
            lines.append(line)
    return lines


@given(
    st.lists(
        st.sampled_from(["word ", "A sentence. ", "\n", "\n\n", "```\n", "```py\n", "x" * 30]), max_size=60
    )
)
def test_parts_are_short_and_whole(pieces: list[str]) -> None:
    """Each is within the limit, no code block is left open, and no word is lost."""
    text = safe("".join(pieces))
    parts = split(text, 100)
    assert all(len(part) <= 100 for part in parts)
    assert text.count("x") == sum(part.count("x") for part in parts)
    for part in parts:
        assert part == safe(part) or FENCE in part


def test_a_code_block_goes_on_in_the_next_part() -> None:
    """With the same language."""
    parts = split(safe("Look:\n```py\n" + "x = 1\n" * 40 + "```\nDone."), 120)
    assert all(part.count(FENCE) % 2 == 0 for part in parts)
    assert all(part.startswith("```py") for part in parts[1:-1])


@given(
    st.lists(
        st.sampled_from(["word ", "[a](https://x.example) ", "`code` ", "<b> ", "\n", "**b** ", "[", "`"])
    )
)
def test_what_is_settled_does_not_change(pieces: list[str]) -> None:
    """The safe form of a beginning stays the beginning of the safe form."""
    whole = "".join(pieces)
    for end in range(len(whole)):
        shown = safe(settled(whole[:end])).rstrip()
        if FENCE not in whole:
            assert safe(whole).startswith(shown)
