"""Conversations become examples to learn from, without what tells who the customer was."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from supportbot import session
from supportbot.examples import Redactor, example
from supportbot.messages import Sender
from supportbot.reports.exchanges import Exchange, conversation_keys, exchanges, names
from supportbot.tokens import estimate
from tests.durable import running
from tests.operators import Operator

if TYPE_CHECKING:
    from pathlib import Path

    from tests.durable import Durable


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("write to anna.jansen+shop@mail.example.com now", "write to [email] now"),
        ("почта иван@почта.рф!", "почта [email]!"),
        ("call +31 6 1234 5678", "call [phone]"),
        ("call (020) 123 4567 or 0049-170-1234567", "call [phone] or [phone]"),
        ("call 555-123-4567", "call 555-123-4567"),
        ("call (212) 555-0123", "call [phone]"),
        ("call 1-212-555-0123", "call [phone]"),
        ("call 415-555-2671", "call [phone]"),
        ("٠٦١٢٣٤٥٦٧٨ هاتفي", "[phone] هاتفي"),
        ("card 4111 1111 1111 1111", "card [card]"),
        ("card ４１１１１１１１１１１１１１１１", "card [card]"),
        ("number 4111 1111 1111 1112", "number 4111 1111 1111 1112"),
        ("to NL91 ABNA 0417 1643 00 please", "to [iban] please"),
        ("to nl91abna0417164300.", "to [iban]."),
        ("to GB00 WEST 1234 5698 7654 32", "to GB00 WEST 1234 5698 7654 32"),
        ("key sk-abcdefghij0123456789", "key [redacted]"),
        ("Authorization: Bearer abc123def456", "Authorization: [redacted]"),
        ("a bearer certificate of shares", "a bearer certificate of shares"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dGhlIHNpZ25hdHVyZQ ok", "[redacted] ok"),
        ("set whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "set [redacted]"),
        ("card 4111.1111.1111.1111 and 3782.822463.10005", "card [card] and [card]"),
        ("number 4111.1111.1111.1112", "number 4111.1111.1111.1112"),
        ("order JP-123456 of 2026-11-25 for €1,299.00", "order JP-123456 of 2026-11-25 for €1,299.00"),
        (
            "I am Anna, ANNA Jansen's daughter; Annabel is not",
            "I am [name], [name] [name]'s daughter; Annabel is not",
        ),
    ],
)
def test_personal_data_is_replaced_by_its_kind(said: str, left: str) -> None:
    """Addresses, numbers with the right check digits and the customer's names go; order numbers stay."""
    assert left == Redactor(["Anna Jansen"]).clean(said)


@pytest.mark.parametrize(
    ("name", "said", "left"),
    [
        ("李明", "我是李明。", "我是[name]。"),
        ("Zoë", "Zoe\u0308 here", "[name] here"),
        ("प्रिया शर्मा", "मैं प्रिया हूँ", "मैं [name] हूँ"),
        ("J. Li", "j li", "j [name]"),
        (
            "Pat O'Neil",
            "O’Neil, O`NEIL or oneil, of the Neils; neil",
            "[name], [name] or [name], of the Neils; [name]",
        ),
        ("Pat O’Neil", "I am O'Neil", "I am [name]"),
        ("Jean-Luc Picard", "Jean, JEAN-LUC, jean luc, Jeanluc", "[name], [name], [name] [name], [name]"),
        (
            "Jörg Müller",
            "MULLER, Muller, Mueller, Mu\u0308ller and joerg",
            "[name], [name], [name], [name] and [name]",
        ),
        ("Søren Åberg", "Soren ABERG", "[name] [name]"),
        ("anna", "ANNA, Anna and aNNa", "[name], [name] and [name]"),
        ("지민", "지민 is 지민이", "[name] is [name]이"),
        ("the", "The lamp. Is the The there? THE END", "The lamp. Is the [name] there? THE END"),
        ("Will Smith", "Will you? I am Will. will smith, smith", "Will you? I am [name]. [name], [name]"),
        ("Anna van der Berg", "Groet van Anna Van Der Berg, der Berg", "Groet van [name], der [name]"),
        ("Card Name", "4111 1111 1111 1111 is my card, Name", "[card] is my [name], [name]"),
    ],
)
def test_names_are_found_in_any_script(name: str, said: str, left: str) -> None:
    """Without spaces between words, in another normal form; a single letter is no name."""
    assert left == Redactor([name]).clean(said)


def test_a_redactor_without_names_leaves_words_alone() -> None:
    """No name is not a name of nothing."""
    assert "hello" == Redactor([""]).clean("hello")


