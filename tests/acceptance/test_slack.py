"""The real program in a Slack workspace, killed at the worst moments: one visible answer to each message."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from supportbot.chaos.audit import Tables
from supportbot.chaos.clients import Http, SignedProgram
from supportbot.chaos.folder import BotFolder
from supportbot.chaos.program import program
from supportbot.testing import FakeSlack
from tests.channels.slack.driver import mention, post, section, ts, twin
from tests.channels.slack.workspace import ScriptedSlack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from supportbot.chaos.program import Program

EVENTS = 40
_OPEN = "select 1 from deliveries where state in ('planned', 'sending')"


def folder(root: Path, slack: ScriptedSlack, **more: Any) -> BotFolder:
    return BotFolder(root / "bot", channels={"slack": {"type": "slack"} | section(slack)}, **more)


async def send(session: aiohttp.ClientSession, bot: Program, payload: Any) -> bool:
    """Send an event as Slack does; says whether it was acknowledged."""
    try:
        return await post(session, f"{bot.url}/channels/slack/events", payload) == 200
    except (OSError, aiohttp.ClientError):
        return False


async def settled(bot: Program) -> None:
    """Wait until no delivery is open."""
    store = sqlite3.connect(f"file:{bot.folder.database_file}?mode=ro", uri=True)
    try:
        async with asyncio.timeout(60):
            while store.execute(_OPEN).fetchone():  # noqa: ASYNC110 - it is another process that writes
                await asyncio.sleep(0.1)
    finally:
        store.close()


async def test_killed_under_load_and_everything_sent_again(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    """What was acknowledged is answered once, twins and retries too; what was not comes again."""
    asked = [mention("How long does a parcel take?", number=n) for n in range(1, EVENTS + 1)]
    async with ScriptedSlack() as slack, program(folder(tmp_path, slack)) as bot:
        sending = [asyncio.create_task(send(session, bot, each)) for each in asked]
        await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
        await bot.kill()
        await asyncio.gather(*sending)
        await bot.start()
        again = [each for event in asked for each in (event, twin(event), event)]
        assert all(await asyncio.gather(*(send(session, bot, each) for each in again)))
        await slack.until(lambda: len({p.thread for p in slack.posts}) == EVENTS)
        await settled(bot)
        assert {ts(n) for n in range(1, EVENTS + 1)} == {p.thread for p in slack.posts}
        assert EVENTS == len(slack.posts)


async def test_two_processes_get_everything_several_times(
    tmp_path: Path, session: aiohttp.ClientSession, postgres_database: str
) -> None:
    """At once, as both events of a mention and as retries, each process half of it: one answer each."""
    asked = [mention("How long does a parcel take?", number=n) for n in range(1, 11)]
    async with ScriptedSlack() as slack:
        shared = folder(tmp_path, slack, database=postgres_database)
        async with program(shared) as one, program(shared) as other:
            again = [each for event in asked for each in (event, twin(event)) * 2]
            left = [(bot, each) for each in again for bot in (one, other)]
            while left:  # what a busy bot did not acknowledge comes again
                acknowledged = await asyncio.gather(*(send(session, *each) for each in left))
                left = [each for each, done in zip(left, acknowledged, strict=True) if not done]
            await slack.until(lambda: len({p.thread for p in slack.posts}) == len(asked))
            await Tables(postgres_database).drained(60)
        assert sorted(ts(n) for n in range(1, 11)) == sorted(p.thread for p in slack.posts)


async def test_killed_between_the_post_and_its_record(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    """Slack has the answer and the store does not know: it is found, and nothing is posted again."""
    async with ScriptedSlack() as slack, program(folder(tmp_path, slack)) as bot:
        taken = slack._chat_post_message

        def last_words(arguments: dict[str, Any]) -> dict[str, Any]:
            answer = taken(arguments)
            bot.send(signal.SIGKILL)
            slack._chat_post_message = taken  # type: ignore[method-assign]
            return answer

        slack._chat_post_message = last_words  # type: ignore[method-assign]
        await send(session, bot, mention("How long does a parcel take?"))
        await slack.until(lambda: slack.posts)
        await bot.ended(within=20)
        await bot.start()
        await settled(bot)
        assert 1 == len(slack.posts)
        assert ["chat.postMessage", "conversations.replies"] == slack.methods()


@asynccontextmanager
async def writing() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """An endpoint whose first answer stops in the middle; yields its URL."""
    may_end = asyncio.Event()

    async def complete(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for text in ("A parcel takes ", "three days."):
            piece = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
            await response.write(b"data: " + json.dumps(piece).encode() + b"\n\n")
            if text.endswith(" "):
                await may_end.wait()
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        await response.write(b"data: " + json.dumps(end).encode() + b"\n\ndata: [DONE]\n\n")
        return response

    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}/v1", may_end
    may_end.set()
    await runner.cleanup()


@pytest.mark.parametrize("refused", [{}, {"chat.startStream": "unknown_method"}])
async def test_killed_in_the_middle_of_showing(
    tmp_path: Path, session: aiohttp.ClientSession, refused: dict[str, str]
) -> None:
    """The half that stands in Slack becomes the answer, a stream's or a post's; no stream is left open."""
    async with ScriptedSlack(refusals=dict(refused)) as slack, writing() as (url, may_end):
        async with program(folder(tmp_path, slack, model_url=url)) as bot:
            await send(session, bot, mention("How long does a parcel take?"))
            await slack.until(lambda: slack.posts)
            await bot.kill()
            may_end.set()
            await bot.start()
            await slack.until(lambda: any("three days" in text for text in slack.shown()))
            await settled(bot)
        assert ["A parcel takes three days."] == slack.shown()
        assert not slack.posts[0].streaming


@pytest.mark.parametrize("taken", [True, False])
@pytest.mark.parametrize("channel", ["slack", "webhook"])
async def test_killed_between_telling_the_team_and_its_record(
    tmp_path: Path, session: aiohttp.ClientSession, channel: str, *, taken: bool
) -> None:
    """Slack has the post, or not, and the store does not know: it is looked for, and the team is told once,
    whichever channel the customer writes in."""
    async with FakeSlack() as slack:
        team = slack.workspace()
        for place in ("C0TEAM", "C0HELP"):
            team.conversation(place)
        section = {
            "type": "slack",
            "bot_token": team.token,
            "signing_secret": slack.signing_secret,
            "api_url": slack.api_url,
            "handoff_channel": "C0TEAM",
        }
        async with program(BotFolder(tmp_path / "bot", channels={"slack": section})) as bot:
            slack.event_url = f"{bot.url}/channels/slack/events"
            slack.fail("chat.postMessage", "hang", after=taken, times=2 if channel == "slack" else 1)
            if channel == "slack":
                await slack.say(team.id, "C0HELP", "U0ANNA", f"<@{team.bot_user}> Talk to a person, please")
            else:
                await SignedProgram(Http(bot, session), "c1").post("m1", "Talk to a person, please")
            posted = 2 if channel == "slack" else 1
            await slack.until(lambda: [c.taken for c in slack.called("chat.post")] == [taken] * posted)
            await bot.kill()
            await bot.start()
            await settled(bot)
        assert 1 == len(slack.posts("C0TEAM"))
        assert posted - 1 == len(slack.posts("C0HELP"))
        assert posted == sum(call.taken for call in slack.called("chat.postMessage"))
        assert "conversations.history" in [call.method for call in slack.calls]
