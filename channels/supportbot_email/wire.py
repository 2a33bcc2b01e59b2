"""Mails and settings as JSON between the bot and its child: data only, checked when it is read."""

from __future__ import annotations

import base64
from typing import Any

import orjson
from pydantic import TypeAdapter

from supportbot_email.mail import Mail, Settings

_MAIL: TypeAdapter[Mail] = TypeAdapter(Mail)
_SETTINGS: TypeAdapter[Settings] = TypeAdapter(Settings)


def encode(value: Mail | Settings) -> bytes:
    """JSON of a value; bytes are base64, halves of surrogate pairs are replaced."""
    try:
        return orjson.dumps(value, default=_plain)
    except TypeError:  # a lone surrogate, which JSON has no bytes for
        return orjson.dumps(_clean(_MAIL.dump_python(value)), default=_plain)  # type: ignore[arg-type]


def decode(data: bytes) -> Mail:
    """The mail of that JSON. Raises ValueError when it is none."""
    raw = orjson.loads(data)
    for part in raw["attachments"]:
        part["data"] = base64.b64decode(part["data"])
    return _MAIL.validate_python(raw)


def decode_settings(data: bytes) -> Settings:
    """The settings of that JSON. Raises ValueError when it is none."""
    return _SETTINGS.validate_json(data)


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} is not sent to or from the child.")


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: _clean(one) for key, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list | tuple) else value
