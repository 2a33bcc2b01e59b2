"""The command line, called as a person calls it: conversations and what is said in them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from supportbot import reports
from supportbot.ids import now_ms
from supportbot.memory import ledger as memory_ledger
from supportbot.messages import Attachment, Memory, Sender
from supportbot.metrics import Metrics
from supportbot.ratings import ChannelRatings
from tests.operators import HOSTILE, Operator, deliveries_ended, talk
from tests.test_images import drawn

if TYPE_CHECKING:
    from tests.durable import Durable


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
