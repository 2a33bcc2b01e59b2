"""No prompt costs more than its model has room for, and each begins like the one before as long as it can."""

from __future__ import annotations

import gc
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supportbot.history import cost
from supportbot.messages import Attachment, Contact, Image, Memory, Message, Passage, Prompt, Turn, Words
from supportbot.model.overflow import fitted
from supportbot.prompt import Prompts
from supportbot.prompt.budget import shared

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
SCRIPTS = (
    "Where is my parcel? ",
    "JP-123456 ",
    "\u0437\u0430\u043a\u0430\u0437 ",
    "\u8ba2\u5355",
    "\U0001f44d\U0001f3fd",
    "x7Qz",
    "e\u0301\u0302",
)
ROOMS = st.one_of(st.none(), st.integers(320, 2500), st.integers(2500, 9000))
POOL = [(script * length)[:length] for script in SCRIPTS for length in (0, 1, 5, 30, 60, 120, 240, 500, 2500)]
TEXTS = st.sampled_from(POOL)
_chance = random.Random(7)  # drawing every text by itself would take longer than all prompts
_WITH_IMAGES = (30, 500)  # so long are the questions that come with images
FILES = tuple(
    Attachment(
        name="a.png", content_type="", size=1, width=1, height=1, image=Image(url="data:", tokens=tokens)
    )
    for tokens in (147, 1454, 147)
)
EXCHANGES = [
    (_chance.choices(POOL, k=_chance.choice([1, 1, 2])), author, _chance.choice(POOL))
    for author in ("bot", "bot", "person", "")
    for _ in range(100)
]
TURNS = st.lists(st.sampled_from(EXCHANGES), min_size=20, max_size=22)
PASSAGES = st.lists(
    st.builds(lambda text: Passage(title="T", source="t.md", text=text, score=0.9), TEXTS), max_size=3
)


class Talk:
    """A conversation, with what the store keeps of it."""

    def __init__(self) -> None:
        self.said: list[Message] = []
        self.memory = Memory()

    def asks(self, texts: list[str], window: int) -> Turn:
        """Return the turn that answers some new messages."""
        from_seq = self.memory.from_seq
        history = [message for message in self.said if message.seq >= from_seq][-window:]
        between = [m for m in self.said if self.memory.summary_seq < m.seq < from_seq and m.author != "bot"]
        new = [self._message("customer", text, place) for place, text in enumerate(texts, 1)]
        self.said += new
        return Turn(
            id="turn_1",
            conversation_id="conv_1",
            tenant="default",
            channel="terminal",
            external_id="1",
            address={},
            contact=Contact(id="contact_1", external_id="1"),
            fence=1,
            attempt=1,
            messages=tuple(new),
            history=tuple(history),
            memory=self.memory.evolve(left_out=tuple(between[-12:])),
        )

    def answered(self, prompt: Prompt, author: str, text: str) -> None:
        """Keep what a prompt leaves, and somebody's reply."""
        self.memory = prompt.memory
        if author:
            self.said.append(self._message(author, text, 1))

    def _message(self, author: str, text: str, place: int) -> Message:
        seq = len(self.said) + place
        return Message(id=f"msg_{seq}", seq=seq, author=author, text=text, created_at=seq)  # type: ignore[arg-type]