def test_hostile_text_takes_no_time() -> None:
    """No pattern backtracks without end over what a stranger wrote."""
    for piece in ("a@", "0 ", "1-", "NL91 ", "(0", "+1 ", "4111 ", "a.b@c."):
        Redactor(["Anna"]).clean(piece * 10_000)


def exchange(asked: str, answered: str, *, teaches: bool = True) -> Exchange:
    return Exchange(asked=(asked,), answered=(answered,), teaches=teaches)


def test_an_example_is_in_the_documented_form() -> None:
    """A system message, then customer and assistant in turns, the assistant last."""
    found = example([exchange("b?", "B."), exchange("a?", "A.")], Redactor(), system="Be kind.")
    assert found is not None
    assert ["system", "user", "assistant", "user", "assistant"] == [
        m["role"] for m in found.line()["messages"]
    ]
    assert ["Be kind.", "a?", "A.", "b?", "B."] == [m["content"] for m in found.line()["messages"]]


def test_an_example_is_cut_at_the_front() -> None:
    """The oldest exchanges go, whole, until the rest fits."""
    many = [exchange(f"question {n} " + "word " * 50, f"answer {n}") for n in range(100, 0, -1)]
    found = example(many, Redactor(), most=1000)
    assert found is not None
    assert found.tokens <= 1000 < found.tokens + 2 * estimate(many[0].asked[0])
    assert ("user", "answer 100") == (found.messages[0].role, found.messages[-1].content)


def test_nothing_to_learn_is_no_example() -> None:
    """What must not teach, is empty, or does not fit makes none."""
    assert None is example([exchange("a", "b", teaches=False), exchange("a", " ")], Redactor())
    assert None is example([exchange("a " * 5000, "b")], Redactor(), most=1000)


async def test_only_what_the_bot_answered_by_itself_teaches(database_url: str) -> None:
    """Failures, hand-overs and people do not; what was asked in one breath is one exchange."""
    async with running(database_url) as durable:
        anna: dict[str, Any] = {"sender": Sender(id="u1", name="Anna Jansen")}
        await durable.accept("fine?", **anna)
        await durable.replies(1)

        def boom(_turn: object) -> str:
            raise RuntimeError("no")

        durable.worker.say = boom
        await durable.accept("poison", **anna)
        await durable.replies(2)
        durable.worker.say = lambda turn: "re: " + turn.question
        await durable.accept("automatic", ignored="auto_reply", **anna)
        durable.worker.handoff = "customer_asked"
        accepted = await durable.accept("a person please", **anna)
        await durable.replies(3)
        found = [e async for e in exchanges(durable.store, accepted.conversation_id)]
        assert [("a person please", False), ("poison", False), ("fine?", True)] == [
            (e.asked[0], e.teaches) for e in found
        ]
        assert ("re: fine?",) == found[-1].answered
        assert ("Anna Jansen",) == await names(durable.store, accepted.conversation_id)
        assert () == await conversation_keys(durable.store, states=("resolved",))
        await session.set_state(durable.store, accepted.conversation_id, "resolved")
        (key,) = await conversation_keys(durable.store, states=("resolved",), channel="web")
        assert (accepted.conversation_id, "web") == (key.id, key.channel)
        assert () == await conversation_keys(durable.store, states=("resolved",), since=2**50)


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    """Somebody at the keyboard, and an empty bot."""
    return Operator(tmp_path)


def test_export_writes_a_line_for_each_conversation(operator: Operator, tmp_path: Path) -> None:
    """To stdout or a file, in UTF-8; with the system prompt when that is wanted."""

    async def talk(durable: Durable) -> Any:
        for name in ("a", "b"):
            accepted = await durable.accept("wie geht’s? anna@example.com", to=name)
            await durable.replies(1 if name == "a" else 2)
            if name == "a":
                await session.set_state(durable.store, accepted.conversation_id, "resolved")
        await asyncio.sleep(0)

    operator.live(talk)
    (line,) = operator.says("export").splitlines()
    assert {
        "messages": [
            {"role": "user", "content": "wie geht’s? [email]"},
            {"role": "assistant", "content": "re: wie geht’s? [email]"},
        ]
    } == json.loads(line)
    file = tmp_path / "out.jsonl"
    assert "" == operator.says("export", "--unresolved", "--system", "--output", str(file))
    assert 0o600 == file.stat().st_mode & 0o777
    assert "cannot be written" in operator.refused("export", "--output", str(tmp_path / "none" / "out.jsonl"))
    lines = [json.loads(line)["messages"] for line in file.read_text("utf-8").splitlines()]
    assert [3, 3] == list(map(len, lines))
    assert "You are SupportBot." in lines[0][0]["content"]
