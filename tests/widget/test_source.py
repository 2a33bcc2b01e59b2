"""The widget's pure parts, run in Node: what half an answer looks like, and what an event changes."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

WIDGET = Path(__file__).parents[2] / "channels/supportbot_webhook/widget"


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Return what a script gives that uses a module of the source."""
    if shutil.which("node") is None or not (WIDGET / "node_modules").is_dir():
        pytest.skip(
            "needs Node 20: apt-get install nodejs npm, then npm ci in channels/supportbot_webhook/widget"
        )

    def execute(module: str, script: str) -> Any:
        file = tmp_path / "script.mjs"
        build = WIDGET / "node_modules/.bin/esbuild"
        bundled = tmp_path / "module.mjs"
        subprocess.run(
            [
                build,
                WIDGET / f"src/chat/{module}.ts",
                "--bundle",
                "--format=esm",
                f"--outfile={bundled}",
                "--log-level=error",
            ],
            check=True,
        )
        file.write_text(
            f"import * as it from './module.mjs';\nconsole.log(JSON.stringify({script}))", "utf-8"
        )
        return json.loads(subprocess.run(["node", file], check=True, capture_output=True).stdout)

    return execute


@pytest.mark.parametrize(
    ("half", "shown"),
    [
        ("**Hel", "**Hel**"),
        ("a *b **c", "a *b **c***"),
        ("a **", "a "),
        ("see [gui", "see gui"),
        ("see [guide](https://exa", "see guide"),
        ("press `Tra", "press `Tra`"),
        ("Words\n-", "Words\n"),
        ("Words\n==", "Words\n"),
        ("1", ""),
        ("| a | b |\n|---|", ""),
        ("order_id and user_id", "order_id and user_id"),
        ("2 * 3 and 120*80", "2 * 3 and 120*80"),
        ("```\ncode **x", "```\ncode **x"),
    ],
)
def test_half_an_answer_looks_like_the_beginning_of_the_whole(run: Any, half: str, shown: str) -> None:
    """What is open is closed, what may become something else waits, and what is none is left alone."""
    assert shown == run("mend", f"it.mend({json.dumps(half)})")


def test_a_page_fetched_earlier_changes_nothing_that_is_known(run: Any) -> None:
    """A page that was made before an answer came does not turn its question into one that waits."""
    script = """it.renewed(
      {...it.empty, messages: [{id: "a", state: "answered"}, {id: "b", state: "pending"}, {id: "c", state: "pending"}]},
      [{id: "a", state: "pending"}, {id: "b", state: "dead"}, {id: "c", state: "pending"}],
    ).messages.map(({state}) => state)"""
    assert ["answered", "dead", "pending"] == run("transcript", script)


def test_offsets_count_characters_as_the_server_does(run: Any) -> None:
    """A character beyond the first plane is one, to JavaScript two; half of one is one too."""
    texts = ["", "abc", "é", "你好", "😀", "👩‍👩‍👧", "a😀b𝒳", "\ud83d"]
    given = run("transcript", f"{json.dumps(texts)}.map(it.codePoints)")
    assert [len(text) for text in texts] == given


def test_a_delta_that_does_not_fit_waits_for_the_message(run: Any) -> None:
    """A piece after a gap, or of another turn, is not put where it does not belong; a beginning begins anew."""
    script = """(() => {
      const delta = (turn, offset, text) => ({event: "delta", data: {turn, offset, text}});
      const after = (...events) => events.reduce(it.heard, it.empty).draft?.text ?? null;
      return [
        after(delta("t", 0, "On"), delta("t", 2, "ce")),
        after(delta("t", 0, "On"), delta("t", 3, "x")),
        after(delta("t", 0, "On"), delta("u", 2, "x")),
        after(delta("t", 4, "x")),
        after(delta("t", 0, "On"), delta("t", 0, "Two")),
      ];
    })()"""
    assert ["Once", "On", "On", None, "Two"] == run("transcript", script)


def test_a_deleted_conversation_begins_again(run: Any) -> None:
    """Another message under a number that is known: what was here is gone, and nothing of it stays."""
    script = """it.heard(
      {...it.empty, messages: [{id: "a", seq: 1}, {id: "b", seq: 2}]},
      {event: "message", data: {id: "c", seq: 1, author: "customer"}},
    ).messages.map(({id}) => id)"""
    assert ["c"] == run("transcript", script)
    again = """it.heard(
      {...it.empty, messages: [{id: "a", seq: 1}, {id: "b", seq: 2}]},
      {event: "message", data: {id: "a", seq: 1, author: "customer"}},
    ).messages.map(({id}) => id)"""
    assert ["a", "b"] == run("transcript", again)
