"""What the sections of bot.yaml are made of."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from supportbot.config.fields import Key, http_url


class Section(BaseModel):
    """A part of bot.yaml: unknown keys are errors, nothing is converted in silence, nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class EndpointSection(Section):
    """Where an endpoint is, and what it speaks."""

    dialect: Literal["llama", "openai"] = Field("openai", description="The wire format the endpoint speaks.")
    model: str = Field(min_length=1, description="The model's id, as the endpoint names it.")
    name: str = Field(
        "", description="What to call this entry in logs and figures; the model's id when empty."
    )
    base_url: str = Field(
        "",
        validate_default=True,
        description="Where the endpoint is, up to and including /v1. The openai dialect needs it; the llama "
        "dialect goes to Meta's Llama API without it.",
    )
    api_key: Key | None = Field(
        None,
        validate_default=True,
        description="Sent as a Bearer token. Give it as ${NAME} from the environment.",
    )

    @field_validator("base_url")
    @classmethod
    def _base_url_is_an_endpoint(cls, value: str, info: ValidationInfo) -> str:
        if not value:
            if info.data.get("dialect") == "openai":
                raise ValueError("is missing: the openai dialect needs it, such as http://localhost:11434/v1")
            return value
        path = http_url(value).path.rstrip("/")
        if path.endswith(("/chat/completions", "/completions")):
            raise ValueError("names one call of the endpoint: leave out what follows /v1")
        return value

    @field_validator("api_key")
    @classmethod
    def _llama_api_needs_a_key(cls, value: Key | None, info: ValidationInfo) -> Key | None:
        if value is None and info.data.get("dialect") == "llama" and info.data.get("base_url") == "":
            raise ValueError("is missing: Meta's Llama API needs it, such as ${LLAMA_API_KEY}")
        return value
