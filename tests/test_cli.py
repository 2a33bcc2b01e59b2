"""The command line, called as a person calls it, on a real store."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from sqlalchemy import update
from typer.testing import CliRunner

from supportbot import config, lockfile, reports, schema
from supportbot.cli.commands import app
from supportbot.commands import known_commands, load_commands
from supportbot.errors import Unclear
from supportbot.ids import now_ms
from supportbot.memory import ledger as memory_ledger
from supportbot.messages import Attachment, Memory, Sender
from supportbot.metrics import Metrics
from supportbot.ratings import ChannelRatings
from supportbot.store import Statement
from supportbot.tables import turns
from supportbot.testing.fakes import RecordingChannel
from tests.bot_folder import BotFolder
from tests.durable import opened, running
from tests.test_images import drawn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from click.testing import Result

    from supportbot.store import Store
    from tests.durable import Durable

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.usefixtures("own_logging")

HOSTILE = "[bold]red[/] \x1b[31mred\x1b[0m \u202eright\u2066 \x9b2J\x00 [/nothing] \U000e0041"


class Unfindable:
    """A platform that never says whether it took a reply."""

    capabilities = RecordingChannel.capabilities

    async def send(self, outbound: object) -> None:
        raise Unclear(cause="the connection broke")


class Operator:
    """Somebody at the keyboard, in the folder of a bot."""

    def __init__(self, root: Path) -> None:
        self.folder = BotFolder(root)
        self.folder.file.write_text("channels:\n  web: {type: webhook}\n", "utf-8")
        self.url = f"sqlite:///{root}/data/bot.db"
        (root / "data").mkdir()

    def run(self, *args: str, types: str = "") -> Result:
        """Run a command."""
        file = str(self.folder.file)
        return CliRunner().invoke(app, ["-c", file, *args], input=types, catch_exceptions=False)  # type: ignore[arg-type,return-value]

    def says(self, *args: str, types: str = "") -> str:
        """Run a command that succeeds; return what it prints."""
        result = self.run(*args, types=types)
        assert (0, "") == (result.exit_code, result.stderr if result.exit_code else "")
        return result.stdout

    def json(self, *args: str) -> Any:
        """Run a command that succeeds; return the JSON that it prints."""
        return json.loads(self.says(*args, "--json"))

    def refused(self, *args: str, types: str = "") -> str:
        """Run a command that is refused; return its line on stderr."""
        result = self.run(*args, types=types)
        assert (2, "") == (result.exit_code, result.stdout)
        return result.stderr

    def live(self, what: Callable[[Durable], Awaitable[Any]], **options: Any) -> Any:
        """Let a bot work on the store for a while."""

        async def lived() -> Any:
            async with running(self.url, **options) as durable:
                return await what(durable)

        return asyncio.run(lived())

    def look(self, work: Callable[[Store], Awaitable[Any]]) -> Any:
        """Look into the store."""

        async def looked() -> Any:
            async with opened(self.url) as store:
                return await work(store)

        return asyncio.run(looked())


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    """Somebody at the keyboard, and an empty bot."""
    return Operator(tmp_path)


async def deliveries_ended(durable: Durable, count: int) -> None:
    await durable.until_rows(
        "SELECT count(*) FROM deliveries WHERE state IN ('delivered', 'unknown', 'dead')", [(count,)]
    )


def talk(*questions: str, **more: Any) -> Callable[[Durable], Awaitable[str]]:
    """A conversation; returns its id."""

    async def held(durable: Durable) -> str:
        for number, question in enumerate(questions, 1):
            accepted = await durable.accept(question, **more)
            await deliveries_ended(durable, number)
        return accepted.conversation_id

    return held


async def fail(durable: Durable) -> str:
    """A message that is put aside as dead; returns its id."""

    def boom(_turn: object) -> str:
        raise RuntimeError("no")

    durable.worker.say = boom
    accepted = await durable.accept("poison")
    await deliveries_ended(durable, 1)
    return accepted.message_id


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


# -- conversations -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", [["conversations", "list"], ["turns", "list"], ["dead", "list"], ["deliveries", "list"]]
)
def test_without_a_store_a_list_says_so(operator: Operator, command: list[str]) -> None:
    """Nothing is made by looking."""
    line = operator.refused(*command)
    assert "There is no store at sqlite:///" in line
    assert [] == list((operator.folder.root / "data").iterdir())


def test_a_slip_in_bot_yaml_does_not_hide_the_store(operator: Operator) -> None:
    """What only looks into the store needs nothing else of the file, and no file of models."""
    conversation = operator.live(talk("hello"))
    (operator.folder.root / "prompts" / "system.md.j2").write_text("{{ bot.nmae", "utf-8")
    operator.folder.file.write_text("bot: {nmae: '${NOT_SET}'}\nchannels: {x: {type: y}}\n", "utf-8")
    for command in (["explain", conversation], ["conversations", "show", conversation]):
        assert "hello" in operator.says("--model-file", "none.yaml", *command)
    for group in ("conversations", "turns", "dead", "deliveries"):
        assert None is operator.json(group, "list")["next"]
    operator.folder.file.write_text("database: '${NOT_SET}'\n", "utf-8")
    assert "database needs ${NOT_SET}, which is not set" in operator.refused("turns", "list")


@pytest.mark.parametrize("command", ["conversations", "turns", "dead", "deliveries"])
def test_an_empty_list_is_no_error(operator: Operator, command: str) -> None:
    """People read a word, programs an empty list."""
    operator.look(lambda store: asyncio.sleep(0))
    assert operator.run(command, "list").stderr.startswith(("No", "Nothing"))
    assert {"rows": [], "next": None} == operator.json(command, "list")


@pytest.mark.parametrize(
    "command",
    [
        "conversations list",
        "turns list",
        "dead list",
        "deliveries list",
        "drafts stats",
        "ratings list",
        "ratings stats",
        "export",
    ],
)
def test_a_channel_that_nobody_knows_is_refused(operator: Operator, command: str) -> None:
    """A slip in its name is not an empty list; one that is gone from bot.yaml, but not from the store, is."""
    operator.live(talk("hello"))
    assert "There is no channel 'wbe'" in operator.refused(*command.split(), "--channel", "wbe")
    operator.folder.file.write_text("channels:\n  other: {type: webhook}\n", "utf-8")
    for known in ("web", "other"):
        operator.says(*command.split(), "--channel", known)


def test_what_people_think_is_told(operator: Operator) -> None:
    """Each word of theirs, and what it adds up to; nothing steers the terminal."""
    operator.look(lambda store: asyncio.sleep(0))
    assert "No ratings." in operator.run("ratings", "list").stderr
    assert "No ratings." in operator.run("ratings", "stats").stderr

    async def rated(durable: Durable) -> str:
        conversation = await talk("Is it blue?")(durable)
        ratings = ChannelRatings(durable.store, "web", Metrics())
        [turn] = (await reports.turns(durable.store)).rows
        await ratings.rate(turn.id, rater="anna", verdict="bad")
        await ratings.score("c1", rater="anna", score=4, comment=HOSTILE)
        return conversation

    conversation = operator.live(rated)
    shown = operator.says("ratings", "list")
    assert all(word in shown for word in (conversation, "bad", "4 of 5", "Is it blue?", "[bold]red[/]"))
    assert {"\n"} >= {c for c in shown if not c.isprintable()}
    assert ["bad"] == [row["verdict"] for row in operator.json("ratings", "list", "--bad")["rows"]]
    assert "Conversations: 1 scored, 4.0 of 5 on average." in operator.says(
        "ratings", "stats", "--by", "channel"
    )
    [row] = operator.json("ratings", "stats", "--by", "channel")["rows"]
    assert {"key": "web", "good": 0, "bad": 1} == row


def test_conversations_are_listed_in_pages(operator: Operator) -> None:
    """A page says how to get the next one."""

    async def two(durable: Durable) -> None:
        await durable.accept("one", to="a", sender=Sender(id="u", name="Anna", email="a@example.com"))
        await durable.accept("two", to="b")
        await deliveries_ended(durable, 2)

    operator.live(two)
    page = operator.json("conversations", "list", "--limit", "1")
    (newest,) = page["rows"]
    assert newest["id"] == page["next"]
    assert newest["updated_at"].endswith("Z")
    rest = operator.says("conversations", "list", "--before", page["next"])
    assert page["next"] not in rest
    shown = operator.run("conversations", "list", "--limit", "1")
    assert f"Older ones: --before {newest['id']}" in shown.stderr
    assert "Anna <a@example.com>" in operator.says("conversations", "list")


def test_a_conversation_is_shown_harmless(operator: Operator) -> None:
    """What customers write steers no terminal and is no markup."""
    name = Sender(id="u", name=HOSTILE)
    conversation = operator.live(talk(HOSTILE, sender=name))
    for args in (["conversations", "show", conversation], ["conversations", "list"], ["turns", "list"]):
        shown = operator.says(*args)
        assert {"\n"} >= {c for c in shown if not c.isprintable()}
        assert "[bold]red[/]" in shown
    story = operator.says("explain", conversation)
    assert {"\n"} >= {c for c in story if not c.isprintable()}
    raw = operator.says("conversations", "show", conversation, "--json")
    assert raw.isascii()
    assert HOSTILE.replace("\x00", "\ufffd") == json.loads(raw)["messages"][0]["text"]


def test_who_wrote_and_under_which_keys_is_told(operator: Operator) -> None:
    """The channel's keys of conversation and customer, by which a program writes into it; names."""
    conversation = operator.live(
        talk("Hello", sender=Sender(id="visitor_7", name="Kim", email="kim@x.example"))
    )
    shown = operator.says("conversations", "show", conversation)
    assert "key c1  customer visitor_7  kim@x.example" in shown
    assert "1  customer Kim  " in shown
    found = json.loads(operator.says("conversations", "show", conversation, "--json"))
    assert ("c1", "visitor_7") == (
        found["conversation"]["external_id"],
        found["conversation"]["customer_key"],
    )
    assert ["Kim", ""] == [message["name"] for message in found["messages"]]


