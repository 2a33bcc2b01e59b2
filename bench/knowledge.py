"""How well and how fast the knowledge is searched.

    python bench/knowledge.py [--show] [--held-out]

Prints hit@1, hit@3, honest and false answers for the questions in tests/knowledge_questions.yaml, and the
latency of a search. ``--show`` lists what went wrong among the tuning questions (never the held-out ones).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from ruamel.yaml import YAML

from supportbot.knowledge import Knowledge

ROOT = Path(__file__).parent.parent
THRESHOLD = 0.5


def article_of(source: str) -> str:
    return source.partition("#")[0].removeprefix("knowledge/").removesuffix(".md")


def expected(case: dict[str, Any]) -> list[str]:
    return [case["article"]] if isinstance(case["article"], str) else list(case["article"])


def measure(knowledge: Knowledge, group: dict[str, Any], show: bool = False) -> dict[str, float]:
    first = third = confident = wrong = false = 0
    for case in group["answerable"]:
        found = knowledge.search(case["ask"], 3, context=case.get("context", ""))
        names = [article_of(p.source) for p in found]
        right = names[:1] != [] and names[0] in expected(case)
        first += right
        third += any(name in expected(case) for name in names)
        sure = bool(found) and found[0].score >= THRESHOLD
        confident += right and sure
        wrong += sure and not right
        if show and not (right and sure):
            shown = ", ".join(f"{article_of(p.source)} {p.score:.2f}" for p in found)
            print(f"{'LOW ' if right else 'MISS'} {case['ask'][:70]!r} wants {expected(case)}: {shown}")
    for ask in group["unanswerable"]:
        found = knowledge.search(ask, 3)
        if found and found[0].score >= THRESHOLD:
            false += 1
            if show:
                print(f"FALSE {ask!r}: {article_of(found[0].source)} {found[0].score:.2f}")
    total, none = len(group["answerable"]), len(group["unanswerable"])
    return {
        "hit@1": first / total,
        "hit@3": third / total,
        "answered right": confident / total,
        "answered wrong": wrong / total,
        "false answers": false / none,
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
    groups = ["tuning", "held_out"] if "--held-out" in sys.argv else ["tuning"]
    for name in groups:
        figures = measure(knowledge, questions[name], show="--show" in sys.argv and name == "tuning")
        sizes = f"{len(questions[name]['answerable'])}+{len(questions[name]['unanswerable'])}"
        print(f"{name:9} ({sizes}):", ", ".join(f"{key} {value:.0%}" for key, value in figures.items()))
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
