"""What a process does of the whole: the roles it is given, and those that its channels need."""

from __future__ import annotations

import pytest

from supportbot.channel import ChannelConfig
from supportbot.errors import EmptyRole, IdleRoles, NoRole, RolesNeedServer, UnknownRole, UnknownRoleNeeded
from supportbot.host import ROLES
from supportbot.processes import idle_roles, needed_roles, roles_of
from supportbot_email.config import EmailConfig
from supportbot_slack.config import SlackConfig
from supportbot_terminal import TerminalChannel

SERVER = "postgresql+psycopg://bot@localhost/bot"
FILE = "sqlite:////bot.db"
WEB = ChannelConfig(type="webhook")
TERMINAL = TerminalChannel.Config(type="terminal")
MAIL = EmailConfig.model_validate(
    {"type": "email", "address": "help@example.com", "imap": {"host": "i.example.com"}, "password": "p"}
)
_SLACK = {"type": "slack", "bot_token": "xoxb-1-2-abc"}
SECRET = {"signing_secret": "0123456789abcdef0123456789abcdef"}
SOCKET = {"app_token": "xapp-1-A1-2-abc"}


def named(channels: list[ChannelConfig]) -> dict[str, ChannelConfig]:
    """Return them as bot.yaml has them."""
    return {f"channel-{number}": section for number, section in enumerate(channels)}


def slack(**keys: str) -> SlackConfig:
    return SlackConfig.model_validate({**_SLACK, **keys})


def test_nobody_named_any() -> None:
    """Then it does everything."""
    assert ROLES == roles_of(None, FILE) == roles_of(None, SERVER)


def test_names_are_roles() -> None:
    """In any order, and named twice is once."""
    assert {"web", "mail"} == roles_of(["mail", "web", "web"], SERVER)


@pytest.mark.parametrize(
    ("names", "refusal", "told"),
    [
        ([""], NoRole, "'--roles' names no role"),
        (["web", ""], EmptyRole, "'--roles web,' has an empty entry: take out the comma"),
        (["", "web"], EmptyRole, "'--roles ,web' has an empty entry"),
        (["web", "", "mail"], EmptyRole, "Known: mail, slack, web, worker"),
        (["wbe"], UnknownRole, "no role 'wbe'"),
    ],
)
def test_what_names_no_role_is_refused(names: list[str], refusal: type[Exception], told: str) -> None:
    """Also one empty entry among others, as a variable that was never set leaves it."""
    with pytest.raises(refusal, match=told):
        roles_of(names, SERVER)


def test_one_process_on_a_file_does_everything() -> None:
    """There is nobody else who could."""
    with pytest.raises(RolesNeedServer):
        roles_of(["web"], FILE)


@pytest.mark.parametrize(
    ("channels", "needed"),
    [
        ([], {"worker"}),
        ([TERMINAL], {"worker"}),
        ([WEB, TERMINAL], {"worker", "web"}),
        ([MAIL], {"worker", "mail"}),
        ([slack(**SOCKET)], {"worker", "slack"}),
        ([slack(**SECRET)], {"worker", "web"}),
        ([slack(**SECRET, **SOCKET), MAIL], {"worker", "web", "slack", "mail"}),
    ],
)
def test_channels_say_what_they_need(channels: list[ChannelConfig], needed: set[str]) -> None:
    """And one worker there must be."""
    assert needed == needed_roles(named(channels))


def test_a_channel_of_somebody_s_may_be_wrong() -> None:
    """Its author is told which role there is not, and the operator whose section it is."""

    class Poller(ChannelConfig):
        def roles(self) -> frozenset[str]:
            return frozenset({"poller"})

    wrong = "'lobby', of the type 'board', needs the role 'poller'"
    with pytest.raises(UnknownRoleNeeded, match=wrong):
        needed_roles({"shop": WEB, "lobby": Poller(type="board")})


@pytest.mark.parametrize(
    ("roles", "idle"),
    [({"worker"}, []), ({"web", "worker"}, []), ({"web", "mail"}, ["mail"]), (ROLES, ["mail", "slack"])],
)
def test_roles_without_a_channel_are_named(roles: set[str], idle: list[str]) -> None:
    """While the process has something else to do."""
    assert idle == idle_roles(frozenset(roles), named([WEB]))


@pytest.mark.parametrize("roles", [{"mail"}, {"slack"}, {"mail", "slack"}])
def test_a_process_that_would_do_nothing_is_refused(roles: set[str]) -> None:
    """It would run for ever, and whoever started it would wait for mail."""
    with pytest.raises(IdleRoles) as refused:
        idle_roles(frozenset(roles), named([WEB]))
    given = ",".join(sorted(roles))
    assert f"'--roles {given}' would do nothing" in str(refused.value)
    assert "needs web, worker: name one of them" in str(refused.value)
