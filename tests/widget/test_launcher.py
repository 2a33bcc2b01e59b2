"""The loader on the site's page: a frame that does not come, and commands that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.widget.stage import stage

if TYPE_CHECKING:
    from pathlib import Path

    from tests.widget.browsers import Browsers
    from tests.widget.stage import Stage

_OPEN = "SupportBot.on('error', () => SupportBot.open()); SupportBot.open()"
"""One may be on its way that was asked for while the bot was still down, and fails: then once more."""
_HEAR = "window.failed = []; SupportBot.on('error', ({code, message}) => failed.push([code, message]))"


async def test_a_frame_that_did_not_come_is_asked_for_again(here: Stage) -> None:
    """The bot was down when the chat was opened: nothing broken is shown, and once it is back so is the chat."""
    visitor = await here.visitor()
    await visitor.launcher.wait_for()
    await visitor.page.evaluate(_HEAR)
    await here.program.kill()
    await visitor.launcher.click()
    frame = visitor.page.locator("iframe[allow]")
    assert not await frame.is_visible()
    await visitor.page.wait_for_function("failed.length")
    assert not await frame.is_visible()
    await visitor.launcher.wait_for(state="hidden")
    [[code, message]] = await visitor.page.evaluate("failed")
    assert "not_framed" == code
    assert "down" in message
    await here.program.start()
    await visitor.page.evaluate(_OPEN)
    await visitor.box.wait_for()
    here.model.answer = "It is on its way."
    await visitor.write("Where is my parcel?")
    await visitor.sees("It is on its way.")


async def test_a_launcher_comes_back_by_itself(here: Stage) -> None:
    """Nobody calls open(): the page asks again after a while."""
    visitor = await here.visitor()
    await visitor.launcher.wait_for()
    await here.program.kill()
    await visitor.launcher.hover()
    await visitor.launcher.wait_for(state="hidden")
    await here.program.start()
    await visitor.launcher.wait_for()
    await visitor.open()


async def test_a_site_that_is_not_allowed_shows_no_broken_chat(tmp_path: Path, browsers: Browsers) -> None:
    """Where the chat may not be framed, the launcher goes, and the site's developer is told why."""
    visitors = {"visitors": {"allowed_origins": ["https://other.example"]}}
    async with stage(tmp_path / "bot", browsers, webhook=visitors) as here:
        visitor = await here.visitor()
        await visitor.launcher.wait_for()
        await visitor.page.evaluate(_HEAR)
        await visitor.launcher.click()
        assert not await visitor.page.locator("iframe[allow]").is_visible()
        await visitor.launcher.wait_for(state="hidden")
        assert "allowed_origins" in (await visitor.page.evaluate("failed"))[0][1]


async def test_a_command_that_is_none_is_told_and_passed_over(here: Stage) -> None:
    """A misspelt command, or something else than a command, warns in the console; the next one works."""
    here.site.before = '<script>window.SupportBot = [["nonsense"], ["open"]]</script>'
    visitor = await here.visitor()
    await visitor.box.wait_for()
    await visitor.page.evaluate("SupportBot.push('close')")
    await visitor.box.wait_for(state="hidden")
    for wrong in ('["nonsense"]', '"nothing"', "undefined"):
        await visitor.page.evaluate(f"SupportBot.push({wrong})")
    assert 4 == len(visitor.errors)
    assert all("SupportBot" in error and "TypeError" not in error for error in visitor.errors)


@pytest.mark.parametrize(
    "call",
    [
        *("identify()", "identify(null)", "identify({})", "identify({token: 5})", "identify('a.b.c')"),
        *(
            "setUser({name: 5})",
            "setUser({email: ['a']})",
            "push(['identify'])",
            "push(['setUser', {name: {}}])",
        ),
    ],
)
async def test_a_claim_that_is_no_text_is_told_and_changes_nothing(here: Stage, call: str) -> None:
    """The page goes on, its error event says which call was wrong, and nothing reaches the chat."""
    visitor = await here.visitor()
    await visitor.launcher.wait_for()
    await visitor.page.evaluate(_HEAR)
    await visitor.page.evaluate(f"SupportBot.{call}")
    assert "invalid" == (await visitor.page.evaluate("failed"))[0][0]
    assert 0 == await visitor.page.locator("iframe[allow]").count()
    await visitor.page.evaluate(
        "SupportBot.setUser(); SupportBot.setUser({name: null}); SupportBot.setUser({})"
    )
    await visitor.open()
    assert 1 == len(await visitor.page.evaluate("failed"))
    assert [] == visitor.errors