def test_what_came_with_a_message_is_told(operator: Operator) -> None:
    """Its name, kind and size; of an image that is kept the pixels. Also where everything is exported."""
    files = (
        Attachment(name=HOSTILE, content_type="text/plain", size=7),
        Attachment(name="photo.png", content_type="", size=1, data=drawn("PNG")),
    )
    conversation = operator.live(talk("Look", attachments=files))
    for args in (["conversations", "show", conversation], ["explain", conversation]):
        shown = operator.says(*args)
        assert "(text/plain, 7 bytes)" in shown
        assert f"Attached: photo.png (image/png, {len(drawn('PNG'))} bytes, 64\u00d748, kept)" in shown
        assert {"\n"} >= {c for c in shown if not c.isprintable()}
    lines = operator.says("conversations", "export", conversation).splitlines()
    told = json.loads(lines[1])["message"]["attachments"]
    assert [False, True] == [file["kept"] for file in told]


def test_what_models_are_told_of_a_long_conversation_is_shown(operator: Operator) -> None:
    """Where their history begins, what is pinned, the summary, and how it is with the next one."""

    async def remember(durable: Durable) -> str:
        accepted = await durable.accept("hello")
        await deliveries_ended(durable, 1)
        turn = durable.worker.turns[0]
        cut = Memory(from_seq=41, pinned=("JP-123456",))
        first = await durable.store.write(
            lambda tx: (
                memory_ledger.keep(tx, turn, cut, now=1, due=1),
                memory_ledger.claim(
                    tx, accepted.conversation_id, now=1, owner="o", lease_until=now_ms() + 60_000
                ),
            )[1]
        )
        told = {"text": "About a lamp.", "up_to": 30, "model": "llama", "now": now_ms() + 60_000}
        await durable.store.write(lambda tx: memory_ledger.summarised(tx, first, **told))
        return accepted.conversation_id

    conversation = operator.live(remember)
    for command in (["explain", conversation], ["conversations", "show", conversation]):
        shown = " ".join(operator.says(*command).split())
        assert "models read it from message 41 on pinned: JP-123456" in shown
        assert "summary up to message 30, by llama: About a lamp. no summary of messages 31 to 40" in shown
        memory = operator.json(*command)["memory"]
        assert (41, ["JP-123456"], "About a lamp.") == (
            memory["from_seq"],
            memory["pinned"],
            memory["summary"],
        )


