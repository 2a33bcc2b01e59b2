"""What the team reads of a customer who waits for a person, and what its buttons do."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientSession
from pydantic import SecretStr, ValidationError

from supportbot import housekeeping, reports
from supportbot.channel import CanNotify
from supportbot.messages import Contact, Notice
from supportbot.session import set_state
from supportbot.testing import FakeCore, FakeSlack
from supportbot.vault import Vault
from supportbot_slack import SlackChannel
from supportbot_slack.handoffs import HAND_BACK, TAKE_OVER, is_notice, notice_blocks
from supportbot_slack.rules import Rules
from supportbot_slack.sdk import web_client
from supportbot_slack.verify import REMEDIES, check_handoff_channel
from tests.channels.slack.test_fake import answering, settled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from supportbot.messages import Outbound
    from supportbot.testing import StartedBot
    from supportbot.testing.slack import Message, Workspace

TEAM = "C0TEAM"
TOKEN = "xoxb-1234567890-1234567890123-abcdefghijklmnopqrstuvwx"
PERSON = "Can I talk to a person, please?"
PINGS = "<!channel> <!here> <@U0ANNA> <!subteam^S1|@all> @everyone <https://evil.example|our page> *b*"


def told(slack: FakeSlack) -> list[Message]:
    """Return what the team was told."""
    return [message for message in slack.messages(TEAM) if message.bot_id]


def words(value: Any) -> Iterator[str]:
    """Yield all texts of some blocks, in order."""
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value["text"]
        for part in value.values():
            yield from words(part)
    elif isinstance(value, list):
        for part in value:
            yield from words(part)


def kinds(value: Any) -> set[str]:
    """Return the types of all parts of some blocks."""
    if isinstance(value, list):
        return set().union(*map(kinds, value))
    if not isinstance(value, dict):
        return set()
    return ({value["type"]} if "type" in value else set()) | kinds(list(value.values()))


def button(message: Message, action: str) -> dict[str, Any]:
    """Return a press of one of a post's buttons."""
    found = next(e for b in message.blocks for e in b.get("elements", ()) if e.get("action_id") == action)
    return {"action_id": action, "value": found["value"], "type": "button"}


async def ask(
    slack: FakeSlack, team: Workspace, bot: StartedBot, text: str = PERSON, *, channel: str = "C0HELP"
) -> Message:
    """Let a customer ask for a person, until all is delivered."""
    mention = f"<@{team.bot_user}> " if channel == "C0HELP" else ""
    team.conversation(TEAM)
    said = await slack.say(team.id, channel, "U0ANNA", mention + text)
    await settled(bot)
    return said


async def press_for_a_person(slack: FakeSlack, team: Workspace) -> Message:
    """Press the button below the only answer; returns what the team is told."""
    [answer] = [m for m in slack.messages("C0HELP") if m.bot_id]
    await slack.press(team.id, "C0HELP", "U0ANNA", button(answer, "supportbot_person"), ts=answer.ts)
    await slack.until(lambda: told(slack))
    [post] = told(slack)
    return post


@pytest.mark.parametrize("channel", ["C0HELP", "D0ANNA"])
async def test_the_team_is_told_once_who_waits_where(tmp_path: Path, channel: str) -> None:
    """With a link to the thread, or word that it is a direct message, which nobody else can open."""
    async with answering(tmp_path, handoff_channel=TEAM) as (slack, team, bot):
        asked = await ask(slack, team, bot, channel=channel)
        [post] = told(slack)
        link = f"https://fake.slack.com/archives/C0HELP/p{asked.ts.replace('.', '')}"
        assert (channel == "C0HELP") == (link in json.dumps(post.blocks))
        assert "https://fake.slack.com/team/U0ANNA" in json.dumps(post.blocks)
        said = " ".join(words(post.blocks))
        assert "asked for a person" in said
        assert PERSON in said
        assert ("in this thread" if channel == "C0HELP" else "in a direct message") in said
        assert ["rich_text", "context", "actions"] == [block["type"] for block in post.blocks]
        assert "" == post.thread_ts
        assert [False, False] == [post.arguments[name] for name in ("unfurl_links", "unfurl_media")]
        assert 1 == len(slack.posts(channel))


