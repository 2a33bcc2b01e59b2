"""How much of a prompt an endpoint's prefix cache can use, and how long a prompt takes to make.

    python -m bench.memory

A conversation of 40 turns, with the templates of this repository, whose history goes over its budget of
tokens or of messages again and again. A turn shares its prefix when its prompt begins with everything that
the prompt before held up to its passages. Aims: at least 80 % of turns do; p50 of a prompt at most 1 ms, in
that conversation and for a history of 200 messages.
"""

from __future__ import annotations

import random
import statistics
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from bench.prompt import turn as long_turn
from supportbot.config.models import MemorySection, PromptsSection
from supportbot.messages import Contact, Memory, Message, Passage, Turn
from supportbot.prompt import Prompts

if TYPE_CHECKING:
    from supportbot.messages import Prompt, Words

TURNS = 40
ROOM = 8192 - 1024  # tokens: the default window, less the longest answer
WORDS = ("the", "parcel", "lamp", "order", "number", "refund", "when", "where", "arrived", "again", "please")
CASES = {  # prompts.history_tokens, prompts.history_messages
    "defaults": (PromptsSection().history_tokens, PromptsSection().history_messages),
    "1,000 tokens, any number of messages": (1000, 1000),
    "2,000 tokens, 100 messages": (2000, 100),
}


def said(chance: random.Random, seq: int, author: str) -> Message:
    text = " ".join(chance.choices(WORDS, k=chance.randint(5, 90)))
    return Message(id=f"msg_{seq}", seq=seq, author=author, text=text, created_at=seq)  # type: ignore[arg-type]


def conversation(prompts: Prompts, window: int) -> tuple[list[Prompt], list[float]]:
    """Hold a conversation as the store would: the history begins where the memory says."""
    chance, messages, memory = random.Random(40), list[Message](), Memory()
    made: list[Prompt] = []
    milliseconds: list[float] = []
    for number in range(TURNS):
        messages.append(said(chance, 2 * number + 1, "customer"))
        earlier = [message for message in messages[:-1] if message.seq >= memory.from_seq]
        turn = Turn(
            id=f"turn_{number}",
            conversation_id="conv_1",
            tenant="default",
            channel="terminal",
            external_id="1",
            address={},
            contact=Contact(id="contact_1", external_id="1", name="Ada"),
            fence=number,
            attempt=1,
            history=tuple(earlier[-window - 1 :]),
            messages=(messages[-1],),
            memory=memory,
            created_at=1_760_000_000_000,
        )
        passage = " ".join(chance.choices(WORDS, k=chance.randint(20, 200)))
        passages = [Passage(title="Returns", source="returns.md", text=passage, score=0.9)] * 3
        begun = time.perf_counter()
        made.append(prompts.render(turn, passages, room=ROOM))
        milliseconds.append((time.perf_counter() - begun) * 1000)
        memory = made[-1].memory
        if memory.summary_seq < memory.from_seq - 1:  # a summary is made between two turns
            told = f"A summary of {memory.from_seq - 1} messages."
            memory = memory.evolve(summary=told, summary_seq=memory.from_seq - 1)
        memory = memory.evolve(left_out=())
        messages.append(said(chance, 2 * number + 2, "bot"))
    return made, milliseconds


def prefix(prompt: Prompt) -> tuple[Words, ...]:
    """Return what stands before the notes and the newest words."""
    return prompt.words[:-2]


def main() -> None:
    folder, keep = Path(__file__).parent.parent / "prompts", MemorySection().keep
    for name, (tokens, window) in CASES.items():
        prompts = Prompts(
            folder, history_tokens=tokens, history_messages=window, keep=keep, bot={"name": "Robin"}
        )
        made, milliseconds = conversation(prompts, window)
        pairs = list(pairwise(made))
        shared = sum(after.words[: len(prefix(before))] == prefix(before) for before, after in pairs)
        cuts = sum(after.memory.from_seq != before.memory.from_seq for before, after in pairs)
        print(
            f"{name}: {shared} of {len(pairs)} turns share their whole previous prefix "
            f"({100 * shared / len(pairs):.0f} %), {cuts} cuts; prompt of {made[-1].tokens} tokens: "
            f"p50 {statistics.median(milliseconds):.3f} ms, slowest {max(milliseconds):.3f} ms"
        )
    prompts = Prompts(folder, history_tokens=100_000, history_messages=1000, bot={"name": "Robin"})
    passages = [Passage(title="Returns", source="returns.md", text="You can return it. " * 40, score=0.9)] * 3
    turn, times = long_turn(200), []
    for _ in range(500):
        begun = time.perf_counter()
        prompts.render(turn, passages)
        times.append((time.perf_counter() - begun) * 1000)
    print(f"a history of 200 messages: p50 {statistics.median(times):.3f} ms")


if __name__ == "__main__":
    main()
