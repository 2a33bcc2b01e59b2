"""The bytes of bot.yaml: what is no YAML, and what of YAML is refused (rows Y01 to Y11)."""

# ruff: noqa: E501  # the lines people read are whole here

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from supportbot import config
from supportbot.config import Config, source
from supportbot.config.scalars import read
from tests.bot_folder import BotFolder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bot(tmp_path: Path) -> BotFolder:
    return BotFolder(tmp_path)


EMPTY = "the file is empty: it must be a mapping: begin with 'bot:'"
NO_MAPPING = "the file must be a mapping: begin with 'bot:'"
QUOTE = "put it in quotes"


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        # Y01: no mapping
        (b"", [f"1:1: {EMPTY}"]),
        (b"# nothing\n\n", [f"1:1: {EMPTY}"]),
        (b"null\n", [f"1:1: {EMPTY}"]),
        (b"---\n...\n", [f"2:1: {EMPTY}"]),
        (b"- bot\n", [f"1:1: {NO_MAPPING}"]),
        (b"\n  bot\n", [f"2:3: {NO_MAPPING}"]),
        # Y04: no YAML
        (b"bot:\n\tname: A\n", ["2:1: a tab stands where YAML wants spaces: indent with spaces"]),
        (
            b"bot:\n  name: A\n company: B\n",
            ["3:2: this line does not fit the ones above it: check the indentation"],
        ),
        (
            b"bot:\n  name: A\n    company: B\n",
            [
                "3:12: a ':' does not fit here: check the indentation; put text with ': ' in quotes",
            ],
        ),
        (b'bot:\n  name: "A\n  company: B\n', ["2:9: a quoted text is not closed: add the closing quote"]),
        (b"bot:\n  name: A\x07\n", ["2:10: the character U+0007 is not allowed: remove it"]),
        (b"bot:\n  name: caf\xe9\n", ["2:12: this is not UTF-8: save the file as UTF-8"]),
        ("bot: {}\n".encode("utf-16"), ["1:1: this is not UTF-8: save the file as UTF-8"]),
        (
            b"a: [${X}]\n",
            [
                (
                    "1:6: a list in [ ] or a mapping in { } is broken here: "
                    "check commas and brackets; put ${…} in quotes inside of them, "
                    "or on a line of its own outside of them: port: ${…}"
                )
            ],
        ),
        (
            b'bot: {name: "\\UFFFFFFFF"}\n',
            [
                "1:1: the YAML parser failed on this file (OverflowError): look for unusual escapes such as \\U…"
            ],
        ),
        (
            b'bot: {name: "a\\0b", company: "\\ud800"}\n',
            [
                "1:13: the text has a NUL or half a surrogate pair: remove the escape",
                "1:30: the text has a NUL or half a surrogate pair: remove the escape",
            ],
        ),
        # duplicate keys, wherever they stand
        (
            b"bot:\n  name: A\n  facts: {a: b}\n  name: B\nlog: {}\nlog: {}\n",
            [
                "4:3: the key 'name' stands in line 2 already: keep one",
                "6:1: the key 'log' stands in line 5 already: keep one",
            ],
        ),
        # keys that are no text
        (b"bot: {facts: {1: a}}\n", ["1:15: the key '1' is not text: put the key in quotes"]),
        (
            b"bot: {facts: {no: a}}\n",
            [
                (
                    "1:15: the key 'no' is a word that some YAML readers take for true or false: "
                    "put the key in quotes"
                )
            ],
        ),
        (b"? [bot]\n: a\n", ["1:3: a list or mapping stands where a key belongs: write 'key: value'"]),
        # Y08: aliases
        (
            b"bot: &a {name: A}\nlog: *a\n",
            [
                "1:6: an anchor (&\u2026) stands here: remove it and write the value out",
                "2:6: an alias (*\u2026) stands here: write the value out",
            ],
        ),
        (
            b"bot: &a {facts: *a}\n",
            [
                "1:6: an anchor (&\u2026) stands here: remove it and write the value out",
                "1:17: an alias (*\u2026) stands here: write the value out",
            ],
        ),
        (b"bot: {<<: {name: A}}\n", ["1:7: a merge (<<) stands here: write the keys out"]),
        # Y10: tags
        (
            b"bot: {name: !!python/object/apply:os.system [exit 1], company: !env X, contact: !!binary aGk=}\n",
            [
                (
                    "1:13: the tag tag:yaml.org,2002:python/object/apply:os.system stands here: "
                    "write the value without it"
                ),
                "1:64: the tag !env stands here: write the value without it",
                "1:81: the tag tag:yaml.org,2002:binary stands here: write the value without it",
            ],
        ),
        (
            b"bot: !include other.yaml\n",
            ["1:6: the tag !include stands here: write the value without it"],
        ),
        # Y11: documents and directives
        (
            b"bot: {}\n---\nlog: {}\n",
            ["2:1: a second document begins here: keep one: remove what '---' begins"],
        ),
        (
            b"%YAML 1.1\n---\nbot: {}\n",
            ["2:1: a directive (%\u2026) stands above: remove the lines that begin with %"],
        ),
    ],
)
def test_what_is_refused(bot: BotFolder, content: bytes, problems: list[str]) -> None:
    """What cannot be a bot.yaml is refused at its place, with what to do."""
    assert [f"bot.yaml:{problem}" for problem in problems] == bot.problems(content)


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbfbot:\n  name: A\n", b"bot:\r\n  name: A\r\n", b"--- # one\nbot: {name: A}\n...\n"],
)
def test_what_is_taken(bot: BotFolder, content: bytes) -> None:
    """A byte order mark, Windows line ends and the marks around one document do no harm."""
    report = bot.check(content)
    assert report.loaded is not None
    assert "A" == report.loaded.config.bot.name


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("true", True), ("False", False), ("text", "text"),
        ("0", 0), ("-12", -12), ("+3", 3), ("3.10", 3.1), ("1e3", 1000.0), (".5", 0.5), ("nope", "nope"),
        ("1.2.3", "1.2.3"), ("::1", "::1"), ("a:b", "a:b"), ("²", "²"), ("٣", "٣"),
    ],
)  # fmt: skip
def test_what_a_word_means(text: str, value: object) -> None:
    """Without quotes, text means what YAML 1.2 says."""
    assert (value, None) == read(text)


