"""``supportbot slack manifest``, as a person calls it while setting the bot up."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from ruamel.yaml import YAML
from typer.testing import CliRunner

from supportbot import schema
from supportbot.cli.commands import app
from supportbot.records import ChannelRecords
from supportbot.vault import Vault
from supportbot_slack.grants import Installation
from supportbot_slack.installs import Installs
from supportbot_slack.scopes import SCOPES
from supportbot_slack.workspaces import Workspace
from tests.bot_folder import BotFolder
from tests.channels.slack.authority import Authority
from tests.durable import opened

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


SOCKET = "{type: slack, bot_token: '${SLACK_BOT_TOKEN}', app_token: '${SLACK_APP_TOKEN}'}"
HTTP = "{type: slack, bot_token: '${SLACK_BOT_TOKEN}', signing_secret: '${SLACK_SIGNING_SECRET}'}"
SEVERAL = (
    "{type: slack, public_url: 'https://bot.example.com', signing_secret: '${X}', oauth: {client_id: '${Y}'}}"
)


@pytest.fixture
def bot(tmp_path: Path) -> BotFolder:
    return BotFolder(tmp_path)


def run(bot: BotFolder, *options: str) -> Result:
    args = ["-c", str(bot.file), "slack", "manifest", *options]
    return CliRunner().invoke(app, args, env={"SLACK_BOT_TOKEN": None}, catch_exceptions=False)  # type: ignore[arg-type,return-value]


def printed(bot: BotFolder, *options: str) -> Any:
    done = run(bot, *options)
    assert (0, "") == (done.exit_code, done.stderr)
    return YAML(typ="safe", pure=True).load(done.stdout)


def write(bot: BotFolder, **channels: str) -> None:
    lines = [f"  {name}: {section}\n" for name, section in channels.items()]
    bot.file.write_text(
        "bot: {name: Fern, description: Answers about plants.}\nchannels:\n" + "".join(lines), "utf-8"
    )


def test_it_is_made_before_there_are_tokens(bot: BotFolder) -> None:
    """The tokens come from the app that it makes."""
    write(bot, slack=SOCKET)
    made = printed(bot)
    assert {"name": "Fern", "description": "Answers about plants."} == made["display_information"]
    assert made["settings"]["socket_mode_enabled"]


def test_it_is_made_before_there_is_a_bot_yaml(bot: BotFolder) -> None:
    """In the way that needs no address."""
    made = printed(bot)
    assert ("SupportBot", True) == (
        made["display_information"]["name"],
        made["settings"]["socket_mode_enabled"],
    )


def test_over_http_it_needs_an_address(bot: BotFolder) -> None:
    """Slack calls the bot then; the error says what to do."""
    write(bot, slack=HTTP)
    done = run(bot)
    assert (2, "") == (done.exit_code, done.stdout)
    assert done.stderr.startswith("Slack has to know where the bot is: say --url https://bot.example.com")
    made = printed(bot, "--url", "https://bot.example.com")
    url = made["settings"]["event_subscriptions"]["request_url"]
    assert "https://bot.example.com/channels/slack/events" == url


def test_several_workspaces_need_the_way_back(bot: BotFolder) -> None:
    """From the channel's ``public_url``, under the channel's own name."""
    write(bot, support=SEVERAL)
    made = printed(bot)
    url = "https://bot.example.com/channels/support/oauth_redirect"
    assert ([url], True) == (
        made["oauth_config"]["redirect_urls"],
        made["settings"]["token_rotation_enabled"],
    )


def test_one_of_several_channels_is_chosen(bot: BotFolder) -> None:
    """Which, has to be said."""
    write(bot, one=SOCKET, two=HTTP)
    done = run(bot)
    assert (2, True) == (done.exit_code, "with --channel. There is: one, two." in done.stderr)
    assert printed(bot, "--channel", "one")["settings"]["socket_mode_enabled"]
    assert 2 == run(bot, "--channel", "three").exit_code


@pytest.mark.parametrize("url", ["http://bot.example.com", "bot.example.com", "https://bot.example.com//"])
def test_a_wrong_address_is_refused(bot: BotFolder, url: str) -> None:
    """Slack would not take it either."""
    done = run(bot, "--url", url)
    assert (2, True) == (done.exit_code, "public address" in done.stderr)


def test_a_bot_without_direct_messages_asks_for_less(bot: BotFolder) -> None:
    """As bot.yaml says."""
    write(bot, slack=SOCKET.replace("}'}", "}', direct_messages: false}"))
    made = printed(bot)
    assert "im:history" not in made["oauth_config"]["scopes"]["bot"]
    assert "slash_commands" not in made["features"]


def test_json_is_the_same(bot: BotFolder) -> None:
    """For those who paste into the tab JSON, and for programs."""
    write(bot, slack=SOCKET)
    assert printed(bot) == json.loads(run(bot, "--json").stdout)


def test_no_secret_is_in_it(bot: BotFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest is passed around."""
    monkeypatch.setenv("X", "8f742231b10e8888abcd99yyyzzz85a5")
    write(bot, slack=SEVERAL)
    assert "8f742231b10e8888abcd99yyyzzz85a5" not in run(bot).stdout


