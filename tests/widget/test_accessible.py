"""For everybody: by keyboard alone, with a screen reader, with little sight (WCAG 2.2 AA)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.widget.stage import ARTEFACTS, stage

if TYPE_CHECKING:
    from tests.widget.browsers import Browsers
    from tests.widget.stage import Stage, Visitor

AXE = Path(__file__).parents[2] / "channels/supportbot_webhook/widget/node_modules/axe-core/axe.min.js"
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ANSWER = """## Delivery

**Standard** takes `2` to *four* days, see the [guide](https://example.com).

| Service | Time |
|---|---|
| Standard | 2–4 days |

1. Open your account
2. Choose it

> A note

```
code
```

- [x] done"""


@pytest.fixture
def axe() -> str:
    """The source of axe-core."""
    if not AXE.is_file():
        pytest.skip("needs axe-core: npm ci in channels/supportbot_webhook/widget")
    return AXE.read_text("utf-8")


async def _violations(visitor: Visitor, axe: str, name: str) -> list[str]:
    """Return what axe finds in the chat, and keep its report."""
    frame = visitor.page.frames[-1]
    await frame.evaluate(axe)
    report: dict[str, Any] = await frame.evaluate(
        "(tags) => axe.run(document, {runOnly: {type: 'tag', values: tags}, iframes: false})", _TAGS
    )
    kept = {key: report[key] for key in ("testEngine", "violations", "incomplete")}
    kept["passes"] = sorted(rule["id"] for rule in report["passes"])
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    (ARTEFACTS / f"axe-{name}.json").write_text(json.dumps(kept, indent=1), "utf-8")
    return [
        f"{rule['impact']} {rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in report["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(here: Stage, axe: str, scheme: str) -> None:
    """No rule of WCAG 2.2 AA is broken: with an answer, the menu, the rating and the hand-over in sight."""
    here.model.answer = ANSWER
    visitor = await here.visitor(color_scheme=scheme, reduced_motion="reduce")
    await visitor.open()
    assert [] == await _violations(visitor, axe, f"{scheme}-empty")
    await visitor.write("How long does delivery take?")
    await visitor.sees("A note")
    await visitor.chat.get_by_role("button", name="Helpful", exact=True).click()
    await visitor.chat.get_by_role("button", name="More").click()
    assert [] == await _violations(visitor, axe, f"{scheme}-answer")
    await visitor.chat.get_by_role("button", name="Rate this chat").click()
    await visitor.chat.locator(".stars label").nth(2).click()
    assert [] == await _violations(visitor, axe, f"{scheme}-rating")
    await visitor.chat.get_by_role("button", name="More").click()
    await visitor.chat.get_by_role("button", name="Talk to a person").click()
    await visitor.chat.get_by_text("A person will join you here.").wait_for()
    assert [] == await _violations(visitor, axe, f"{scheme}-hand-over")


async def test_axe_finds_nothing_where_nobody_is_there(tmp_path: Path, browsers: Browsers, axe: str) -> None:
    """The same of the card that asks for an address, and the address reaches the bot."""
    hours = {"time_zone": "UTC", "mon": "00:00-00:01"}
    async with stage(tmp_path / "bot", browsers, widget={"hours": hours, "email": True}) as here:
        visitor = await here.visitor()
        await visitor.open()
        await visitor.chat.get_by_role("button", name="More").click()
        await visitor.chat.get_by_role("button", name="Talk to a person").click()
        field = visitor.chat.get_by_label("Where may we write to, should you leave?")
        await field.fill("nonsense")
        await visitor.chat.get_by_role("button", name="Save").click()
        await visitor.chat.get_by_text("Please enter an e-mail address.").wait_for()
        assert [] == await _violations(visitor, axe, "e-mail")
        await visitor.show("nobody-there")
        await field.fill("kim@example.com")
        await visitor.chat.get_by_role("button", name="Save").click()
        await visitor.chat.get_by_text("Thank you. Our team has your address.").wait_for()


async def test_axe_finds_nothing_when_things_go_wrong(here: Stage, axe: str) -> None:
    """The same with an image to be sent, a text that is too long, no bot, and a message on its way."""
    here.model.answer = ANSWER
    visitor = await here.visitor()
    await visitor.open()
    await visitor.write("How long does delivery take?")
    await visitor.sees("A note")
    await visitor.page.frames[-1].evaluate(_PASTE)
    await visitor.chat.locator(".previews .picture").wait_for()
    await visitor.box.fill("ö" * 20_000)
    await visitor.chat.get_by_text("This is too long.").wait_for()
    assert [] == await _violations(visitor, axe, "too-long")
    await visitor.box.fill("Look at this")
    await here.program.kill()
    await visitor.box.press("Enter")
    await visitor.chat.locator(".unsent").wait_for()
    await visitor.chat.locator(".banner").wait_for()
    await visitor.show("lost")
    assert [] == await _violations(visitor, axe, "lost")


async def test_axe_finds_nothing_where_a_person_answers(here: Stage, axe: str) -> None:
    """The same of people's answers, in the dark."""
    here.model.answer = "It is on its way."
    visitor = await here.visitor(color_scheme="dark")
    await visitor.open()
    await visitor.write("Where is my parcel?")
    await visitor.sees("It is on its way.")
    await here.team_says(visitor, "Ada Lovelace", "I am looking into it.")
    await visitor.sees("I am looking into it.")
    assert [] == await _violations(visitor, axe, "person")


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_axe_finds_nothing_on_the_page(here: Stage, axe: str, language: str) -> None:
    """The same of the bot's own page, from left to right and from right to left."""
    here.model.answer = ANSWER
    visitor = await here.visitor(page=True, url=f"{here.base}?lang={language}")
    await visitor.box.wait_for()
    await visitor.write("How long does delivery take?")
    await visitor.sees("A note")
    await visitor.chat.locator(".row.bot .meta").wait_for()
    assert [] == await _violations(visitor, axe, f"page-{language}")


async def test_axe_finds_nothing_in_sources(tmp_path: Path, browsers: Browsers, axe: str) -> None:
    """The same of a source that is unfolded."""
    async with stage(tmp_path / "bot", browsers, model_url="") as here:
        visitor = await here.visitor()
        await visitor.open()
        await visitor.chat.get_by_role("button", name="Where is my parcel?").click()
        await visitor.chat.locator(".source summary").click()
        assert [] == await _violations(visitor, axe, "source")


async def test_by_keyboard_alone(here: Stage) -> None:
    """Open, write, rate, ask for a person, close: with Tab, Enter, Escape; the focus is kept in and given back."""
    here.model.answer = "Four days."
    visitor = await here.visitor()
    press = visitor.page.keyboard.press
    await visitor.launcher.wait_for()
    await press("Tab")  # the site's link
    await press("Tab")
    assert "Open chat" == await visitor.page.evaluate(_FOCUSED)
    await press("Enter")
    await visitor.chat.locator("textarea:focus").wait_for()
    await visitor.page.keyboard.type("How long?")
    await press("Enter")
    await visitor.chat.get_by_role("button", name="Copy").wait_for()
    frame = visitor.page.frames[1]
    names = []
    for _ in range(20):
        await press("Tab")
        names.append(await frame.evaluate(_FOCUSED))
        assert await frame.evaluate("document.hasFocus()")
    assert {
        "Send",
        "More",
        "Close",
        "Conversation",
        "Copy",
        "Helpful",
        "Not helpful",
        "Add an image",
        "Write a message…",
    } == set(names)
    while "Not helpful" != await frame.evaluate(_FOCUSED):
        await press("Shift+Tab")
    await press("Enter")
    await visitor.chat.locator("[aria-pressed=true]").wait_for()
    while "More" != await frame.evaluate(_FOCUSED):
        await press("Tab")
    await press("Enter")
    await press("Escape")  # closes the menu, not the chat
    assert "More" == await frame.evaluate(_FOCUSED)
    await press("Enter")
    await press("Tab")
    await press("Enter")
    await visitor.chat.get_by_text("A person will join you here.").wait_for()
    await press("Escape")
    await visitor.box.wait_for(state="hidden")
    assert "Open chat" == await visitor.page.evaluate(_FOCUSED)


async def test_a_screen_reader_hears_new_messages_once(here: Stage) -> None:
    """The live region says a whole answer, once; not its growing, not the visitor's own words, not the past."""
    visitor = await here.visitor()
    await visitor.open()
    frame = visitor.page.frames[1]
    await frame.evaluate(_LISTEN)
    await visitor.write("How long?")
    await here.model.asked()
    here.model.say("Four ", "**working** ", "days", ".")
    await visitor.sees("Four working days")
    assert [] == await frame.evaluate("heard")
    here.model.finish()
    polite = visitor.chat.locator("[aria-live]")
    await visitor.chat.locator("[aria-live]", has_text="Fern: Four working days.").wait_for(state="attached")
    assert ["Fern: Four working days."] == await frame.evaluate("heard")
    await visitor.page.reload()
    await visitor.open()
    frame = visitor.page.frames[1]
    await frame.evaluate(_LISTEN)
    await visitor.write("Thanks")
    await here.model.asked()
    here.model.say("You are welcome.")
    here.model.finish()
    await visitor.chat.locator("[aria-live]", has_text="Fern: You are welcome.").wait_for(state="attached")
    assert ["Fern: You are welcome."] == await frame.evaluate("heard")
    assert 1 == await polite.count()
    assert "polite" == await polite.get_attribute("aria-live")


async def test_a_screen_reader_hears_words_and_no_markup(here: Stage) -> None:
    """What is read aloud is what is shown: no address of a link, no dashes of a table."""
    here.model.answer = "See the [guide](https://example.com/a_b).\n\n- *one*\n- snake_case\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    visitor = await here.visitor()
    await visitor.open()
    frame = visitor.page.frames[1]
    await frame.evaluate(_LISTEN)
    await visitor.write("How?")
    await visitor.chat.locator("[aria-live]", has_text="Fern").wait_for(state="attached")
    [heard] = await frame.evaluate("heard")
    assert "Fern: See the guide. one snake_case a b 1 2" == " ".join(heard.split())


async def test_with_reduced_motion_nothing_moves(here: Stage) -> None:
    """Who asked their system for less motion sees none."""
    visitor = await here.visitor(reduced_motion="reduce")
    await visitor.open()
    await visitor.write("Hello")
    await here.model.asked()
    await visitor.chat.locator(".typing").wait_for()
    assert 0 == await visitor.page.frames[1].evaluate("document.getAnimations().length")


_PASTE = """async () => {
  const blob = await new Promise((done) => Object.assign(document.createElement("canvas"), {width: 90, height: 60})
    .toBlob(done, "image/png"));
  const files = new DataTransfer(); files.items.add(new File([blob], "photo.png", {type: "image/png"}));
  document.querySelector("textarea").dispatchEvent(
    new ClipboardEvent("paste", {clipboardData: files, bubbles: true, cancelable: true}));
}"""
_FOCUSED = """() => {
  let element = document.activeElement;
  while (element.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element.getAttribute("aria-label") ?? element.textContent;
}"""
_LISTEN = """() => {
  window.heard = [];
  const region = document.querySelector("[aria-live]");
  new MutationObserver(() => heard.push(region.textContent)).observe(region, {childList: true, characterData: true, subtree: true});
}"""