@pytest.mark.parametrize(
    "text",
    [
        "no", "No", "ON", "off", "y", "yes", "0800", "0777", "0x1F", "0o17", "0b1", "1_000", "12:30", "12:30:45",
        "190:20:30.15", "2026-01-31", "2026-01-31T10:00:00Z", ".inf", "-.INF", ".nan", "1e999", "9" * 20, "9" * 6000,
    ],
)  # fmt: skip
def test_what_readers_disagree_about(text: str) -> None:
    """What other YAML readers take for something else, and numbers nobody can reckon with, are named (Y05, Y07)."""
    value, trap = read(text)
    assert text == value
    assert trap is not None


def test_traps_are_named_at_their_place(bot: BotFolder) -> None:
    """Booleans, octal numbers, times and endless numbers say what is the matter and what to write (Y05, Y07)."""
    content = """\
bot:
  language: no
  facts:
    version: 3.10
    opens: 12:30:45
    sale: true
server:
  port: 0800
model:
  - {model: 7, base_url: "http://localhost/v1", temperature: .nan, stream: yes}
"""
    assert [
        (
            "bot.yaml:2:13: bot.language is no, a word that some YAML readers take for true or false: "
            "write true or false, or put it in quotes if the word is meant"
        ),
        (
            "bot.yaml:4:14: bot.facts.version must be text, and 3.10 without quotes is 3.1, a number: "
            'put it in quotes: "3.10"'
        ),
        (
            "bot.yaml:5:12: bot.facts.opens is 12:30:45, a time, which some YAML readers take for a number in base 60: "
            "put it in quotes"
        ),
        (
            "bot.yaml:6:11: bot.facts.sale must be text, and true without quotes is true or false: "
            'put it in quotes: "true"'
        ),
        (
            "bot.yaml:8:9: server.port is 0800, a number with a leading zero, which some YAML readers take for octal: "
            "leave the zero out, or put it in quotes if text is meant"
        ),
        'bot.yaml:10:13: model[0].model must be text, and 7 without quotes is a number: put it in quotes: "7"',
        (
            "bot.yaml:10:62: model[0].temperature is .nan, not a number to reckon with: "
            "write an ordinary number, or put it in quotes if text is meant"
        ),
        (
            "bot.yaml:10:76: model[0].stream is yes, a word that some YAML readers take for true or false: "
            "write true or false, or put it in quotes if the word is meant"
        ),
    ] == bot.problems(content)


