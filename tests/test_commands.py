"""Commands that installed packages bring."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner

from supportbot import commands
from supportbot.cli.commands import app
from supportbot.commands import bot_file
from supportbot.records import ChannelRecords
from tests.bot_folder import BotFolder
from tests.durable import opened

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


fax = typer.Typer()


@fax.command()
def number(context: typer.Context, country: str = "") -> None:
    """Print what is known of the fax."""
    outline = bot_file(context).outline("fax")
    typer.echo(f"{outline.name} {dict(outline.sections)} {country}")


@fax.command()
def kept(context: typer.Context) -> None:
    """Print what the channel keeps."""
    typer.echo(str(bot_file(context).records("a", "line:")))


class Entry:
    """An entry point of a package that is not there."""

    def __init__(self, name: str, loaded: Any) -> None:
        self.name, self.loaded = name, loaded

    def load(self) -> Any:
        if isinstance(self.loaded, Exception):
            raise self.loaded
        return self.loaded


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two packages that bring commands: one works, of the other something is missing."""
    entries = [Entry("fax", fax), Entry("gone", ModuleNotFoundError("No module named 'modem'", name="modem"))]

    def found(*, group: str, name: str = "") -> list[Entry]:
        assert "supportbot.commands" == group
        return [entry for entry in entries if name in {"", entry.name}]

    monkeypatch.setattr(commands, "entry_points", found)


def run(*args: str, file: Path | None = None) -> Result:
    before = ("-c", str(file)) if file else ()
    return CliRunner().invoke(app, [*before, *args], catch_exceptions=False)  # type: ignore[arg-type,return-value]


def test_a_package_s_command_is_run(tmp_path: Path) -> None:
    """By its name, with the bot.yaml that was named, and with its own options."""
    folder = BotFolder(tmp_path)
    folder.file.write_text(
        "bot: {name: Fern}\nchannels:\n  a: {type: fax, token: '${NOT_SET}', line: 2}\n  b: {type: web}\n",
        "utf-8",
    )
    done = run("fax", "number", "--country", "NL", file=folder.file)
    assert (0, "Fern {'a': {'type': 'fax', 'token': None, 'line': 2}} NL\n") == (done.exit_code, done.stdout)


def test_what_a_channel_keeps_can_be_read(tmp_path: Path) -> None:
    """By the channel's name and the beginning of the keys; where there is no store, that is said."""
    folder = BotFolder(tmp_path)
    folder.file.write_text("channels: {a: {type: fax}}\n", "utf-8")
    done = run("fax", "kept", file=folder.file)
    assert (2, True) == (done.exit_code, "There is no store" in done.stderr)
    (tmp_path / "data").mkdir()
    asyncio.run(_keep(f"sqlite:///{tmp_path}/data/bot.db"))
    assert "[('line:1', 'busy'), ('line:2', 'free')]\n" == run("fax", "kept", file=folder.file).stdout


async def _keep(url: str) -> None:
    async with opened(url) as store:
        for channel, key, value in (
            ("a", "line:2", "free"), ("a", "line:1", "busy"), ("a", "page:1", "x"), ("b", "line:3", "y")
        ):  # fmt: skip
            await ChannelRecords(store, channel).put(key, value)


def test_it_works_before_there_is_a_bot_yaml(tmp_path: Path) -> None:
    """Who sets a bot up begins with nothing."""
    done = run("fax", "number", file=tmp_path / "none.yaml")
    assert (0, "SupportBot {} \n") == (done.exit_code, done.stdout)


@pytest.mark.parametrize("content", ["channels: 1\n", "bot: []\n", "channels:\n  a: 5\n", "bot: {name: 7}\n"])
def test_it_works_with_a_bot_yaml_that_is_wrong(tmp_path: Path, content: str) -> None:
    """What cannot be read is left out; ``supportbot check`` says what is wrong."""
    folder = BotFolder(tmp_path)
    folder.file.write_text(content, "utf-8")
    assert "SupportBot {} \n" == run("fax", "number", file=folder.file).stdout


def test_what_is_not_yaml_is_said(tmp_path: Path) -> None:
    """There is nothing to go by then."""
    folder = BotFolder(tmp_path)
    folder.file.write_text("bot: {name\n", "utf-8")
    done = run("fax", "number", file=folder.file)
    assert (2, "", True) == (done.exit_code, done.stdout, "bot.yaml:" in done.stderr)


def test_what_is_missing_is_named() -> None:
    """A package whose extra is not installed says which to install."""
    done = run("gone", "anything")
    assert (2, "") == (done.exit_code, done.stdout)
    assert "needs 'modem', which is not installed" in done.stderr
    assert "pip install '.[gone]'" in done.stderr


def test_help_lists_them_without_importing_one() -> None:
    """Also the one that cannot be imported."""
    done = run("--help")
    assert 0 == done.exit_code
    assert "Commands of the package 'fax'." in done.stdout
    assert "Commands of the package 'gone'." in done.stdout


def test_an_unknown_command_is_refused() -> None:
    """As ever, with the nearest one named."""
    done = run("serv")
    assert (2, True) == (done.exit_code, "'serve'" in done.stderr)


def test_the_own_commands_import_no_package() -> None:
    """``supportbot --version`` and the like stay as quick as they are."""
    code = (
        "import sys; from supportbot.cli.commands import app; import typer; typer.main.get_command(app);"
        "print([name for name in sys.modules if name.startswith('supportbot_')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout
