"""strictjson: what strangers send is read strictly and in bounded time."""

import time

import pytest

from supportbot.strictjson import MAX_DEPTH, JSONError, parse


def test_reads_ordinary_json() -> None:
    """Every kind of value comes back as Python's."""
    data = b' {"a": [1, -2.5, true, null, "x\\n\\u00e9\\ud83d\\ude00"], "b": {}} '
    assert {"a": [1, -2.5, True, None, "x\né😀"], "b": {}} == parse(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{nope",
        b"\xef\xbb\xbf{}",
        b'{"a": "\xff"}',
        b'"\xed\xa0\x80"',  # a surrogate written as if it were a character
        b"{} {}",
        b"{}\x00",
        b"NaN",
        b"[Infinity]",
        b"[-Infinity]",
        b"1e999",
        b"-1e999",
        b"9223372036854775808",
        b"1" * 5000,
        b"0." + b"1" * 5000,
        b'{"a": 1, "a": 1}',
        b'[{"x": {"a": 1, "a": 2}}]',
        b"'a'",
        b"[1,]",
        b'"a\nb"',
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    ],
)
def test_refuses_what_is_not_strict_json(data: bytes) -> None:
    """Bad JSON is one error with fixed words, which never repeat the input."""
    with pytest.raises(JSONError) as caught:
        parse(data)
    assert len(str(caught.value)) < 80


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" + b"1" * 100_000 + b"]",
        b"[1." + b"1" * 100_000 + b"]",
        b'{"a":"' + b'\\"' * 50_000,
        b'"' + b"[" * 50_000 + b'\\"' * 50_000,
        b"[],\\" * 30_000,
        b'"' + b"\\\\ud800" * 20_000,
    ],
    ids=[
        "arrays",
        "objects",
        "integer",
        "fraction",
        "open string",
        "brackets in a string",
        "backslashes",
        "escapes",
    ],
)
def test_refuses_costly_input_quickly(data: bytes) -> None:
    """The inputs that blow up lenient parsers cost next to nothing; bench/ has figures."""
    began = time.process_time()
    with pytest.raises(JSONError):
        parse(data)
    assert time.process_time() - began < 2  # seconds of CPU; a parser that backtracks takes minutes


def test_brackets_inside_strings_are_not_nesting() -> None:
    """Only structure counts as depth: a customer may write many brackets."""
    text = "[{" * 500 + '\\" ]'
    assert [text.replace("\\", "")] == parse(f'["{text}"]'.encode())


def test_the_deepest_nesting_allowed_is_read() -> None:
    """The limit itself is fine, and siblings do not add up."""
    value = parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    assert isinstance(value, list)
    assert [[]] * 1000 == parse(b"[" + b",".join([b"[]"] * 1000) + b"]")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb'"a\ud800b"', "a\ufffdb"),
        (rb'"\uDC00\ud83d"', "\ufffd\ufffd"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd😀"),
        (rb'"\\ud800"', r"\ud800"),
        (rb'{"\ud800": 1}', {"\ufffd": 1}),
    ],
)
def test_half_a_surrogate_pair_is_replaced(written: bytes, read: object) -> None:
    """No value holds a lone surrogate, which no store and no UTF-8 text can carry."""
    assert read == parse(written)
