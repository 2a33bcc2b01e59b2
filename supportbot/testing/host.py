"""A core to test a channel against: in memory, in one process, and doing only what it is told.

::

    core = FakeCore("fax")
    channel = FaxChannel(config, core.host)
    app = channel.app(core.accept)                     # mount it, let something arrive
    assert "Where is my order?" == core.accepted[0].text
    outbound = core.reply("+49 30 1234567", "It is on its way.")   # as the bot would
    sent = await channel.send(outbound)

``FakeCore`` keeps the promises a channel may rely on: a key is seen once, messages are numbered without
gaps, everything that happens is published to the feed after it can be read from the transcripts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from supportbot.channel import Host, Opinion
from supportbot.feed import Delta, Feed, Outcome, Said, Settled, StateChanged, Typing
from supportbot.ids import new_id, now_ms
from supportbot.images.ledger import judged, told
from supportbot.messages import Accepted, Begun, Message, Outbound
from supportbot.storable import clean_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from supportbot.channel import DraftOutcome, Verdict
    from supportbot.messages import Attachment, Choice, Citation, Inbound, MessageState, State


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
class _Conversation:
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
        self, conversations: Mapping[str, _Conversation], files: Mapping[tuple[str, int, int], bytes]
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

    def __init__(self, conversations: Mapping[str, _Conversation]) -> None:
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

    def __init__(self, conversations: Mapping[str, _Conversation]) -> None:
        self._conversations = conversations
        self.addresses: dict[str, str] = {}  # by the channel's key of the conversation
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


class FakeCore:
    """Lends a channel its ``host``, takes its messages with ``accept``, and plays the bot when told to.

    Every method that names a conversation takes the channel's own key of it (``Inbound.conversation``).
    """

    def __init__(self, name: str = "test", *, bot_name: str = "SupportBot", tools: bool = False) -> None:
        self.accepted: list[Inbound] = []
        """What the channel handed in, duplicates left out, in order."""
        self.failure: Exception | None = None
        """When set, ``accept`` raises it: ``StoreUnavailable``, for one."""
        self.ignored: list[str] = []
        """Why things were acknowledged that the channel did not hand in."""
        self.returned = MemoryReturns()
        self.drafts = MemoryDrafts()
        self._conversations: dict[str, _Conversation] = {}
        self.ratings = MemoryRatings(self._conversations)
        self.contacts = MemoryContacts(self._conversations)
        self.presence = MemoryPresence()
        self._files: dict[tuple[str, int, int], bytes] = {}
        self._seen: dict[str, tuple[str, int]] = {}
        self._feed = Feed()
        self.records = MemoryRecords()
        self.host = Host(
            name=name,
            records=self.records,
            transcripts=MemoryTranscripts(self._conversations, self._files),
            feed=self._feed,
            ignored=self.ignored.append,
            tools=tools,
            ratings=self.ratings,
            returned=self.returned,
            drafts=self.drafts,
            contacts=self.contacts,
            presence=self.presence,
            base_path=f"/channels/{name}",
            bot_name=bot_name,
        )

    async def accept(self, inbound: Inbound) -> Accepted:
        """Take a message as the inbox would."""
        if self.failure is not None:
            raise self.failure
        for key in inbound.keys:
            if key in self._seen:
                return self._receipt(*self._seen[key], inbound)
        self.accepted.append(inbound)
        conversation = self._conversations.setdefault(
            inbound.conversation, _Conversation(id=new_id("conv"), address={}, begun_by=inbound.sender.id)
        )
        conversation.address = inbound.address or conversation.address
        kept = judged(inbound.attachments)
        message = self._say(
            conversation,
            inbound.author,
            clean_text(inbound.text),
            state=_state_of(inbound, conversation.state),
            client_key=inbound.keys[0],
            attachments=told(kept),
        )
        for place, file in enumerate(kept):
            self._files[inbound.conversation, message.seq, place] = file.data
        self._seen.update(dict.fromkeys(inbound.keys, (inbound.conversation, message.seq)))
        if message.state == "handed_over":
            settled = Settled((message.id,), "handed_over", conversation.state)
            self._feed.publish(conversation.id, settled)
        elif inbound.author == "person" and not inbound.takes_over:
            if conversation.state == "queued":
                self.change_state(inbound.conversation, "bot")
        elif inbound.author == "person" and not inbound.ignored:
            self.settle(inbound.conversation, "handed_over", reason="human")
            self.change_state(inbound.conversation, "human")
        elif conversation.state in {"snoozed", "resolved"} and not inbound.ignored:
            self.change_state(inbound.conversation, "bot")
        return self._receipt(inbound.conversation, message.seq, None)

    def begin(self, conversation: str) -> str:
        """Begin a turn on the messages that are pending; returns its id."""
        found = self._conversations[conversation]
        found.turn_id, found.written = new_id("turn"), 0
        for message in found.messages:
            if message.state == "pending":
                found.messages[message.seq - 1] = message.evolve(turn_id=found.turn_id)
        self._feed.publish(found.id, Typing(found.turn_id))
        return found.turn_id

    def delta(self, conversation: str, text: str) -> None:
        """Write some more of the turn's answer."""
        found = self._conversations[conversation]
        self._feed.publish(found.id, Delta(found.turn_id, found.written, text))
        found.written += len(text)

    def reply(
        self,
        conversation: str,
        text: str,
        *,
        citations: tuple[Citation, ...] = (),
        choices: tuple[Choice, ...] = (),
        handoff: str = "",
    ) -> Outbound:
        """End the turn (beginning one if need be) with a reply; returns the delivery to give the channel."""
        found = self._conversations[conversation]
        turn_id = found.turn_id or self.begin(conversation)
        asked = [m for m in found.messages if m.turn_id == turn_id]
        for message in asked:
            found.messages[message.seq - 1] = message.evolve(state="answered")
        found.turn_id = ""
        found.state = "queued" if handoff else found.state
        outcome = Outcome(
            message_ids=tuple(message.id for message in asked), state="answered", speaks=found.state
        )
        said = self._say(found, "bot", text, outcome, turn_id=turn_id, citations=citations, choices=choices)
        if handoff:
            self.settle(conversation, "handed_over", reason="queued")
            self.change_state(conversation, "queued")
        return Outbound(
            delivery_id=new_id("dlv"),
            conversation_id=found.id,
            message_id=said.id,
            turn_id=turn_id,
            tenant="default",
            channel=self.host.name,
            external_id=conversation,
            address=found.address,
            text=text,
            seq=said.seq,
            in_reply_to=asked[-1].client_key if asked else "",
            citations=citations,
            choices=choices,
            handoff=handoff,
            created_at=said.created_at,
        )

    def settle(self, conversation: str, state: MessageState, *, reason: str = "") -> None:
        """End all pending messages without a reply: ``dead``, ``handed_over``, ``ignored``."""
        found = self._conversations[conversation]
        pending = [m for m in found.messages if m.state == "pending"]
        for message in pending:
            found.messages[message.seq - 1] = message.evolve(state=state)
        found.turn_id = ""
        if pending:
            self._feed.publish(found.id, Settled(tuple(m.id for m in pending), state, reason))

    def change_state(self, conversation: str, state: State) -> None:
        """Let another one speak."""
        found = self._conversations[conversation]
        found.state = state
        self._feed.publish(found.id, StateChanged(state))

    def messages(self, conversation: str) -> list[Message]:
        """Return what was said in a conversation."""
        return list(self._conversations[conversation].messages)

    def listeners(self, conversation: str) -> int:
        """Return how many listen to a conversation right now."""
        return self._feed.listeners(self._conversations[conversation].id)

    def _say(
        self,
        conversation: _Conversation,
        author: Any,
        text: str,
        outcome: Outcome | None = None,
        **fields: Any,
    ) -> Message:
        message = Message(
            id=new_id("msg"),
            seq=len(conversation.messages) + 1,
            author=author,
            text=text,
            created_at=now_ms(),
            **fields,
        )
        conversation.messages.append(message)
        self._feed.publish(conversation.id, Said(message, outcome))
        return message

    def _receipt(self, conversation: str, seq: int, again: Inbound | None) -> Accepted:
        found = self._conversations[conversation]
        message = found.messages[seq - 1]
        return Accepted(
            message_id=message.id,
            conversation_id=found.id,
            seq=seq,
            state=message.state,
            duplicate=again is not None,
            same=again is None
            or (clean_text(again.text), again.conversation, again.author)
            == (message.text, conversation, message.author),
        )


def _state_of(inbound: Inbound, state: State) -> MessageState:
    if inbound.ignored:
        return "ignored"
    if inbound.author == "person":
        return "said"
    if state == "spam":
        return "ignored"
    return "handed_over" if state in {"queued", "human"} else "pending"
