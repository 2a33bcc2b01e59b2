"""The e-mail channel's section of bot.yaml: one mailbox."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from supportbot.channel import ChannelConfig
from supportbot.storable import clean_text
from supportbot_email.addresses import canonical
from supportbot_email.follow_up_words import LANGUAGES, FollowUpWords, Language, check_language

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_DOMAIN = re.compile(r"@[^\s@<>,;:\"()\[\]\\*]+")
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+")
_SPAN = re.compile(r"([1-9][0-9]{0,3})([hd])")
_HOURS = {"h": 1, "d": 24}
_STARTTLS_PORT = 587

Mode = Literal["draft", "send"]
"""What becomes of a reply: it is left for a person to send, or sent."""

ReplyTo = Literal["never", "same_domain", "always"]
"""When the customer's Reply-To is answered instead of their From."""

Security = Literal["tls", "starttls", "none"]
"""How a connection is protected: from the first byte on, from STARTTLS on, or not (this machine only)."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _check_address(address: str) -> str:
    if not _ADDRESS.fullmatch(address) or "*" in address:
        raise ValueError("must be one address such as support@example.com, without a name")
    return canonical(address.lower())


def _check_alias(alias: str) -> str:
    if _DOMAIN.fullmatch(alias):
        return canonical(alias.lower())
    try:
        return _check_address(alias)
    except ValueError:
        raise ValueError(
            "must be one address such as support@example.com, or @example.com for all of a domain"
        ) from None


def _check_span(span: str) -> str:
    if not _SPAN.fullmatch(span):
        raise ValueError("must be a number of hours or days, such as 12h or 3d")
    return span


def _check_attribution(line: str) -> str:
    if "{who}" not in line:
        raise ValueError("does not say who wrote it: write {who} where that belongs")
    return clean_text(line)


def _check_attributions(lines: dict[str, str]) -> dict[str, str]:
    for language in lines:
        if language not in LANGUAGES:
            raise ValueError(
                f"{language}: no mail is told to be in it, so this line would never be used; mails are "
                f"told to be in {', '.join(LANGUAGES)}"
            )
    return lines


Address = Annotated[str, AfterValidator(_check_address)]
Alias = Annotated[str, AfterValidator(_check_alias)]
Span = Annotated[str, AfterValidator(_check_span)]
Attribution = Annotated[str, Field(max_length=200), AfterValidator(_check_attribution)]


class _Server(_Section):
    host: str = Field(min_length=1, description="The server's name.")
    port: int = Field(ge=1, le=65535, description="Its port.")
    security: Security = Field("tls", description="tls, starttls, or none (this machine only).")

    @model_validator(mode="after")
    def _is_private(self) -> _Server:
        if self.security == "none" and self.host not in _LOOPBACK:
            raise ValueError("security 'none' is for a server on this machine: use tls or starttls")
        return self


class Imap(_Server):
    """Where the mailbox is read, and drafts are left."""

    port: int = Field(993, ge=1, le=65535, description="Its port.")


class Smtp(_Server):
    """Where mail is sent: the provider's submission server (RFC 6409, RFC 8314)."""

    port: int = Field(465, ge=1, le=65535, description="Its port; 587 when security is starttls.")
    login: bool = Field(True, description="Log in before sending; false for a relay that knows this machine.")
    username: str = Field("", description="Who logs in, where it is not who logs in to the mailbox.")
    password: SecretStr = Field(SecretStr(""), description="Their password, given as ${NAME}.")

    @model_validator(mode="before")
    @classmethod
    def _usual_port(cls, section: Any) -> Any:
        if isinstance(section, dict) and section.get("security") == "starttls":
            return {"port": _STARTTLS_PORT, **section}
        return section

    @model_validator(mode="after")
    def _is_one_login(self) -> Smtp:
        if bool(self.username) != bool(self.password.get_secret_value()):
            raise ValueError("username and password go together; without them the mailbox's own are used")
        if self.username and not self.login:
            raise ValueError("login is false, and there is a username")
        return self


