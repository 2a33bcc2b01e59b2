"""What is looked up when a turn begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from supportbot.messages import Attachment
from supportbot_slack import files, openings, threads
from supportbot_slack.api import SlackApi
from tests.channels.slack.driver import direct, mention, ts
from tests.channels.slack.test_outbound import _delivered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.channels.slack.workspace import ScriptedSlack


def before(text: str, number: int, *, user: str = "U5", thread: int = 1, **more: Any) -> dict[str, Any]:
    place = {"channel": "C1", "ts": ts(number), "thread_ts": ts(thread)}
    return {"type": "message", "user": user, "text": text} | place | more


async def test_a_thread_joined_late_is_read_first(live: Any, slack: ScriptedSlack) -> None:
    """And remembered for the next question there, without reading it again; our own posts are left out."""
    slack.said = [
        before("The printer on floor 3 smells of smoke", 1),
        before("I pulled the plug", 2, user="U6"),
        before("I am a bot", 3, user="UBOT", bot_id="B0"),
        before("This message was deleted.", 3, user="USLACKBOT", subtype="tombstone", hidden=True),
        before("<@U7> has joined the channel", 3, user="U7", subtype="channel_join"),
        before("This comes after the question", 9),
    ]
    async with live(look_up_people=True) as bot:
        await bot.send(mention("What now?", number=4, thread_ts=ts(1)))
        await slack.until(lambda: len(slack.posts) == 1)
        await bot.send(mention("And then?", number=10, thread_ts=ts(1)))
        await slack.until(lambda: len(slack.posts) == 2)
        await _delivered(bot)
    for prompt in bot.model.prompts:
        assert [
            "Name of U5: The printer on floor 3 smells of smoke",
            "Name of U6: I pulled the plug",
        ] == [message.text for message in prompt.turn.memory.left_out]
    assert 1 == [method for method, _ in slack.calls].count("conversations.replies")


async def test_of_a_long_thread_the_first_and_the_newest_are_read(
    live: Any, slack: ScriptedSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page by page, as Slack gives it: the oldest first, each page with the thread's first message."""
    monkeypatch.setattr(threads, "_PAGE", 10)
    monkeypatch.setattr(threads, "_STRETCH", 20)
    slack.said = [before(f"Message {n}", n) for n in range(1, 36)]
    listed = slack._conversations_replies

    def paged(arguments: dict[str, Any]) -> dict[str, Any]:
        everything, start = listed(arguments)["messages"], int(arguments.get("cursor", "0"))
        end = start + int(arguments["limit"])
        more = {"response_metadata": {"next_cursor": str(end)}} if end < len(everything) else {}
        return {"messages": [everything[0]] * bool(start) + everything[start:end], **more}

    slack._conversations_replies = paged  # type: ignore[method-assign]
    async with live(thread_messages=5) as bot:
        await bot.send(mention("What now?", number=40, thread_ts=ts(1)))
        await slack.until(lambda: slack.posts)
        await _delivered(bot)
    [prompt] = bot.model.prompts
    read = [message.text.partition(": ")[2] for message in prompt.turn.memory.left_out]
    assert [f"Message {n}" for n in (1, 32, 33, 34, 35)] == read


async def test_a_thread_that_begins_with_the_question_is_not_read(live: Any, slack: ScriptedSlack) -> None:
    """Nothing was said before it."""
    async with live() as bot:
        await bot.send(mention(number=1))
        await slack.until(lambda: len(slack.posts) == 1)
        await bot.send(mention(number=2, thread_ts=ts(1)))
        await slack.until(lambda: len(slack.posts) == 2)
        await _delivered(bot)
    assert "conversations.replies" not in slack.methods()


async def test_a_thread_that_cannot_be_read_is_answered(live: Any, slack: ScriptedSlack) -> None:
    """As well as can be."""
    slack.refusals["conversations.replies"] = "missing_scope"
    async with live() as bot:
        await bot.send(mention(number=4, thread_ts=ts(1)))
        await slack.until(lambda: slack.posts)


@pytest.mark.parametrize(
    ("user", "section", "assurance"),
    [
        ({}, {}, "verified"),
        ({"is_restricted": True}, {}, "claimed"),
        ({"is_ultra_restricted": True}, {}, "claimed"),
        ({"is_stranger": True}, {}, "claimed"),
        ({"team_id": "T9"}, {}, "claimed"),
        ({"is_restricted": True}, {"trust_guests": True}, "verified"),
        ({"is_bot": True}, {"trust_guests": True}, "claimed"),
    ],
)
async def test_members_are_verified_and_guests_are_not(
    live: Any, slack: ScriptedSlack, user: dict[str, Any], section: dict[str, Any], assurance: str
) -> None:
    """Also for their first message; a name is asked for once."""
    slack.users["U1"] = user
    async with live(look_up_people=True, **section) as bot:
        for number in range(1, 3):
            await bot.send(direct(number=number))
            await slack.until(lambda number=number: len(slack.posts) == number)
        await _delivered(bot)
    assert [("Name of U1", assurance)] * 2 == [
        (p.turn.contact.name, p.turn.contact.assurance) for p in bot.model.prompts
    ]
    assert 1 == [method for method, _ in slack.calls].count("users.info")


async def test_people_of_another_organisation_are_not_asked_about(live: Any, slack: ScriptedSlack) -> None:
    """They stay on their own word."""
    async with live(look_up_people=True) as bot:
        await bot.send(mention(user_team="T9", team="T9"))
        await slack.until(lambda: slack.posts)
        await _delivered(bot)
    [prompt] = bot.model.prompts
    assert ("T9/U1", "claimed") == (prompt.turn.contact.external_id, prompt.turn.contact.assurance)
    assert "users.info" not in [method for method, _ in slack.calls]