def test_quoted_words_are_text(bot: BotFolder) -> None:
    """What is in quotes is text, whatever it looks like."""
    loaded = bot.load('bot: {language: "no", facts: {a: "3.10", b: \'12:30\', c: "0777"}}\n')
    assert {"a": "3.10", "b": "12:30", "c": "0777"} == loaded.config.bot.facts
    assert "no" == loaded.config.bot.language


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a: " + b"[" * 500_000, "1:1: the line is longer than 10000 characters"),
        (b"a:\n" + b"  [\n" * 200_000, "values are nested deeper than 32"),
        (b"".join(b" " * n + b"k:\n" for n in range(60)), "values are nested deeper than 32"),
        (b"a:\n" + b"- x\n" * 20_000, "the file has more than 10000 values"),
        (b"bot: {}\n#" + b"\n#" * 600_000, "1:1: the file is larger than 1024 KiB"),
        (b"!" * 9_999 + b"\n", "bot.yaml:1:1: the tag tag:yaml.org,2002:!!!"),
    ],
)
def test_bombs_are_cheap(bot: BotFolder, content: bytes, problem: str) -> None:
    """Size, depth and number of values are capped before anything is built (Y08)."""
    began = time.process_time()
    found = bot.problems(content)
    assert any(problem in line for line in found)
    assert time.process_time() - began < 5


def test_an_alias_bomb_is_refused(bot: BotFolder) -> None:
    """Nine levels of aliases would make 10^9 values; each is refused where it stands (Y08)."""
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    found = bot.problems("\n".join(lines))
    assert "bot.yaml:2:10: an alias (*…) stands here: write the value out" in found


def test_the_list_of_problems_ends(bot: BotFolder) -> None:
    """Of a thousand problems a hundred are told, and how many more there are."""
    found = bot.problems("".join(f"key{n}: 1\n" for n in range(1000)))
    assert 101 == len(found)
    assert "bot.yaml:101:1: 900 more problems follow: fix these first" == found[-1]


def test_names_are_fit_for_a_terminal(bot: BotFolder) -> None:
    """Escape sequences and line breaks in a key reach no terminal, and a long key fills no screen."""
    found = bot.problems('"\\e[31m\\nbot.yaml:1:1: fake": 1\n' + "k" * 1000 + ": 1\n")
    known = "known here: " + ", ".join(Config.model_fields)
    assert [
        f"bot.yaml:1:1: \ufffd[31m\ufffdbot.yaml:1:1: fake is not a known key: {known}",
        f"bot.yaml:2:1: {'k' * 59}… is not a known key: {known}",
    ] == found


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file, a folder and something that is no file at all are problems, not exceptions."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    missing, folder, strange = tmp_path / "bot.yaml", tmp_path, tmp_path / "\0"
    assert [
        f"{missing}:1:1: there is no such file: name one that is there, or go to its folder",
        f"{folder}:1:1: this is not a file: name a file",
        f"{fifo}:1:1: this is not a file: name a file",
        f"{strange}:1:1: cannot be read (not a path): name a readable file",
    ] == [str(config.check(path, {}).problems[0]) for path in (missing, folder, fifo, strange)]


_PIECES = st.sampled_from(
    ["bot", "model", "channels", "server", "type", "webhook", "name", "- ", ": ", "\n", "  ", "{", "}", "[", "]", "'",
     '"', "${A}", "${", "$$", "${file:x}", "!!x ", "&a ", "*a ", "|\n", ">-\n", "# ", "---\n", "...\n", "%T a\n", "\t",
     "null", "0777", "1e999", ".inf", "true", "\\u0000", "\\ud800", "<<", "?", ",", "é", "\u2028", "\ufeff", "\x00"]
)  # fmt: skip


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=300), st.lists(_PIECES, max_size=30).map(lambda p: "".join(p).encode())))
@example(b"\xff\xfe")
@example(b"channels: {a: {type: webhook, secrets: [${A}]}, b: [], c: 1}")
@example(b'"\\ud800": 1')
@example(b"model: [{model: x, base_url: 'http://[::1'}]")
@example(b"database: postgresql+psycopg://a:b@[x/y")
@example(b'knowledge: {path: "a\\0b"}\nprompts: {path: \'' + b"x/" * 3000 + b"'}")
def test_no_bytes_make_it_raise(bot: BotFolder, content: bytes) -> None:
    """Whatever is in the file, the answer is a report: a configuration, or at least one problem."""
    report = bot.check(content, {"A": "value"})
    assert (report.loaded is None) == bool(report.problems)
    assert all(line.isprintable() for line in map(str, report.problems))


def test_limits_are_what_the_page_says() -> None:
    """docs/bot-yaml.md names the largest file."""
    assert 1024 * 1024 == source.MAX_BYTES
