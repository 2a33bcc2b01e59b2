"""How it looks: dark, on a phone, from right to left, inside a page, as a page. Each leaves a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.widget.stage import Stage

ANSWER = "Two to four days.\n\n- **Standard**: 2–4 days\n- **Express**: 1 day"
_PHONE = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,  # at a scale of 1: a frame of another site is at times touched at half its coordinates at 2
}
RICH = """## Delivery, and what it costs

**Standard** takes `2` to *four* working days; see the [guide](https://example.com/an/address/that/goes-on-and-on-and-on.html),
or Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft.

| Service | Working days | Costs | Countries | Insured up to |
|:---|---:|---:|---|---|
| Standard | 2–4 | € 4.90 | Germany, Austria, France | € 500 |
| Express | 1 | € 12.90 | Germany | € 5,000 |

1. Open your account
   - choose the *order*
   - press **Track**
2. Wait

> Parcels to islands take a day longer.

```python
def price(order, country, express=False, insured=True, islands=False):
    return 4.90 if not express else 12.90
```

- [x] paid
- [ ] sent

---
Anything else? &copy; &mdash; 5 &euro;&hellip;"""


async def test_dark(here: Stage) -> None:
    """Who asked their system for dark gets dark, and words that can be read on it."""
    here.model.answer = ANSWER
    visitor = await here.visitor(color_scheme="dark")
    await visitor.open()
    await visitor.write("How long does delivery take?")
    await visitor.sees("Express")
    await visitor.chat.locator(".row.bot .meta").wait_for()
    await visitor.show("dark")
    assert "rgb(22, 25, 29)" == await visitor.chat.locator("body").evaluate(
        "(body) => getComputedStyle(body).backgroundColor"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_whatever_an_answer_holds_stays_in_its_bubble(here: Stage, scheme: str) -> None:
    """Long words and addresses are broken; tables and code scroll by themselves; entities are characters."""
    here.model.answer = RICH
    visitor = await here.visitor(color_scheme=scheme, viewport={"width": 1000, "height": 1400})
    await visitor.open()
    await visitor.write("Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz? 😀\n\nDanke!")
    await visitor.sees("Anything else? © — 5 €…")
    await visitor.chat.locator(".row.bot .meta").wait_for()
    await visitor.show(f"rich-{scheme}")
    assert [0, 0] == await visitor.page.frames[1].evaluate(
        "[document.documentElement, document.querySelector('.log')].map((it) => it.scrollWidth - it.clientWidth)"
    )


async def test_phone(here: Stage) -> None:
    """On a phone the chat is the whole screen, also what the keyboard leaves of it, and can be left again."""
    here.model.answer = ANSWER
    visitor = await here.visitor(**_PHONE)
    await visitor.launcher.tap()
    await visitor.box.wait_for()
    await visitor.chat.locator(".log:focus").wait_for()
    assert "none" == await visitor.chat.locator(":focus").evaluate(
        "(it) => getComputedStyle(it).outlineStyle"
    )
    frame = visitor.page.locator("iframe[allow]")
    assert {"x": 0, "y": 0, "width": 390, "height": 844} == await frame.bounding_box()
    await visitor.chat.get_by_role("button", name="Where is my parcel?").tap()
    await visitor.sees("Express")
    await visitor.chat.locator(".row.bot .meta").wait_for()
    await visitor.show("phone")
    await visitor.page.set_viewport_size({"width": 390, "height": 500})  # the keyboard
    await visitor.page.wait_for_function(
        "(frame) => frame.getBoundingClientRect().height === 500", arg=await frame.element_handle()
    )
    await visitor.show("phone-keyboard")
    assert await visitor.box.is_visible()
    await visitor.chat.get_by_role("button", name="Close").tap()
    await visitor.launcher.wait_for()


@pytest.mark.parametrize("language", ["ar", "he"])
async def test_right_to_left(here: Stage, language: str) -> None:
    """In Arabic and Hebrew everything is the other way round, and still in the window."""
    here.model.answer = "طلبك في الطريق." if language == "ar" else "ההזמנה בדרך."
    visitor = await here.visitor(url=f"{here.site.origin}/?lang={language}")
    await visitor.launcher.click()
    await visitor.chat.get_by_role("textbox").wait_for()
    await visitor.write("أين طلبي؟" if language == "ar" else "איפה ההזמנה?")
    await visitor.sees(here.model.answer)
    await visitor.chat.locator(".row.bot .meta").wait_for()
    await visitor.show(f"right-to-left-{language}")
    box = await visitor.chat.locator(".row.bot .avatar").first.bounding_box()
    own = await visitor.chat.locator(".row.customer .bubble").bounding_box()
    assert box
    assert own
    assert own["x"] < box["x"]
    assert 0 == await visitor.page.frames[1].evaluate("document.documentElement.scrollWidth - innerWidth")


@pytest.mark.parametrize("language", ["de", "en", "es", "fr", "it", "ja", "nl", "pl", "pt", "zh", "ar", "he"])
async def test_every_language_fits(here: Stage, language: str) -> None:
    """On the narrowest phone nothing sticks out, whatever the language; and there is nothing but that language."""
    visitor = await here.visitor(
        url=f"{here.base}?lang={language}", page=True, viewport={"width": 320, "height": 640}
    )
    await visitor.box.wait_for()
    await visitor.page.locator(".menu > button").click()
    assert language == await visitor.page.locator("html").get_attribute("lang")
    assert 0 == await visitor.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    menu = await visitor.page.locator("#menu").bounding_box()
    assert menu
    assert menu["x"] >= 0
    assert menu["x"] + menu["width"] <= 320
    assert [] == visitor.errors


async def test_inline(here: Stage) -> None:
    """With data-target the chat is a part of the page: no launcher, and nothing to close."""
    here.site.attributes = 'data-target="#chat"'
    visitor = await here.visitor()
    await visitor.box.wait_for()
    await visitor.show("inline")
    assert 0 == await visitor.chat.get_by_role("button", name="Close").count()
    assert 0 == await visitor.page.locator("button").count()


async def test_the_full_page(here: Stage) -> None:
    """The bot's own page greets a newcomer and answers."""
    here.model.answer = ANSWER
    visitor = await here.visitor(page=True)
    await visitor.box.wait_for()
    await visitor.page.screenshot(animations="disabled")
    await visitor.write("How long does delivery take?")
    await visitor.sees("Express")
    await visitor.chat.locator(".row.bot .meta").wait_for()
    await visitor.show("page")
    assert [] == visitor.errors
    assert {here.program.url} == set(visitor.requests)
