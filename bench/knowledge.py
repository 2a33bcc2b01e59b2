"""How well and how fast the knowledge is searched, and what a customer is answered without any model.

    python bench/knowledge.py [--show] [--held-out]

Prints, for the questions in tests/knowledge_questions.yaml, how often the right article is found first or
among three passages, how often the answer quotes it (or something else), and how often a customer is asked
back; then the latency of a search. ``--show`` lists what went wrong among the tuning questions (never the
held-out ones).
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Literal

from ruamel.yaml import YAML

from supportbot.config.texts import TextsSection
from supportbot.knowledge import Knowledge
from supportbot.model.knowledge import KnowledgeModel
from supportbot.testing.model_calls import RecordingSink, a_prompt

ROOT = Path(__file__).parent.parent
THRESHOLD = 0.5

Outcome = Literal["right", "wrong", "asked back", "unknown"]


def article_of(source: str) -> str:
    return source.partition("#")[0].removeprefix("knowledge/").removesuffix(".md")


def expected(case: dict[str, Any]) -> list[str]:
    return [case["article"]] if isinstance(case["article"], str) else list(case["article"])


def outcome(model: KnowledgeModel, case: dict[str, Any]) -> Outcome:
    """What a customer gets: the right article quoted, or only others, or titles to choose from, or nothing.

    Who asks for a person gets one, and nothing is righter.
    """
    texts = TextsSection()
    prompt = a_prompt(("user", case["ask"]))
    if "context" in case:
        before = replace(prompt.turn.messages[0], text=case["context"], id="msg_0", seq=0)
        prompt = replace(prompt, turn=replace(prompt.turn, history=(before,)))
    answer = asyncio.run(model.complete(prompt, RecordingSink()))
    if answer.citations:
        quoted = {article_of(citation.source) for citation in answer.citations}
        return "wrong" if quoted.isdisjoint(expected(case)) else "right"
    if answer.handoff:
        return "right" if "contact" in expected(case) else "unknown"
    return "asked back" if answer.text.startswith(texts.unsure) else "unknown"


def measure(knowledge: Knowledge, group: dict[str, Any], show: bool = False) -> dict[str, float]:
    """The share of each outcome: of the answerable questions, and (false, needless) of the others."""
    model = KnowledgeModel(knowledge, TextsSection(), threshold=THRESHOLD)
    first = third = 0
    outcomes = []
    for case in group["answerable"]:
        found = knowledge.search(case["ask"], 3, context=case.get("context", ""))
        names = [article_of(p.source) for p in found]
        first += names[:1] != [] and names[0] in expected(case)
        third += any(name in expected(case) for name in names)
        outcomes.append(outcome(model, case))
        if show and outcomes[-1] != "right":
            shown = ", ".join(f"{article_of(p.source)} {p.score:.2f}" for p in found)
            print(f"{outcomes[-1]:10} {case['ask'][:70]!r} wants {expected(case)}: {shown}")
    others = []
    for ask in group["unanswerable"]:
        others.append(outcome(model, {"ask": ask, "article": []}))
        if show and others[-1] == "wrong":
            found = knowledge.search(ask, 1)
            print(f"FALSE      {ask!r}: {article_of(found[0].source)} {found[0].score:.2f}")
    total, none = len(outcomes), len(others)
    return {
        "hit@1": first / total,
        "hit@3": third / total,
        "right": outcomes.count("right") / total,
        "wrong": outcomes.count("wrong") / total,
        "asked back": outcomes.count("asked back") / total,
        "unknown": outcomes.count("unknown") / total,
        "false": others.count("wrong") / none,
        "needlessly asked back": others.count("asked back") / none,
    }


def latency(knowledge: Knowledge, asks: list[str]) -> list[float]:
    times = []
    for ask in asks:
        begin = time.perf_counter()
        knowledge.search(ask)
        times.append((time.perf_counter() - begin) * 1000)
    return times


def main() -> None:
    begin = time.perf_counter()
    knowledge = Knowledge.load(ROOT / "knowledge")
    print(f"loaded {len(knowledge)} passages in {(time.perf_counter() - begin) * 1000:.0f} ms")
    questions = YAML(typ="safe").load(ROOT / "tests" / "knowledge_questions.yaml")
    for name in questions:
        if "held_out" in name and "--held-out" not in sys.argv:
            continue
        figures = measure(knowledge, questions[name], show="--show" in sys.argv and "tuning" in name)
        sizes = f"{len(questions[name]['answerable'])}+{len(questions[name]['unanswerable'])}"
        print(f"{name:15} ({sizes}):", ", ".join(f"{key} {value:.0%}" for key, value in figures.items()))
    asks = [case["ask"] for case in questions["tuning"]["answerable"]]
    long = [". ".join(asks)[:2000]] * 20
    strange = ["".join(chr(97 + (7 * i + i * i) % 26) if i % 9 else " " for i in range(2000))] * 20
    for label, texts in (
        ("first time", asks),
        ("a question", asks * 5),
        ("2000 characters", long),
        ("2000 of nonsense", strange),
    ):
        times = latency(Knowledge.load(ROOT / "knowledge") if label == "first time" else knowledge, texts)
        print(f"{label}: median {median(times):.2f} ms, p99 {quantiles(times, n=100)[98]:.2f} ms")


if __name__ == "__main__":
    main()
