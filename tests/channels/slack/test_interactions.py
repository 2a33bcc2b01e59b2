"""What people do with buttons, shortcuts and forms; and what else Slack tells beside messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

import pytest

from supportbot.messages import Answer, Choice
from supportbot.testing import FakeCore, ScriptedModel
from supportbot.testing.site import serving
from supportbot_slack import SlackChannel, commands
from tests.channels.slack.driver import direct, event, mention, signed, ts
from tests.channels.slack.test_inbound import _mutations
from tests.channels.slack.test_outbound import _delivered
from tests.channels.test_contract import Workspace

if TYPE_CHECKING:
    from supportbot.messages import Prompt
    from tests.channels.slack.workspace import ScriptedSlack

PAYLOADS = Path(__file__).parent / "payloads"


def pressed(post: Any, action: str, *, value: str = "", user: str = "U1", at: str = "1.1") -> dict[str, Any]:
    """Return what Slack sends when somebody presses a button of a post."""
    buttons = [e for block in post.fields["blocks"] for e in block.get("elements", ())]
    found = next(e for e in buttons if e.get("action_id", "").startswith(action))
    given = value or found.get("value") or found["positive_button"]["value"]
    return {
        "type": "block_actions",
        "user": {"id": user, "team_id": "T0"},
        "team": {"id": "T0"},
        "channel": {"id": post.channel},
        "message": {"ts": post.ts, "thread_ts": post.thread},
        "actions": [{"action_id": found["action_id"], "value": given, "action_ts": at}],
    }


async def press(bot: Any, payload: dict[str, Any]) -> int:
    body = "payload=" + quote(json.dumps(payload))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    async with bot.http.post(bot.url, data=body, headers=signed(body) | form) as response:
        return int(response.status)


async def test_a_verdict_is_kept_and_counted(live: Any, slack: ScriptedSlack) -> None:
    """One per person, the newest; shown by the metrics, and with the turn."""
    from supportbot import reports
    from supportbot.store import open_store

    async with live() as bot:
        await bot.send(mention())
        await _delivered(bot)
        [post] = slack.posts
        good = pressed(post, "supportbot_feedback")
        bad = pressed(post, "supportbot_feedback", value="bad" + good["actions"][0]["value"][4:])
        for payload in (good, good, bad, pressed(post, "supportbot_feedback", user="U2")):
            assert 200 == await press(bot, payload)
        async with bot.http.get(f"{bot.bot.url}/metrics") as response:
            metrics = await response.text()
        assert 'supportbot_ratings_total{channel="slack",verdict="good"} 2.0' in metrics
        store = open_store(bot.bot.loaded.database)
        page = await reports.turns(store)
        await store.close()
    assert [(1, 1)] == [(row.good, row.bad) for row in page.rows]


async def test_a_person_is_asked_for_by_a_button(live: Any, slack: ScriptedSlack) -> None:
    """In the answer's conversation, once however often it is pressed; the reply has no such button."""
    async with live() as bot:
        await bot.send(mention())
        await _delivered(bot)
        button = pressed(slack.posts[0], "supportbot_person")
        for _ in range(3):
            assert 200 == await press(bot, button)
        await slack.until(lambda: len(slack.posts) == 2)
        assert "queued" == await bot.channel._host.transcripts.state(f"T0/C1/{slack.posts[0].thread}")
    assert slack.posts[0].thread == slack.posts[1].thread
    assert "actions" not in [block["type"] for block in slack.posts[1].fields["blocks"]]


class Asking(ScriptedModel):
    """A model that asks something once."""

    async def complete(self, prompt: Prompt, live: Any) -> Answer:
        answer = await super().complete(prompt, live)
        asks = "?" in answer.text
        choices = (Choice(label="Yes, do it", says="yes"), Choice(label="No", says="no"))
        return answer.evolve(choices=choices if asks else ())


