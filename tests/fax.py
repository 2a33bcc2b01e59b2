"""A stranger's channel, and others, which are only installed in tests of bot.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from supportbot import channel
from supportbot.channel import Capabilities, ChannelConfig
from supportbot.errors import ChannelDependencyMissing

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

TOKEN = "Zq8vT3wLr5nXp2KsB7"


class Site(BaseModel):
    """A part of the fax channel's section."""

    token: SecretStr
    folder: Path = Path("site")


class FaxConfig(ChannelConfig):
    """What a stranger's channel might want to know."""

    number: str = ""
    token: SecretStr | None = None
    pages: int = Field(10, ge=1)
    folder: Path = Path("faxes")
    site: Site | None = None
    sites: dict[str, Site] = Field(default_factory=dict)
    either: int | str = 0
    trouble: str = ""

    @field_validator("token")
    @classmethod
    def _bot_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith("xoxb-"):
            raise ValueError(f"must begin with xoxb-, not {value.get_secret_value()}: copy the bot's token")
        return value

    @model_validator(mode="after")
    def _needs_number(self) -> FaxConfig:
        if self.trouble:
            raise {"bug": KeyError(TOKEN), "section": ValueError(f"nothing fits {self.trouble}")}[
                self.trouble
            ]
        if self.token and not self.number:
            raise ValueError("number is missing: a token alone dials nobody")
        return self


class Fax:
    """A channel by a stranger."""

    Config: ClassVar[type[ChannelConfig]] = FaxConfig
    capabilities: ClassVar[Capabilities] = Capabilities()


def install_fax(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install channels that are only here, beside those that come with the project."""
    load = channel.load_channel

    def load_channel(name: str) -> Any:
        special: dict[str, Callable[[], Any]] = {
            "fax": lambda: Fax,
            "bare": lambda: _raise(ChannelDependencyMissing(name="bare", module="bare_sdk")),
            "broken": lambda: _raise(RuntimeError(TOKEN)),
        }
        return special.get(name, lambda: load(name))()

    monkeypatch.setattr(channel, "load_channel", load_channel)
    monkeypatch.setattr(channel, "known_channels", lambda: ["bare", "broken", "fax", "terminal", "webhook"])


def _raise(error: Exception) -> None:
    raise error