# -- workspaces ----------------------------------------------------------------------------------


async def _install(url: str) -> None:
    records: Any
    async with opened(url) as store, Authority() as authority:
        records = ChannelRecords(store, "support")
        vault = Vault([SecretStr(Fernet.generate_key().decode())])
        installs = Installs(records, vault, authority.grants())
        lacking = SCOPES.keys() - {"im:write"}
        installed = ("T1", "Acme", SCOPES), ("T2", "Old \x1b[31m", lacking), ("T3", "Gone", SCOPES)
        for team, name, scopes in installed:
            workspace = Workspace(team=team, bot_token=f"xoxb-of-{team}", scopes=frozenset(scopes))
            await installs.save(Installation(workspace=workspace, name=name))
        await installs.disable("T3", "app_uninstalled")


def test_no_workspace_is_said(bot: BotFolder) -> None:
    """To people; programs read an empty list."""
    write(bot, support=SEVERAL)
    (bot.root / "data").mkdir()
    schema.prepare(f"sqlite:///{bot.root}/data/bot.db")
    args = ["-c", str(bot.file), "slack", "workspaces"]
    done = CliRunner().invoke(app, args, catch_exceptions=False)  # type: ignore[arg-type]
    assert (0, "", True) == (done.exit_code, done.stdout, done.stderr.startswith("No workspace"))
    assert "[]\n" == CliRunner().invoke(app, [*args, "--json"], catch_exceptions=False).stdout  # type: ignore[arg-type]


def test_workspaces_are_listed(bot: BotFolder) -> None:
    """Which there are, which lacks something, which is gone; no token, nothing that steers a terminal."""
    write(bot, support=SEVERAL)
    (bot.root / "data").mkdir()
    asyncio.run(_install(f"sqlite:///{bot.root}/data/bot.db"))
    args = ["-c", str(bot.file), "slack", "workspaces"]
    done = CliRunner().invoke(app, args, catch_exceptions=False)  # type: ignore[arg-type]
    assert (0, "T1\tinstalled\tAcme\nT2\tlacks im:write\tOld \ufffd[31m\nT3\tapp_uninstalled\tGone\n") == (
        done.exit_code,
        done.stdout,
    )
    write(bot, support=SEVERAL.replace("{type", "{direct_messages: false, type"))
    done = CliRunner().invoke(app, args, catch_exceptions=False)  # type: ignore[arg-type]
    assert "T2\tinstalled\t" in done.stdout  # what it lacks is for direct messages
    told = CliRunner().invoke(app, [*args, "--json"], catch_exceptions=False).stdout  # type: ignore[arg-type]
    assert ["T1", "T2", "T3"] == [row["id"] for row in json.loads(told)]
    assert "xoxb" not in told


@pytest.mark.parametrize(
    ("channels", "says"),
    [
        ("channels:\n  team: {type: slak}\n", "channels.team.type is 'slak', which is not installed"),
        ("channels:\nchannels:\n  team: {type: slack}\n", "the key 'channels' stands in line 1 already"),
    ],
    ids=["type", "twice"],
)
def test_why_a_section_is_not_found_is_said(bot: BotFolder, channels: str, says: str) -> None:
    """Else the manifest would be of a channel that is not the one in bot.yaml."""
    bot.file.write_text(channels, "utf-8")
    done = run(bot, "--url", "https://bot.example.com")
    assert (2, "", True) == (done.exit_code, done.stdout, says in done.stderr)


def test_an_address_of_bot_yaml_that_is_none_is_called_by_its_key(bot: BotFolder) -> None:
    """No option was given, so none is blamed; with the option, the option is."""
    write(bot, help="{type: slack, signing_secret: '${X}', public_url: 'http://bot.example.com'}")
    done = run(bot)
    assert (2, "") == (done.exit_code, done.stdout)
    assert done.stderr.startswith("channels.help.public_url in bot.yaml must begin with https://")
    assert "Usage" in run(bot, "--url", "http://bot.example.com").stderr


def test_a_slash_at_the_end_of_the_address_does_no_harm(bot: BotFolder) -> None:
    """It is how browsers show it, and what people copy."""
    write(bot, slack="{type: slack, signing_secret: '${X}', public_url: 'https://bot.example.com/'}")
    for options in ((), ("--url", "https://bot.example.com/")):
        events = printed(bot, *options)["settings"]["event_subscriptions"]
        assert "https://bot.example.com/channels/slack/events" == events["request_url"]
