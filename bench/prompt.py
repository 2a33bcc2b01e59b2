"""How long it takes to make a prompt, and to count a text's tokens.

    python -m bench.prompt

A conversation of 200 messages of everyday length, the templates of this repository, three passages.
Aims: p50 of a rendering at most 1 ms; a kilobyte counted in at most 50 µs.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from supportbot.messages import Contact, Message, Passage, Turn
from supportbot.prompt import Prompts
from supportbot.tokens import estimate

ROUNDS = 500
TEXTS = (
    "Hello, I ordered a pair of running shoes two weeks ago and they still have not arrived. What now?",
    "I am sorry to hear that. Parcels within the country take two to four working days. " * 3,
    "Здравствуйте, я заказал пару кроссовок две недели назад, и они до сих пор не пришли.",
    "Thank you — that's helpful 👍",
)


def turn(messages: int) -> Turn:
    said = [
        Message(
            id=f"msg_{seq}",
            seq=seq,
            author="bot" if seq % 2 == 0 else "customer",
            text=TEXTS[seq % len(TEXTS)],
            created_at=seq,
        )
        for seq in range(1, messages + 1)
    ]
    return Turn(
        id="turn_1",
        conversation_id="conv_1",
        tenant="default",
        channel="terminal",
        external_id="1",
        address={},
        contact=Contact(id="contact_1", external_id="1", name="Ada"),
        fence=1,
        attempt=1,
        history=tuple(said[:-1]),
        messages=(said[-1].evolve(author="customer"),),
        created_at=1_760_000_000_000,
    )


def milliseconds(action, *arguments) -> list[float]:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        action(*arguments)
        times.append((time.perf_counter() - start) * 1000)
    return sorted(times)


def main() -> None:
    passages = [Passage(title="Returns", source="returns.md", text="You can return it. " * 40, score=0.9)] * 3
    for budget in (4_000, 100_000):
        prompts = Prompts(
            Path(__file__).parent.parent / "prompts",
            history_tokens=budget,
            bot={"name": "Robin", "company": "Nordlicht"},
        )
        times = milliseconds(prompts.render, turn(200), passages)
        print(
            f"render, 200 messages, {budget} tokens: p50 {statistics.median(times):.3f} ms, "
            f"p99 {times[ROUNDS * 99 // 100]:.3f} ms"
        )
    for text in TEXTS:
        kilobyte = (text * 40).encode()[:1024].decode(errors="ignore")
        median = statistics.median(milliseconds(estimate, kilobyte)) * 1000
        print(f"estimate, 1 KB of {text[:16]!r}: p50 {median:.1f} µs")


if __name__ == "__main__":
    main()