async def test_a_question_is_answered_by_who_was_asked(live: Any, slack: ScriptedSlack) -> None:
    """With a button, once; nobody else can."""
    async with live(Asking("Shall I?", "Done.")) as bot:
        await bot.send(mention())
        await _delivered(bot)
        [post] = slack.posts
        assert 200 == await press(bot, pressed(post, "supportbot_choice:0", user="U2"))
        assert 200 == await press(bot, pressed(post, "supportbot_choice:0"))
        assert 200 == await press(bot, pressed(post, "supportbot_choice:1"))
        await slack.until(lambda: len(slack.posts) == 2)
        await _delivered(bot)
    assert ["Shall I?", "Done."] == slack.shown()
    assert ["yes"] == [m.text for m in bot.model.prompts[1].turn.messages]
    assert any(method == "chat.postEphemeral" for method, _ in slack.calls)


async def test_the_pane_greets_once(live: Any, slack: ScriptedSlack) -> None:
    """With questions to click on; the first one becomes the thread's title."""
    thread = {"user_id": "U1", "channel_id": "D1", "thread_ts": ts(1), "context": {}}
    started = event({"type": "assistant_thread_started", "assistant_thread": thread})
    assistant = {"greeting": "Welcome!", "prompts": ["Where is my parcel?"]}
    async with live(assistant=assistant) as bot:
        await bot.send(started)
        await bot.send(started)
        await slack.until(lambda: any(m == "assistant.threads.setSuggestedPrompts" for m, _ in slack.calls))
        await bot.send(direct("Where is it?", thread_ts=ts(1), number=2))
        await slack.until(lambda: any(m == "assistant.threads.setTitle" for m, _ in slack.calls))
        await _delivered(bot)
    assert ["Welcome!", "You said: Where is it?"] == slack.shown()
    assert {ts(1)} == {post.thread for post in slack.posts}


async def test_the_command_is_answered_in_a_direct_message(live: Any, slack: ScriptedSlack) -> None:
    """Which Slack names when it is asked to open it."""
    slack._conversations_open = lambda _: {"channel": {"id": "D77"}}  # type: ignore[attr-defined]
    fields = "command=%2Fask&text=where%3F&team_id=T0&user_id=U1&trigger_id=1.2.a"
    async with live() as bot:
        async with bot.http.post(bot.url, data=fields, headers=signed(fields)) as response:
            assert "direct message" in (await response.json())["text"]
        await slack.until(lambda: slack.posts)
    assert [("D77", "You said: where?")] == [(post.channel, post.text) for post in slack.posts]


def recorded() -> dict[str, Any]:
    """Return the interactions that were recorded, as JSON or in a form."""
    found = {path.name: json.loads(path.read_text("utf-8")) for path in PAYLOADS.glob("*action*.json")}
    for path in PAYLOADS.glob("*.form"):
        fields = dict(parse_qsl(path.read_text("utf-8").strip(), keep_blank_values=True))
        if "payload" in fields:
            found[path.name] = json.loads(fields["payload"])
    return found


@pytest.mark.parametrize("payload", recorded().values(), ids=recorded())
async def test_no_change_of_an_interaction_breaks_anything(payload: Any) -> None:
    """Whatever is missing or of another type: it is taken or counted."""
    async with Workspace() as platform, serving(SlackChannel, platform, FakeCore("slack")) as site:
        channel: Any = site.channel
        take = channel.interactions(site.accept).pressed
        for changed in (payload, *_mutations(payload)):
            await take(changed)


WHERE = {"team_id": "T0", "user_id": "U1", "channel_id": "C1"}
COMMAND = {"command": "/ask", "text": "Where?", "trigger_id": "1.2", **WHERE}
ANSWERED = {"values": {"question": {"text": {"value": "Where?"}}}}
SUBMITTED = {
    "type": "view_submission",
    "team": {"id": "T0"},
    "user": {"id": "U1", "team_id": "T0"},
    "view": {"id": "V1", "callback_id": "ask", "state": ANSWERED},
}
USED = {
    "type": "message_action",
    "team": {"id": "T0"},
    "user": {"id": "U1", "team_id": "T0"},
    "channel": {"id": "C1"},
    "message": {"ts": ts(1), "text": "Where?", "user": "U5"},
}