async def test_the_pane_is_a_direct_message(tmp_path: Path) -> None:
    """Its threads can be opened by nobody else."""
    async with answering(tmp_path, handoff_channel=TEAM) as (slack, team, _):
        team.conversation(TEAM)
        root = await slack.open_assistant(team.id, "U0ANNA")
        pane = slack.direct(team.id, "U0ANNA")
        await slack.say(team.id, pane, "U0ANNA", PERSON, thread_ts=root)
        await slack.until(lambda: told(slack))
        [post] = told(slack)
        assert "in a direct message" in list(words(post.blocks))
        assert "/archives/" not in json.dumps(post.blocks)


async def test_whoever_pressed_the_button_is_shown_with_their_question(tmp_path: Path) -> None:
    """By name; in the thread that the button stands in."""
    async with answering(tmp_path, handoff_channel=TEAM) as (slack, team, bot):
        await ask(slack, team, bot, "Where is my parcel?")
        assert [] == told(slack)
        post = await press_for_a_person(slack, team)
        assert "Where is my parcel?\nI would like to talk to a person." in list(words(post.blocks))


async def test_nothing_in_it_pings_or_hides(tmp_path: Path) -> None:
    """A customer's words and name are text and nothing else, bounded, in the blocks and the notification."""
    async with answering(tmp_path, handoff_channel=TEAM) as (slack, team, bot):
        team.user("U0ANNA", profile={"display_name": PINGS})
        await ask(slack, team, bot, PINGS + "x" * 5000)
        post = await press_for_a_person(slack, team)
        shown = {"rich_text", "rich_text_section", "rich_text_quote", "text", "link"}
        assert shown | {"context", "plain_text", "actions", "button"} == kinds(post.blocks)
        links = [p for p in post.blocks[0]["elements"][0]["elements"] if p["type"] == "link"]
        assert {"https://fake.slack.com/team/U0ANNA"} == {link["url"] for link in links}
        assert max(map(len, words(post.blocks))) < 1_100
        assert len(post.text) < 600
        assert "<" not in post.text
        assert ("none", False) == (post.arguments["parse"], post.arguments["link_names"])


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("kind", ["reset", "status", "html", "malformed", "cut", "ratelimited"])
async def test_every_fault_of_its_post_leaves_one(tmp_path: Path, kind: Any, after: bool) -> None:
    """And the customer's reply is delivered beside it."""
    async with answering(tmp_path, handoff_channel=TEAM) as (slack, team, bot):
        # the reply's and the notice's, whichever comes first
        slack.fail("chat.postMessage", kind, after=after and kind != "ratelimited", times=2)
        await ask(slack, team, bot)
        assert (1, 1) == (len(told(slack)), len(slack.posts("C0HELP")))


async def test_it_is_found_by_its_mark_alone(tmp_path: Path) -> None:
    """Not by the reply's of the same turn, and not by one that is somebody else's."""
    async with answering(tmp_path, handoff_channel=TEAM) as (slack, team, bot):
        await ask(slack, team, bot)
        [post], [reply] = told(slack), [m for m in slack.messages("C0HELP") if m.bot_id]
        marks = [m.metadata["event_payload"] for m in (post, reply)]
        assert marks[0]["turn"] == marks[0]["delivery"] != marks[1]["turn"]
        assert marks[0]["mac"] != marks[1]["mac"]


@pytest.mark.parametrize("error", ["chat.getPermalink", "users.info"])
async def test_what_cannot_be_looked_up_is_left_out(tmp_path: Path, error: str) -> None:
    """The team is told all the same."""
    async with answering(tmp_path, handoff_channel=TEAM) as (slack, team, bot):
        slack.fail(error, "error", times=0, error="internal_error")
        await ask(slack, team, bot)
        [post] = told(slack)
        assert PERSON in " ".join(words(post.blocks))


