"""``${NAME}``, ``${NAME:-default}``, ``${file:path}`` (rows Y13 and Y14)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from supportbot.config import expand
from tests.bot_folder import BotFolder

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "Zq8vT3wLr5nXp2Ks"


@pytest.fixture
def bot(tmp_path: Path) -> BotFolder:
    return BotFolder(tmp_path)


def _company(bot: BotFolder, value: str, **environ: str) -> str:
    return bot.load(f"bot:\n  company: {value}\n", environ).config.bot.company


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${NAME}", "Ada"),
        ("'${NAME}'", "Ada"),
        ("Dear ${NAME}, dear ${NAME}!", "Dear Ada, dear Ada!"),
        ("|-\n    Dear\n    ${NAME}", "Dear\nAda"),
        ("${MISSING:-nobody}", "nobody"),
        ("${EMPTY:-nobody}", "nobody"),
        ("${NAME:-nobody}", "Ada"),
        ("${MISSING:-https://a.example/:-x}", "https://a.example/:-x"),
        ("$${NAME}", "${NAME}"),
        ("$$$${NAME}", "$${NAME}"),
        ("$$${NAME}", "$Ada"),
        ("costs $5 or $NAME", "costs $5 or $NAME"),
    ],
)
def test_what_a_reference_becomes(bot: BotFolder, written: str, value: str) -> None:
    """References are replaced anywhere in a value; ``$$`` is one ``$``; a lone ``$`` is itself."""
    assert value == _company(bot, written, NAME="Ada", EMPTY="")


@pytest.mark.parametrize(
    "value", ["${OTHER}", "$${OTHER}", "a: [b", "*alias", "no", "3.10", "{{ bot.name }}", "# x"]
)
def test_what_a_variable_holds_is_only_text(bot: BotFolder, value: str) -> None:
    """A variable's value is not expanded again, and is no YAML (Y14)."""
    assert value == _company(bot, "${NAME}", NAME=value, OTHER="wrong")


@pytest.mark.parametrize(
    ("written", "value", "problem"),
    [
        ("${X}", None, "needs ${X}, which is not set: set it in the environment"),
        ("${X}", "", "needs ${X}, which is empty: give it a value, or unset it"),
        ("${X}", " \t", "needs ${X}, which is empty: give it a value, or unset it"),
        (
            "${X}",
            f"{SECRET}\n",
            (
                "needs ${X}, which holds a line break or another control character: "
                "set it again without; was a line break pasted with it?"
            ),
        ),
        (
            "${X}",
            f"\x1b[31m{SECRET}",
            (
                "needs ${X}, which holds a line break or another control character: "
                "set it again without; was a line break pasted with it?"
            ),
        ),
        ("${X}", f"{SECRET}\udce9", "needs ${X}, which is not UTF-8: set it again as UTF-8"),
        (
            "${X:-}",
            None,
            (
                "needs ${X}, which is not set and has an empty default: "
                "set it in the environment, or leave this key out"
            ),
        ),
        (
            "${X",
            SECRET,
            (
                "has a '${' that does not end, or one inside another: "
                "write ${NAME}, or $${ where the characters are meant"
            ),
        ),
        (
            "${Y:-${X}}",
            SECRET,
            (
                "has a '${' that does not end, or one inside another: "
                "write ${NAME}, or $${ where the characters are meant"
            ),
        ),
        (
            "${not a name}",
            SECRET,
            (
                "has a reference that is not understood: "
                "write ${NAME}, ${NAME:-default} or ${file:path}; $${ where the characters are meant"
            ),
        ),
    ],
)
def test_what_cannot_be_replaced(bot: BotFolder, written: str, value: str | None, problem: str) -> None:
    """A reference without a usable value is named, and what the variable holds is not shown (Y13)."""
    environ = {} if value is None else {"X": value}
    found = bot.problems(f"bot:\n  company: {written}\n", environ)
    assert f"bot.yaml:2:12: bot.company {problem}" in found
    assert SECRET not in "\n".join(found)


def test_all_references_are_told_at_once(bot: BotFolder) -> None:
    """Every variable that is missing is named, also several in one value, also in a channel's section."""
    content = "bot:\n  company: ${A} and ${B}\nchannels:\n  web: {type: webhook, secrets: ['${C}']}\n"
    assert [
        "bot.yaml:2:12: bot.company needs ${A}, which is not set: set it in the environment",
        "bot.yaml:2:12: bot.company needs ${B}, which is not set: set it in the environment",
        "bot.yaml:4:34: channels.web.secrets[0] needs ${C}, which is not set: set it in the environment",
    ] == bot.problems(content)


