"""supportbot.testing.slack, with the real slack_sdk and slack_bolt as oracles."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from supportbot.testing.slack import FakeSlack, Workspace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from supportbot.testing import Clock
    from supportbot.testing.slack.faults import FaultKind

CHANNEL, DIRECT, ANNA = "C0HELP", "D0ANNA", "U0ANNA"


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as slack:
        yield slack


@pytest.fixture
def team(slack: FakeSlack) -> Workspace:
    team = slack.workspace()
    team.conversation(CHANNEL)
    team.conversation(DIRECT).members.add(ANNA)
    team.user(ANNA)
    return team


@pytest.fixture
def client(slack: FakeSlack, team: Workspace) -> AsyncWebClient:
    return AsyncWebClient(team.token, base_url=slack.api_url, retry_handlers=[], timeout=5)


async def _error(call: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


# -- the Web API -----------------------------------------------------------------------------------


async def test_who_a_token_is(client: AsyncWebClient, team: Workspace) -> None:
    """auth.test tells the workspace and the bot, and the token's scopes in a header."""
    answer = await client.auth_test()
    assert (team.id, team.bot_user, team.bot_id) == (answer["team_id"], answer["user_id"], answer["bot_id"])
    assert ",".join(team.scopes) == answer.headers["x-oauth-scopes"]


async def test_posts_are_kept_with_their_metadata(client: AsyncWebClient, slack: FakeSlack) -> None:
    """A post, its reply and its edit are read back, the metadata only for who asks for it."""
    metadata = {"event_type": "reply", "event_payload": {"delivery": "d1"}}
    root = await client.chat_postMessage(channel=CHANNEL, text="One", unfurl_links=False)
    await client.chat_postMessage(channel=CHANNEL, text="Two", thread_ts=root["ts"], metadata=metadata)
    await client.chat_update(channel=CHANNEL, ts=root["ts"], text="Zero")
    assert ["Zero", "Two"] == slack.posts(CHANNEL)
    answer = await client.conversations_replies(channel=CHANNEL, ts=root["ts"], include_all_metadata=True)
    assert ["Zero", "Two"] == [message["text"] for message in answer["messages"]]
    assert metadata == answer["messages"][1]["metadata"]
    answer = await client.conversations_replies(channel=CHANNEL, ts=root["ts"])
    assert "metadata" not in answer["messages"][1]
    assert ["Zero"] == [m["text"] for m in (await client.conversations_history(channel=CHANNEL))["messages"]]


async def test_histories_come_in_pages(client: AsyncWebClient) -> None:
    """A cursor leads through everything, newest first; ``ts`` never repeats."""
    sent = [(await client.chat_postMessage(channel=CHANNEL, text=str(n)))["ts"] for n in range(5)]
    read = [
        message["ts"]
        async for page in await client.conversations_history(channel=CHANNEL, limit=2)
        for message in page["messages"]
    ]
    assert sorted(set(sent), reverse=True) == read


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
        ({"channel": CHANNEL}, "no_text"),
        ({"channel": CHANNEL, "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": CHANNEL, "markdown_text": "x" * 12_001}, "msg_too_long"),
        ({"channel": CHANNEL, "markdown_text": "x", "text": "y"}, "markdown_text_conflict"),
        ({"channel": CHANNEL, "text": "x", "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"channel": CHANNEL, "text": "x", "blocks": [{"type": "marquee"}]}, "invalid_blocks"),
        ({"channel": CHANNEL, "text": "x", "metadata": {"event_type": "a"}}, "invalid_metadata_schema"),
    ],
)
async def test_what_slack_refuses(
    client: AsyncWebClient, slack: FakeSlack, arguments: dict[str, Any], error: str
) -> None:
    """Bad posts are refused with Slack's own error, and are nowhere afterwards."""
    assert error == await _error(client.api_call("chat.postMessage", json=arguments))
    assert [] == slack.posts(CHANNEL)


async def test_channels_refuse(client: AsyncWebClient, team: Workspace) -> None:
    """Archived channels, and those without the bot, take nothing; a private one is not even seen."""
    team.conversation("C0OLD").archived = True
    team.conversation("C0OUT", joined=False)
    team.conversation("G0OUT", joined=False)
    refused = [
        await _error(client.chat_postMessage(channel=c, text="x")) for c in ("C0OLD", "C0OUT", "G0OUT")
    ]
    assert ["is_archived", "not_in_channel", "channel_not_found"] == refused