def test_an_export_is_one_line_for_everything(operator: Operator) -> None:
    """A conversation's line comes before those of its messages; all of it, or one."""
    first = operator.live(talk("one", "two", to="a"))

    async def other(durable: Durable) -> None:
        await durable.accept("three", to="b")
        await deliveries_ended(durable, 3)

    operator.live(other)
    lines = [json.loads(line) for line in operator.says("conversations", "export").splitlines()]
    kinds = "".join(line["type"][0] for line in lines)
    assert "cmmmmcmm" == kinds
    assert ["one", "re: one", "two", "re: two"] == [line["message"]["text"] for line in lines[1:5]]
    only = operator.run("conversations", "export", first)
    assert lines[:5] == [json.loads(line) for line in only.stdout.splitlines()]
    assert "Exported: 1 conversations with 4 messages." in only.stderr


def test_deleting_asks_first(operator: Operator) -> None:
    """No is no; --yes does not ask; what is gone is gone."""
    conversation = operator.live(talk("hello"))
    kept = operator.run("conversations", "delete", conversation, types="n\n")
    assert 1 == kept.exit_code
    assert 1 == len(operator.json("conversations", "list")["rows"])
    assert "is deleted" in operator.says("conversations", "delete", conversation, "--yes")
    assert [] == operator.json("conversations", "list")["rows"]
    assert f"There is no conversation '{conversation}'" in operator.refused(
        "conversations", "show", conversation
    )


