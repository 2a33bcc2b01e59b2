"""The Slack channel's section of bot.yaml."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from supportbot.channel import ChannelConfig, Lack
from supportbot_slack.credentials import AppToken, BotToken, SigningSecret, check_strength
from supportbot_slack.install_config import OAuth, PublicUrl, TeamId  # noqa: TC001 - pydantic reads them
from supportbot_slack.sources import missing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

API_URL = "https://slack.com/api/"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _check_api_url(url: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?/", url):
        raise ValueError("must be a URL that ends with a slash, such as https://slack.com/api/")
    return url


def _check_host(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", name):
        raise ValueError("is not the name of a host: write it like shop.example.com, in small letters")
    return name


def _check_listeners(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", name, re.ASCII):
        raise ValueError("is not the name of a function: write it like mybot_slack:register")
    return name


def _id(letters: str, otherwise: str) -> AfterValidator:
    """Hold an id of Slack's to its form, so that a name, which would never match, is not taken for one."""

    def check(value: str) -> str:
        if not re.fullmatch(rf"[{letters}][A-Z0-9]{{1,30}}", value):
            raise ValueError(otherwise)
        return value

    return AfterValidator(check)


UserId = Annotated[
    str,
    _id("UW", "is not a user's id, such as U012AB3CD: in Slack, open the user's profile, ⋮, Copy member ID"),
]
ChannelId = Annotated[
    str,
    _id(
        "CG",
        "is not a channel's id, such as C012AB3CD: in Slack, right-click the channel, Copy, Copy link; "
        "it is the link's last part",
    ),
]
BotId = Annotated[
    str,
    _id(
        "B",
        "is not a bot's id, such as B012AB3CD: the bot_id that auth.test answers to its token",
    ),
]
ApiUrl = Annotated[str, AfterValidator(_check_api_url)]


class Rule(_Section):
    """Where and to whom the bot answers in one channel."""

    answer: Literal["mention", "every", "off"] = Field(
        "mention",
        description="mention: when it is mentioned, and in the threads it takes part in; every: each "
        "message; off: never.",
    )
    users: tuple[UserId, ...] = Field(
        (), strict=False, description="The only users it answers there, by id (U…); everybody when left out."
    )


class Rate(_Section):
    """How often something may happen: a bucket of ``burst`` tokens that fills at ``per_minute``."""

    per_minute: float = Field(gt=0, le=1_000_000, description="How many per minute in the long run.")
    burst: int = Field(ge=1, le=1_000_000, description="How many at once after a pause.")


class Assistant(_Section):
    """The assistant pane (Slack's split view for AI apps)."""

    greeting: str = Field(
        "Hello! What can I do for you?", max_length=3000, description="What a new thread there begins with."
    )
    prompts: tuple[str, ...] = Field(
        (), strict=False, max_length=4, description="Questions offered there to click on, up to four."
    )


