"""What becomes of each payload, through the real way in: taken as whose words, or ignored, and why."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from supportbot.testing import FakeCore
from supportbot.testing.site import serving
from supportbot_slack import SlackChannel
from tests.channels.slack.driver import signed
from tests.channels.test_contract import Workspace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from supportbot.testing.site import Site

FOLDER = Path(__file__).parent / "payloads"
US = {"team_id": "T0123ABCD", "user_id": "U0BOT1234", "bot_id": "B0BOT1234", "app_id": "A0123ABCD"}
ORGANISATION = US | {"team_id": "E0OURORG1", "enterprise_id": "E0OURORG1"}


@asynccontextmanager
async def taking(core: FakeCore, **identity: str) -> AsyncIterator[Site]:
    """Serve the channel in the workspace of the payloads."""
    async with Workspace() as platform:
        platform.slack._auth_test = lambda _: US | identity  # type: ignore[method-assign]
        async with serving(SlackChannel, platform, core) as site:
            channel: Any = site.channel
            await channel._single.identity()
            yield site


async def send(site: Site, name: str, **headers: str) -> tuple[int, str]:
    """Send a payload as it is on the wire."""
    body = (FOLDER / name).read_bytes()
    kind = "application/x-www-form-urlencoded" if name.endswith(".form") else "application/json"
    more = signed(body) | {"Content-Type": kind} | headers
    async with site.http.post(f"{site.url}/events", data=body, headers=more) as response:
        return response.status, await response.text()


HELP, DIRECT = "T0123ABCD/C0HELP123", "T0123ABCD/D0ANNA123"

TAKEN = {
    "message_im.json": (DIRECT, "T0123ABCD/U0ANNA123", None),
    "message_app_home.json": (DIRECT, "T0123ABCD/U0ANNA123", "How do I return it?"),
    "message_shared.json": (DIRECT, "T0123ABCD/U0ANNA123", "The label is torn"),
    "app_mention_edited.json": (f"{HELP}/1750000040.004000", "T0123ABCD/U0ANNA123", "where is my parcel?"),
    "app_mention_minimal.json": (None, "T0123ABCD/U0ANNA123", None),
    "slack_connect_no_team.json": (None, "T0123ABCD/U0OTHER12", "from next door"),
    "slack_connect_external_mention.json": (None, "T0OTHER12/U0OTHER12", "from next door"),
    "enterprise_team_null.json": (None, "E0OURORG1/W0GRIDUSR", "for the whole organisation"),
    "enterprise_context_team.json": (None, "T0123ABCD/W0GRIDUSR", "for one workspace of it"),
    "view_submission_enterprise.form": (None, "T0123ABCD/W0GRIDUSR", "Where?"),
    "block_actions_enterprise.form": (
        f"{HELP}/1750000029.000300",
        "T0123ABCD/W0GRIDUSR",
        "I would like to talk to a person.",
    ),
    "block_actions_ephemeral_thread.form": (
        f"{HELP}/1750000029.000300",
        "T0123ABCD/W0GRIDUSR",
        "I would like to talk to a person.",
    ),
    "slash_command_dm.form": (None, "T0123ABCD/U0ANNA123", "Where?"),
}
"""The conversation, the sender, the words; None where it does not matter."""


@pytest.mark.parametrize("name", TAKEN)
async def test_it_is_somebody_s_words(name: str) -> None:
    """In their conversation."""
    conversation, sender, text = TAKEN[name]
    core = FakeCore("slack")
    async with taking(core, enterprise_id="E0OURORG1") as site:
        assert 200 == (await send(site, name))[0]
    assert [] == core.ignored
    [inbound] = core.accepted
    assert conversation in {None, inbound.conversation}
    assert sender == inbound.sender.id
    assert text in {None, inbound.text}
    assert "" == inbound.ignored


IGNORED = {
    "bot_message_no_bot_id.json": "bot",
    "bot_message_user_no_bot_id.json": "bot",
    "message_changed_blocks.json": "edit",
    "message_changed_tombstone.json": "deletion",
    "message_deleted_tombstone.json": "deletion",
    "file_shared.json": "unknown_event",
    "link_shared.json": "unknown_event",
    "huddle_thread.json": "subtype",
    "channel_topic.json": "subtype",
    "reminder_add.json": "subtype",
    "ekm_access_denied.json": "subtype",
    "team_access_revoked.json": "unknown_event",
    "file_share_mixed.json": "not_addressed",
    "message_action_other.form": "interaction",
    "block_actions_ephemeral.form": "interaction",
    "view_closed.form": "interaction",
    "global_shortcut.form": "interaction",
    "app_rate_limited.json": "rate_limited_by_slack",
}


@pytest.mark.parametrize("name", IGNORED)
async def test_it_is_acknowledged_and_that_is_all(name: str) -> None:
    """With a counted reason."""
    core = FakeCore("slack")
    async with taking(core, enterprise_id="E0OURORG1") as site:
        assert (200, "") == await send(site, name)
    assert ([], [IGNORED[name]]) == (core.accepted, core.ignored)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.*")), ids=lambda path: path.name)
async def test_no_payload_is_an_error(path: Path) -> None:
    """Signed, each is answered 200; not signed, 401; twice, it is taken once."""
    if path.suffix not in {".json", ".form"}:
        return
    core = FakeCore("slack")
    async with taking(core) as site:
        assert 401 == (await send(site, path.name, **{"X-Slack-Signature": "v0=" + "0" * 64}))[0]
        assert ([], []) == (core.accepted, core.ignored)
        for _ in range(2):
            status, body = await send(site, path.name)
            assert 200 == status
            assert path.stem == "url_verification" or "ok" not in body
    assert len(core.accepted) <= 1


async def test_a_channel_stays_shared_when_an_event_does_not_say_so() -> None:
    """The same message from the other organisation's side is the same, though its envelope lacks the key."""
    core = FakeCore("slack")
    async with taking(core) as site:
        first = json.loads((FOLDER / "slack_connect_external_mention.json").read_text("utf-8"))
        again = first | {"event_id": "Ev2", "team_id": "T0123ABCD"}
        del again["is_ext_shared_channel"]
        for payload in (first, again):
            body = json.dumps(payload)
            async with site.http.post(f"{site.url}/events", data=body, headers=signed(body)) as response:
                assert 200 == response.status
        channel: Any = site.channel
        assert await channel._shared.has("C0SHARED1")
    assert 1 == len(core.accepted)