def test_a_conversation_is_given_to_a_person_and_back(operator: Operator) -> None:
    """The operator says who speaks, and can list by it."""
    conversation = operator.live(talk("hello"))
    assert "in state human" in operator.says("conversations", "state", conversation, "human")
    assert [conversation] == [
        row["id"] for row in operator.json("conversations", "list", "--state", "human")["rows"]
    ]
    operator.says("conversations", "state", conversation, "bot")
    assert [] == operator.json("conversations", "list", "--state", "human")["rows"]
    assert "no conversation" in operator.refused("conversations", "state", "conv_x", "bot")
    operator.refused("conversations", "state", conversation, "asleep")


def test_it_works_beside_a_running_bot(operator: Operator) -> None:
    """Reads and short writes go through while a bot holds the store."""

    async def beside(durable: Durable) -> tuple[str, str]:
        conversation = await talk("hello")(durable)
        listed = await asyncio.to_thread(operator.says, "conversations", "list")
        await asyncio.to_thread(operator.says, "conversations", "state", conversation, "resolved")
        (row,) = await durable.rows("SELECT state FROM conversations")
        return listed, row[0]

    listed, state = operator.live(beside)
    assert "resolved" == state
    assert "web" in listed


# -- turns, deliveries, explain ------------------------------------------------------------------


def test_the_dead_are_listed_and_replayed(operator: Operator) -> None:
    """A dead turn says why, is given back once, and answered by the next bot."""
    operator.live(fail)
    (turn,) = operator.json("dead", "list")["rows"]
    assert ("dead", "RuntimeError", "poison") == (turn["state"], turn["reason"], turn["question"])
    assert "Given back to the bot: 1.\n" == operator.says("dead", "replay", turn["id"])
    assert f"Turn {turn['id']} is replayed, not dead.\n" == operator.refused("dead", "replay", turn["id"])
    for other in (turn["id"].replace("turn_", "dlv_"), f"turn_{'0' * 26}", "nonsense"):
        assert f"There is no dead turn '{other}'.\n" == operator.refused("dead", "replay", other)
    operator.live(lambda durable: deliveries_ended(durable, 2))
    assert ["answered", "replayed"] == [row["state"] for row in operator.json("turns", "list")["rows"]]


def test_all_dead_are_replayed_at_once(operator: Operator) -> None:
    """--all takes every one, and says how many."""
    operator.live(fail)
    operator.live(_another_failure)
    assert "Given back to the bot: 2.\n" == operator.says("dead", "replay", "--all")
    assert "Given back to the bot: 0.\n" == operator.says("dead", "replay", "--all")


async def _another_failure(durable: Durable) -> None:
    def boom(_turn: object) -> str:
        raise RuntimeError("no")

    durable.worker.say = boom
    await durable.accept("poison", to="other")
    await deliveries_ended(durable, 2)


