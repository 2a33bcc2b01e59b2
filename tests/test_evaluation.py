"""Written conversations, had with the bot by ``supportbot eval``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from supportbot import config
from supportbot.errors import ConfigError
from supportbot.evaluation import evaluate, read_scenarios, usable
from supportbot.evaluation.judge import complaints
from supportbot.evaluation.scenarios import Expect
from supportbot.messages import Citation
from supportbot.testing.bots import Reply
from supportbot.testing.model_replies import ModelReply
from supportbot.testing.model_server import FakeModelServer
from tests.operators import Operator

ROOT = Path(__file__).parent.parent

if TYPE_CHECKING:
    from typing import Any

REPLY = Reply(
    text="We open at **nine**.",
    state="answered",
    citations=(Citation(title="Hours", source="knowledge/hours.md#monday"),),
)

PASSES = """\
scenarios:
  - name: hours
    lines:
      - say: What are your hours?
        expect: {contains: [nine]}
"""


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    """Somebody at the keyboard, and an empty bot."""
    return Operator(tmp_path)


@pytest.mark.parametrize(
    ("expect", "found"),
    [
        ({"contains": ["NINE"], "not_contains": ["ten"], "matches": ["n.ne"], "max_tokens": 10}, ()),
        ({"cites": ["knowledge/hours.md"]}, ()),
        ({"cites": ["knowledge/hours.md#monday"], "handoff": False}, ()),
        ({"contains": ["ten"]}, ("does not contain 'ten'",)),
        ({"not_contains": ["Nine"]}, ("contains 'Nine'",)),
        ({"matches": ["^nine"]}, ("does not match '^nine'",)),
        ({"cites": ["knowledge/hour"]}, ("does not cite knowledge/hour",)),
        ({"handoff": True}, ("asks for no person",)),
        ({"max_tokens": 9}, ("used 10 tokens, more than 9",)),
    ],
)
def test_an_answer_is_judged(expect: dict[str, Any], found: tuple[str, ...]) -> None:
    """What is expected and not there is named; what is not asked for may be anything."""
    assert found == complaints(Expect.model_validate_json(json.dumps(expect)), REPLY, 10)


def test_a_handed_over_answer_says_why() -> None:
    """A person is asked for, or the bot failed altogether."""
    handed = Reply(text="A person will answer.", state="answered", handoff="no_answer")
    assert ("asks for a person (no_answer)",) == complaints(Expect(handoff=False), handed, 0)
    assert ("it could not be answered",) == complaints(Expect(), Reply(text="", state="dead"), 0)


def test_problems_stand_at_their_lines(tmp_path: Path) -> None:
    """Of all files at once, as in bot.yaml: a wrong key, a pattern that is none, a name given twice."""
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text(
        "scenarios:\n  - name: a\n    lines:\n      - say: hi\n        expect: {contain: [x]}\n"
        "  - name: b\n    lines:\n      - say: hi\n        expect: {matches: ['(']}\n",
        "utf-8",
    )
    two.write_text(PASSES + PASSES.partition("\n")[2], "utf-8")
    with pytest.raises(ConfigError) as caught:
        read_scenarios([one, two, tmp_path / "three.yaml"])
    lines = str(caught.value).replace(f"{tmp_path}/", "").splitlines()
    assert [
        "one.yaml:5:18: scenarios[0].lines[0].expect.contain is not a known key",
        "one.yaml:9:28: scenarios[1].lines[0].expect.matches[0] is not a regular expression",
        "two.yaml:6:11: scenarios[1].name is the name of another one, in two.yaml",
        "three.yaml:1:1: there is no such file",
    ] == [":".join(line.split(":")[:4]) for line in lines]


def test_the_shop_s_scenarios_pass() -> None:
    """The demo bot answers its own, from its articles alone."""
    files = sorted((ROOT / "scenarios").glob("*.yaml"))
    operator = Operator.__new__(Operator)
    operator.folder = type("Folder", (), {"file": ROOT / "bot.yaml"})()
    found = operator.json("eval", *map(str, files))
    assert (0, len(found["scenarios"])) == (found["failed"], found["passed"])
    assert found["passed"] >= 10


def test_what_fails_is_told_and_the_exit_code_is_one(operator: Operator, tmp_path: Path) -> None:
    """With what was asked, what was answered and what was expected."""
    file = tmp_path / "s.yaml"
    file.write_text(PASSES.replace("[nine]", "[midnight]"), "utf-8")
    result = operator.run("eval", str(file))
    assert 1 == result.exit_code
    assert "hours, line 1: does not contain 'midnight'" in result.stdout
    assert "0 of 1 scenarios pass." in result.stderr
    file.write_text("scenarios: []\n", "utf-8")
    assert f"{file}:1:" in operator.refused("eval", str(file))


def test_changed_answers_are_named_and_do_not_fail(operator: Operator, tmp_path: Path) -> None:
    """A baseline keeps what was answered; an answer that differs from it is shown."""
    file, record = tmp_path / "s.yaml", tmp_path / "baseline.json"
    file.write_text(PASSES, "utf-8")
    assert "there is no such file" in operator.refused("eval", str(file), "--baseline", str(record))
    record.write_text("{}", "utf-8")
    assert "is no baseline" in operator.refused("eval", str(file), "--baseline", str(record))
    assert "Say which file" in operator.refused("eval", str(file), "--update-baseline")
    operator.says("eval", str(file), "--baseline", str(record), "--update-baseline")
    assert [] == operator.json("eval", str(file), "--baseline", str(record))["scenarios"][0]["changed"]
    (operator.folder.root / "knowledge" / "hours.md").write_text(
        "# Hours\n\nWe open at nine o'clock.\n", "utf-8"
    )
    assert "the answer has changed" in operator.says("eval", str(file), "--baseline", str(record))


async def test_a_scenario_without_an_answer_fails_and_the_others_go_on(
    operator: Operator, tmp_path: Path
) -> None:
    """It ends there: what follows would be answered together with it."""
    async with FakeModelServer(ModelReply(first_delay=3600)) as server:
        operator.folder.file.write_text(
            "turns: {timeout: 5, attempts: 1}\n"
            f"model:\n  - {{model: m, base_url: '{server.base_url('openai')}'}}\n",
            "utf-8",
        )
        loaded, _ = usable(config.load(operator.folder.file, {}))
        file = tmp_path / "s.yaml"
        file.write_text(
            PASSES + "      - say: And tomorrow?\n" + PASSES.partition("\n")[2].replace("hours", "more")
        )
        (tmp_path / "run").mkdir()
        outcomes = await evaluate(loaded, read_scenarios([file]), tmp_path / "run", patience=-4.5)
    assert [("hours", 1), ("more", 1)] == [(outcome.name, len(outcome.lines)) for outcome in outcomes]
    for outcome in outcomes:
        assert not outcome.passed
        assert ("no answer within 0 seconds; the lines after it were not said",) == outcome.lines[
            0
        ].complaints


async def test_a_model_s_tokens_and_cost_are_counted(operator: Operator, tmp_path: Path) -> None:
    """Over the whole of the real path: HTTP, usage, price, and the turn that it is recorded with."""
    async with FakeModelServer(ModelReply(pieces=("At ", "nine."), usage=(30, 4))) as server:
        operator.folder.file.write_text(
            "model:\n"
            f"  - {{model: m, base_url: '{server.base_url('openai')}', price: {{input: 1, output: 2}}}}\n"
            "spending: {currency: EUR, conversation: {tokens: 60}}\n",
            "utf-8",
        )
        loaded, left_out = usable(config.load(operator.folder.file, {}))
        file = tmp_path / "s.yaml"
        again = "      - say: What are your hours?\n"
        file.write_text(PASSES + again + again, "utf-8")
        (tmp_path / "run").mkdir()
        (outcome,) = await evaluate(loaded, read_scenarios([file]), tmp_path / "run")
    assert () == left_out
    assert [("m", 34, 38_000, "EUR"), ("m", 34, 38_000, "EUR"), ("knowledge", 0, 0, "EUR")] == [
        (line.model, line.tokens, line.cost, line.currency) for line in outcome.lines
    ]


def test_tools_that_change_something_stay_out(operator: Operator) -> None:
    """Unless they are let in; what only reads is used."""
    (operator.folder.root / "evaltools.py").write_text(
        "from supportbot.tools import tool\n\n\n"
        '@tool(effects=\'none\')\ndef look(order: str) -> str:\n    """Look."""\n    return order\n\n\n'
        '@tool(effects=\'once\')\ndef cancel(order: str) -> str:\n    """Cancel."""\n    return order\n',
        "utf-8",
    )
    loaded = operator.folder.load("tools: ['evaltools:look', 'evaltools:cancel']\n")
    kept, left_out = usable(loaded)
    assert (["look"], ("cancel",)) == ([tool.name for tool in kept.tools], left_out)
    assert () == usable(loaded, with_effects=True)[1]