async def ask(site: Any, platform: Any, **changes: Any) -> list[dict[str, Any] | None]:
    """Ask in all three ways."""
    interactions = site.channel.interactions(site.core.accept)
    return [
        await interactions.command(COMMAND | {k: v for k, v in changes.items() if isinstance(v, str)}),
        await interactions.pressed(USED | changes),
        await interactions.pressed(SUBMITTED | changes),
    ]


@pytest.mark.parametrize(
    ("section", "reasons"),
    [
        ({"others": {"answer": "off"}}, ["channel_off", "channel_off"]),
        ({"channels": {"C1": {"users": ["U2"]}}}, ["user_not_allowed", "user_not_allowed"]),
        ({"direct_messages": False}, ["direct_message", "direct_message"]),
        ({"limit": {"per_minute": 0.001, "burst": 1}}, ["too_many", "too_many"]),
    ],
)
async def test_the_rules_hold_for_questions_that_are_no_messages(
    section: dict[str, Any], reasons: list[str]
) -> None:
    """Commands, shortcuts and forms; who asks is told, and nothing is stored."""
    core = FakeCore("slack")
    async with Workspace() as platform:
        platform.more = section
        async with serving(SlackChannel, platform, core) as site:
            command, _, form = await ask(site, platform)
    assert reasons == core.ignored
    assert 3 - len(reasons) == len(core.accepted)
    told = {"direct_message": commands.NO_DIRECT, "too_many": commands.ON_IT}.get(
        reasons[0], commands.NOT_HERE
    )
    assert told == (command and command["text"])
    assert ("errors" in (form or {})) == (reasons[0] in {"direct_message", "too_many"})


async def test_another_command_is_no_question() -> None:
    """One that was added at Slack and that no listener takes: who gave it is told, nothing is stored."""
    core = FakeCore("slack")
    async with Workspace() as platform, serving(SlackChannel, platform, core) as site:
        channel: Any = site.channel
        interactions = channel.interactions(core.accept)
        told = await interactions.command(COMMAND | {"command": "/unknown"})
    assert ([], ["unknown_command"]) == (core.accepted, core.ignored)
    assert commands.NO_SUCH_COMMAND == told["text"]


async def test_other_apps_and_workspaces_are_not_answered() -> None:
    """Whatever they press, send or ask (row S35)."""
    core = FakeCore("slack")
    async with Workspace() as platform, serving(SlackChannel, platform, core) as site:
        channel: Any = site.channel
        await channel._single.identity()
        elsewhere = {"team": {"id": "T8"}, "user": {"id": "U8", "team_id": "T8"}, "team_id": "T8"}
        assert [None] * 3 == await ask(site, platform, **elsewhere)
        assert [] == core.accepted
        assert ["tenant"] * 3 == core.ignored
        guest = {"team": {"id": "T8"}, "user": {"id": "U8", "team_id": "T8"}}
        interactions = channel.interactions(core.accept)
        await interactions.pressed(USED | guest | {"message": USED["message"] | {"team": "T0"}})  # type: ignore[dict-item]
    assert 1 == len(core.accepted)


def _signed(payload: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps(payload)
    return {"data": body, "headers": signed(body) | {"Content-Type": "application/json"}}


async def test_a_shortcut_in_a_shared_channel_is_one_conversation_with_its_messages() -> None:
    """What messages said of the channel is remembered, by the next process too."""
    core = FakeCore("slack")
    async with Workspace() as platform:
        async with serving(SlackChannel, platform, core) as site:
            await site.post("/events", **_signed(mention(number=1) | {"is_ext_shared_channel": True}))
        async with serving(SlackChannel, platform, core) as site:
            channel: Any = site.channel
            reply = {"ts": ts(2), "thread_ts": ts(1), "text": "And this?", "user": "U5"}
            await channel.interactions(core.accept).pressed(USED | {"message": reply})
            assert 1 == len({inbound.conversation for inbound in core.accepted})
            await site.post("/events", **_signed(mention(number=3)))
            assert not await channel._shared.has("C1")
