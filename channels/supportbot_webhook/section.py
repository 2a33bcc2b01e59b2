"""What the sections of the channel's part of bot.yaml have in common, and the origins they name."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})

_ORIGIN = re.compile(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[1-9][0-9]{0,4})?")


class Section(BaseModel):
    """A part of bot.yaml: frozen, strict, and no key that is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _check_origin(origin: str) -> str:
    """Hold an origin to the exact form in which browsers send it (RFC 6454, section 6.2)."""
    found = _ORIGIN.fullmatch(origin)
    if not found:
        raise ValueError(
            "must be one exact origin such as https://www.example.com: "
            "lower case, no *, no path, no slash at the end"
        )
    scheme, host, port = found.groups()
    if scheme == "http" and host not in LOOPBACK_HOSTS:
        raise ValueError("must be https (http is for localhost only)")
    if port == {"http": ":80", "https": ":443"}[scheme]:
        raise ValueError(f"must not name the scheme's own port {port}: browsers leave it out")
    return origin


Origin = Annotated[str, AfterValidator(_check_origin)]
"""One website, as its browser names it."""
