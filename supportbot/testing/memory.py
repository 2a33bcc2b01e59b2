"""What the core lends a channel, in memory: for ``FakeCore``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from supportbot.changes import Change
from supportbot.host import Begun, Opinion, Standing
from supportbot.ids import now_ms

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping

    from supportbot.host import DraftOutcome, Verdict
    from supportbot.messages import Attachment, Message, State


class MemoryRecords:
    """A channel's records, in memory. Values are copied as JSON, as the real ones are."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[str, int | None]] = {}

    async def get(self, key: str) -> Any | None:
        """Return the value, or None when there is none or it has expired."""
        text, expires_at = self._values.get(key, ("null", None))
        return None if expires_at is not None and expires_at <= now_ms() else json.loads(text)

    async def put(self, key: str, value: Any, *, expires_at: int | None = None) -> None:
        """Store a value, replacing an earlier one."""
        self._values[key] = (json.dumps(value), expires_at)

    async def add(self, key: str, value: Any, *, expires_at: int | None = None) -> bool:
        """Store a value only if the key is free; says whether it did."""
        if await self.get(key) is not None:
            return False
        await self.put(key, value, expires_at=expires_at)
        return True

    async def swap(self, key: str, before: Any, after: Any, *, expires_at: int | None = None) -> bool:
        """Store a value only if the key still holds ``before``; says whether it did."""
        found = await self.get(key)
        if found is None or found != json.loads(json.dumps(before)):
            return False
        await self.put(key, after, expires_at=expires_at)
        return True

    async def delete(self, key: str, *, only: Any = None) -> None:
        """Forget a key. With ``only``, not if it holds another value."""
        if only is None or await self.get(key) == only:
            self._values.pop(key, None)

    async def scan(self, prefix: str) -> AsyncIterator[tuple[str, Any]]:
        """Yield the (key, value) pairs whose key begins with ``prefix``, in key order."""
        for key in sorted(self._values):
            value = await self.get(key) if key.startswith(prefix) else None
            if value is not None:
                yield key, value


@dataclass(slots=True)
class MemoryConversation:
    """One conversation."""

    id: str
    address: Mapping[str, Any]
    begun_by: str
    state: State = "bot"
    messages: list[Message] = field(default_factory=list)
    turn_id: str = ""
    written: int = 0


class MemoryTranscripts:
    """What was said, in memory."""

    def __init__(
        self, conversations: Mapping[str, MemoryConversation], files: Mapping[tuple[str, int, int], bytes]
    ) -> None:
        self._conversations = conversations
        self._files = files

    async def messages(self, external_id: str, *, after: int = 0, limit: int = 100) -> list[Message]:
        """Return up to ``limit`` messages after number ``after``, oldest first."""
        found = self._conversations.get(external_id)
        return [] if found is None else found.messages[after : after + limit]

    async def state(self, external_id: str) -> State | None:
        """Return who speaks in the conversation; None if it is unknown."""
        found = self._conversations.get(external_id)
        return None if found is None else found.state

    async def conversation_id(self, external_id: str) -> str | None:
        """Return the store's id of the conversation; None if it is unknown."""
        found = self._conversations.get(external_id)
        return None if found is None else found.id

    async def standing(self, external_id: str) -> Standing | None:
        """Return both of these; None if it is unknown."""
        found = self._conversations.get(external_id)
        return None if found is None else Standing(found.id, found.state)

    async def has(self, key: str) -> bool:
        """Say whether there is a message that came with such a key, as the first of its keys."""
        return any(
            message.client_key == key
            for conversation in self._conversations.values()
            for message in conversation.messages
        )

    async def redact(self, key: str) -> bool:
        """Take the words of a message out; says whether there was such a message."""
        for conversation in self._conversations.values():
            for message in conversation.messages:
                if message.client_key == key:
                    conversation.messages[message.seq - 1] = message.evolve(text="[deleted]", attachments=())
                    return True
        return False

    async def attachment(self, external_id: str, seq: int, place: int) -> Attachment | None:
        """Return an attachment of a message with its bytes; None when there is none."""
        data = self._files.get((external_id, seq, place), b"")
        if not data:
            return None
        message = self._conversations[external_id].messages[seq - 1]
        return message.attachments[place].evolve(data=data)

    async def begun_by(self, sender: str, *, limit: int = 20) -> list[Begun]:
        """Return the newest conversations that a sender began, the newest first."""
        theirs = [(key, c) for key, c in self._conversations.items() if c.begun_by == sender]
        return [
            Begun(
                external_id=key,
                address=found.address,
                state=found.state,
                text=found.messages[0].text,
                created_at=found.messages[0].created_at,
                updated_at=found.messages[-1].created_at,
            )
            for key, found in theirs[-limit:][::-1]
        ]