@pytest.mark.parametrize("may", [None, False])
async def test_names_are_looked_up_if_they_may_be(tmp_path: Path, may: bool | None) -> None:
    """Else the team reads the user's id, which leads to the profile all the same."""
    async with answering(tmp_path, handoff_channel=TEAM, look_up_people=may) as (slack, team, bot):
        team.user("U0ANNA", profile={"display_name": "Anna"})
        await ask(slack, team, bot)
        [post] = told(slack)
        assert ("U0ANNA" if may is False else "Anna") == next(words(post.blocks))
        assert (may is None) == bool(slack.called("users.info"))


async def test_blocks_that_slack_refuses_are_words(tmp_path: Path) -> None:
    """As with an answer."""
    async with answering(tmp_path, handoff_channel=TEAM) as (slack, team, bot):
        for skip in (0, 1):
            slack.fail("chat.postMessage", "error", error="invalid_blocks", skip=skip)
        await ask(slack, team, bot)
        [post] = told(slack)
        assert [] == post.blocks
        assert post.text.endswith(f"asked for a person: {PERSON}")


async def test_taken_over_and_handed_back(tmp_path: Path) -> None:
    """The post says who did what, offers the other, stays the same post; the bot is silent until then."""
    async with answering(tmp_path, handoff_channel=TEAM) as (slack, team, bot):
        asked = await ask(slack, team, bot)
        [post] = told(slack)
        transcripts = bot.channels["slack"]._host.transcripts
        for action, state, status, other in (
            (TAKE_OVER, "human", "has taken it over", HAND_BACK),
            (HAND_BACK, "bot", "gave it back", TAKE_OVER),
        ):
            pressed = await slack.press(team.id, TEAM, "U0BEN", button(post, action), ts=post.ts)
            assert 200 == pressed.status
            assert state == await transcripts.state(f"{team.id}/C0HELP/{asked.ts}")
            await slack.until(lambda status=status: status in " ".join(words(post.blocks)))
            assert [other] == [e["action_id"] for e in post.blocks[2]["elements"]]
            assert PERSON in " ".join(words(post.blocks))
            assert post.metadata
        await slack.say(team.id, "C0HELP", "U0ANNA", "And now?", thread_ts=asked.ts)
        await slack.until(lambda: len(slack.posts("C0HELP")) == 2)
        assert [post] == told(slack)


async def test_a_press_that_changes_nothing_says_who_was_first(tmp_path: Path) -> None:
    """To who pressed alone: the post they read was an old one, or had not followed yet."""
    async with answering(tmp_path, handoff_channel=TEAM) as (slack, team, bot):
        await ask(slack, team, bot)
        [post] = told(slack)
        press = button(post, TAKE_OVER)
        team.user("U0BEN", profile={"display_name": "Ben"})
        for user in ("U0BEN", "U0CARL"):
            assert 200 == (await slack.press(team.id, TEAM, user, press, ts=post.ts)).status
        await slack.until(lambda: len(slack.called("chat.postEphemeral")) == 2)
        whispered = [call.arguments for call in slack.called("chat.postEphemeral")]
        assert {"U0BEN", "U0CARL"} == {one["user"] for one in whispered}
        assert 1 == len({one["text"] for one in whispered})
        assert "has taken it over" in whispered[0]["text"]
        assert "U0CARL" not in whispered[0]["text"]


async def test_the_post_follows_what_is_done_elsewhere(tmp_path: Path) -> None:
    """On the command line, or by a colleague who just answers: by whom and when, and what is left to do. It
    stays one post."""
    rules = {"others": {"answer": "every"}, "agents": ["U0BEN"], "handoff_channel": TEAM}
    async with answering(tmp_path, **rules) as (slack, team, bot):
        asked = await ask(slack, team, bot)
        [post] = told(slack)
        store = bot.channels["slack"]._host.transcripts._store
        [conversation] = (await reports.conversations(store)).rows
        for state, status, offered in (
            ("human", "An operator has taken it over", [HAND_BACK]),
            ("bot", "An operator gave it back", [TAKE_OVER]),
            ("resolved", "An operator closed it.", [TAKE_OVER, HAND_BACK]),
        ):
            await set_state(store, conversation.id, state)
            await slack.until(lambda status=status: status in " ".join(words(post.blocks)))
            assert offered == [e["action_id"] for e in post.blocks[2]["elements"]]
        assert re.search(r"<!date\^\d+\^[^|]+\|\d{4}-\d\d-\d\d \d\d:\d\d UTC>", json.dumps(post.blocks[1]))
        await set_state(store, conversation.id, "bot")
        await slack.say(team.id, "C0HELP", "U0BEN", "I am on it.", thread_ts=asked.ts)
        await slack.until(lambda: "has taken it over" in " ".join(words(post.blocks)))
        assert PERSON in " ".join(words(post.blocks))
        assert "operator" not in " ".join(words(post.blocks))
        assert [post] == told(slack)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("kind", ["reset", "status", "malformed", "ratelimited"])