async def test_an_edit_that_mentions_is_answered_once() -> None:
    """The mention that an edit put in is new; one that was answered before is not."""
    core = FakeCore("slack")
    async with taking(core) as site:
        first = json.loads((FOLDER / "app_mention_edited.json").read_text("utf-8"))
        del first["event"]["edited"]
        first["event_id"] = "Ev1"
        body = json.dumps(first)
        async with site.http.post(f"{site.url}/events", data=body, headers=signed(body)) as response:
            assert 200 == response.status
        await send(site, "app_mention_edited.json")
    assert 1 == len(core.accepted)


@pytest.mark.parametrize("name", ["message_changed_tombstone.json", "message_deleted_tombstone.json"])
async def test_a_deleted_thread_s_first_message_loses_its_words(name: str) -> None:
    """Slack tells of it as of an edit, because the replies stay."""
    core = FakeCore("slack")
    async with taking(core) as site:
        first = json.loads((FOLDER / "app_mention_edited.json").read_text("utf-8"))
        first["event"] |= {"ts": "1750000003.000333", "text": "<@U0BOT1234> My password is hunter2"}
        body = json.dumps(first)
        async with site.http.post(f"{site.url}/events", data=body, headers=signed(body)) as response:
            assert 200 == response.status
        await send(site, name)
        [message] = core.messages(f"{HELP}/1750000003.000333")
    assert "[deleted]" == message.text


async def test_files_that_are_gone_are_not_named() -> None:
    """A tombstone stands for a file that was deleted; one beyond the plan is there, and cannot be had."""
    core = FakeCore("slack")
    async with taking(core) as site:
        said = json.loads((FOLDER / "file_share_mixed.json").read_text("utf-8"))
        said["event"] |= {"channel": "D0ANNA123", "channel_type": "im"}
        body = json.dumps(said)
        async with site.http.post(f"{site.url}/events", data=body, headers=signed(body)) as response:
            assert 200 == response.status
    [inbound] = core.accepted
    assert ["a file", "label.png"] == [file.name for file in inbound.attachments]


async def test_words_that_stand_in_blocks_alone_are_read() -> None:
    """A list, a quote, a link; as people see them."""
    core = FakeCore("slack")
    async with taking(core) as site:
        said = json.loads((FOLDER / "message_rich_text_list.json").read_text("utf-8"))
        said["event"] |= {"channel": "D0ANNA123", "channel_type": "im"}
        body = json.dumps(said)
        async with site.http.post(f"{site.url}/events", data=body, headers=signed(body)) as response:
            assert 200 == response.status
    [inbound] = core.accepted
    lines = ["which of these?", "the red one", "the blue one (https://example.com/blue)", "said Ben:wave:"]
    assert lines == inbound.text.splitlines()
