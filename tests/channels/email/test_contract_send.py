"""The contract of a channel, held in mode send on a real SMTP server whose provider keeps what it sends."""

from __future__ import annotations

import asyncio
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any, ClassVar, Self

import pytest

from supportbot.testing import ChannelContract
from supportbot_email.channel import EmailChannel
from tests.channels.email import test_contract
from tests.channels.email.dovecot import needs_dovecot
from tests.channels.email.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from supportbot.testing.platform import Fault
    from supportbot.testing.site import Site
    from tests.channels.email.dovecot import Dovecot
    from tests.channels.email.relay import Taken


_WAY_OUT = {
    "test_a_reply_is_delivered",
    "test_replies_do_not_mix",
    "test_a_reply_survives_a_restart",
    "test_a_long_reply_loses_nothing",
    "test_it_does_not_find_what_is_not_there",
    "test_what_was_sent_is_shown_once_however_it_is_settled",
    "test_a_refusal_is_told_as_one",
    "test_a_busy_platform_gets_the_time_it_asks_for",
    "test_a_reply_that_arrived_unseen_is_not_sent_twice",
}
_WAY_IN = {name for name in vars(ChannelContract) if name.startswith("test_")} - _WAY_OUT


class Mailbox(test_contract.Mailbox):
    """What the customers get is what the relay took."""

    faults: ClassVar[frozenset[Fault]] = frozenset({"refuse", "busy", "take and lose"})

    def __init__(self) -> None:
        self.relay = Relay()
        super().__init__()
        self.relay.on_taken = self._keep

    async def _keep(self, taken: Taken) -> None:
        await asyncio.to_thread(self.server.deliver, self.address, taken.raw, "Sent")

    async def __aenter__(self) -> Self:
        await self.relay.__aenter__()
        return await super().__aenter__()

    async def __aexit__(self, *_: object) -> None:
        await super().__aexit__()
        await self.relay.__aexit__()

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "fault":
            says = {"refuse": "554 no", "busy": "452 full"}.get(value, "")
            self.relay.answers = {"content": says} if says else {}
            self.relay.drop = "after taking" if value == "take and lose" else ""
        object.__setattr__(self, name, value)

    def section(self) -> Mapping[str, Any]:
        return {
            **super().section(),
            "mode": "send",
            "smtp": self.relay.section(),
            "send_to_unverified": True,
            "save_sent": False,
        }

    async def shown(self, site: Site, conversation: str) -> Sequence[str]:
        sent = [message_from_bytes(taken.raw, policy=policy.default) for taken in self.relay.mails]
        return [
            str(one.get_body(("plain",)).get_content())
            for one in sent
            if f"{conversation}@customer.test" in str(one["To"])
        ]


@needs_dovecot
class TestEmailSend(ChannelContract):
    """The way out; the way in is the same in both modes."""

    channel, platform = EmailChannel, Mailbox
    locals().update(dict.fromkeys(_WAY_IN))

    @pytest.fixture(autouse=True)
    def _on(self, server: Dovecot) -> None:
        Mailbox.server = server
