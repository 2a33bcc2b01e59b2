"""The way of a visitor through the widget: open, write, read, come back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from supportbot.testing.model_replies import ModelReply, ToolCallReply
from supportbot.testing.model_server import FakeModelServer
from tests.widget.stage import stage

if TYPE_CHECKING:
    from pathlib import Path

    from tests.widget.browsers import Browsers
    from tests.widget.stage import Stage

ANSWER = """**Standard delivery** takes *two to four* working days.

| Service | Time |
|---|---|
| Standard | 2–4 days |

1. Open your account
2. Press `Track`

More in the [guide](https://example.com/guide)."""


async def test_a_visitor_chats(here: Stage) -> None:
    """On a website of another origin: open, ask, watch the answer grow, and read it as Markdown."""
    visitor = await here.visitor()
    await visitor.launcher.wait_for()
    await visitor.show("closed")
    await visitor.open()
    await visitor.show("open")
    await visitor.write("How long does delivery take?")
    await here.model.asked()
    await visitor.chat.locator(".typing").wait_for()
    here.model.say("**Standard delivery", "** takes")
    await visitor.chat.locator(".bubble strong", has_text="Standard delivery").wait_for()
    rest = ANSWER.removeprefix("**Standard delivery** takes")
    here.model.say(rest[:-60], rest[-60:])
    await visitor.chat.locator(".bubble td", has_text="2–4 days").wait_for()
    await visitor.show("streaming")
    here.model.finish()
    await visitor.chat.get_by_role("button", name="Copy").wait_for()
    assert "https://example.com/guide" == await visitor.chat.get_by_role("link").get_attribute("href")
    assert ["Open your account", "Press Track"] == await visitor.chat.locator(".bubble li").all_inner_texts()
    await visitor.show("answered")
    assert [] == visitor.errors
    assert here.origins() == set(visitor.requests)


async def test_a_reload_in_mid_stream_loses_nothing(here: Stage) -> None:
    """The page is reloaded while an answer is being written; it goes on from its beginning and ends whole."""
    visitor = await here.visitor()
    await visitor.open()
    await visitor.write("Tell me a story")
    await here.model.asked()
    here.model.say("Once upon ", "a ")
    await visitor.sees("Once upon")
    await visitor.page.reload()
    await visitor.open()
    await visitor.sees("Once upon")
    here.model.say("time.")
    here.model.finish()
    await visitor.sees("Once upon a time.")
    await visitor.chat.get_by_role("button", name="Copy").wait_for()
    assert ["Tell me a story", "Once upon a time."] == (await visitor.texts())[1:]
    assert 1 == len(here.model.requests)


async def test_a_killed_server_answers_after_its_restart(here: Stage) -> None:
    """kill -9 in mid-stream: the visitor sees that it is lost, and the whole answer once it is back."""
    visitor = await here.visitor()
    await visitor.open()
    await visitor.write("Tell me a story")
    await here.model.asked()
    here.model.say("Once upon ", "a ")
    await visitor.sees("Once upon")
    await here.program.kill()
    await visitor.chat.locator(".banner").wait_for()
    await visitor.show("reconnecting")
    await visitor.write("Are you there?")
    here.model.forget()
    here.model.answer = "Once upon a time."
    await here.program.start()
    await visitor.chat.locator(".banner").wait_for(state="hidden")
    await visitor.sees("Once upon a time.")
    await visitor.chat.locator(".row.customer .bubble:not(.unsent)", has_text="Are you there?").wait_for()
    await visitor.chat.locator(".row.bot .meta").last.wait_for()
    stored = await here.stored(visitor)
    while "bot" != stored[-1]["author"]:  # the last question may have a turn of its own
        stored = await here.stored(visitor)
    await (
        visitor.chat.locator(".row.bot .meta").nth([m["author"] for m in stored].count("bot") - 1).wait_for()
    )
    texts = await visitor.texts()
    assert [message["text"] for message in stored] == texts[1:]
    assert ["Tell me a story", "Are you there?"] == [m["text"] for m in stored if m["author"] == "customer"]
    assert {"Once upon a time."} == {m["text"] for m in stored if m["author"] == "bot"}


async def test_a_deleted_conversation_begins_again(here: Stage) -> None:
    """The operator deletes it while its visitor looks on: what they write next begins a new one, and is answered."""
    visitor = await here.visitor()
    await visitor.open()
    await visitor.write("My old secret")
    await here.model.asked()
    here.model.say("I keep it.")
    here.model.finish()
    await visitor.chat.get_by_role("button", name="Copy").wait_for()
    [conversation] = json.loads(await here.operator("conversations", "list", "--json"))["rows"]
    await here.operator("conversations", "delete", conversation["id"], "--yes")
    here.model.answer = "Good day to you."
    await visitor.write("Hello again")
    await visitor.sees("Good day to you.")
    await visitor.chat.get_by_role("button", name="Copy").wait_for()
    assert ["Hello again", "Good day to you."] == (await visitor.texts())[1:]
    await visitor.chat.locator("[aria-live]", has_text="Good day to you.").wait_for(state="attached")
    assert "I keep it." not in await visitor.chat.locator("[aria-live]").inner_text()
    await visitor.page.reload()
    await visitor.open()
    await visitor.sees("Good day to you.")
    assert ["Hello again", "Good day to you."] == (await visitor.texts())[1:]
    assert [] == visitor.errors


async def test_a_person_of_the_team_has_a_name(here: Stage) -> None:
    """Who answers is named beside the answer and to a screen reader; another one stands apart."""
    here.model.answer = "It is on its way."
    visitor = await here.visitor()
    await visitor.open()
    await visitor.write("Where is my parcel?")
    await visitor.chat.get_by_role("button", name="Copy").wait_for()
    await here.team_says(visitor, "Ada Lovelace", "I am looking into it.")
    await here.team_says(visitor, "Grace", "Found: it comes **tomorrow**.")
    await visitor.sees("Found: it comes")
    assert ["Ada Lovelace", "Grace"] == await visitor.chat.locator(".row.person .name").all_inner_texts()
    await visitor.chat.locator("[aria-live]", has_text="Grace: Found: it comes tomorrow.").wait_for(
        state="attached"
    )
    await visitor.show("person")


async def test_a_long_name_stays_in_the_chat(here: Stage) -> None:
    """What does not fit beside the answer is cut off."""
    visitor = await here.visitor()
    await visitor.open()
    await visitor.write("Where is my parcel?")
    await here.model.asked()
    await here.team_says(visitor, "W" * 200, "I am looking into it.")
    await visitor.sees("I am looking into it.")
    name, log = visitor.chat.locator(".row.person .name"), visitor.chat.locator(".log")
    inside, around = await name.bounding_box(), await log.bounding_box()
    assert inside is not None
    assert around is not None
    assert inside["x"] + inside["width"] <= around["x"] + around["width"]
    assert await log.evaluate("log => log.scrollWidth <= log.clientWidth")


async def test_two_tabs_follow_each_other(here: Stage) -> None:
    """What is written in one tab is seen in the other, and so is the answer while it grows; one stream feeds both."""
    context = await here.browsers.open()
    one = await here.visitor(context)
    await one.open()
    await one.write("Where is my parcel?")
    await here.model.asked()
    two = await here.visitor(context)
    await two.open()
    await two.sees("Where is my parcel?")
    here.model.say("On its ", "way")
    await one.sees("On its")
    await two.sees("On its")
    here.model.say(".")
    here.model.finish()
    await two.chat.get_by_role("button", name="Copy").wait_for()
    await one.chat.get_by_role("button", name="Copy").wait_for()
    assert await one.texts() == await two.texts()
    # The first tab, which held the connection, goes away: the second takes over.
    await one.page.close()
    await two.write("Thank you")
    await here.model.asked()
    here.model.say("You are welcome.")
    here.model.finish()
    await two.sees("You are welcome.")


async def test_offline_is_said_and_what_was_written_is_sent_later(here: Stage) -> None:
    """Without a network the message waits, is kept over a reload, and is sent once when the network is back."""
    here.model.answer = "It is on its way."
    visitor = await here.visitor()
    await visitor.open()
    await visitor.write("Hello")
    await visitor.sees("It is on its way.")
    await here.program.kill()
    await visitor.write("Where is my parcel?")
    await visitor.chat.locator(".unsent").wait_for()
    await visitor.show("offline")
    await here.program.start()
    await visitor.page.reload()
    await visitor.open()
    await visitor.chat.locator(".row.customer").nth(1).wait_for()
    await visitor.chat.locator(".row.bot .meta").nth(1).wait_for()
    assert ["Hello", "It is on its way.", "Where is my parcel?", "It is on its way."] == (
        await visitor.texts()
    )[1:]


async def test_unread_messages_are_counted(here: Stage) -> None:
    """An answer that comes while the chat is closed shows on the launcher, in an event and in no live region."""
    visitor = await here.visitor()
    await visitor.page.evaluate("SupportBot.on('unread', ({count}) => (window.unread = count))")
    await visitor.open()
    await visitor.write("Hello")
    await here.model.asked()
    await visitor.page.evaluate("SupportBot.close()")
    here.model.say("Hi!")
    here.model.finish()
    await visitor.page.locator("b", has_text="1").wait_for()
    assert 1 == await visitor.page.evaluate("window.unread")
    assert "Open chat, 1 unread" == await visitor.launcher.get_attribute("aria-label")
    await visitor.show("unread")
    await visitor.open()
    await visitor.page.locator("b").wait_for(state="hidden")
    assert 0 == await visitor.page.evaluate("window.unread")


async def test_feedback_and_a_rating(here: Stage) -> None:
    """A thumb and the stars reach the bot, and are there after a reload."""
    here.model.answer = "Four days."
    visitor = await here.visitor()
    await visitor.open()
    await visitor.write("How long?")
    await visitor.sees("Four days.")
    good = visitor.chat.get_by_role("button", name="Helpful", exact=True)
    async with visitor.page.expect_response(lambda response: response.url.endswith("/rating")) as rated:
        await good.click()
    assert 204 == (await rated.value).status
    await visitor.chat.get_by_role("button", name="More").click()
    await visitor.chat.get_by_role("button", name="Rate this chat").click()
    await visitor.chat.locator(".stars input:focus").wait_for()
    await visitor.chat.locator(".stars label").nth(3).click()
    await visitor.chat.get_by_role("textbox", name="What could be better?").fill("Nothing")
    await visitor.show("rating")
    await visitor.chat.locator(".card").get_by_role("button", name="Send").click()
    await visitor.chat.get_by_text("Thank you for telling us.").wait_for()
    await visitor.page.reload()
    await visitor.open()
    await visitor.chat.locator("[aria-pressed=true]").wait_for()
    assert "true" == await good.get_attribute("aria-pressed")


async def test_to_rate_a_long_chat_does_not_push_it_out_of_sight(here: Stage) -> None:
    """A field that is there for keyboards only is focused: the conversation scrolls, never the document."""
    here.model.answer = "Four days.\n\n" * 60
    visitor = await here.visitor()
    await visitor.open()
    await visitor.write("How long?")
    await visitor.chat.get_by_role("button", name="Copy").wait_for()
    await visitor.chat.get_by_role("button", name="More").click()
    await visitor.chat.get_by_role("button", name="Rate this chat").click()
    await visitor.chat.locator(".stars input:focus").wait_for()
    await visitor.page.keyboard.press("ArrowRight")
    assert [0, 0, 0] == await visitor.page.frames[1].evaluate(
        "[document.scrollingElement, document.body, document.querySelector('.chat')].map((it) => it.scrollTop)"
    )
    assert await visitor.chat.locator("header").evaluate("(it) => it.getBoundingClientRect().top") >= 0


async def test_a_person_is_asked_for(here: Stage) -> None:
    """The menu asks for a person; the chat and the site's page are told who speaks."""
    visitor = await here.visitor()
    await visitor.page.evaluate(
        "window.said = []; SupportBot.on('handoff', ({state}) => window.said.push(state))"
    )
    await visitor.open()
    await visitor.chat.get_by_role("button", name="More").click()
    await visitor.chat.get_by_role("button", name="Talk to a person").click()
    await visitor.chat.get_by_text("A person will join you here.").wait_for()
    await visitor.chat.get_by_role("button", name="Copy").wait_for()  # below the words that say so
    assert 0 == await visitor.chat.get_by_role("button", name="Helpful", exact=True).count()
    await visitor.show("hand-over")
    assert ["queued"] == await visitor.page.evaluate("window.said")


async def test_sources_are_cards(tmp_path: Path, browsers: Browsers) -> None:
    """An answer from the knowledge shows where it stands, and what stands there."""
    async with stage(tmp_path / "bot", browsers, model_url="") as here:
        visitor = await here.visitor()
        await visitor.open()
        await visitor.chat.get_by_role("button", name="Where is my parcel?").click()
        source = visitor.chat.locator(".source")
        await source.locator("summary").click()
        await source.get_by_text("A parcel takes three days.").wait_for()
        await visitor.show("citation")


async def test_an_image_is_sent(here: Stage) -> None:
    """A pasted or chosen image is shown, goes with the message, and is there after a reload."""
    here.model.answer = "A red square."
    visitor = await here.visitor()
    await visitor.open()
    frame = visitor.page.frames[1]
    await frame.evaluate(
        """async () => {
          const canvas = Object.assign(document.createElement("canvas"), {width: 3000, height: 2000});
          const context = canvas.getContext("2d"); context.fillStyle = "#b33"; context.fillRect(0, 0, 3000, 2000);
          const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
          const files = new DataTransfer(); files.items.add(new File([blob], "photo.png", {type: "image/png"}));
          document.querySelector("textarea").dispatchEvent(
            new ClipboardEvent("paste", {clipboardData: files, bubbles: true, cancelable: true}));
        }"""
    )
    await visitor.chat.locator(".previews .picture").wait_for()
    await visitor.write("What is this?")
    await visitor.sees("A red square.")
    await visitor.chat.locator("img.picture").wait_for()
    await visitor.show("image")
    await visitor.page.reload()
    await visitor.open()
    picture = visitor.chat.locator("img.picture")
    await picture.wait_for()
    assert [1600, 1067] == await picture.evaluate(
        "async (image) => (await image.decode(), [image.naturalWidth, image.naturalHeight])"
    )


async def test_what_is_fetched_when_it_is_needed_comes_when_the_bot_is_back(here: Stage) -> None:
    """The bot was down when the visitor wanted to rate, or to send an image: the card comes by itself, the image is
    refused in words and taken the next time."""
    here.model.answer = "Four days."
    visitor = await here.visitor()
    await visitor.open()
    await visitor.write("How long?")
    await visitor.sees("Four days.")
    await here.program.kill()
    await visitor.page.frames[1].evaluate(_PASTE)
    await visitor.chat.get_by_role("alert").filter(has_text="Reconnecting").wait_for()
    await visitor.chat.get_by_role("button", name="More").click()
    await visitor.chat.get_by_role("button", name="Rate this chat").click()
    assert 0 == await visitor.chat.locator(".stars").count()
    await here.program.start()
    await visitor.chat.locator(".stars").wait_for()
    await visitor.page.frames[1].evaluate(_PASTE)
    await visitor.chat.locator(".previews .picture").wait_for()
    assert [] == [error for error in visitor.errors if "late.js" not in error]


_PASTE = """async () => {
  const blob = await new Promise((done) => Object.assign(document.createElement("canvas"), {width: 9, height: 9})
    .toBlob(done, "image/png"));
  const files = new DataTransfer(); files.items.add(new File([blob], "photo.png", {type: "image/png"}));
  document.querySelector(".composer textarea").dispatchEvent(
    new ClipboardEvent("paste", {clipboardData: files, bubbles: true, cancelable: true}));
}"""
_SLOWLY = """async () => {
  const make = window.createImageBitmap;
  window.createImageBitmap = async (file) => (await new Promise((go) => (window.decode = go)), make(file));
  const blob = await new Promise((done) => Object.assign(document.createElement("canvas"), {width: 9, height: 9})
    .toBlob(done, "image/png"));
  const files = new DataTransfer(); files.items.add(new File([blob], "photo.png", {type: "image/png"}));
  document.querySelector("textarea").dispatchEvent(
    new ClipboardEvent("paste", {clipboardData: files, bubbles: true, cancelable: true}));
}"""


async def test_a_message_waits_for_its_image(here: Stage) -> None:
    """Enter is pressed while an image is still being made smaller: it goes with the message, which is sent once."""
    here.model.answer = "A dot."
    visitor = await here.visitor()
    await visitor.open()
    frame = visitor.page.frames[1]
    await frame.evaluate(_SLOWLY)
    await visitor.write("What is this?")
    await visitor.box.press("Enter")
    await frame.evaluate("decode()")
    await visitor.sees("A dot.")
    await visitor.chat.locator(".row.customer img.picture").wait_for()
    assert ["What is this?", "A dot."] == (await visitor.texts())[1:]


async def test_what_grows_does_not_stop_the_view_from_following(here: Stage) -> None:
    """Something above becomes taller while the view scrolls to the end, as images do: it still goes to the end."""
    here.model.answer = "Four days.\n\n" * 30
    visitor = await here.visitor()
    await visitor.open()
    await visitor.write("How long?")
    await visitor.chat.get_by_role("button", name="Copy").wait_for()
    left = await visitor.chat.locator(".log").evaluate(
        """async (it) => {
          it.querySelector(".row").style.paddingBottom = "300px"; // an image arrives ...
          it.dispatchEvent(new Event("scroll")); // ... before the event of having scrolled to the end does
          await new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)));
          return it.scrollHeight - it.scrollTop - it.clientHeight;
        }"""
    )
    assert left < 2


_TOOLS = '''
from supportbot.tools import tool


@tool(effects="once", confirm="cancel order {order_id}")
def cancel_order(order_id: str) -> str:
    """Cancel an order."""
    return "cancelled"
'''


async def test_a_question_is_answered_by_pressing_a_button(tmp_path: Path, browsers: Browsers) -> None:
    """A tool that wants a yes shows buttons below the question, until one of them is pressed."""
    root = tmp_path / "bot"
    root.mkdir()
    (root / "shop_tools.py").write_text(_TOOLS, "utf-8")
    call = ToolCallReply(name="cancel_order", arguments=('{"order_id": "A-17"}',))
    async with (
        FakeModelServer(
            ModelReply(pieces=(), tool_calls=(call,), stop_reason="tool_calls"),
            ModelReply(pieces=("It is cancelled.",)),
        ) as model,
        stage(root, browsers, model_url=model.base_url("openai"), tools=["shop_tools:cancel_order"]) as here,
    ):
        visitor = await here.visitor()
        await visitor.open()
        await visitor.write("Cancel order A-17")
        buttons = visitor.chat.locator(".choice")
        await buttons.nth(1).wait_for()
        await visitor.show("confirm")
        await buttons.first.click()
        await visitor.sees("It is cancelled.")
        assert 0 == await buttons.count()


async def test_a_text_that_is_too_long_is_not_sent(here: Stage) -> None:
    """More than 32 KiB is said to be too much while it is being written, and stays in the box."""
    visitor = await here.visitor()
    await visitor.open()
    await visitor.write("ä" * 16_385)
    await visitor.chat.get_by_text("This is too long.").wait_for()
    assert 1 == len(await visitor.texts())
    here.model.answer = "Much."
    await visitor.write("ä" * 16_384)
    await visitor.sees("Much.")
