"""What the tests of ``ChannelContract`` do on a site, and how they count what is shown there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supportbot.changes import sought
from supportbot.channel import CanFind, CanNotify
from supportbot.errors import NeverClear
from supportbot.testing.platform import TeamPlatform

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from supportbot.messages import Outbound, Sent
    from supportbot.testing.site import Site

TO_THE_TEAM = "I need a person for parcel 4711."
"""What a customer writes of whom the team is told."""


async def reply(site: Site, text: str, *, conversation: str = "anna") -> Outbound:
    """Let a customer write, and the bot answer; the channel has not been given the answer yet."""
    inbound = await site.hear(conversation=conversation)
    return site.core.reply(inbound.conversation, text)


async def notice(site: Site) -> Outbound:
    """Let a customer ask for a person; returns what the team is to be told, which the channel was not yet."""
    assert isinstance(site.channel, CanNotify), "only what the team was told can be updated or taken back"
    address = site.channel.team_address()
    assert address is not None, "the platform's section must name where the team is told"
    inbound = await site.hear(TO_THE_TEAM, conversation="anna")
    return site.core.notice(inbound.conversation, address=address)


async def told(site: Site) -> Sequence[str]:
    """Return what the team reads."""
    assert isinstance(site.platform, TeamPlatform), "the platform must have 'told': what does the team read?"
    return await site.platform.told(site)


def remains(notice: Outbound) -> Outbound:
    """Return what is left of a notice once its conversation was deleted, as the core looks for it then."""
    return sought(
        notice.delivery_id, channel=notice.channel, address=notice.address, created_at=notice.created_at
    )


async def find(site: Site, outbound: Outbound) -> Sent | None:
    """Look for a delivery."""
    assert isinstance(site.channel, CanFind)
    try:
        found = await site.channel.find(outbound)
    except NeverClear as error:
        raise AssertionError("the platform's section must be one with which 'find' can look") from error
    assert found is None or found.external_id
    return found


async def settle(site: Site, outbound: Outbound) -> None:
    """Do as the outbox does: look, and send again what is certainly not there."""
    if await find(site, outbound) is None:
        await site.channel.send(outbound.evolve(attempt=2))


def count(text: str, shown: Iterable[str]) -> int:
    """Say how often a text is shown, however its lines are broken."""
    return sum(" ".join(piece.split()).count(text) for piece in shown)