async def test_tokens_refuse(client: AsyncWebClient, team: Workspace, slack: FakeSlack) -> None:
    """No token, a wrong one, one without the scope, and one that was revoked each have their error."""
    strange = AsyncWebClient("xoxb-strange", base_url=slack.api_url)
    nobody = AsyncWebClient(base_url=slack.api_url)
    assert ["invalid_auth", "not_authed"] == [await _error(c.auth_test()) for c in (strange, nobody)]
    team.tokens[team.token].scopes = ["chat:write"]
    with pytest.raises(SlackApiError) as caught:
        await client.conversations_history(channel=CHANNEL)
    answer = caught.value.response
    assert ("missing_scope", "channels:history", "chat:write") == (
        answer["error"],
        answer["needed"],
        answer["provided"],
    )
    await client.auth_revoke()
    assert "token_revoked" == await _error(client.auth_test())


# -- streams ---------------------------------------------------------------------------------------


async def test_the_sdk_streams(client: AsyncWebClient, slack: FakeSlack, team: Workspace) -> None:
    """chat_stream of the SDK writes a reply piece by piece and closes it with blocks and metadata."""
    root = await client.chat_postMessage(channel=CHANNEL, text="Question")
    stream = await client.chat_stream(
        channel=CHANNEL,
        thread_ts=root["ts"],
        recipient_team_id=team.id,
        recipient_user_id=ANNA,
        buffer_size=1,
    )
    await stream.append(markdown_text="It is ")
    assert "streaming_state_conflict" == await _error(
        client.chat_update(channel=CHANNEL, ts=str(stream.ts), text="x")
    )
    metadata = {"event_type": "reply", "event_payload": {"delivery": "d1"}}
    await stream.stop(markdown_text="on its way.", blocks=[{"type": "divider"}], metadata=metadata)
    message = slack.messages(CHANNEL)[-1]
    assert ("It is on its way.", None, metadata) == (message.text, message.streaming_since, message.metadata)


async def test_streams_end_by_themselves(client: AsyncWebClient, slack: FakeSlack, clock: Clock) -> None:
    """After about five minutes a stream takes nothing more, and an edit is possible again."""
    answer = await client.chat_startStream(channel=DIRECT, thread_ts="1.1", markdown_text="Well")
    clock.advance(305)
    await client.chat_appendStream(channel=DIRECT, ts=answer["ts"], markdown_text=", ")
    clock.advance(2)
    late = client.chat_appendStream(channel=DIRECT, ts=answer["ts"], markdown_text="x")
    assert "message_not_in_streaming_state" == await _error(late)
    await client.chat_update(channel=DIRECT, ts=answer["ts"], text="Well, yes.")
    assert ["Well, yes."] == slack.posts(DIRECT)


async def test_streams_in_channels_are_for_somebody(client: AsyncWebClient) -> None:
    """In a channel a stream names whom it is for."""
    nobody = client.chat_startStream(channel=CHANNEL, thread_ts="1.1")
    assert "missing_recipient_user_id" == await _error(nobody)


# -- faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", ["reset", "hang", "status", "html", "malformed", "ratelimited", "error"])
async def test_faults(slack: FakeSlack, team: Workspace, kind: FaultKind, after: bool) -> None:
    """A call that fails has been taken or not, as the fault says; the next one is well."""
    client = AsyncWebClient(team.token, base_url=slack.api_url, retry_handlers=[], timeout=1)
    slack.fail("chat.postMessage", kind, after=after)
    failed = asyncio.ensure_future(client.chat_postMessage(channel=CHANNEL, text="One"))
    if kind == "hang":
        await slack.until(lambda: slack.calls and slack.calls[0].taken >= after)
        failed.cancel()
    await asyncio.wait([failed])
    assert failed.cancelled() or failed.exception() is not None
    await client.chat_postMessage(channel=CHANNEL, text="Two")
    assert (["One", "Two"] if after else ["Two"]) == slack.posts(CHANNEL)
    assert [(kind, after), ("", True)] == [(call.fault, call.taken) for call in slack.called("chat.")]


async def test_an_answer_is_cut_off(client: AsyncWebClient, slack: FakeSlack) -> None:
    """An answer that ends too early leaves a post that was taken."""
    slack.fail("chat.postMessage", "cut")
    with pytest.raises((SlackApiError, aiohttp.ClientError)):
        await client.chat_postMessage(channel=CHANNEL, text="One")
    assert ["One"] == slack.posts(CHANNEL)


async def test_slack_shows_late(client: AsyncWebClient, slack: FakeSlack) -> None:
    """A post can be absent from the first reads, as it happens at Slack."""
    root = await client.chat_postMessage(channel=CHANNEL, text="Root")
    slack.hide_posts(1)
    await client.chat_postMessage(channel=CHANNEL, text="Reply", thread_ts=root["ts"])
    reads = [await client.conversations_replies(channel=CHANNEL, ts=root["ts"]) for _ in range(2)]
    assert [["Root"], ["Root", "Reply"]] == [[m["text"] for m in read["messages"]] for read in reads]