@pytest.fixture(scope="module", autouse=True)
def _short_pauses() -> Iterator[None]:
    """What other tests left in memory is not looked through meanwhile: that can take longer than a rendering
    may."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def shipped() -> dict[tuple[int, int], Prompts]:
    """The shipped templates, with budgets of tokens and of messages."""
    return {
        (tokens, messages): Prompts(
            ROOT / "prompts",
            history_tokens=tokens,
            history_messages=messages,
            pin=[r"JP-\d{6}"],
            bot={"name": "Robin", "company": "Nordlicht", "description": "It sells bicycles. " * 20},
            look_every=3600,
        )
        for tokens, messages in ((100, 4), (1000, 20), (4000, 8), (100_000, 1000))
    }


def prefix(prompt: Prompt) -> tuple[Words, ...]:
    """Return what stands before the notes of a prompt, or before its newest words where there are none."""
    newest = max(place for place, entry in enumerate(prompt.words) if entry.role == "user")
    has_notes = newest > 1 and prompt.words[newest - 1].role == "system"
    return prompt.words[: newest - has_notes]


def test_no_history_gets_a_prompt_over_budget(shipped: dict[tuple[int, int], Prompts]) -> None:
    """Over more than ten thousand random histories, turn by turn as conversations grow."""
    histories = 0

    @settings(max_examples=520, deadline=None, suppress_health_check=list(HealthCheck))
    @given(key=st.sampled_from(sorted(shipped)), room=ROOMS, turns=TURNS, passages=PASSAGES, summary=TEXTS)
    def talk_on(
        key: tuple[int, int],
        room: int | None,
        turns: list[tuple[list[str], str, str]],
        passages: list[Passage],
        summary: str,
    ) -> None:
        nonlocal histories
        prompts, talk, before = shipped[key], Talk(), None
        for texts, author, reply in turns:
            turn = talk.asks(texts, window=key[1] + 1)
            if len(texts[0]) in _WITH_IMAGES:
                turn = turn.evolve(messages=tuple(m.evolve(attachments=FILES) for m in turn.messages))
            prompt = prompts.render(turn, passages, room=room)
            histories += 1
            said = [entry for entry in prompt.words if entry.role != "system"]
            assert cost(prompt.words) == prompt.tokens
            assert room is None or prompt.tokens <= room
            assert cost(said) <= key[0]
            assert "user" == said[0].role == said[-1].role
            assert prompt.memory.from_seq >= turn.memory.from_seq
            whole = len(turn.history) <= key[1]  # more of one customer's words in a row end up in one entry
            if before and whole and before.memory.from_seq == prompt.memory.from_seq:
                assert _begins(prompt, before)
            talk.answered(prompt, author, reply)
            talk.memory = talk.memory.evolve(
                summary=summary[:1000] if talk.memory.from_seq else "", summary_seq=talk.memory.from_seq - 1
            )
            before = prompt

    talk_on()
    assert histories >= 10_000


def _begins(prompt: Prompt, before: Prompt) -> bool:
    """Say whether a prompt begins as the one before; its last entry may have grown by what came after."""
    known = prefix(before)
    last = prompt.words[len(known) - 1]
    return prompt.words[: len(known) - 1] == known[:-1] and last.content.startswith(known[-1].content)


@given(room=st.integers(320, 5000), system=st.integers(0, 5000), history=st.integers(64, 5000))
def test_the_shares_are_never_more_than_the_room(room: int, system: int, history: int) -> None:
    """All parts together fit, and the history can always hold something."""
    budget = shared(room, system=system, history=history)
    assert budget.system + budget.passages + budget.memory + budget.history <= room
    assert budget.history >= 64


def test_what_is_asked_does_not_move_the_shares(shipped: dict[tuple[int, int], Prompts]) -> None:
    """A question with long passages leaves the history as long as it was."""
    talk = Talk()
    prompts = shipped[4000, 8]
    for _ in range(3):
        prompt = prompts.render(talk.asks(["word " * 200], 9), room=2200)
        talk.answered(prompt, "bot", "word " * 100)
    turn = talk.asks(["And now?"], 9)
    long = [Passage(title="T", source="t.md", text="word " * 2000, score=1)] * 3
    assert prefix(prompts.render(turn, room=2200)) == prefix(prompts.render(turn, long, room=2200))


IMAGES = [(Image(url="data:", tokens=tokens),) * count for tokens in (147, 1454) for count in (1, 2, 9)]
ENTRIES = st.lists(
    st.one_of(
        st.builds(Words, role=st.sampled_from(["user", "assistant", "system"]), content=TEXTS),
        st.builds(Words, role=st.just("user"), content=TEXTS, images=st.sampled_from(IMAGES)),
    ),
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(rules=TEXTS, words=ENTRIES, question=TEXTS.filter(bool), room=st.integers(320, 4000))
def test_a_smaller_model_gets_a_smaller_prompt(
    rules: str, words: list[Words], question: str, room: int
) -> None:
    """A prompt made for another model is cut down to this one's room; the newest words are still there."""
    prompt = Prompt(
        turn=Talk().asks(["?"], 1),
        words=(Words(role="system", content=rules), *words, Words(role="user", content=question)),
    )
    less = fitted(prompt, room)
    assert cost(less.words) <= room
    assert "user" == less.words[-1].role
    assert less is prompt or less.tokens == cost(less.words)