class MemoryRatings:
    """What people thought of answers and conversations, in memory; any turn is one that there is."""

    def __init__(self, conversations: Mapping[str, MemoryConversation]) -> None:
        self._conversations = conversations
        self.verdicts: dict[tuple[str, str], Verdict] = {}
        """By turn and rater."""
        self.scores: dict[tuple[str, str], tuple[int, str]] = {}
        """Score and comment, by the channel's key of the conversation and rater."""

    async def rate(self, turn_id: str, *, rater: str, verdict: Verdict) -> bool:
        """Store a verdict."""
        self.verdicts[turn_id, rater] = verdict
        return True

    async def score(self, external_id: str, *, rater: str, score: int, comment: str = "") -> bool:
        """Store a score."""
        if external_id not in self._conversations:
            return False
        self.scores[external_id, rater] = (score, comment)
        return True

    async def given(self, external_id: str, *, rater: str) -> Opinion:
        """Return what somebody said of a conversation and its answers."""
        found = self._conversations.get(external_id)
        theirs = {
            message.seq: self.verdicts[message.turn_id, rater]
            for message in (found.messages if found else ())
            if message.author == "bot" and message.turn_id and (message.turn_id, rater) in self.verdicts
        }
        score = self.scores.get((external_id, rater))
        return Opinion(verdicts=theirs, score=None if score is None else score[0])


class MemoryContacts:
    """Where people want to be written to, in memory."""

    def __init__(self, conversations: Mapping[str, MemoryConversation]) -> None:
        self._conversations = conversations
        self.addresses: dict[str, str] = {}
        """By the channel's key of the conversation."""
        self.follow_up = False

    async def write_to(self, external_id: str, email: str, *, proven: bool = False) -> bool:
        """Store an address; one that is proven does not replace one that was given."""
        if external_id not in self._conversations:
            return False
        if not (proven and external_id in self.addresses):
            self.addresses[external_id] = email
        return True

    def goes_on(self, email: str) -> bool:
        """Say what ``follow_up`` says."""
        return self.follow_up

    async def address(self, external_id: str) -> str:
        """Return an address; empty when there is none."""
        return self.addresses.get(external_id, "")


@dataclass(slots=True)
class MemoryPresence:
    """Who was there and what they saw, by the channel's keys of the conversations."""

    every: float = 0.01
    readers: set[str] = field(default_factory=set)
    seqs: dict[str, int] = field(default_factory=dict)

    async def here(self, external_ids: Collection[str]) -> None:
        """Remember them."""
        self.readers.update(external_ids)

    async def seen(self, external_id: str, seq: int) -> None:
        """Remember it."""
        self.seqs[external_id] = seq


class MemoryReturns:
    """Which deliveries came back, in memory; it takes any for one that was sent."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}
        """By delivery."""

    async def __call__(self, delivery_id: str, /, *, reason: str) -> bool:
        """Remember one; says whether it is news."""
        return self.reasons.setdefault(delivery_id, reason) is reason


class MemoryDrafts:
    """What became of drafts, in memory; it takes any delivery for one that there is."""

    def __init__(self) -> None:
        self.outcomes: dict[str, tuple[DraftOutcome, int, int | None]] = {}
        """By delivery: the outcome, the draft's length, how much of it was changed."""

    async def record(
        self, delivery_id: str, outcome: DraftOutcome, *, length: int = 0, changed: int | None = None
    ) -> bool:
        """Store how a draft stands."""
        self.outcomes[delivery_id] = (outcome, length, changed)
        return True


class MemoryHandoffs:
    """Who was said to speak, in memory."""

    def __init__(
        self,
        conversations: Mapping[str, MemoryConversation],
        change_state: Callable[[str, State], None],
    ) -> None:
        self._conversations = conversations
        self._change_state = change_state
        self.assigned: list[tuple[str, str, str]] = []
        """Conversation, to whom, by whom, in order; the conversation by the channel's key of it."""

    async def assign(
        self, conversation_id: str, to: Literal["bot", "person"], *, by: str, name: str = ""
    ) -> Change | None:
        """Let another one speak."""
        for key, found in self._conversations.items():
            if found.id == conversation_id:
                self.assigned.append((key, to, by))
                state: State = "bot" if to == "bot" else "human"
                self._change_state(key, state)
                return Change(state=state, actor="person", by=by, name=name, at=now_ms())
        return None