class Limits(_Section):
    """How many mails are sent without a person; beyond that, replies are left as drafts."""

    thread_per_hour: int = Field(4, ge=1, le=100, description="In one thread, an hour.")
    per_hour: int = Field(100, ge=1, le=100_000, description="Of the whole mailbox, an hour.")
    per_day: int = Field(400, ge=1, le=1_000_000, description="Of the whole mailbox, in 24 hours.")
    first_per_day: int = Field(
        50, ge=0, le=100_000, description="To addresses that visitors typed and nobody answered from, a day."
    )


class Oauth(_Section):
    """How to come by an access token for XOAUTH2: a program prints it, or a refresh token gets it."""

    token_command: tuple[str, ...] = Field(
        (), strict=False, description="A program and its arguments; it prints an access token."
    )
    token_url: str = Field("", description="The provider's token endpoint, https only.")
    client_id: str = Field("", description="The application's id.")
    client_secret: SecretStr = Field(SecretStr(""), description="Its secret, where the provider wants one.")
    refresh_token: SecretStr = Field(SecretStr(""), description="What an access token is got with.")
    scope: str = Field("", description="What to ask for, where the provider wants it said (Microsoft does).")

    @model_validator(mode="after")
    def _can_be_had(self) -> Oauth:
        parts = (self.token_url, self.client_id, self.refresh_token.get_secret_value())
        if any(parts) if self.token_command else not all(parts):
            raise ValueError("needs token_command, or token_url with client_id and refresh_token, not both")
        if self.token_url and not self.token_url.startswith("https://"):
            raise ValueError("token_url must begin with https://")
        return self


class Folders(_Section):
    """The folders' names; an empty one is found by its SPECIAL-USE mark, then by its usual names."""

    inbox: str = Field("INBOX", min_length=1, description="Where customers' mail arrives.")
    drafts: str = Field("", description="Where drafts are left.")
    sent: str = Field("", description="Where sent mail is kept.")