async def test_every_fault_of_an_update_is_made_good(tmp_path: Path, kind: Any, after: bool) -> None:
    """It is made again until Slack has it; there is never a second post."""
    async with answering(tmp_path, handoff_channel=TEAM) as (slack, team, bot):
        await ask(slack, team, bot)
        [post] = told(slack)
        slack.fail("chat.update", kind, after=after and kind != "ratelimited")
        await slack.press(team.id, TEAM, "U0BEN", button(post, TAKE_OVER), ts=post.ts)
        await slack.until(lambda: "has taken it over" in " ".join(words(post.blocks)))
        await settled(bot)
        assert [post] == told(slack)


async def test_a_post_that_somebody_deleted_stays_deleted(tmp_path: Path) -> None:
    """Nothing is posted in its place, and nothing is a problem."""
    async with answering(tmp_path, handoff_channel=TEAM) as (slack, team, bot):
        await ask(slack, team, bot)
        store = bot.channels["slack"]._host.transcripts._store
        [conversation] = (await reports.conversations(store)).rows
        slack.fail("chat.update", "error", error="message_not_found")
        await set_state(store, conversation.id, "human")
        await slack.until(lambda: slack.called("chat.update"))
        await settled(bot)
        assert 1 == len(told(slack))
        found = await reports.deliveries(store, state="dead")
        assert () == tuple(found.rows)


async def test_a_colleague_s_answer_in_the_thread_silences_the_bot(tmp_path: Path) -> None:
    """Also one who never pressed anything; what the team says below the post does not concern the bot."""
    rules = {"others": {"answer": "every"}, "agents": ["U0BEN"], "handoff_channel": TEAM}
    async with answering(tmp_path, **rules) as (slack, team, bot):
        asked = await ask(slack, team, bot)
        [post] = told(slack)
        await slack.say(team.id, TEAM, "U0CARL", "Who takes this?", thread_ts=post.ts)
        await slack.say(team.id, "C0HELP", "U0BEN", "I am on it.", thread_ts=asked.ts)
        await slack.say(team.id, "C0HELP", "U0ANNA", "Thank you!", thread_ts=asked.ts)
        transcripts = bot.channels["slack"]._host.transcripts
        assert "human" == await transcripts.state(f"{team.id}/C0HELP/{asked.ts}")
        await slack.say(team.id, TEAM, "U0CARL", f"<@{team.bot_user}> How long does a parcel take?")
        await slack.until(lambda: len(told(slack)) == 2)
        assert 1 == len(slack.posts("C0HELP"))


async def test_a_press_that_makes_no_sense_changes_nothing(tmp_path: Path) -> None:
    """On a conversation that is gone, without a value, without the post: acknowledged, no more."""
    async with answering(tmp_path, handoff_channel=TEAM) as (slack, team, bot):
        await ask(slack, team, bot)
        [post] = told(slack)
        before = post.blocks
        for value in ("conv_gone", "", None, "x" * 3000):
            press = {"action_id": HAND_BACK, "value": value, "type": "button"}
            pressed = await slack.press(team.id, TEAM, "U0BEN", press, ts=post.ts)
            assert 200 == pressed.status
        pressed = await slack.press(team.id, TEAM, "U0BEN", button(post, TAKE_OVER))
        assert 200 == pressed.status
        await slack.until(lambda: len(slack.called("chat.postEphemeral")) == 2)
        assert before == post.blocks


