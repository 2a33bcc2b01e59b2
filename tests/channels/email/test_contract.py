"""The contract of a channel, held on a real IMAP server."""

from __future__ import annotations

import asyncio
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any, ClassVar, Self

import pytest

from supportbot.ids import new_id
from supportbot.testing import ChannelContract, Platform
from supportbot_email.channel import EmailChannel
from tests.channels.email.conftest import until
from tests.channels.email.dovecot import needs_dovecot
from tests.channels.email.mailboxes import section
from tests.channels.email.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from supportbot.testing.platform import Fault, Written
    from supportbot.testing.site import Site
    from tests.channels.email.dovecot import Dovecot
    from tests.channels.email.wire import Cut

_CUTS: dict[str | None, Cut] = {
    None: "",
    "refuse": "never to append",
    "busy": "no to append",
    "lose": "before append",
    "take and lose": "after append",
}


class Mailbox(Platform):
    """A mailbox of its own, customers who write to it, and a person who looks into its drafts."""

    faults: ClassVar[frozenset[Fault]] = frozenset({"refuse", "busy", "lose", "take and lose"})
    server: ClassVar[Dovecot]

    def __init__(self) -> None:
        self.address = f"{new_id('box').lower()}@example.com"
        self._wire = Wire(self.server.port)
        self._wire.always = True
        self._threads: dict[str, list[str]] = {}

    async def __aenter__(self) -> Self:
        await self._wire.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._wire.__aexit__()

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "fault":
            self._wire.cut = _CUTS[value]
        super().__setattr__(name, value)

    def section(self) -> Mapping[str, Any]:
        return section(self.address, self._wire.port)

    async def write(self, site: Site, written: Written) -> int:
        await until(lambda: not site.channel.problem())  # type: ignore[attr-defined]  # the first start begins at now
        site.arrived.clear()
        uid = await asyncio.to_thread(self.server.deliver, self.address, self._mail(written))
        await site.arrived.wait()
        while site.core.failure is None:
            if (await site.core.records.get("cursor:INBOX"))["uid"] >= uid:
                return 200
            await asyncio.sleep(0.01)
        return 503

    async def shown(self, site: Site, conversation: str) -> Sequence[str]:
        raws = await asyncio.to_thread(self.server.mails, self.address, "Drafts")
        drafts = [message_from_bytes(raw, policy=policy.default) for raw in raws]
        return [_words(draft) for draft in drafts if f"{conversation}@customer.test" in str(draft["To"])]

    def _mail(self, written: Written) -> bytes:
        message = EmailMessage()
        message["From"] = f"{written.conversation}@customer.test"
        message["To"] = self.address
        message["Subject"] = "A question"
        message["Date"] = "Wed, 25 Nov 2026 10:00:00 +0000"
        message["Message-ID"] = message_id = f"<{written.id}@customer.test>"
        earlier = self._threads.setdefault(written.conversation, [])
        if earlier and message_id not in earlier:
            message["In-Reply-To"] = earlier[-1]
        if message_id not in earlier:
            earlier.append(message_id)
        message.set_content(written.text.encode("utf-8", "replace").decode(), cte="base64")
        return message.as_bytes()


def _words(draft: Any) -> str:
    return str(draft.get_body(("plain",)).get_content())


@needs_dovecot
class TestEmail(ChannelContract):
    """Drafts are what the customers would see."""

    channel, platform = EmailChannel, Mailbox

    @pytest.fixture(autouse=True)
    def _on(self, server: Dovecot) -> None:
        Mailbox.server = server