def test_a_file_is_read_without_its_last_line_break(bot: BotFolder) -> None:
    """``${file:…}`` begins at bot.yaml, may lead anywhere, and may have several lines."""
    (bot.root / "secrets").mkdir()
    (bot.root / "secrets" / "company").write_bytes(b"\xef\xbb\xbfJuniper\r\n& Pine\r\n")
    assert "Juniper\r\n& Pine" == _company(bot, "${file:secrets/company}")
    assert "Juniper\r\n& Pine" == _company(bot, f"'${{file:{bot.root}/secrets/company}}'")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("missing", None, "which cannot be read (No such file or directory): name a readable file"),
        ("prompts", None, "which is not a file: name a file; paths begin at bot.yaml"),
        ("fifo", None, "which is not a file: name a file; paths begin at bot.yaml"),
        ("/dev/zero", None, "which is not a file: name a file; paths begin at bot.yaml"),
        ("empty", b"\n", "which is empty: write the value into it"),
        ("latin", SECRET.encode() + b"\xe9", "which is not UTF-8 text: save it as UTF-8"),
        ("nul", SECRET.encode() + b"\0", "which holds a NUL: save it as UTF-8 text"),
        ("large", b"x" * (expand.MAX_FILE + 1), "which is larger than 64 KiB: name a smaller file"),
        ("n" * 5000, None, "which cannot be read (File name too long): name a readable file"),
    ],
)
def test_a_file_that_cannot_be_used(bot: BotFolder, name: str, content: bytes | None, problem: str) -> None:
    """A file that is missing, no text, too large or none at all is named; what is in it is not shown."""
    os.mkfifo(bot.root / "fifo")
    if content is not None:
        (bot.root / name).write_bytes(content)
    (found,) = bot.problems(f"bot:\n  company: ${{file:{name}}}\n")
    assert found.startswith("bot.yaml:2:12: bot.company needs ${file:" + name[:100])
    assert problem in found
    assert SECRET not in found


def test_all_values_together_stay_small(bot: BotFolder) -> None:
    """A large file that is named many times fills no memory."""
    (bot.root / "large").write_bytes(b"x" * expand.MAX_FILE)
    found = bot.problems(f"bot:\n  company: {'${file:large}' * 500}\n")
    assert "bot.company makes the file's values too large: use ${file:…} fewer times" in "\n".join(found)


@pytest.mark.parametrize(
    ("content", "environ"),
    [
        ("server:\n  port: ${PORT}\n", {"PORT": "9000"}),
        ("server:\n  port: ${PORT:-9000}\n", {}),
    ],
)
def test_a_reference_becomes_a_number_where_one_is_asked(
    bot: BotFolder, content: str, environ: dict[str, str]
) -> None:
    """``port: ${PORT}`` is a number; a whole reference without quotes is read as YAML reads numbers."""
    assert 9000 == bot.load(content, environ).config.server.port


def test_a_reference_becomes_true_or_false_where_that_is_asked(bot: BotFolder) -> None:
    """``stream: ${STREAM}`` is true or false, ``temperature: ${T}`` a number, in entries of a list too."""
    content = """\
model:
  - model: first
    base_url: http://localhost/v1
  - model: second
    base_url: http://localhost/v1
    stream: ${STREAM}
    temperature: ${T}
"""
    second = bot.load(content, {"STREAM": "false", "T": "0.5"}).config.model[1]
    assert (False, 0.5) == (second.stream, second.temperature)


QUOTED = (
    "must be a whole number: leave the quotes out; outside of { } and [ ], on a line of its own: port: ${…}"
)


def test_a_number_from_a_reference_has_one_way_that_both_messages_name(bot: BotFolder) -> None:
    """In quotes it is text, and without them { } ends at its bracket: only the line of its own works."""
    (quoted,) = bot.problems('server: {port: "${PORT:-18103}"}\n', {})
    assert quoted.endswith(QUOTED)
    (bare,) = bot.problems("server: {port: ${PORT:-18103}}\n", {})
    assert bare.endswith("on a line of its own outside of them: port: ${…}")
    assert 18103 == bot.load("server:\n  port: ${PORT:-18103}\n", {}).config.server.port


@pytest.mark.parametrize(
    ("port", "value", "problem"),
    [
        ("${PORT}", "Zq80", "must be a whole number: write a whole number"),
        ("${PORT}", "0800", "must be a whole number: write a whole number"),
        ("${PORT}", "70000", "is too large: the most is 65535"),
        ('"${PORT}"', "9000", QUOTED),
        ("9${PORT}", "000", "must be a whole number: write a whole number"),
    ],
)
def test_a_reference_that_is_no_number(bot: BotFolder, port: str, value: str, problem: str) -> None:
    """What does not fit names the variable it came from, and not what it holds."""
    (found,) = bot.problems(f"server:\n  port: {port}\n", {"PORT": value})
    assert f"bot.yaml:2:9: server.port (from ${{PORT}}) {problem}" == found


def test_numbers_in_text_fields_stay_text(bot: BotFolder) -> None:
    """A reference in a text field is text, whatever it looks like, and in ``extra`` too."""
    assert "3.10" == _company(bot, "${V}", V="3.10")
    content = "model: [{model: m, base_url: http://localhost/v1, extra: {seed: '${SEED}'}}]"
    assert {"seed": "7"} == bot.load(content, {"SEED": "7"}).config.model[0].extra