async def test_only_the_team_decides_who_speaks(tmp_path: Path) -> None:
    """A press counts on the notice, where the team is told: elsewhere, and on other posts, it is ignored."""
    async with answering(tmp_path, handoff_channel=TEAM) as (slack, team, bot):
        asked = await ask(slack, team, bot)
        [post], [answer] = told(slack), [m for m in slack.messages("C0HELP") if m.bot_id]
        hers = await slack.say(team.id, TEAM, "U0ANNA", "I may look in here.")
        back = button(post, HAND_BACK)
        await slack.press(team.id, TEAM, "U0BEN", button(post, TAKE_OVER), ts=post.ts)
        pressed = [("C0HELP", {"ts": answer.ts}), ("C0HELP", {}), (TEAM, {"ts": hers.ts}), (TEAM, {})]
        for place, on in pressed:
            assert 200 == (await slack.press(team.id, place, "U0ANNA", back, **on)).status
        transcripts = bot.channels["slack"]._host.transcripts
        assert "human" == await transcripts.state(f"{team.id}/C0HELP/{asked.ts}")
        async with ClientSession() as http, http.get(f"{bot.url}/metrics") as shown:
            counted = 'messages_ignored_total{channel="slack",reason="interaction"}'
            assert f"{counted} {len(pressed):.1f}" in await shown.text()


@pytest.mark.parametrize(
    ("team", "there"), [("T012AB", True), ("E012AB", True), ("T099ZZ", False), (None, True)]
)
def test_the_same_channel_of_another_workspace_is_not_the_team_s(team: str | None, there: bool) -> None:
    """With several workspaces each has its own; of one there is no other."""
    where = {"bot_token": TOKEN} if team is None else {"oauth": OAUTH, "public_url": "https://b.example.com"}
    found = config(handoff_channel=TEAM, **where, **({"handoff_team": team} if team else {}))
    rules = Rules(found, FakeCore("slack").host.limiter)
    assert there == rules.is_team_s(TEAM, {"T012AB", "E012AB"})
    assert not rules.is_team_s("C0HELP", {"T012AB", "E012AB"})


async def test_without_a_channel_for_it_nobody_is_told(tmp_path: Path) -> None:
    """As before: the team looks."""
    async with answering(tmp_path) as (slack, team, bot):
        await ask(slack, team, bot)
        assert [] == told(slack)


@pytest.mark.parametrize("error", ["", "not_in_channel", "channel_not_found"])
async def test_a_channel_that_it_cannot_post_in_is_found_before(error: str) -> None:
    """By ``check --online``: nobody was invited, or the id is another's."""
    async with FakeSlack() as slack:
        team = slack.workspace()
        if error != "channel_not_found":
            place = team.conversation(TEAM)
            place.members -= {team.bot_user} if error else set()
        client = web_client(slack.api_url, team.token)
        found = await check_handoff_channel(client, TEAM)
        assert ([f"handoff_channel: Slack answers {error}: {REMEDIES[error]}"] if error else []) == found


