"""bot.yaml as frozen models: every key, its meaning, its default.

The descriptions are what ``supportbot schema`` shows in an editor. A channel's section is only
known as ``ChannelConfig`` here; the channel's own ``Config`` reads the rest of it.

A validator's message is the rest of a sentence that begins with the key's name, ``what: what to do``,
and never holds the value. Rules about two keys stand at the later one and run also when it is not set.
"""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    ValidationInfo,
    field_validator,
)

from supportbot.authorship import KNOWLEDGE
from supportbot.config.fields import DatabaseUrl, EncryptionKey, Secret, is_loopback
from supportbot.config.moderation import ModerationSection
from supportbot.config.section import EndpointSection, Section
from supportbot.config.spending import PriceSection, SpendingSection
from supportbot.config.texts import TextsSection
from supportbot.config.triage import TriageSection

_SMALLEST_ROOM = 640
"""The least a model must leave for prompts, in tokens."""

_RESERVED_FIELDS = frozenset({"model", "messages", "stream", "tools", "tool_choice", "response_format"})


def _language(value: str) -> str:
    if not re.fullmatch(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*", value):
        raise ValueError("is not a language tag: write one as in BCP 47, such as en or pt-BR")
    return value


def _network(value: str) -> str:
    try:
        ip_network(value)
    except ValueError:
        raise ValueError("is not a network: write one such as 10.0.0.0/8, or a single address") from None
    return value


def _template_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", value):
        raise ValueError("is not a template's name: write a file's name in prompts.path, without .md.j2")
    return value


def _tool_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", value, re.ASCII):
        raise ValueError("is not the name of a tool: write module:function, such as mybot.tools:order_status")
    return value


def _pin(value: str) -> str:
    """Refuse what could search for ages in what a stranger wrote: every repetition needs its end."""
    bare = re.sub(r"\[\^?\]?[^\]]*\]", "x", re.sub(r"\\\D", "x", value))  # without escapes and classes
    if re.search(r"[*+]|\{\d*,\}|\)\{", bare):
        raise ValueError(r"repeats something without end, or a group: say how often, as in [A-Z]{2,4}-\d{6}")
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error.msg}") from None
    return value


class BotSection(Section):
    """Who the bot is."""

    name: str = Field("SupportBot", min_length=1, max_length=80, description="What the bot calls itself.")
    company: str = Field("", max_length=120, description="Whose customers it serves.")
    description: str = Field("", max_length=2000, description="What the company does, in a sentence or two.")
    language: Annotated[str, AfterValidator(_language)] = Field(
        "en",
        description="Which language the prompts name for customers whose own cannot be told, as a BCP 47 tag "
        "such as en or pt-BR. Of the fixed texts, see texts.translations.",
    )
    contact: str = Field(
        "", max_length=500, description="How else to reach a person, as a customer would read it."
    )
    facts: dict[str, str] = Field(
        default_factory=dict, description="Short facts the prompts may use, by name."
    )


