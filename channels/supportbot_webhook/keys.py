"""Who vouches for visitors: the keys with which a website signs its tokens, as bot.yaml names them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from supportbot_webhook.section import Section

_SHORTEST = 32  # bytes: as long as the hash (RFC 7518, section 3.2)

_SHORTEST_RSA = 2048  # bits (RFC 7518, section 3.3)
_KINDS = {"RS256": "RSA public key", "ES256": "P-256 public key"}
_MISSING = "needs the extra identity; in your clone: pip install '.[identity]'"


def _check_shared(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().encode()) < _SHORTEST:
        raise ValueError(f"must have at least {_SHORTEST} bytes; make one with: openssl rand -base64 48")
    return secret


def _check_public(pem: str, algorithm: str) -> None:
    """Read a public key as the algorithm will; it is not kept in this form."""
    if "PRIVATE" in pem:
        raise ValueError("public_key is a private one: that one stays with the website")
    try:
        from jwt import PyJWTError
        from jwt.algorithms import get_default_algorithms
    except ImportError:
        raise ValueError(_MISSING) from None
    known = get_default_algorithms()
    if algorithm not in known:  # jwt is there, cryptography is not
        raise ValueError(_MISSING)
    try:
        key = known[algorithm].prepare_key(pem)
    except (PyJWTError, ValueError, TypeError):
        raise ValueError(f"public_key is no {_KINDS[algorithm]} in PEM") from None
    if algorithm == "RS256" and key.key_size < _SHORTEST_RSA:
        raise ValueError(f"public_key must have at least {_SHORTEST_RSA} bits")
    if algorithm == "ES256" and key.curve.name != "secp256r1":
        raise ValueError("public_key must be of the curve P-256")


class Key(Section):
    """One key. It verifies tokens of its own algorithm only, whatever a token's head says."""

    id: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="What the token's head calls it (kid).")
    algorithm: Literal["HS256", "RS256", "ES256"] = Field(
        description="HS256: a shared secret. RS256 (RSA) and ES256 (P-256): a public key."
    )
    secret: Annotated[SecretStr, AfterValidator(_check_shared)] | None = Field(
        None, description="For HS256, as ${NAME}: at least 32 bytes."
    )
    public_key: str | None = Field(
        None, max_length=10_000, description="For the other two: PEM, such as ${file:site.pem}."
    )

    @model_validator(mode="after")
    def _has_what_it_verifies_with(self) -> Key:
        if self.algorithm == "HS256" and (self.secret is None or self.public_key is not None):
            raise ValueError("HS256 needs secret, and takes no public_key")
        if self.algorithm != "HS256" and (self.public_key is None or self.secret is not None):
            raise ValueError(f"{self.algorithm} needs public_key, and takes no secret")
        if self.public_key is not None:
            _check_public(self.public_key, self.algorithm)
        return self


class Identity(Section):
    """How a website tells who its visitor is."""

    keys: tuple[Key, ...] = Field(
        strict=False,
        min_length=1,
        max_length=8,
        description="Several during a rotation: any may have signed.",
    )
    audience: str = Field(
        min_length=1, max_length=200, description="What tokens must name as their aud: this bot."
    )
    issuer: str | None = Field(
        None, min_length=1, max_length=200, description="What they must name as their iss, if anything."
    )
    session_hours: int = Field(
        24, ge=1, le=720, description="How long a session lives after the last identify, in hours."
    )

    @model_validator(mode="after")
    def _names_are_unique(self) -> Identity:
        if len({key.id for key in self.keys}) != len(self.keys):
            raise ValueError("two keys have the same id")
        return self

    @model_validator(mode="after")
    def _can_be_verified(self) -> Identity:
        if find_spec("jwt") is None:
            raise ValueError(_MISSING)
        return self
