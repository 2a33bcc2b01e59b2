"""What a channel adds to a turn before it is answered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from supportbot.completion import Completions
from supportbot.messages import Contact, Message, Turn

TURN = Turn(
    id="turn_1",
    conversation_id="conv_1",
    tenant="default",
    channel="fax",
    external_id="x",
    address={},
    contact=Contact(id="contact_1", external_id="x"),
    fence=1,
    attempt=1,
    messages=(Message(id="msg_1", seq=1, author="customer", text="Hello?", created_at=0),),
)


class Knowing:
    """A channel that does what the test says."""

    def __init__(self, complete: Any) -> None:
        self.complete = complete


async def completed(channel: Any, *, within: float = 10.0) -> Turn:
    completions = Completions(within=within)
    completions.use({"fax": channel})
    return await completions.complete(TURN)


async def test_a_turn_gets_what_its_channel_knows() -> None:
    """A name, for one."""

    async def complete(turn: Turn) -> Turn:
        return turn.evolve(contact=turn.contact.evolve(name="Anna"))

    assert "Anna" == (await completed(Knowing(complete))).contact.name


async def test_without_the_method_nothing_is_asked() -> None:
    """The turn is what it was."""
    assert TURN is await completed(object())


@pytest.mark.parametrize("fault", [OSError("gone"), None])
async def test_what_fails_or_hangs_leaves_the_turn_as_it_is(fault: Exception | None) -> None:
    """The customer gets an answer."""

    async def complete(_: Turn) -> Turn:
        if fault is not None:
            raise fault
        await asyncio.Event().wait()
        raise AssertionError

    assert TURN is await completed(Knowing(complete), within=0.01)
