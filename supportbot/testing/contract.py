"""The contract of a channel, as tests: subclass ``ChannelContract`` in a test module of yours.

::

    class TestFax(ChannelContract):
        channel = FaxChannel
        platform = FaxMachine        # a supportbot.testing.Platform: plays the other side

What the channel says it cannot do (it has no ``find``) and what the platform cannot play
(``faults``) is not tested. Needs pytest-asyncio, in either of its modes.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from pydantic import ValidationError

from supportbot.channel import (
    CanFind,
    CanReport,
    CanUpdate,
    CanWithdraw,
    Capabilities,
    ChannelConfig,
    config_of,
)
from supportbot.errors import NotAccepting, Refused, RetryAfter, StoreUnavailable
from supportbot.host import ROLES
from supportbot.messages import Sent
from supportbot.storable import clean_text
from supportbot.testing import contract_steps as steps
from supportbot.testing.host import FakeCore
from supportbot.testing.hostile import HOSTILE
from supportbot.testing.leaks import belongings, left_over
from supportbot.testing.site import acknowledged, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from supportbot.channel import Channel
    from supportbot.errors import SupportBotError
    from supportbot.testing.platform import Fault, Platform
    from supportbot.testing.site import Site

_HESITATION = 0.2
"""Seconds in which a channel that does not wait for ``accept`` would have acknowledged."""

_GARBAGE = (b"", b"null", b"{", b'{"text": 1}', b"\xff\xfe\x00", b"[" * 200)

_UNLIMITED = 8000
"""Characters of the long reply when the channel names no limit."""


def _needs(met: Callable[[type[ChannelContract]], bool]) -> Callable[[Any], Any]:
    """Mark a test that only some channels or platforms can take."""

    def mark(test: Any) -> Any:
        test.needed = met
        return test

    return mark


def _fault(*names: Fault) -> Callable[[Any], Any]:
    return _needs(lambda contract: contract.platform.faults.issuperset(names))


def _can_find(contract: type[ChannelContract]) -> bool:
    return callable(getattr(contract.channel, "find", None))


def _can_notify(contract: type[ChannelContract]) -> bool:
    return callable(getattr(contract.channel, "team_address", None))


def _can_update(contract: type[ChannelContract]) -> bool:
    return callable(getattr(contract.channel, "update", None))


def _can_withdraw(contract: type[ChannelContract]) -> bool:
    return callable(getattr(contract.channel, "withdraw", None))


class ChannelContract:
    """What every channel promises the core."""

    channel: ClassVar[type[Channel]]
    """The channel to be tested."""
    platform: ClassVar[type[Platform]]
    """What plays its platform; made without arguments."""

    pytestmark = pytest.mark.asyncio

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Leave out the tests that this channel and its platform cannot take."""
        super().__init_subclass__(**kwargs)
        if not (hasattr(cls, "channel") and hasattr(cls, "platform")):
            return  # a base class of somebody's own contracts
        for name, test in vars(ChannelContract).items():
            if hasattr(test, "needed") and name not in vars(cls):
                setattr(cls, name, test if test.needed(cls) else None)

    @asynccontextmanager
    async def site(self) -> AsyncIterator[Site]:
        """Serve the channel on a platform of its own."""
        async with self.platform() as platform, serving(self.channel, platform) as site:
            yield site

    # -- what it is ----------------------------------------------------------------------------

    async def test_its_config_refuses_unknown_keys(self) -> None:
        """A typo in bot.yaml is an error and not a setting without effect."""
        config = config_of(self.channel)
        async with self.platform() as platform:
            section = {"type": "test", **platform.section()}
        assert issubclass(config, ChannelConfig)
        assert "test" == config.model_validate(section).type
        with pytest.raises(ValidationError, match="no_such_key"):
            config.model_validate({**section, "no_such_key": "x"})

    async def test_its_config_names_roles_that_there_are(self) -> None:
        """The operator is warned of a role that nobody has: ``roles`` names those that there are."""
        async with self.platform() as platform:
            section = {"type": "test", **platform.section()}
        needed = config_of(self.channel).model_validate(section).roles()
        assert isinstance(needed, frozenset)
        assert needed <= ROLES, f"there is no role {sorted(needed - ROLES)}; those there are: {sorted(ROLES)}"

    async def test_it_declares_what_it_can_do(self) -> None:
        """The core and people read what a channel can do from its class, before there is an instance."""
        declared = _capabilities(self.channel)
        assert isinstance(declared, Capabilities)
        assert declared.max_text is None or declared.max_text > 0

    async def test_it_starts_and_stops_leaving_nothing(self) -> None:
        """However often it was started, no task and no open file is left when it has stopped."""
        async with self.platform() as platform:
            async with serving(self.channel, platform):  # whatever is opened once and kept: now
                pass
            before = belongings()
            for _ in range(2):
                async with serving(self.channel, platform) as site:
                    if isinstance(site.channel, CanReport):
                        assert isinstance(site.channel.problem(), str)
                assert not await left_over(before)

    # -- one way in ----------------------------------------------------------------------------

    async def test_a_message_arrives_in_the_normal_form(self) -> None:
        """The core gets the words, whose they are, and where to answer, in terms it can store."""
        async with self.site() as site:
            inbound = await site.hear("Where is my parcel?")
            assert site.core.host.name == inbound.channel
            assert inbound.conversation
            assert inbound.sender.id
            assert inbound.keys
            assert all(inbound.keys)
            assert "Where is my parcel?" in inbound.text
            assert inbound.address == json.loads(json.dumps(dict(inbound.address)))

    async def test_nothing_is_acknowledged_before_it_is_stored(self) -> None:
        """The platform learns that a message was taken when it is on disk: from then on it may forget it."""
        async with self.site() as site:
            site.store.clear()
            writing = asyncio.ensure_future(site.write("Where is my parcel?"))
            arriving = asyncio.ensure_future(site.arrived.wait())
            await asyncio.wait([writing, arriving], timeout=5, return_when=asyncio.FIRST_COMPLETED)
            arriving.cancel()
            early, _ = await asyncio.wait([writing], timeout=_HESITATION)
            assert not early, f"answered {writing.result()} while the message was still being stored"
            site.store.set()
            assert acknowledged(await writing)

    @pytest.mark.parametrize(
        "failure", [StoreUnavailable(cause="disk full"), NotAccepting()], ids=lambda e: type(e).__name__
    )
    async def test_what_could_not_be_stored_is_not_acknowledged(self, failure: SupportBotError) -> None:
        """When the core cannot take a message the platform is told 503, keeps it, and brings it again."""
        async with self.site() as site:
            site.core.failure = failure
            assert 503 == await site.write("Where is my parcel?", id="m_again")
            site.core.failure = None
            assert acknowledged(await site.write("Where is my parcel?", id="m_again"))
            assert 1 == len(site.core.accepted)

    async def test_a_message_that_comes_again_is_the_same(self) -> None:
        """Platforms deliver twice: both are acknowledged, and the keys show that it is one message."""
        async with self.site() as site:
            for _ in range(2):
                assert acknowledged(await site.write("Where is my parcel?", id="m_twice"))
            assert 1 == len(site.core.accepted)

    async def test_the_same_words_can_be_two_messages(self) -> None:
        """Somebody who writes "yes" twice has said it twice."""
        async with self.site() as site:
            first, second = await site.hear("Yes"), await site.hear("Yes")
            assert not set(first.keys) & set(second.keys)
            assert first.conversation == second.conversation

    async def test_conversations_are_kept_apart(self) -> None:
        """What two people write is two conversations."""
        async with self.site() as site:
            anna, ben = await site.hear(conversation="anna"), await site.hear(conversation="ben")
            assert anna.conversation != ben.conversation
            assert not set(anna.keys) & set(ben.keys)

    @pytest.mark.parametrize("text", ["", *HOSTILE.values()], ids=["empty", *HOSTILE])
    async def test_hostile_words_break_nothing(self, text: str) -> None:
        """Whatever somebody writes is taken or refused, never an error of ours, and the next one is taken."""
        async with self.site() as site:
            assert await site.write(text) < 500
            assert all("parcel" in inbound.text for inbound in site.handed_in if text)
            assert "Are you there?" in (await site.hear("Are you there?")).text

    @pytest.mark.parametrize("body", _GARBAGE, ids=repr)
    async def test_strangers_bytes_break_nothing(self, body: bytes) -> None:
        """Garbage from whoever finds the channel's address is never an error of ours, nor a message."""
        headers = {"Content-Type": "application/json", "Authorization": "Bearer \u00e9\udcff"}
        async with self.site() as site:
            for method, path in site.routes:
                if method in {"POST", "PUT", "PATCH", "DELETE"}:
                    async with site.http.request(
                        method, site.url + path, data=body, headers=headers
                    ) as response:
                        assert response.status < 500
            assert [] == site.handed_in

    # -- one way out ---------------------------------------------------------------------------

    async def test_a_reply_is_delivered(self) -> None:
        """The customer sees the reply, once, and the core gets a receipt."""
        async with self.site() as site:
            sent = await site.channel.send(await steps.reply(site, "It comes tomorrow."))
            assert isinstance(sent, Sent)
            assert sent.external_id
            assert 1 == steps.count("It comes tomorrow.", await site.shown())

    async def test_replies_do_not_mix(self) -> None:
        """Two conversations answered at the same moment: each sees its own reply and nothing else."""
        async with self.site() as site:
            outbounds = [
                await steps.reply(site, f"This is for {who}.", conversation=who) for who in ("anna", "ben")
            ]
            await asyncio.gather(*map(site.channel.send, outbounds))
            anna, ben = await site.shown("anna"), await site.shown("ben")
            assert (1, 0) == (steps.count("This is for anna.", anna), steps.count("This is for ben.", anna))
            assert (0, 1) == (steps.count("This is for anna.", ben), steps.count("This is for ben.", ben))

    async def test_a_reply_survives_a_restart(self) -> None:
        """All that is needed to deliver a reply is in it, and in the channel's records."""
        async with self.platform() as platform:
            async with serving(self.channel, platform) as site:
                outbound = await steps.reply(site, "It comes tomorrow.")
            stored = outbound.evolve(address=json.loads(json.dumps(dict(outbound.address))))
            async with serving(self.channel, platform, site.core) as site:
                await site.channel.send(stored)
                assert 1 == steps.count("It comes tomorrow.", await site.shown())

    async def test_a_long_reply_loses_nothing(self) -> None:
        """A reply longer than the platform takes at once arrives in pieces, in order, with every word."""
        limit = _capabilities(self.channel).max_text
        words = [f"word{number}" for number in range((3 * limit if limit else _UNLIMITED) // 8 + 1)]
        async with self.site() as site:
            await site.channel.send(await steps.reply(site, " ".join(words)))
            shown = await site.shown()
            assert limit is None or max(map(len, shown)) <= limit
            seen = iter(" ".join(shown).split())
            assert [] == [word for word in words if word not in seen]

    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    async def test_hostile_replies_break_nothing(self, text: str) -> None:
        """Whatever a model says is delivered or refused; no reply is tried for ever."""
        async with self.site() as site:
            outbound = await steps.reply(site, clean_text(text))
            try:
                await site.channel.send(outbound)
            except Refused:
                return
            assert "parcel" in " ".join(await site.shown())

    async def test_two_of_them_share_nothing(self) -> None:
        """Two bots, or two channels of one kind, live in one process without knowing of each other."""
        async with AsyncExitStack() as stack:
            sites = []
            for name in ("first", "second"):
                platform = await stack.enter_async_context(self.platform())
                sites.append(await stack.enter_async_context(serving(self.channel, platform, FakeCore(name))))
            first, second = sites
            assert acknowledged(await first.write("Hello", id="m_one"))
            assert [] == second.handed_in
            assert acknowledged(await second.write("Hello", id="m_one"))
            assert ["second"] == [inbound.channel for inbound in second.core.accepted]
            await first.channel.send(first.core.reply(first.handed_in[0].conversation, "For the first."))
            assert 0 == steps.count("For the first.", await second.shown())

    @_needs(_can_notify)
    async def test_what_the_team_is_told_the_customer_does_not_see(self) -> None:
        """News of a hand-over goes to the team's place, with a receipt, and is found again there."""
        async with self.site() as site:
            notice = await steps.notice(site)
            before = await site.shown()
            sent = await site.channel.send(notice)
            assert sent.external_id
            if isinstance(site.channel, CanFind):
                assert sent == await steps.find(site, notice)
            assert before == await site.shown()

    @_needs(_can_update)
    async def test_what_the_team_was_told_is_brought_up_to_date(self) -> None:
        """The same post says who took the customer over; the same update again changes nothing, and no update
        is a second post, or one that the customer sees."""
        async with self.site() as site:
            assert isinstance(site.channel, CanUpdate)
            notice = await steps.notice(site)
            sent = await site.channel.send(notice)
            first, before = await steps.told(site), await site.shown()
            update = site.core.taken_over(notice, sent)
            assert sent == await site.channel.update(update)
            second = await steps.told(site)
            assert second != first, "the team does not read that somebody took the customer over"
            assert sent == await site.channel.update(update)
            assert second == await steps.told(site)
            assert len(first) == len(second)
            assert before == await site.shown()

    @_needs(_can_withdraw)
    async def test_what_was_told_of_a_deleted_conversation_is_taken_back(self) -> None:
        """Its post holds no word of it, also when asked for twice; and what is left of it (where it went and
        when) is enough to find it."""
        async with self.site() as site:
            assert isinstance(site.channel, CanWithdraw)
            notice = await steps.notice(site)
            sent = await site.channel.send(notice)
            before = await site.shown()
            assert steps.count(steps.TO_THE_TEAM, await steps.told(site)), (
                "the team does not read what the customer wrote"
            )
            if isinstance(site.channel, CanFind):
                assert sent == await steps.find(site, steps.remains(notice))
            withdrawn = site.core.deleted(notice, sent)
            for _ in range(2):
                await site.channel.withdraw(withdrawn)
                assert 0 == steps.count(steps.TO_THE_TEAM, await steps.told(site))
            assert set(await site.shown()) <= set(before)

    # -- when it goes wrong --------------------------------------------------------------------

    @_needs(_can_find)
    async def test_it_does_not_find_what_is_not_there(self) -> None:
        """``find`` tells what the platform shows: a reply that was never sent is not made up."""
        async with self.site() as site:
            outbound = await steps.reply(site, "It comes tomorrow.")
            found = await steps.find(site, outbound)
            assert found is None or steps.count(outbound.text, await site.shown())

    @_needs(_can_find)
    async def test_what_was_sent_is_shown_once_however_it_is_settled(self) -> None:
        """A reply that arrived is found, or the platform knows its id and drops the second: one is shown."""
        async with self.site() as site:
            outbound = await steps.reply(site, "It comes tomorrow.")
            await site.channel.send(outbound)
            await steps.settle(site, outbound)
            assert 1 == steps.count(outbound.text, await site.shown())

    @_fault("refuse")
    async def test_a_refusal_is_told_as_one(self) -> None:
        """What the platform will never take raises ``Refused``: trying again would be noise."""
        async with self.site() as site:
            outbound = await steps.reply(site, "It comes tomorrow.")
            site.platform.fault = "refuse"
            with pytest.raises(Refused):
                await site.channel.send(outbound)

    @_fault("busy")
    async def test_a_busy_platform_gets_the_time_it_asks_for(self) -> None:
        """What was not taken now raises ``RetryAfter``; the next try delivers it."""
        async with self.site() as site:
            outbound = await steps.reply(site, "It comes tomorrow.")
            site.platform.fault = "busy"
            with pytest.raises(RetryAfter) as raised:
                await site.channel.send(outbound)
            seconds = raised.value.seconds
            assert seconds is None or 0 <= seconds <= 24 * 3600
            site.platform.fault = None
            await site.channel.send(outbound.evolve(attempt=2))
            assert 1 == steps.count(outbound.text, await site.shown())

    @_fault("lose")
    async def test_a_reply_that_got_lost_is_not_called_delivered(self) -> None:
        """When nobody knows what became of a reply, the channel says so, and settling it delivers it."""
        await self._send_into("lose")

    @_fault("take and lose")
    async def test_a_reply_that_arrived_unseen_is_not_sent_twice(self) -> None:
        """The platform took it and the answer got lost: settling it leaves one reply, not two."""
        await self._send_into("take and lose")

    async def _send_into(self, fault: Fault) -> None:
        async with self.site() as site:
            outbound = await steps.reply(site, "It comes tomorrow.")
            site.platform.fault = fault
            with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever it is, it counts as unclear
                await site.channel.send(outbound)
            assert not isinstance(raised.value, Refused | RetryAfter), (
                "this claims to know that it was not taken"
            )
            site.platform.fault = None
            if isinstance(site.channel, CanFind):
                await steps.settle(site, outbound)
                assert 1 == steps.count(outbound.text, await site.shown())


def _capabilities(channel_class: Any) -> Capabilities:
    declared: Capabilities = channel_class.capabilities
    return declared
