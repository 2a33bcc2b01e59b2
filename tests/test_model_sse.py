"""Server-sent events are read the same however the bytes are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbot.model.sse import LineTooLong, ServerEvent, SseParser


def parse(*chunks: bytes, limit: int = 1 << 20) -> list[ServerEvent]:
    parser = SseParser(limit=limit)
    return [event for chunk in chunks for event in parser.feed(chunk)] + list(parser.close())


def test_an_event_is_given_out_as_soon_as_its_blank_line_is_there():
    """Nothing waits for the chunk after."""
    parser = SseParser()
    assert [] == list(parser.feed(b"data: one\n"))
    assert [ServerEvent("one")] == list(parser.feed(b"\n"))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_all_three_line_ends_are_understood(end: bytes):
    """LF, CRLF and CR end a line, as the standard says."""
    assert [ServerEvent("a"), ServerEvent("b\nc")] == parse(
        end.join([b"data: a", b"", b"data:b", b"data: c", b"", b""])
    )


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_a_carriage_return_at_a_chunks_end_delays_nothing(end: bytes):
    """The event counts at once; a line feed in the next chunk belongs to the same line end."""
    parser = SseParser()
    assert [ServerEvent("a")] == list(parser.feed(b"data: a" + end + b"\r"))
    assert [ServerEvent("b")] == list(parser.feed(b"\ndata: b\r\n\r\n"))


def test_comments_and_other_fields_are_passed_over():
    """Pings, event names, ids and retry times carry nothing the decoders need."""
    assert [ServerEvent("x")] == parse(b": ping\n\nevent: message\nid: 7\nretry: 5\nnonsense\ndata: x\n\n")


def test_a_byte_order_mark_is_no_part_of_the_first_line():
    """A stream may begin with one."""
    assert [ServerEvent("x")] == parse(b"\xef\xbb\xbfdata: x\n\n")


def test_the_last_event_counts_without_its_blank_line():
    """Some servers just close the connection."""
    assert [ServerEvent("x")] == parse(b"data: x")


@pytest.mark.parametrize("line", [b'{"title":"Error"}', b'["no"]'])
def test_a_bare_json_line_is_a_report_of_failure(line: bytes):
    """The Llama API says so in mid-stream."""
    assert [ServerEvent("a"), ServerEvent(line.decode(), bare=True)] == parse(b"data: a\n\n" + line + b"\n")


def test_an_error_field_is_a_report_of_failure():
    """Older llama.cpp servers say so."""
    assert [ServerEvent('{"code":500}', bare=True)] == parse(b'error: {"code":500}\n\n')


def test_broken_utf_8_becomes_replacement_characters():
    """The standard decodes with replacement; the rest of the line is still good."""
    assert [ServerEvent("a\ufffdb")] == parse(b"data: a\xffb\n\n")


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([b"x" * 60, b"x" * 60], id="a line that never ends"),
        pytest.param([b"data: " + b"x" * 120 + b"\n\n"], id="a long line"),
        pytest.param([b"data: 0123456789\n"] * 10, id="an event that never ends"),
    ],
)
def test_nothing_longer_than_the_limit_is_kept(chunks: list[bytes]):
    """Memory is bounded whatever is sent."""
    with pytest.raises(LineTooLong):
        parse(*chunks, limit=100)


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n\x00", codec="utf-8"), max_size=12), max_size=6),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.data(),
)
def test_the_cutting_makes_no_difference(texts: list[str], end: str, data: st.DataObject):
    """However the bytes are cut, also inside a character, the events are those that were written."""
    stream = "".join(f"data: {text}{end}{end}" for text in texts).encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)))))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert [ServerEvent(text) for text in texts] == parse(*chunks)
