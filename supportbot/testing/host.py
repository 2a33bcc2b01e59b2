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

from typing import TYPE_CHECKING, Any

from supportbot.changes import Change, Withdrawn
from supportbot.feed import Delta, Feed, Outcome, Said, Settled, StateChanged, Typing
from supportbot.host import Host
from supportbot.ids import new_id, now_ms
from supportbot.images.ledger import judged, told
from supportbot.limits import OwnLimiter, Rate
from supportbot.messages import Accepted, Contact, Message, Notice, Outbound
from supportbot.storable import clean_text
from supportbot.testing.memory import (
    MemoryContacts,
    MemoryConversation,
    MemoryDrafts,
    MemoryHandoffs,
    MemoryPresence,
    MemoryRatings,
    MemoryRecords,
    MemoryReturns,
    MemoryTranscripts,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot.messages import Choice, Citation, Inbound, MessageState, Sent, State
    from supportbot.vault import Vault


class FakeCore:
    """Lends a channel its ``host``, takes its messages with ``accept``, and plays the bot when told to.

    Every method that names a conversation takes the channel's own key of it (``Inbound.conversation``).
    """

    def __init__(
        self,
        name: str = "test",
        *,
        bot_name: str = "SupportBot",
        tools: bool = False,
        vault: Vault | None = None,
    ) -> None:
        self.accepted: list[Inbound] = []
        """What the channel handed in, duplicates left out, in order."""
        self.failure: Exception | None = None
        """When set, ``accept`` raises it: ``StoreUnavailable``, for one."""
        self.ignored: list[str] = []
        """Why things were acknowledged that the channel did not hand in."""
        self.links_cut: list[int] = []
        """From how many links of each reply the channel cut something."""
        self.refused: list[str] = []
        """Why things were not let in."""
        self.returned = MemoryReturns()
        self.drafts = MemoryDrafts()
        self._conversations: dict[str, MemoryConversation] = {}
        self.ratings = MemoryRatings(self._conversations)
        self.contacts = MemoryContacts(self._conversations)
        self.handoffs = MemoryHandoffs(self._conversations, self.change_state)
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
            links_cut=self.links_cut.append,
            refused=self.refused.append,
            tools=tools,
            ratings=self.ratings,
            returned=self.returned,
            drafts=self.drafts,
            contacts=self.contacts,
            handoffs=self.handoffs,
            limiter=_limiter,
            vault=vault,
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
            inbound.conversation,
            MemoryConversation(id=new_id("conv"), address={}, begun_by=inbound.sender.id),
        )
        conversation.address = inbound.address or conversation.address
        kept = judged(inbound.attachments)
        message = self._say(
            conversation,
            inbound.author,
            clean_text(inbound.text),
            state=_state_of(inbound, conversation.state),
            client_key=inbound.keys[0],
            name=inbound.sender.name,
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
        said = self._say(
            found,
            "bot",
            text,
            outcome,
            turn_id=turn_id,
            citations=citations,
            choices=choices,
            fixed_for=handoff,
        )
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
            model="" if handoff else "model",
            choices=choices,
            handoff=handoff,
            created_at=said.created_at,
        )

    def notice(
        self, conversation: str, *, address: Mapping[str, Any], handoff: str = "customer_asked"
    ) -> Outbound:
        """Hand a conversation over; returns what the team is to be told at ``address``."""
        reply = self.reply(conversation, "A person will answer.", handoff=handoff)
        found = self._conversations[conversation]
        told = Notice(
            channel=self.host.name,
            address=found.address,
            contact=Contact(id="contact_1", external_id=found.begun_by),
            text=next(m.text for m in reversed(found.messages) if m.author == "customer"),
        )
        return reply.evolve(delivery_id=new_id("dlv"), address=address, notice=told)

    def taken_over(self, notice: Outbound, sent: Sent, *, by: str = "kim", name: str = "Kim") -> Outbound:
        """Let a person speak where a notice told of somebody; returns what its post is to say now.

        Args:
            notice: what ``notice`` returned.
            sent: the channel's receipt for it.
            by: who it is, by the key that the channel knows them by.
            name: what they are called.
        """
        self.change_state(notice.external_id, "human")
        change = Change(state="human", actor="person", by=by, name=name, at=now_ms())
        assert notice.notice is not None
        return notice.evolve(notice=notice.notice.evolve(change=change, standing=sent.external_id))

    def deleted(self, notice: Outbound, sent: Sent) -> Withdrawn:
        """Delete the conversation that a notice told of; returns what its channel is to take back.

        Args:
            notice: what ``notice`` returned.
            sent: the channel's receipt for it.
        """
        del self._conversations[notice.external_id]
        return Withdrawn(
            delivery_id=notice.delivery_id,
            address=notice.address,
            external_id=sent.external_id,
            deleted_at=now_ms(),
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
        conversation: MemoryConversation,
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


def _limiter(_name: str, *, per_minute: float, burst: int) -> OwnLimiter:
    return OwnLimiter(Rate(per_minute, burst))


def _state_of(inbound: Inbound, state: State) -> MessageState:
    if inbound.ignored:
        return "ignored"
    if inbound.author == "person":
        return "said"
    if state == "spam":
        return "ignored"
    return "handed_over" if state in {"queued", "human"} else "pending"
