"""What a call of a ``Model`` needs, made up: a prompt to answer and a sink that remembers."""

from __future__ import annotations

from supportbot.messages import Contact, Message, Prompt, Role, Turn, Words


def a_prompt(*words: tuple[Role, str]) -> Prompt:
    """Return a prompt of these (role, text) pairs, or of one short question."""
    said = words or (("user", "When does it ship?"),)
    question = Message(
        id="msg_1", seq=1, author="customer", text=said[-1][1], created_at=1_750_000_000_000, state="pending"
    )
    turn = Turn(
        id="turn_1",
        conversation_id="conv_1",
        tenant="default",
        channel="test",
        external_id="1",
        address={},
        contact=Contact(id="contact_1", external_id="1"),
        fence=1,
        attempt=1,
        messages=(question,),
    )
    return Prompt(turn=turn, words=tuple(Words(role=role, content=text) for role, text in said))


class RecordingSink:
    """A ``Sink`` that keeps what it was given."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.pieces: list[str] = []
        """What was appended since the last restart."""
        self.restarts = 0

    @property
    def text(self) -> str:
        """What a customer would see."""
        return "".join(self.pieces)

    async def append(self, text: str) -> None:
        """Remember it."""
        self.pieces.append(text)

    async def restart(self) -> None:
        """Forget all, and count."""
        self.pieces.clear()
        self.restarts += 1
