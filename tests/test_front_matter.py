"""Front matter: plain lines are read without YAML, to exactly what YAML makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbot.knowledge.front_matter import FrontMatterError, read_front_matter, read_plain, read_yaml

SHOP = Path(__file__).parent.parent / "knowledge"

PLAIN = {
    "texts": ("title: Tea, green\ntopic: hot drinks\n", {"title": "Tea, green", "topic": "hot drinks"}),
    "quoted": ('title: "Tea: how to"\n', {"title": "Tea: how to"}),
    "brackets": ('also: [cup, "no, thanks"]\n', {"also": ["cup", "no, thanks"]}),
    "items": ('also:\n  - cup\n  - "3"\ntitle: Tea', {"also": ["cup", "3"], "title": "Tea"}),
    "items without indent": ("also:\n- I don't\n- it's [so]\n", {"also": ["I don't", "it's [so]"]}),
    "nothing": ("", {}),
}

NOT_PLAIN = [
    "title:",
    "also:\n",
    "also: []",
    "also:\n  - a\n - b",
    "also:\n  - a\n    b",
    "title: a\ntitle: b",
    "title: a: b",
    "title: a #b",
    "title: yes",
    "title: Null",
    "null: a",
    "title: 5",
    "title: 2026-01-01",
    "title: 'a'",
    'title: "a\\n"',
    'title: "a" b',
    "title: |\n  a",
    "title: &x a",
    "title: *x",
    "title: !!str 5",
    "title:\ta",
    "title: a\u2028b",
    "also: [a, yes]",
    "also: [a, [b]]",
    "also: {a: b}",
    "also:\n  - - a",
    "also:\n  -\n",
    "  title: a",
    "- a",
    "\n",
]

# Lines, as people write them and as nobody would, out of the signs that mean something to YAML.
signs = st.text(alphabet="ab Y1:#-[]{},\"'\\&*!|>?%@`~.\té\u2028\xa0", max_size=3)
plain = st.sampled_from(["tea", "it's", "green, black", "é", '"x: y"', '"3"', "a [b]"])
values = st.one_of(
    plain, plain, st.builds("a{}b".format, signs), signs, st.sampled_from(["Yes", "1e3", "2026-01-01"])
)
lines = st.one_of(
    st.builds("{}: {}".format, st.sampled_from(["title", "also", "topic"]), values),
    st.builds("also: [{}]".format, st.lists(values, min_size=1, max_size=3).map(", ".join)),
    st.builds("also:\n{0}- {1}\n{0}- {2}".format, st.sampled_from(["", " ", "  "]), values, values),
    st.builds("topic:\n{}- {}\n{}- a".format, signs, plain, signs),
)


@pytest.mark.parametrize(("text", "front"), PLAIN.values(), ids=PLAIN.keys())
def test_plain_lines_are_read_as_yaml_would(text: str, front: dict[str, object]) -> None:
    """Texts and lists of texts need no YAML, and are what it would make of them."""
    assert front == read_plain(text)
    assert front == read_yaml(text)


@pytest.mark.parametrize("text", NOT_PLAIN)
def test_what_could_mean_something_else_is_left_to_yaml(text: str) -> None:
    """Numbers, signs of YAML, words such as yes, and broken lines are not plain."""
    assert read_plain(text) is None


@settings(max_examples=300)
@given(st.lists(lines, max_size=2).map("\n".join))
def test_plain_lines_never_differ_from_yaml(text: str) -> None:
    """Whatever is read without YAML is exactly what YAML reads."""
    plain = read_plain(text)
    if plain is not None:
        assert plain == read_yaml(text)


def test_the_shop_is_plain() -> None:
    """Nearly all of the demo's articles are read without YAML, and to the same."""
    fronts = [path.read_text("utf-8").split("---\n", 2)[1] for path in SHOP.glob("[!_]*.md")]
    plain = [read_plain(front) for front in fronts]
    assert [read_yaml(front) for front in fronts] == [read_front_matter(front) for front in fronts]
    assert sum(front is not None for front in plain) >= len(fronts) - 2


def test_what_is_no_mapping_is_refused() -> None:
    """The message says what front matter looks like."""
    with pytest.raises(FrontMatterError, match="'key: value' lines"):
        read_front_matter("- a")
