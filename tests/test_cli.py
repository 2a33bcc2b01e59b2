"""The command line, called as a person calls it: the program, what it checks, its page."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner

from supportbot import config, lockfile, schema
from supportbot.cli.commands import app
from supportbot.commands import known_commands, load_commands
from supportbot.roster import Roster

if TYPE_CHECKING:
    from tests.operators import Operator

ROOT = Path(__file__).parent.parent


# -- the program ---------------------------------------------------------------------------------


def test_help_answers_at_once() -> None:
    """The help needs none of the heavy parts."""
    code = (
        "import sys\nfrom supportbot.cli import main\nsys.argv = ['supportbot', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'rich', 'sqlalchemy', 'aiohttp', 'pydantic', 'structlog'} & sys.modules.keys()\n"
        "print('heavy:', sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "heavy: []" in done.stdout
    assert "serve" in done.stdout


def test_it_is_a_module_too(operator: Operator) -> None:
    """``python -m supportbot`` is the command."""
    done = subprocess.run(
        [sys.executable, "-m", "supportbot", "-c", operator.folder.file, "check"],
        capture_output=True,
        check=False,
        text=True,
    )
    assert (0, f"{operator.folder.file} is fine.\n", "") == (done.returncode, done.stdout, done.stderr)


def test_the_environment_names_the_file(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """SUPPORTBOT_CONFIG stands for --config."""
    monkeypatch.setenv("SUPPORTBOT_CONFIG", str(operator.folder.file))
    assert "is fine" in CliRunner().invoke(app, ["check"]).stdout


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("option", [["-c", "{}"], ["--config", "{}"], ["--config={}"]])
def test_the_file_may_be_named_anywhere(operator: Operator, option: list[str], place: int) -> None:
    """Before the command or behind it: people type either."""
    args = ["conversations", "list"]
    args[place:place] = [word.format(operator.folder.file) for word in option]
    result = CliRunner().invoke(app, args)
    assert ("There is no store at" in result.stderr, result.exit_code) == (True, 2)


def test_a_mistake_of_ours_is_one_line(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected error costs a line, not a stack, and shows nothing of what the error says."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("postgresql://me:s3cret-word@host/x")

    monkeypatch.setattr("supportbot.config.database_of", broken)
    result = operator.run("turns", "list")
    assert 1 == result.exit_code
    assert 2 == len(result.stderr.splitlines())
    assert "ZeroDivisionError at test_cli.py" in result.stderr
    assert "s3cret" not in result.stderr
    file = str(operator.folder.file)
    debugged = CliRunner().invoke(app, ["-c", file, "--debug", "turns", "list"])
    assert "Traceback" in debugged.stderr
    assert "s3cret" not in debugged.stderr


@pytest.mark.parametrize(
    "args", [["nonsense"], ["turns", "list", "--limit", "0"], ["explain"], ["dead", "replay"]]
)
def test_a_wrong_call_is_refused(operator: Operator, args: list[str]) -> None:
    """Usage errors have exit code 2 and say something."""
    assert operator.refused(*args).strip()


@pytest.mark.parametrize("command", [["usage"], ["ratings", "stats"], ["drafts", "stats"]])
def test_a_wrong_choice_is_answered_with_the_right_ones(operator: Operator, command: list[str]) -> None:
    """In plain words: what kind of error it was inside is nobody's business."""
    said = operator.refused(*command, "--by", "nonsense")
    assert "Invalid value for '--by': 'nonsense' is not one of '" in said


@pytest.mark.parametrize(
    ("args", "instead"),
    [
        (["chat", "--once", ""], "supportbot chat --once"),
        (["chat", "--once", " \t\n"], "supportbot chat --once"),
        (["ask", ""], 'supportbot ask "'),
        (["ask", "  ", "--show-request"], 'supportbot ask "'),
    ],
)
def test_an_empty_question_is_refused(operator: Operator, args: list[str], instead: str) -> None:
    """Nobody is asked nothing; the line shows how to ask."""
    line = operator.refused(*args)
    assert line.startswith("The question is empty.")
    assert instead in line


# -- check, schema, migrate ----------------------------------------------------------------------


def test_check_prints_every_problem(operator: Operator) -> None:
    """All problems at once, each with its place, and exit code 2."""
    operator.folder.file.write_text("bot: {nmae: x}\nserver: {port: many}\n", "utf-8")
    result = operator.run("check")
    lines = result.stdout.splitlines()
    assert (2, 2) == (result.exit_code, len(lines))
    assert lines[0].startswith(f"{operator.folder.file}:1:7: ")
    report = json.loads(operator.run("check", "--json").stdout)
    assert (False, [1, 2]) == (report["ok"], [problem["line"] for problem in report["problems"]])


def test_check_says_that_all_is_well(operator: Operator) -> None:
    """A good file is called fine."""
    assert f"{operator.folder.file} is fine.\n" == operator.says("check")
    assert {"ok": True, "problems": [], "warnings": []} == operator.json("check")


@pytest.mark.parametrize("command", [["serve"], ["chat", "--once", "x"], ["ask", "x"], ["migrate"]])
def test_no_command_works_with_a_broken_file(operator: Operator, command: list[str]) -> None:
    """What needs bot.yaml prints its problems instead, with exit code 2."""
    operator.folder.file.write_text("bot: {nmae: x}\n", "utf-8")
    assert "nmae" in operator.refused(*command)