def test_an_unknown_delivery_is_settled(operator: Operator) -> None:
    """It is listed until the operator says what became of it; that stands in its story."""
    operator.live(talk("hello"), channels={"web": Unfindable()})
    (delivery,) = operator.json("deliveries", "list", "--state", "unknown")["rows"]
    assert f"{delivery['id']} is delivered.\n" == operator.says(
        "deliveries", "settle", delivery["id"], "delivered"
    )
    assert [] == operator.json("deliveries", "list", "--state", "unknown")["rows"]
    assert "delivery.settled" in operator.says("explain", delivery["id"])
    refused = operator.refused("deliveries", "settle", delivery["id"], "dead")
    assert f"Delivery {delivery['id']} is delivered, not unknown.\n" == refused
    assert "no unknown delivery" in operator.refused("deliveries", "settle", f"dlv_{'0' * 26}", "dead")


def test_a_dead_delivery_is_sent_again(operator: Operator) -> None:
    """By the next bot that runs, as new; one that is not dead is left alone."""
    refusing = RecordingChannel()
    refusing.fates.append("refused")
    conversation = operator.live(talk("hello"), channels={"web": refusing})
    (delivery,) = operator.json("deliveries", "list", "--state", "dead")["rows"]
    said = operator.says("deliveries", "retry", delivery["id"])
    assert f"{delivery['id']} is planned: a running bot sends it.\n" == said
    assert "delivery.replanned" in operator.says("explain", conversation)
    refused = operator.refused("deliveries", "retry", delivery["id"])
    assert f"Delivery {delivery['id']} is planned, not dead.\n" == refused
    assert "no dead delivery" in operator.refused("deliveries", "retry", f"dlv_{'0' * 26}")
    recording = RecordingChannel()
    operator.live(lambda durable: deliveries_ended(durable, 1), channels={"web": recording})
    (again,) = operator.json("deliveries", "list", "--state", "delivered")["rows"]
    assert (delivery["id"], 1, 1) == (again["id"], again["sends"], len(recording.posts))


@pytest.mark.parametrize("fate", ["lost", "crash but there"])
def test_what_is_sent_again_is_looked_for(operator: Operator, fate: Any) -> None:
    """When nobody knows whether that arrived: it is there once."""
    refusing, recording = RecordingChannel(), RecordingChannel()
    refusing.fates.append("refused")
    recording.fates.append(fate)
    operator.live(talk("hello"), channels={"web": refusing})
    (delivery,) = operator.json("deliveries", "list", "--state", "dead")["rows"]
    operator.says("deliveries", "retry", delivery["id"])
    operator.live(lambda durable: deliveries_ended(durable, 1), channels={"web": recording})
    assert [delivery["id"]] == [post.delivery_id for post in recording.posts]
    assert any(call.startswith("find") for call in recording.calls)


def test_explain_tells_the_story_on_one_screen(operator: Operator) -> None:
    """Who, when, each try, and what to do; times count from the beginning."""
    message = operator.live(fail)
    story = operator.says("explain", message)
    assert 3 == story.count("turn.claimed")
    assert "reason: RuntimeError" in story
    assert "→ turn_" in story
    assert "supportbot dead replay turn_" in story
    assert "+0." in story
    told = operator.json("explain", message)
    assert (message, 1) == (told["asked"], len(told["advice"]))
    assert told["events"][0]["at"].endswith("Z")


def test_tries_that_a_process_did_not_survive_are_tries(operator: Operator) -> None:
    """They count elsewhere than those that failed; whoever reads wants to know how often it was begun."""
    message = operator.live(fail)
    died = Statement(update(turns).values(attempt=1, deaths=4))
    operator.look(lambda store: store.write(lambda tx: tx.run(died)))
    assert [5] == [row["tries"] for row in operator.json("dead", "list")["rows"]]
    story = operator.says("explain", message)
    assert "dead after 5 tries" in story
    assert "(tries: 5)" in story


def test_explain_says_what_is_not_there(operator: Operator) -> None:
    """A wrong id is one line."""
    operator.look(lambda store: asyncio.sleep(0))
    assert "There is no" in operator.refused("explain", "msg_\x1b[31m")
    assert "There is no message 'msg_0" in operator.refused("explain", f"msg_{'0' * 26}")


def test_the_operator_s_word_stands_in_the_journal(operator: Operator) -> None:
    """What was done by hand is told as done by hand."""
    conversation = operator.live(talk("hello"))
    operator.says("conversations", "state", conversation, "human")
    story = operator.look(lambda store: reports.explain(store, conversation))
    assert ("state.changed", "operator") == (story.events[-1].kind, story.events[-1].actor)


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
