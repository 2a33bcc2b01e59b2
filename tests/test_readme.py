"""What the README shows is what happens."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from supportbot import config
from supportbot.channel import config_of
from supportbot.testing import FakeCore

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def conversations() -> list[tuple[str, str]]:
    """Return (question, expected output) of each command in the console block."""
    [block] = blocks("console")
    parts = re.split(r"^\$ scripts/chat (.*)\n", block, flags=re.MULTILINE)[1:]
    return [
        (shlex.split(command)[1], answer) for command, answer in zip(parts[::2], parts[1::2], strict=True)
    ]


@pytest.mark.parametrize(("question", "expected"), conversations())
def test_the_demo_bot_answers_as_shown(tmp_path: Path, question: str, expected: str) -> None:
    """The transcript is what the program prints, to the letter."""
    for folder in ("knowledge", "prompts"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "bot.yaml", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "supportbot", "-c", str(tmp_path / "bot.yaml"), "chat", "--once", question],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.returncode) == (expected, 0)


def test_the_bot_yaml_blocks_are_fine(tmp_path: Path) -> None:
    """Put together they are one bot.yaml without an error or a warning."""
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "knowledge" / "one.md").write_text("---\ntitle: One\n---\n\nHello.\n", encoding="utf-8")
    (tmp_path / "prompts").mkdir()
    for template in (ROOT / "prompts").glob("*.md.j2"):
        (tmp_path / "prompts" / template.name).write_text(
            template.read_text(encoding="utf-8"), encoding="utf-8"
        )
    (tmp_path / "bot.yaml").write_text("\n".join(blocks("yaml")), encoding="utf-8")
    report = config.check(tmp_path / "bot.yaml", {})
    assert ([str(p) for p in report.problems], [str(w) for w in report.warnings]) == ([], [])


async def test_the_channel_takes_a_message_and_delivers_a_reply() -> None:
    """The shortest channel is a channel: what is pinned is accepted once, and the answer is pinned below."""
    from aiohttp.test_utils import TestClient, TestServer

    namespace: dict[str, object] = {"__name__": "board"}
    exec(compile(blocks("python")[0], "README.md", "exec"), namespace)
    board_class = namespace["BoardChannel"]
    core = FakeCore("board")
    board = board_class(config_of(board_class)(type="board"), core.host)  # type: ignore[operator, arg-type]
    note = {"id": "n1", "thread": "t1", "who": "anna", "text": "Is anybody there?"}
    async with TestClient(TestServer(board.app(core.accept))) as client:
        for _ in range(2):
            assert (await client.post("/notes", json=note)).status == 204
    assert [message.text for message in core.messages("t1")] == ["Is anybody there?"]
    await board.send(core.reply("t1", "Yes."))
    assert board.board == {"t1": "Yes."}


def test_the_commands_exist() -> None:
    """Every supportbot command that is shown is one."""
    shown = re.findall(r"^supportbot ([a-z]+)", "\n".join(blocks("sh")), re.MULTILINE)
    helped = subprocess.run(
        [sys.executable, "-m", "supportbot", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert [name for name in shown if not re.search(rf"^ *{name}\b", helped, re.MULTILINE)] == []
    assert shown


def test_the_scripts_exist() -> None:
    """Every script that is shown is there and can be run."""
    shown = set(re.findall(r"scripts/([a-z-]+)", README))
    assert {name for name in shown if not (ROOT / "scripts" / name).stat().st_mode & 0o100} == set()
    assert {"serve", "test", "chat"} <= shown