class EmailConfig(ChannelConfig):
    """The e-mail channel's section of bot.yaml."""

    address: Address = Field(description="The mailbox's address: replies come from it.")
    aliases: tuple[Alias, ...] = Field(
        (),
        strict=False,
        description="Its other addresses, or @example.com for all of a domain: mail from them is ours, never "
        "a customer's.",
    )
    mode: Mode = Field("draft", description="draft leaves replies for a person to send; send sends them.")
    send_to_unverified: bool = Field(
        False,
        description="In mode send, also answer by mail who may be somebody else: senders for whose From the "
        "mail server does not vouch.",
    )
    smtp: Smtp | None = Field(None, description="Where mail is sent; for mode: send.")
    save_sent: bool = Field(
        True, description="Put a copy of what was sent into the Sent folder; false where the provider does."
    )
    limits: Limits = Field(default_factory=Limits, description="How many mails are sent by the bot alone.")
    language: Annotated[str, AfterValidator(check_language)] = Field(
        "en", description="Of the bot's own words in replies to mails whose language cannot be told."
    )
    attribution: Annotated[dict[Language, Attribution], AfterValidator(_check_attributions)] = Field(
        default_factory=dict,
        description="The line above what a reply quotes, by language; {date} and {who} are filled in.",
    )
    follow_up: FollowUpWords = Field(
        default_factory=FollowUpWords, description="The words around answers that a visitor missed."
    )
    reply_to: ReplyTo = Field(
        "never", description="Answer Reply-To instead of From: never, same_domain or always."
    )
    contact_forms: tuple[Address, ...] = Field(
        (),
        strict=False,
        description="Addresses that contact forms write from, also your own: the customer is then whom "
        "Reply-To or the form names.",
    )
    name: str = Field("", max_length=200, description="The name beside the address; the bot's when empty.")
    imap: Imap = Field(description="Where the mailbox is read.")
    username: str = Field("", description="Who logs in; the address when empty.")
    password: SecretStr = Field(SecretStr(""), description="The password, given as ${NAME}.")
    oauth: Oauth | None = Field(None, description="Instead of a password: XOAUTH2 (Google, Microsoft).")
    folders: Folders = Field(default_factory=Folders, description="The folders' names.")
    backfill: Span | None = Field(
        None, description="At the first start, also read mail this old, such as 3d; null begins at now."
    )
    poll: float = Field(
        60.0,
        ge=1,
        le=3600,
        description="Seconds between two looks at a folder, unless the server tells of news.",
    )
    authserv_id: str = Field(
        "", description="The name your own mail server puts first in Authentication-Results."
    )
    signature: str = Field(
        "", max_length=2000, description="Below every reply. {bot} and {address} are filled in."
    )
    draft_header: bool = Field(
        True, description="Write into the header of drafts what they rest on (X-SupportBot)."
    )
    note: str = Field(
        "",
        max_length=200,
        description="A folder for notes that explain each draft, such as SupportBot; none when empty.",
    )
    max_size: int = Field(
        25 * 1024 * 1024,
        ge=65536,
        le=100 * 1024 * 1024,
        description="Largest mail that is read whole, in bytes; of a larger one only the first MiB is read.",
    )

    max_image: int = Field(
        4 * 1024 * 1024,
        ge=0,
        le=10 * 1024 * 1024,
        description="Largest attached image that is kept and shown to models that see, in bytes, five of one "
        "mail; 0 shows none.",
    )

    keep_raw: int = Field(
        256 * 1024,
        ge=0,
        le=10 * 1024 * 1024,
        description="How much of each mail in the inbox is kept as it came, in bytes from its beginning; 0 "
        "keeps nothing.",
    )

    def roles(self) -> frozenset[str]:
        """Mailboxes are watched."""
        return frozenset({"mail"})

    @property
    def login(self) -> str:
        """Who logs in."""
        return self.username or self.address

    @property
    def ours(self) -> frozenset[str]:
        """Every address of the mailbox, see ``mail.is_one_of``."""
        return frozenset({self.address, *self.aliases})

    @property
    def domain(self) -> str:
        """What follows the @ of the address."""
        return self.address.rpartition("@")[2]

    @property
    def backfill_hours(self) -> int:
        """How far the first start looks back."""
        found = _SPAN.fullmatch(self.backfill or "")
        return int(found[1]) * _HOURS[found[2]] if found else 0

    @model_validator(mode="after")
    def _can_send(self) -> EmailConfig:
        if self.mode == "send" and self.smtp is None:
            raise ValueError("mode 'send' needs smtp: say where mail is sent")
        if self.mode == "send" and not (self.authserv_id or self.send_to_unverified):
            raise ValueError(
                "mode 'send' needs authserv_id: only senders whom your mail server vouches for are answered "
                "by mail. send_to_unverified: true answers all"
            )
        return self

    @model_validator(mode="after")
    def _has_folders_of_their_own(self) -> EmailConfig:
        names = [name for name in (self.folders.drafts, self.folders.sent, self.folders.inbox) if name]
        if len({"INBOX" if name.upper() == "INBOX" else name for name in names}) != len(names):
            raise ValueError("folders: inbox, drafts and sent must be three folders")
        return self

    @model_validator(mode="after")
    def _has_a_folder_for_notes(self) -> EmailConfig:
        others = {"inbox", self.folders.inbox.lower(), self.folders.drafts.lower(), self.folders.sent.lower()}
        if self.note and self.note.lower() in others:
            raise ValueError("note needs a folder of its own, not one of those for mail")
        return self

    @model_validator(mode="after")
    def _can_log_in(self) -> EmailConfig:
        if bool(self.password.get_secret_value()) == (self.oauth is not None):
            raise ValueError("needs password or oauth, one of them")
        return self