async def test_a_channel_takes_one_post_a_second() -> None:
    """With a limit, a second post is too fast, and one in another channel is not."""
    async with FakeSlack(posts_per_second=0.01) as slack:
        team = slack.workspace()
        team.conversation(CHANNEL)
        team.conversation("C0OTHER")
        client = AsyncWebClient(team.token, base_url=slack.api_url, retry_handlers=[])
        await client.chat_postMessage(channel=CHANNEL, text="One")
        with pytest.raises(SlackApiError) as caught:
            await client.chat_postMessage(channel=CHANNEL, text="Two")
        assert (429, "100") == (
            caught.value.response.status_code,
            caught.value.response.headers["Retry-After"],
        )
        await client.chat_postMessage(channel="C0OTHER", text="Three")


# -- events ----------------------------------------------------------------------------------------


class _Bolt:
    """slack_bolt behind a real server, told to write down what it gets."""

    def __init__(self, app: AsyncApp) -> None:
        self.seen: list[dict[str, Any]] = []
        self.app = app
        app.event("message")(self._note)
        app.event("app_mention")(self._note)
        app.action("feedback")(self._acknowledge)
        app.command("/ask")(self._acknowledge)

    async def _note(self, event: dict[str, Any]) -> None:
        self.seen.append(event)

    async def _acknowledge(self, ack: Any, body: dict[str, Any]) -> None:
        self.seen.append(body)
        await ack()