class ModelSection(EndpointSection):
    """One model endpoint. Several make a fallback chain; ``knowledge`` always stands at its end."""

    max_tokens: int = Field(1024, ge=1, le=131_072, description="Longest answer, in tokens.")
    max_tokens_key: Literal["max_tokens", "max_completion_tokens"] | None = Field(
        None, description="Which field carries it; by default what the dialect documents."
    )
    temperature: float | None = Field(None, ge=0, le=2, description="Left to the endpoint when not set.")
    top_p: float | None = Field(None, gt=0, le=1, description="Left to the endpoint when not set.")
    stream: bool = Field(True, description="Ask for the answer in pieces.")
    context_tokens: int = Field(
        8192, ge=512, validate_default=True, description="The model's window, in tokens."
    )
    vision: bool = Field(
        False,
        description="It sees images: those that customers send are shown to it. Needs the extra 'images'.",
    )
    tokenizer: Path | None = Field(
        None,
        description="The model's tokenizer.model: with it, what a prompt costs is counted and not estimated. "
        "Needs the extra 'tokenizer'.",
    )
    attempts: int = Field(
        3, ge=1, le=10, description="Tries per answer, all before the first word was received."
    )
    connect_timeout: float = Field(5.0, gt=0, le=120, description="Seconds to connect.")
    first_token_timeout: float = Field(
        30.0,
        gt=0,
        le=600,
        description="Seconds until the first word; with stream: false, total_timeout counts instead.",
    )
    idle_timeout: float = Field(30.0, gt=0, le=600, description="Seconds between two pieces.")
    total_timeout: float = Field(
        120.0, gt=0, le=3600, description="Seconds for one answer, all tries together."
    )
    requests_per_minute: int | None = Field(
        None, ge=1, description="Most requests in any minute; more wait. Not limited when not set."
    )
    tokens_per_minute: int | None = Field(
        None,
        ge=1,
        description="Most tokens in any minute, prompts and answers together; more wait. Not limited when "
        "not set.",
    )
    concurrency: int | None = Field(
        None, ge=1, le=100_000, description="Most requests at once; more wait. Not limited when not set."
    )
    price: PriceSection | None = Field(
        None, description="What it costs. Its tokens are counted also without."
    )
    extra: dict[str, Any] = Field(
        default_factory=dict, repr=False, description="More fields of the request, sent as they are."
    )

    @property
    def label(self) -> str:
        """What this entry is called in logs and figures."""
        return self.name or self.model

    @field_validator("context_tokens")
    @classmethod
    def _answer_fits_the_window(cls, value: int, info: ValidationInfo) -> int:
        if value - info.data.get("max_tokens", 0) < _SMALLEST_ROOM:
            raise ValueError(
                f"leaves no room for a prompt: it must be larger than max_tokens by {_SMALLEST_ROOM} or more"
            )
        return value

    @field_validator("extra")
    @classmethod
    def _extra_replaces_nothing(cls, value: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(_RESERVED_FIELDS & value.keys()):
            raise ValueError(f"may not hold '{taken[0]}': SupportBot sets that field itself")
        return value


class KnowledgeSection(Section):
    """The articles the bot may quote."""

    path: Path = Field(Path("knowledge"), description="Folder of Markdown articles.")
    threshold: float = Field(
        0.5,
        ge=0,
        le=1,
        description="How well a passage must fit, 0 to 1, to be quoted when no model answers.",
    )
    passages: int = Field(
        3,
        ge=0,
        le=20,
        description="How many passages a model gets to read with a question: the best ones, however well "
        "they fit.",
    )


class PromptsSection(Section):
    """The words the model reads."""

    path: Path = Field(Path("prompts"), description="Folder of *.md.j2 templates.")
    system: Annotated[str, AfterValidator(_template_name)] = Field(
        "system",
        description="Name of the system prompt's template, without .md.j2; "
        "<name>.<channel>.md.j2 is preferred where it exists.",
    )
    history_tokens: int = Field(
        4000, ge=100, description="The most that what was said before may cost, in tokens."
    )
    history_messages: int = Field(
        20, ge=2, le=1000, description="How many earlier messages a model reads at most, word for word."
    )


class MemorySection(Section):
    """What is remembered of a conversation that is longer than its prompts."""

    keep: float = Field(
        0.5,
        gt=0,
        le=0.9,
        description="Which share of the history stays when it is cut, because it is longer than "
        "prompts.history_tokens or prompts.history_messages.",
    )
    summary_tokens: int = Field(
        300,
        ge=0,
        le=1000,
        description="How long a summary of what was cut off may be, in tokens; 0: none is made.",
    )
    pin: tuple[Annotated[str, AfterValidator(_pin)], ...] = Field(
        (),
        max_length=20,
        description="Regular expressions for what customers mention that must not be lost, such as order "
        "numbers.",
    )


class TurnsSection(Section):
    """How messages become turns."""

    debounce: float = Field(
        0.0, ge=0, le=60, description="Seconds to wait for more of the same before answering."
    )
    concurrency: int = Field(1000, ge=1, le=100_000, description="Turns worked on at once, in one process.")
    attempts: int = Field(
        3,
        ge=1,
        le=20,
        description="Tries before a turn is put aside as dead. The last one is of one message alone: with 1, "
        "several that come together are answered one by one.",
    )
    lease: float = Field(
        60.0,
        ge=1,
        le=3600,
        description="Seconds until another process takes over a turn of one that died; at its start, a bot "
        "that is alone on its database does so at once. At most so long an answer also waits for a store "
        "that cannot be written.",
    )
    retry_delay: float = Field(
        0.5, gt=0, le=600, description="Seconds before the second try; doubles, with jitter."
    )
    timeout: float = Field(180.0, gt=0, le=3600, description="Seconds one try may take.")
    confirm_within: float = Field(
        900.0, ge=1, le=86_400, description="Seconds a customer has to confirm what a tool is to do."
    )


class DeliveriesSection(Section):
    """How replies are delivered."""

    attempts: int = Field(
        24,
        ge=1,
        le=100,
        description="Tries before a delivery is put aside as dead: by default after about three hours. "
        "A platform that asks to wait is waited for, up to a day.",
    )
    retry_delay: float = Field(
        1.0, gt=0, le=600, description="Seconds before the second try; doubles up to 600, with jitter."
    )
    timeout: float = Field(
        30.0, gt=0, le=600, description="Seconds one try may take before its outcome is unclear."
    )
    settle_delay: float = Field(
        3.0, ge=0, le=600, description="Seconds to wait before looking for an unclear one."
    )


class ServerSection(Section):
    """The HTTP server."""

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    admin_token: Secret | None = Field(
        None,
        validate_default=True,
        description="Bearer token for /metrics and /readyz, at least 16 characters. "
        "Without it the server listens on a loopback address only.",
    )
    trusted_proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        (), description="Networks whose X-Forwarded-For is believed, such as 10.0.0.0/8."
    )
    max_body: int = Field(
        64 * 1024, ge=1024, le=64 * 1024 * 1024, description="Largest request body, in bytes."
    )

    @field_validator("admin_token")
    @classmethod
    def _outside_needs_a_token(cls, value: Secret | None, info: ValidationInfo) -> Secret | None:
        host = info.data.get("host")
        if value is None and host is not None and not is_loopback(host):
            raise ValueError(
                "is missing, and server.host can be reached from other machines: set it, such as "
                "${SUPPORTBOT_ADMIN_TOKEN}, or listen on 127.0.0.1"
            )
        return value


