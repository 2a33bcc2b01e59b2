"""Files and folders that bot.yaml names."""

# ruff: noqa: E501  # the lines people read are whole here

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.bot_folder import BotFolder
from tests.fax import install_fax

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bot(tmp_path: Path) -> BotFolder:
    return BotFolder(tmp_path)


@pytest.fixture(autouse=True)
def _fax_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    install_fax(monkeypatch)


class TestFiles:
    """Folders and files that bot.yaml names (Y25)."""

    def test_missing_folders(self, bot: BotFolder) -> None:
        """A folder that is not there, or is a file, is told at the key that names it."""
        (bot.root / "page.md").write_text("x", "utf-8")
        assert [
            (
                "bot.yaml:1:19: knowledge.path is 'articles', which does not exist: "
                "make that folder; paths begin at bot.yaml"
            ),
            "bot.yaml:2:17: prompts.path is 'page.md', which is not a folder: name the folder that holds the files",
        ] == bot.problems("knowledge: {path: articles}\nprompts: {path: page.md}\n")

    def test_defaults_that_are_missing(self, bot: BotFolder) -> None:
        """What is not in the file is told at its beginning."""
        shutil.rmtree(bot.root / "knowledge")
        assert [
            (
                "bot.yaml:1:1: knowledge.path is 'knowledge', which does not exist: "
                "make that folder; paths begin at bot.yaml"
            ),
        ] == bot.problems("bot: {}\n")

    @pytest.mark.parametrize("path", ["..", "../prompts", "/", "prompts/../..", "link"])
    def test_prompts_stay_below_the_file(self, bot: BotFolder, path: str) -> None:
        """Templates are read below the folder of bot.yaml alone, links followed."""
        (bot.root / "link").symlink_to("/")
        assert [
            "bot.yaml:1:17: prompts.path leads out of the folder of bot.yaml: move the templates below it"
        ] == bot.problems(f"prompts: {{path: '{path}'}}")

    @pytest.mark.parametrize("name", ["../secret", "a/b", "", "a.b", "x" * 200])
    def test_a_template_s_name_is_no_path(self, bot: BotFolder, name: str) -> None:
        """A template is named, not reached for."""
        (found,) = bot.problems(f"prompts: {{system: '{name}'}}")
        assert found.startswith("bot.yaml:1:19: prompts.system is not a template's name: ")

    @pytest.mark.parametrize(
        ("kind", "problem"),
        [
            ("missing", "needs mine.md.j2, which is not in prompts/: write it, or name another"),
            ("folder", "needs mine.md.j2, which is not a file: name a file"),
            (
                "large",
                "needs mine.md.j2, which is larger than 256 KiB: a prompt is a page of words; shorten it",
            ),
            ("link", "needs mine.md.j2, which is a link out of its folder: copy the file there"),
        ],
    )
    def test_the_system_prompt_must_be_a_file(self, bot: BotFolder, kind: str, problem: str) -> None:
        """A system prompt that is missing, a folder, huge or elsewhere is told where it is named."""
        template = bot.root / "prompts" / "mine.md.j2"
        outside = bot.root / "outside.md.j2"
        outside.write_text("x", "utf-8")
        match kind:
            case "folder":
                template.mkdir()
            case "large":
                template.write_text("x" * 300_000, "utf-8")
            case "link":
                template.symlink_to(outside)
        assert [f"bot.yaml:1:19: prompts.system {problem}"] == bot.problems("prompts: {system: mine}")

    def test_a_broken_template(self, bot: BotFolder) -> None:
        """A template that cannot be rendered is told by its own file and line."""
        (bot.root / "prompts" / "system.md.j2").write_text("a\nb\n{% if %}\n", "utf-8")
        (found,) = bot.problems("bot: {}")
        assert found.startswith("prompts/system.md.j2:3:1: ")


def test_broken_articles_are_named_with_the_rest(tmp_path: Path) -> None:
    """The bot would not start with them, so ``check`` says so: each file, and what to do."""
    bot = BotFolder(tmp_path)
    (bot.root / "knowledge" / "a.md").write_text("---\ntitel: A\n---\nHi.\n", "utf-8")
    (bot.root / "knowledge" / "b.md").write_bytes(b"\xff")
    assert [
        "knowledge/a.md:1:1: unknown key 'titel' in the front matter: title, url, topic and also are known",
        "knowledge/b.md:1:1: is not UTF-8 (byte 0): save it as UTF-8",
    ] == bot.problems("bot: {name: Robin}\n")


def test_a_bot_that_knows_nothing_is_warned_of(tmp_path: Path) -> None:
    """An empty folder works, and answers nothing."""
    bot = BotFolder(tmp_path)
    (bot.root / "knowledge" / "hours.md").unlink()
    assert [
        "bot.yaml:1:1: knowledge.path holds no articles: write some: without them the bot knows nothing"
    ] == bot.warnings("bot: {name: Robin}\n")