@pytest.fixture
async def bolt(slack: FakeSlack, team: Workspace, client: AsyncWebClient) -> AsyncIterator[_Bolt]:
    app = AsyncApp(client=client, signing_secret=slack.signing_secret, process_before_response=True)
    bolt = _Bolt(app)
    runner = web.AppRunner(app.web_app(path="/slack/events"), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.event_url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    yield bolt
    await runner.cleanup()


async def test_bolt_takes_what_people_say(bolt: _Bolt, slack: FakeSlack, team: Workspace) -> None:
    """A mention arrives as message and as app_mention, of the same ts; both are signed well."""
    said = await slack.say(team.id, CHANNEL, ANNA, f"<@{team.bot_user}> Hello")
    assert [("message", said.ts), ("app_mention", said.ts)] == [(e["type"], e["ts"]) for e in bolt.seen]
    assert [200, 200] == [delivery.status for delivery in slack.deliveries]
    assert 401 == (await slack.raw(b"{}", secret="another")).status


async def test_bolt_takes_buttons_and_commands(bolt: _Bolt, slack: FakeSlack, team: Workspace) -> None:
    """Forms arrive too."""
    action = {"type": "button", "action_id": "feedback", "block_id": "b", "value": "good"}
    pressed = await slack.press(team.id, CHANNEL, ANNA, action)
    asked = await slack.command(team.id, CHANNEL, ANNA, "/ask", "Where?")
    assert (200, 200) == (pressed.status, asked.status)
    assert ["good", "Where?"] == [bolt.seen[0]["actions"][0]["value"], bolt.seen[1]["text"]]


async def test_bolt_is_verified(bolt: _Bolt, slack: FakeSlack) -> None:
    """url_verification brings the challenge back."""
    assert "word" in (await slack.verify_url("word")).body


@pytest.mark.filterwarnings("ignore:BasicAuth is deprecated")  # slack_sdk with aiohttp from 3.14 on
async def test_bolt_installs(slack: FakeSlack, team: Workspace, tmp_path: Any) -> None:
    """The OAuth flow of bolt goes through the fake's pages and ends with an installation."""
    settings = AsyncOAuthSettings(
        client_id=slack.world.client_id,
        client_secret=slack.world.client_secret,
        scopes=team.scopes,
        authorization_url=slack.authorize_url,
    )
    app = AsyncApp(signing_secret=slack.signing_secret, oauth_settings=settings)
    assert app.oauth_flow is not None
    app.oauth_flow.client.base_url = slack.api_url
    granted = await app.oauth_flow.run_installation(await _code(slack))
    assert granted is not None
    assert (team.id, team.bot_id) == (granted.team_id, granted.bot_id)
    assert granted.bot_token in team.tokens


async def _code(slack: FakeSlack) -> str:
    query = {"redirect_uri": "http://bot.example/back", "state": "s"}
    async with aiohttp.ClientSession() as http:
        answer = await http.get(slack.authorize_url, params=query, allow_redirects=False)
    return answer.headers["Location"].partition("code=")[2].partition("&")[0]


@pytest.mark.filterwarnings("ignore:BasicAuth is deprecated")  # slack_sdk with aiohttp from 3.14 on
async def test_tokens_rotate(slack: FakeSlack, team: Workspace, clock: Clock) -> None:
    """With rotation a token ends after twelve hours, and a refresh token is good for one more, once."""
    slack.world.rotation = True
    app = {"client_id": slack.world.client_id, "client_secret": slack.world.client_secret}
    client = AsyncWebClient(base_url=slack.api_url)
    first = await client.oauth_v2_access(**app, code=await _code(slack))
    clock.advance(12 * 3600 + 1)
    assert "token_expired" == await _error(client.auth_test(token=first["access_token"]))
    renew = {**app, "grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = await client.oauth_v2_access(**renew)
    assert team.id == (await client.auth_test(token=second["access_token"]))["team_id"]
    assert "invalid_refresh_token" == await _error(client.oauth_v2_access(**renew))


async def test_workspaces_are_apart(slack: FakeSlack, client: AsyncWebClient, team: Workspace) -> None:
    """The token of one workspace opens nothing in another, not even a channel of the same id."""
    other = slack.workspace("T0OTHER")
    other.conversation("C0THERE")
    assert "channel_not_found" == await _error(client.chat_postMessage(channel="C0THERE", text="x"))
    assert team.bot_user != other.bot_user


async def test_an_edit_and_a_removal_reach_bolt(bolt: _Bolt, slack: FakeSlack, team: Workspace) -> None:
    """message_changed shows the text before and after, message_deleted the one that is gone."""
    said = await slack.say(team.id, DIRECT, ANNA, "One", retries=1)
    await slack.edit(team.id, DIRECT, said.ts, "Two")
    await slack.remove(team.id, DIRECT, said.ts)
    changed, deleted = bolt.seen[-2:]
    assert ("One", "Two") == (changed["previous_message"]["text"], changed["message"]["text"])
    assert said.ts == deleted["deleted_ts"]
    assert [] == slack.visible(DIRECT)


async def test_the_assistant_pane(
    slack: FakeSlack, client: AsyncWebClient, team: Workspace, bolt: _Bolt
) -> None:
    """A thread of the pane takes a title, prompts and a status, and no other thread does."""
    thread = await slack.open_assistant(team.id, ANNA)
    pane = {"channel_id": slack.direct(team.id, ANNA), "thread_ts": thread}
    await client.assistant_threads_setTitle(**pane, title="Order")
    await client.assistant_threads_setSuggestedPrompts(**pane, prompts=[{"title": "A", "message": "B"}])
    await client.assistant_threads_setStatus(**pane, status="is thinking")
    other = client.assistant_threads_setTitle(**{**pane, "thread_ts": "1.1"}, title="x")
    assert "thread_not_found" == await _error(other)


# -- Socket Mode -----------------------------------------------------------------------------------


async def test_the_sdk_speaks_socket_mode(slack: FakeSlack, team: Workspace) -> None:
    """The SDK connects, acknowledges, and connects anew when it is told that the connection ends."""
    web_client = AsyncWebClient(base_url=slack.api_url)
    client = SocketModeClient(slack.world.app_token, web_client=web_client)
    got: list[str] = []

    async def note(client: Any, request: Any) -> None:
        got.append(request.payload["event"]["text"])
        await client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))

    client.socket_mode_request_listeners.append(note)
    await client.connect()
    await slack.sockets.connected()
    await slack.say(team.id, DIRECT, ANNA, "Hello")
    old = slack.sockets.open[0]
    await slack.sockets.disconnect()
    await slack.sockets.until(lambda: len(slack.sockets.open) == 1 and old not in slack.sockets.open)
    await slack.say(team.id, DIRECT, ANNA, "Again")
    assert ["Hello", "Again"] == got
    assert [200, 200] == [delivery.status for delivery in slack.deliveries]
    await client.close()


# -- files -----------------------------------------------------------------------------------------


async def test_files_are_for_tokens(slack: FakeSlack, team: Workspace, client: AsyncWebClient) -> None:
    """A token downloads a file; without one there is a page to sign in, with status 200."""
    file = slack.add_file(team.id, "a.png", b"\x89PNG", "image/png")
    url = (await client.files_info(file=file))["file"]["url_private"]
    async with aiohttp.ClientSession() as http:
        good = await http.get(url, headers={"Authorization": f"Bearer {team.token}"})
        assert b"\x89PNG" == await good.read()
        assert "text/html" == (await http.get(url)).content_type