def test_the_schema_is_printed() -> None:
    """It is the one of this program with all channels that are installed."""
    assert config.schema() == json.loads(CliRunner().invoke(app, ["schema"]).stdout)


def test_migrate_makes_and_removes_the_tables(operator: Operator) -> None:
    """Forwards at once; back to nothing only after a question."""
    assert "to 0001" in operator.says("migrate")
    refused = operator.run("migrate", "base", types="n\n")
    assert (1, "0001") == (refused.exit_code, schema.version(operator.url))
    assert "Backup" in operator.says("migrate", "base", "--yes")
    assert schema.version(operator.url) is None
    assert "no schema version '9999'" in operator.refused("migrate", "9999")


def test_nobody_migrates_under_a_running_bot(operator: Operator) -> None:
    """On SQLite the bot's lock keeps migrations away."""
    lock = lockfile.LockFile(operator.folder.root / "data" / "bot.db")
    lock.acquire()
    try:
        assert "Another bot is running" in operator.refused("migrate")
    finally:
        lock.release()


def test_processes_tells_of_a_bot_that_is_alone(operator: Operator) -> None:
    """On SQLite there is one at most, and its lock knows."""
    operator.says("migrate")
    idle = operator.run("processes")
    assert (0, "") == (idle.exit_code, idle.stdout)
    assert "No process works on it. To start one: supportbot serve\n" == idle.stderr
    lock = lockfile.LockFile(operator.folder.root / "data" / "bot.db")
    lock.acquire({"version": "9.9"})
    try:
        told = operator.json("processes")
        assert {} == told["missing"]
        assert [["mail", "slack", "web", "worker"]] == [process["roles"] for process in told["processes"]]
        _, line = operator.says("processes").splitlines()
        assert [str(os.getpid()), "mail,", "slack,", "web,", "worker", "9.9"] == line.split()[:6]
    finally:
        lock.release()


def test_processes_names_the_role_that_nobody_has(operator: Operator, postgres_database: str) -> None:
    """On PostgreSQL they are those that gave a sign of life; what is missing stands on stderr."""
    operator.url = postgres_database
    operator.folder.file.write_text(
        f"database: {postgres_database}\nchannels: {{web: {{type: webhook}}}}\n", "utf-8"
    )
    operator.look(lambda store: Roster(store, "shop-1:7:ab", {"web"}, {"web"}).look())
    shown = operator.run("processes")
    assert (0, True) == (shown.exit_code, "shop-1:7:ab" in shown.stdout)
    assert shown.stderr.startswith(
        "role worker: no process has this role, so what is accepted is not answered"
    )
    told = operator.json("processes")
    assert (["worker"], "shop-1:7:ab") == (list(told["missing"]), told["processes"][0]["id"])


def test_nobody_removes_the_tables_under_bots_at_work(operator: Operator, postgres_database: str) -> None:
    """On PostgreSQL there is no lock: those that gave a sign of life are named, and all stays as it was."""
    operator.url = postgres_database
    operator.folder.file.write_text(
        f"database: {postgres_database}\nchannels: {{web: {{type: webhook}}}}\n", "utf-8"
    )

    async def at_work(store: Any) -> None:
        for name in ("shop-1:7:ab", "shop-2:8:cd"):
            await Roster(store, name, {"web"}, {"web"}).look()

    async def stopped(store: Any) -> None:
        for name in ("shop-1:7:ab", "shop-2:8:cd"):
            await Roster(store, name, {"web"}, {"web"}).stop()

    operator.look(at_work)
    said = operator.refused("migrate", "base", "--yes")
    assert "Bots work on the database" in said
    assert "shop-1:7:ab, shop-2:8:cd. Stop them first" in said
    assert ["shop-1:7:ab", "shop-2:8:cd"] == [p["id"] for p in operator.json("processes")["processes"]]
    operator.look(stopped)
    assert "to base" in operator.says("migrate", "base", "--yes")
    assert "Nothing to do" in operator.says("migrate", "base", "--yes")


# -- the page ------------------------------------------------------------------------------------


def _commands(group: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    found = []
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found += _commands(command, (*path, name))
        else:
            found.append(((*path, name), command))
    return found


def _all_commands() -> list[tuple[tuple[str, ...], Any]]:
    brought = [(name, load_commands(name)) for name in known_commands()]
    return _commands(typer.main.get_command(app)) + [
        found
        for name, commands in brought
        if commands is not None
        for found in _commands(typer.main.get_group(commands), (name,))
    ]


@pytest.mark.parametrize(
    ("path", "command"), _all_commands(), ids=lambda part: " ".join(part) if isinstance(part, tuple) else ""
)
def test_every_command_is_documented(path: tuple[str, ...], command: Any) -> None:
    """docs/cli.md has each command under its own heading, with an example and all of its options."""
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    name = " ".join(path)
    _, found, rest = page.partition(f"\n### `supportbot {name}`\n")
    assert found, f"docs/cli.md has no section for supportbot {name}"
    section = rest.split("\n### ")[0].split("\n## ")[0]
    assert "```sh\n" in section
    assert f"supportbot {name}" in section.partition("```sh\n")[2].partition("```")[0]
    options = [option for p in command.params for option in p.opts if option.startswith("--")]
    assert [] == [option for option in options if option not in section and option != "--help"]


def test_no_command_is_documented_that_is_gone() -> None:
    """The page describes nothing that is not there."""
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    headings = re.findall(r"^### `supportbot ([a-z ]+)`$", page, re.MULTILINE)
    assert {" ".join(path) for path, _ in _all_commands()} == set(headings)