async def test_an_archived_channel_is_told_of_and_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In /readyz, and by ``check --online`` before."""
    monkeypatch.setattr(housekeeping, "_EVERY", 0.02)
    async with answering(tmp_path, handoff_channel=TEAM) as (slack, team, bot):
        team.conversation(TEAM).archived = True
        await ask(slack, team, bot)
        assert [] == told(slack)
        client = web_client(slack.api_url, team.token)
        assert [f"handoff_channel: Slack answers is_archived: {REMEDIES['is_archived']}"] == (
            await check_handoff_channel(client, TEAM)
        )
        problem = "the team was not told of 1 customer: Slack answered is_archived"
        async with ClientSession() as http:
            shown: dict[str, Any] = {"degraded": False}
            async with asyncio.timeout(10):
                while not shown["degraded"]:
                    async with http.get(f"{bot.url}/readyz") as response:
                        shown = await response.json()
        assert (True, problem) == (shown["ready"], shown["checks"]["channel slack"])


OAUTH = {
    "client_id": "1234567890.1234567890123",
    "client_secret": "0123456789abcdef0123456789abcdef",
}
VAULT = Vault([SecretStr("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")])


def config(**more: Any) -> Any:
    """Read a section of bot.yaml."""
    ways = {"type": "slack", "signing_secret": "8f742231b10e8888abcd99yyyzzz85a5"}
    return SlackChannel.Config.model_validate(ways | more)


def test_where_the_team_is_told() -> None:
    """The one workspace's channel; with several, that of the one that is named, or of an organisation."""
    several = {"oauth": OAUTH, "public_url": "https://bot.example.com", "handoff_channel": TEAM}
    for more, address in (
        ({"bot_token": TOKEN, "handoff_channel": TEAM}, {"channel": TEAM}),
        ({"bot_token": TOKEN}, None),
        (several | {"handoff_team": "T012AB"}, {"team": "T012AB", "channel": TEAM}),
        (several | {"handoff_team": "E012AB"}, {"enterprise": "E012AB", "channel": TEAM}),
    ):
        channel = SlackChannel(config(**more), FakeCore("slack", vault=VAULT).host)
        assert isinstance(channel, CanNotify)
        assert address == channel.team_address()


@pytest.mark.parametrize(
    "more",
    [
        {"bot_token": TOKEN, "handoff_channel": "support"},
        {"bot_token": TOKEN, "handoff_channel": TEAM, "handoff_team": "T012AB"},
        {"oauth": OAUTH, "public_url": "https://b.example.com", "handoff_channel": TEAM},
        {"oauth": OAUTH, "public_url": "https://b.example.com", "handoff_team": "T012AB"},
    ],
)
def test_half_a_place_is_refused(more: dict[str, Any]) -> None:
    """When bot.yaml is read, not when the first customer waits."""
    with pytest.raises(ValidationError, match="handoff_"):
        config(**more)


def outbound_of(core: FakeCore, **notice: Any) -> tuple[Outbound, Notice]:
    """Return a notice of somebody in another channel."""
    asyncio.run(core.accept(_inbound()))
    contact = Contact(id="contact_1", external_id="v1") if "contact" not in notice else notice.pop("contact")
    told = {"channel": "web", "address": {"session": "s1"}, "contact": contact, "text": "Help"} | notice
    made = Notice(**told)
    return core.reply("c1", "One moment", handoff="no_answer").evolve(notice=made), made


def _inbound() -> Any:
    from supportbot.messages import Inbound, Sender

    return Inbound(channel="slack", conversation="c1", sender=Sender(id="v1"), text="Help", keys=("k1",))


def test_a_customer_of_another_channel() -> None:
    """By name or address; where is the channel's name in bot.yaml, and the id that the command line takes."""
    anna = Contact(id="contact_1", external_id="v1", name="Anna", email="anna@example.com")
    outbound, notice = outbound_of(FakeCore("slack"), contact=anna)
    said = list(words(notice_blocks(outbound, notice, "")))
    assert ["Anna", " (anna@example.com)", " asked something that the bot cannot answer."] == said[:3]
    assert {"in the channel web", outbound.conversation_id} <= set(said)


@pytest.mark.parametrize("handoff", ["no_answer", "a_word_of_a_later_version", ""])
@pytest.mark.parametrize("text", ["", " ", "x" * 100_000, "a\nb\n```"])
def test_whatever_is_missing(handoff: str, text: str) -> None:
    """Somebody nameless who said nothing is told of, too; no part is empty, which Slack would refuse."""
    nobody = Contact(id="contact_1", external_id="")
    outbound, notice = outbound_of(FakeCore("slack"), contact=nobody, text=text)
    blocks = notice_blocks(outbound.evolve(handoff=handoff), notice, "")
    assert all(words(blocks))
    assert max(map(len, words(blocks))) < 1_100


@pytest.mark.parametrize("blocks", [None, [], "x", [1], [{"type": "section"}], [{"block_id": ["a"]}]])
def test_only_a_notice_is_changed_by_a_press(blocks: Any) -> None:
    """Whatever Slack sends in its place."""
    assert not is_notice(blocks)