@pytest.mark.parametrize(
    ("section", "data"),
    [
        ({"vision": True}, b"\x89PNG"),
        ({"vision": True, "image_bytes": 0}, b""),
        ({"vision": True, "image_bytes": 2}, b""),
        ({"image_bytes": 1000}, b""),
    ],
)
async def test_an_image_is_fetched_for_who_sees(
    live: Any,
    slack: ScriptedSlack,
    storage: str,
    *,
    monkeypatch: pytest.MonkeyPatch,
    section: dict[str, Any],
    data: bytes,
) -> None:
    """If it may be; what is not fetched is named all the same."""
    fetched = []

    async def fetch(*arguments: Any, **more: Any) -> bytes:
        fetched.append(await files.fetch(*arguments, **more))
        return fetched[-1]

    monkeypatch.setattr(openings, "fetch", fetch)
    monkeypatch.setattr(files, "may_fetch", lambda *_: True)
    image = {"name": "a.png", "mimetype": "image/png", "size": 4, "url_private": f"{storage}/image"}
    async with live(**section) as bot:
        await bot.send(direct("What is wrong?", subtype="file_share", files=[image]))
        await slack.until(lambda: slack.posts)
        await _delivered(bot)
    [prompt] = bot.model.prompts
    assert ["a.png"] == [file.name for file in prompt.turn.messages[0].attachments]
    assert [data] * bool(data) == fetched


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"name": "label.png", "mimetype": "image/png", "size": 4}, "label.png"),
        ({"name": "a.pdf", "mimetype": "application/pdf"}, "a.pdf"),
        ({"file_access": "check_file_info", "id": "F1"}, "a file"),
        (None, "a file"),
    ],
)
async def test_a_file_of_another_organisation_is_asked_about(
    live: Any,
    slack: ScriptedSlack,
    storage: str,
    *,
    monkeypatch: pytest.MonkeyPatch,
    told: dict[str, Any] | None,
    name: str,
) -> None:
    """Its event says no more than its id; once Slack has said what it is, it is a file like others."""
    monkeypatch.setattr(files, "may_fetch", lambda *_: True)
    answer = {"file": told and {"url_private": f"{storage}/image"} | told}
    slack._files_info = lambda _: answer  # type: ignore[attr-defined]
    connected = {"id": "F1", "mode": "file_access", "file_access": "check_file_info"}
    async with live(vision=True) as bot:
        await bot.send(direct("What is wrong?", subtype="file_share", files=[connected]))
        await slack.until(lambda: slack.posts)
        await _delivered(bot)
    [prompt] = bot.model.prompts
    [file] = prompt.turn.messages[0].attachments
    assert name == file.name
    assert [("files.info", {"file": "F1"})] == [call for call in slack.calls if call[0] == "files.info"]


async def test_a_file_that_slack_does_not_describe_is_named(live: Any, slack: ScriptedSlack) -> None:
    """And where no model sees images, Slack is not asked."""
    slack.refusals["files.info"] = "file_not_found"
    connected = {"id": "F1", "mode": "file_access", "file_access": "check_file_info"}
    for vision in (True, False):
        async with live(vision=vision) as bot:
            await bot.send(direct("What is wrong?", subtype="file_share", files=[connected]))
            await slack.until(lambda vision=vision: len(slack.posts) == (1 if vision else 2))
            await _delivered(bot)
        assert ["a file"] == [file.name for file in bot.model.prompts[0].turn.messages[0].attachments]
    assert 1 == [method for method, _ in slack.calls].count("files.info")


@pytest.mark.parametrize(
    "url",
    [
        "http://files.slack.com/a.png",
        "https://files.slack.com.evil.example/a.png",
        "https://files.slack.com:444/a.png",
        "https://user@files.slack.com/a.png",
        "https://evil.example/files.slack.com",
        "file:///etc/passwd",
        "https://[",
        "",
    ],
)
def test_the_token_goes_to_slacks_hosts_only(url: str) -> None:
    """Exactly, over https."""
    assert not files.may_fetch(url)


def test_slacks_hosts() -> None:
    """There are two."""
    assert files.may_fetch("https://files.slack.com/files-pri/T1-F1/a.png")
    assert files.may_fetch("https://slack-files.com/T1-F1")


@pytest.fixture
async def storage() -> AsyncIterator[str]:
    """Where files are: one image, one too large, a page to log in, a redirect."""

    async def image(_: web.Request) -> web.Response:
        return web.Response(body=b"\x89PNG", content_type="image/png")

    async def large(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x" * 5000, content_type="image/png")

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<html>", content_type="text/html")

    async def away(_: web.Request) -> web.Response:
        raise web.HTTPFound("/image")

    app = web.Application()
    app.add_routes([
        web.get("/image", image), web.get("/large", large), web.get("/page", page), web.get("/away", away)
    ])  # fmt: skip
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


@pytest.mark.parametrize(
    ("path", "data"), [("image", b"\x89PNG"), ("large", b""), ("page", b""), ("away", b"")]
)
async def test_an_image_is_fetched_if_it_is_one(
    storage: str, path: str, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to the limit, whatever its announced size; no redirect is followed."""
    monkeypatch.setattr(files, "may_fetch", lambda *_: True)
    api = SlackApi("http://unused.example/")
    running = api.run(web.Application())
    await anext(running)
    file = Attachment(name="a.png", content_type="image/png", size=4, url=f"{storage}/{path}")
    try:
        fetched = await files.fetch(api, "xoxb-1-test", file, most=1000)
    except files.NotFetched:
        fetched = b""
    with pytest.raises(StopAsyncIteration):
        await anext(running)
    assert data == fetched
