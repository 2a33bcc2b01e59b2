"""A trial in which nothing went wrong, for tests of its audit to doctor."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from supportbot.chaos.audit import Evidence, Stored
from supportbot.chaos.clients import SignedProgram
from supportbot.chaos.load import Conversation
from supportbot.chaos.model import Call
from supportbot.chaos.receiver import Posted

if TYPE_CHECKING:
    from supportbot.chaos.clients import Http
    from supportbot.chaos.troubles import Trouble

ENOUGH = 3
"""Messages of each of the two conversations."""

UNIX = 1.8e9
"""When the trial's clock was zero."""


class Ledger:
    """A trial of two conversations in which nothing went wrong, as rows that a test can change."""

    def __init__(self) -> None:
        self.promised: dict[str, Conversation] = {}
        self.conversations: list[Any] = []
        self.messages: list[Any] = []
        self.turns: list[Any] = []
        self.deliveries: list[Any] = []
        self.calls: list[Call] = []
        self.said: set[str] = set()
        self.tries: list[Posted] = []
        self.troubles: list[Trouble] = []
        self.wrong: list[str] = []
        self.overlapping: list[str] = []
        for word in ("kanna0", "kbert2"):
            self._converse(word)

    def _converse(self, word: str) -> None:
        promised = Conversation(word, SignedProgram(cast("Http", None), f"ticket-{word}"))
        self.promised[word] = promised
        self.conversations.append(
            SimpleNamespace(
                id=word, external_id=promised.key, last_seq=2 * ENOUGH, due_at=None, open_turn_id=None
            )
        )
        for number in range(1, ENOUGH + 1):
            turn, seq = f"turn-{word}-{number}", 2 * number - 1
            promised.acknowledged[number] = {f"msg-{word}-{seq}"}
            self.add(word, seq, f"{word}-{number} where is my parcel?", turn, "customer", "answered")
            self.add(word, seq + 1, f"re {word}-{number}.", turn, "bot", "said")
            self.turns.append(
                SimpleNamespace(id=turn, conversation_id=word, state="answered", model="test-model")
            )
            self.calls.append(Call({}, {}, word, tuple(range(1, number + 1)), (number,)))
            self.said.add(f"re {word}-{number}.")
            self.post(word, seq + 1, f"re {word}-{number}.")
            done = {"id": f"dlv-{word}-{seq + 1}", "state": "delivered", "reason": ""}
            self.deliveries.append(
                SimpleNamespace(**done, updated_at=int(1000 * (UNIX + self.tries[-1].answered_at)))
            )

    def add(self, word: str, seq: int, text: str, turn: str, author: str, state: str) -> None:  # noqa: PLR0917
        row = {"conversation_id": word, "seq": seq, "id": f"msg-{word}-{seq}", "author": author}
        self.messages.append(SimpleNamespace(**row, text=text, state=state, turn_id=turn))

    def post(self, word: str, seq: int, text: str, *, name: str = "") -> None:
        data = {"conversation": f"ticket-{word}", "seq": seq, "text": text}
        raw = json.dumps({"data": data}).encode()
        at = float(len(self.tries))
        done = at + 0.1
        tried = Posted(name or f"dlv-{word}-{seq}", raw, at=at, status=204, answered_at=done)
        self.tries.append(replace(tried, answered_unix=UNIX + done))

    def message(self, word: str, seq: int) -> Any:
        return next(m for m in self.messages if (m.conversation_id, m.seq) == (word, seq))

    @property
    def evidence(self) -> Evidence:
        return Evidence(
            conversations=list(self.promised.values()),
            stored=Stored(
                conversations=self.conversations,
                messages=sorted(self.messages, key=lambda m: (m.conversation_id, m.seq)),
                turns=self.turns,
                deliveries=self.deliveries,
            ),
            calls=self.calls,
            said=frozenset(self.said),
            tries=self.tries,
            troubles=self.troubles,
            wrong=self.wrong,
            overlapping=self.overlapping,
        )
