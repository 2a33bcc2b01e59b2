"""What a bounce says became of a mail (RFC 3464). Pure, and made for what strangers send."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supportbot_email import headers
from supportbot_email.mail import Report

if TYPE_CHECKING:
    from supportbot_email.mime import Entity

_STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
_FIELD = re.compile(
    r"^(action|status|diagnostic-code):[ \t]{0,9}([^\n]{0,500})", re.IGNORECASE | re.MULTILINE
)
_CODE = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_ADDRESS = re.compile(r"[^\s<>@]{1,200}@[^\s<>@,;]{1,200}")
_LATE = re.compile(
    r"delay|warning|still (?:being|not)|not yet|will (?:keep|continue)|verz(?:ö|oe)ger|noch nicht|retard",
    re.IGNORECASE,
)
_MOST = 50_000


def report_of(entity: Entity, *, subject: str, text: str) -> Report:
    """Return what a bounce reports; without a status part, what its words suggest.

    Of several recipients the worst counts: a reply of ours has one.
    """
    parts = [part for part in entity.walk() if part.content_type in _STATUS_TYPES]
    fields = [
        (name.lower(), value.strip())
        for part in parts
        for name, value in _FIELD.findall(_unfolded(part.body[:_MOST]))
    ]
    actions = {value.partition("(")[0].strip().lower() for name, value in fields if name == "action"}
    codes = [found[0] for name, value in fields if name == "status" and (found := _CODE.search(value))]
    if actions:
        failed = "failed" in actions
    elif codes:
        failed = any(code.startswith("5") for code in codes)
    else:
        failed = not _LATE.search(f"{subject}\n{text[:2_000]}")
    code = next((code for code in codes if code.startswith("5")), codes[0] if codes else "")
    diagnosis = next((value for name, value in fields if name == "diagnostic-code"), "")
    return Report(failed=failed, status=code or _code_in(text), diagnosis=_words(diagnosis))


def _unfolded(body: bytes) -> str:
    return re.sub(r"\n[ \t]+", " ", headers.decode_bytes(body, "utf-8").replace("\r\n", "\n"))


def _code_in(text: str) -> str:
    found = _CODE.search(text[:8_000])
    return found[0] if found and not found[0].startswith("2") else ""


def _words(diagnosis: str) -> str:
    """Return a diagnosis without its type and without anybody's address."""
    words = diagnosis.partition(";")[2] or diagnosis
    return _ADDRESS.sub("…", headers.one_line(words, 200))