class LogSection(Section):
    """What the program writes about itself."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least that is written."
    )
    format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto: JSON unless stderr is a terminal."
    )


class Config(Section):
    """bot.yaml."""

    bot: BotSection = Field(default_factory=BotSection, description="Who the bot is.")
    texts: TextsSection = Field(default_factory=TextsSection, description="Fixed texts a customer may read.")
    model: tuple[ModelSection, ...] = Field(
        (), description="Model endpoints, tried in this order; none: knowledge only."
    )
    knowledge: KnowledgeSection = Field(
        default_factory=KnowledgeSection, description="The articles the bot may quote."
    )
    prompts: PromptsSection = Field(default_factory=PromptsSection, description="The words the model reads.")
    memory: MemorySection = Field(
        default_factory=MemorySection, description="What is remembered of a long conversation."
    )
    triage: TriageSection = Field(
        default_factory=TriageSection, description="What a model says about each question."
    )
    moderation: ModerationSection = Field(
        default_factory=ModerationSection, description="Who looks at what is written before it is passed on."
    )
    tools: tuple[Annotated[str, AfterValidator(_tool_name)], ...] = Field(
        (), max_length=128, description="What the bot can do: functions with @tool, each as module:function."
    )
    database: DatabaseUrl = Field(
        "sqlite:///data/bot.db",
        repr=False,
        description="sqlite:///path, or postgresql+psycopg://user:password@host/name.",
    )
    encryption_keys: tuple[EncryptionKey, ...] = Field(
        (),
        max_length=5,
        description="What secrets in the database are encrypted with, newest first, each as ${NAME}: tokens "
        "of Slack's workspaces, raw mails. To rotate, put a new key before the old one.",
    )
    spending: SpendingSection = Field(default_factory=SpendingSection, description="What models may cost.")
    turns: TurnsSection = Field(default_factory=TurnsSection, description="How messages become turns.")
    deliveries: DeliveriesSection = Field(
        default_factory=DeliveriesSection, description="How replies are delivered."
    )
    server: ServerSection = Field(default_factory=ServerSection, description="The HTTP server.")
    log: LogSection = Field(default_factory=LogSection, description="What the program writes about itself.")
    channels: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,30}$")], Any] = Field(
        default_factory=dict,
        repr=False,
        description="The channels, by a name of your choice; 'type' says which kind.",
    )

    @field_validator("model")
    @classmethod
    def _models_have_their_own_names(cls, value: tuple[ModelSection, ...]) -> tuple[ModelSection, ...]:
        if len({model.label for model in value}) < len(value):
            raise ValueError("has two entries of one name: give each its own with 'name'")
        if any(model.label == KNOWLEDGE for model in value):
            raise ValueError(
                "has an entry called knowledge, as what stands behind them all: give it a 'name'"
            )
        return value
