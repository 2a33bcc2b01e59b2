"""The fakes do what they are told, and tell what was asked of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from supportbot.channel import CanFind
from supportbot.errors import ModelError, Refused, RetryAfter, Unclear
from supportbot.messages import Contact, Inbound, Message, Prompt, Sender, Turn
from supportbot.testing import FakeCore, RecordingChannel, ScriptedModel, model_down
from supportbot.testing.fakes import BlindChannel

if TYPE_CHECKING:
    from supportbot.messages import Outbound


class Words:
    """A sink that keeps what is written."""

    def __init__(self) -> None:
        self.text = ""

    async def append(self, text: str) -> None:
        self.text += text

    async def restart(self) -> None:
        self.text = ""


async def a_reply(text: str = "Hello") -> Outbound:
    core = FakeCore("fax")
    await core.accept(
        Inbound(channel="fax", conversation="c1", sender=Sender(id="anna"), text="Hi", keys=("1",))
    )
    return core.reply("c1", text)


def a_prompt(text: str) -> Prompt:
    turn = Turn(
        id="turn_1",
        conversation_id="conv_1",
        tenant="default",
        channel="fax",
        external_id="c1",
        address={},
        contact=Contact(id="contact_1", external_id="anna"),
        fence=1,
        attempt=1,
        messages=(Message(id="msg_1", seq=1, author="customer", text=text, created_at=0),),
    )
    return Prompt(turn=turn, words=())


async def test_a_post_is_shown_and_found() -> None:
    """By default every post is taken, and its receipt is what looking for it gives."""
    channel, outbound = RecordingChannel(), await a_reply("Hello")
    assert await channel.find(outbound) is None
    sent = await channel.send(outbound)
    assert sent == await channel.find(outbound)
    assert ["Hello"] == channel.texts
    assert ["find", "send", "find"] == [call.split()[0] for call in channel.calls]


@pytest.mark.parametrize(
    ("fate", "error", "shown"),
    [
        ("refused", Refused, 0),
        ("busy", RetryAfter, 0),
        ("lost", Unclear, 0),
        ("unclear but there", Unclear, 1),
        ("crash but there", RuntimeError, 1),
    ],
)
async def test_each_fate_befalls_one_post(fate: str, error: type[Exception], shown: int) -> None:
    """A fate says what is raised and whether the platform shows the post; the next one goes well."""
    channel, outbound = RecordingChannel(), await a_reply()
    channel.fates.append(fate)  # type: ignore[arg-type]
    with pytest.raises(error):
        await channel.send(outbound)
    assert shown == len(channel.posts)
    await channel.send(outbound)
    assert shown + 1 == len(channel.posts)


async def test_the_blind_channel_cannot_look() -> None:
    """It has the same platform and no find."""
    channel = BlindChannel(["lost"])
    with pytest.raises(Unclear):
        await channel.send(await a_reply())
    assert not isinstance(channel, CanFind)
    assert isinstance(channel.platform, CanFind)


async def test_the_model_follows_its_script() -> None:
    """Texts are said word by word, errors raised, and when the script has ended the fallback speaks."""
    model, words = ScriptedModel("It ships tomorrow.", model_down()), Words()
    assert "It ships tomorrow." == (await model.complete(a_prompt("When?"), words)).text
    assert "It ships tomorrow." == words.text.strip()
    with pytest.raises(ModelError, match="connection refused"):
        await model.complete(a_prompt("Really?"), words)
    assert "You said: Really?" == (await model.complete(a_prompt("Really?"), words)).text
    assert ["When?", "Really?", "Really?"] == [prompt.turn.question for prompt in model.prompts]
    await model.close()