class SlackConfig(ChannelConfig):
    """The Slack channel's section of bot.yaml."""

    bot_token: BotToken | None = Field(
        None, description="The token (xoxb-…) of the one workspace that it works in, given as ${NAME}."
    )
    signing_secret: SigningSecret | None = Field(
        None, description="Lets Slack send events over HTTP: what it signs them with, given as ${NAME}."
    )
    previous_signing_secret: SigningSecret | None = Field(
        None, description="Counts too, while the signing secret is being rotated."
    )
    app_token: AppToken | None = Field(
        None, description="Fetches events over Socket Mode, with no public address: xapp-…, given as ${NAME}."
    )
    public_url: PublicUrl | None = Field(
        None,
        description="Where Slack, and people's browsers, reach the bot: https://bot.example.com. Needed with "
        "oauth; the manifest uses it.",
    )
    oauth: OAuth | None = Field(
        None, description="Lets workspaces install the app by themselves, in place of one bot_token."
    )
    connections: int = Field(
        2, ge=1, le=10, description="Connections that Socket Mode holds open, so that one may be renewed."
    )
    api_url: ApiUrl = Field(API_URL, description="Where Slack's Web API is; another one is for tests.")
    channels: dict[ChannelId, Rule] = Field(
        default_factory=dict, description="Rules for single channels, by id (C…)."
    )
    others: Rule = Field(default_factory=Rule, description="The rule for all other channels.")
    direct_messages: bool = Field(True, description="Answer direct messages.")
    agents: tuple[UserId, ...] = Field(
        (),
        strict=False,
        description="The support team's users (U…). Where one of them writes in somebody's thread, without a "
        "mention of the bot, a person has taken over.",
    )
    handoff_channel: ChannelId | None = Field(
        None,
        description="Where your team is told of each customer who is handed over to a person, by the "
        "channel's id (C…): of this section's, and of those of channels that tell nobody.",
    )
    handoff_team: TeamId | None = Field(
        None,
        description="With oauth: the workspace (T…) that handoff_channel is in, and the app installed.",
    )
    bots: tuple[BotId, ...] = Field(
        (),
        strict=False,
        description="Other bots that are answered, by id (B…), at most 10 times in 10 minutes in a row.",
    )
    trust_guests: bool = Field(
        False,
        description="Count guests and people of other organisations as verified, as the workspace's members "
        "are: they may then use tools that need it.",
    )
    look_up_people: bool | None = Field(
        None,
        description="Ask Slack for the name of whoever writes, and whether they are a guest; when left out, "
        "only if the bot has tools, and to tell handoff_channel a name.",
    )
    listeners: Annotated[str, AfterValidator(_check_listeners)] | None = Field(
        None,
        description="Your own listeners for Bolt: a function, as mybot_slack:register, in a module beside "
        "bot.yaml or an installed one, that is given the Bolt app.",
    )
    streaming: bool = Field(True, description="Show an answer while it is being written.")
    feedback: bool = Field(True, description="Put buttons for good and bad below an answer.")
    talk_to_a_person: bool = Field(True, description="Put a button below an answer that asks for a person.")
    unfurl: bool = Field(False, description="Let Slack show previews of links in answers.")
    link_hosts: tuple[Annotated[str, AfterValidator(_check_host)], ...] = Field(
        (),
        strict=False,
        description="Hosts whose links in answers stay as they are, with those below them, as example.com "
        "or shop.example.com. From links to others, what is long or encoded is cut.",
    )
    on_unclear: Literal["resend", "hold"] = Field(
        "hold",
        description="What to do when nobody knows whether a post arrived and the token may not read the "
        "channel to find out: post again, until Slack says that it took it or the attempts are used up, or "
        "leave it to an operator.",
    )
    image_bytes: int = Field(
        10_000_000,
        ge=0,
        le=50_000_000,
        description="Largest image that is fetched when a turn begins, in bytes; 0: none is. None is either "
        "where no model of the bot sees images (vision).",
    )
    thread_messages: int = Field(
        30, ge=0, le=200, description="How many earlier messages of a thread are read when it is joined late."
    )
    limit: Rate | None = Field(
        Rate(per_minute=120, burst=600),
        description="Messages of one user that are answered; null for no limit.",
    )
    assistant: Assistant = Field(default_factory=Assistant, description="The assistant pane.")

    @property
    def signing_secrets(self) -> list[str]:
        """The secrets that a request may be signed with."""
        known = (self.signing_secret, self.previous_signing_secret)
        return [secret.get_secret_value() for secret in known if secret is not None]

    def lacking(self, folder: Path) -> Iterable[Lack]:
        """Return what is wrong with the name of the listeners. See ``ChannelConfig``."""
        if self.listeners and (what := missing(self.listeners, folder)):
            yield Lack(
                "listeners", what, "name a function in a module beside bot.yaml, or in an installed one"
            )

    def roles(self) -> frozenset[str]:
        """Socket Mode needs who holds the sockets; events over HTTP, and installs, who has routes."""
        by_http = self.signing_secret is not None or self.oauth is not None
        return frozenset({"web"} if by_http else ()) | frozenset({"slack"} if self.app_token else ())

    def keeps_secrets(self) -> bool:
        """Workspaces that install it give us their tokens."""
        return self.oauth is not None

    @model_validator(mode="after")
    def _can_hear(self) -> SlackConfig:
        if self.signing_secret is None and self.app_token is None:
            raise ValueError("needs a signing_secret (events over HTTP) or an app_token (Socket Mode)")
        if (self.bot_token is None) == (self.oauth is None):
            raise ValueError("needs either a bot_token (one workspace) or oauth (several)")
        if self.oauth is not None and self.public_url is None:
            raise ValueError("needs a public_url: with oauth, Slack sends people's browsers back to it")
        if self.oauth is None and self.handoff_team is not None:
            raise ValueError("needs no handoff_team: with a bot_token there is one workspace only")
        if self.oauth is not None and (self.handoff_channel is None) != (self.handoff_team is None):
            raise ValueError("needs handoff_channel and handoff_team together: each workspace has its own")
        if self.api_url == API_URL:
            for secret in self.signing_secrets:
                check_strength(secret)
        return self
