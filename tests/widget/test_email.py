"""The card that asks for an address: for whoever asked for a person and may not be there when one comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.widget.stage import stage
from tests.widget.test_seen import SUPPORT

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Locator

    from tests.widget.browsers import Browsers
    from tests.widget.stage import Stage, Visitor


def _field(visitor: Visitor) -> Locator:
    return visitor.chat.get_by_label("Where may we write to, should you leave?")


async def _ask_for_a_person(visitor: Visitor) -> None:
    await visitor.open()
    await visitor.chat.get_by_role("button", name="More").click()
    await visitor.chat.get_by_role("button", name="Talk to a person").click()


async def _leave(visitor: Visitor, email: str) -> None:
    await _field(visitor).fill(email)
    await visitor.chat.get_by_role("button", name="Save").click()


async def _is_not_asked(visitor: Visitor) -> None:
    """What was written last is stored: by then the card would be there."""
    await visitor.chat.get_by_text("A person will join you here.").wait_for()
    await visitor.write("I am waiting")
    await visitor.chat.locator(".row.customer .bubble:not(.unsent)").get_by_text("I am waiting").wait_for()
    assert 0 == await _field(visitor).count()


async def test_whoever_asked_for_a_person_is_asked_for_an_address(here: Stage) -> None:
    """Without any hours; after a reload again, until an address is known, and then no more."""
    visitor = await here.visitor()
    await _ask_for_a_person(visitor)
    await _field(visitor).wait_for()
    await visitor.page.reload()
    await visitor.open()
    await _leave(visitor, "kim@example.com")
    await visitor.chat.get_by_text("Thank you.").wait_for()
    async with visitor.page.expect_response("**/conversation/status"):
        await visitor.page.reload()
    await visitor.open()
    await _is_not_asked(visitor)
    assert [] == visitor.errors


async def test_an_address_that_the_page_told_is_not_asked_for(here: Stage) -> None:
    """The bot knows it from the first message on."""
    visitor = await here.visitor()
    await visitor.page.evaluate("SupportBot.setUser({email: 'kim@example.com'})")
    await _ask_for_a_person(visitor)
    await _is_not_asked(visitor)


@pytest.mark.parametrize(
    ("email", "says"),
    [
        ("kim@example.com", "Thank you. We can reach you there."),
        ("noreply@example.com", "Thank you. Our team has your address."),
        ("kim@example", "Please enter an e-mail address."),
    ],
)
async def test_only_what_will_be_written_to_is_promised(
    tmp_path: Path, browsers: Browsers, email: str, says: str
) -> None:
    """Of an address that no mailbox writes to, the chat says who has it; one that is none can be mended."""
    rule = {"follow_up": {"mailbox": "support"}}
    async with stage(tmp_path / "bot", browsers, channels={"support": SUPPORT}, webhook=rule) as here:
        visitor = await here.visitor()
        await _ask_for_a_person(visitor)
        await _leave(visitor, email)
        await visitor.chat.get_by_text(says).wait_for()
        assert [] == visitor.errors
