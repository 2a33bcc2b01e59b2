"""What a request's JSON says, as an ``Inbound``: the bodies this API takes, and their translation."""

from __future__ import annotations

from base64 import b64decode
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from supportbot.messages import Attachment, Inbound, Sender
from supportbot.storable import clean_name, clean_text

if TYPE_CHECKING:
    from supportbot_webhook.sessions import Session

MAX_TEXT = 32 * 1024
"""Longest text of one message, in bytes of UTF-8."""

MOST_IMAGES = 3
"""Images of one message of a visitor."""

KEY_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]{1,200}$"
"""What a program's key of a conversation or a sender looks like: no control characters."""

_ATOM = (
    r"[^\x00-\x20\x7f-\xa0\xad\u061c\u180e\u200b-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff"
    r"""()<>\[\],;:\\"@"""
)
_WRITABLE = rf"^{_ATOM}]+@{_ATOM}.]+(\.{_ATOM}.]+)+$"
"""An addr-spec without quoting (RFC 5322, section 3.4.1; RFC 6531), its domain with a dot and no empty label;
nothing in it is invisible or turns the direction of what follows."""

_PROGRAM = "webhook:"
_VISITOR = "visitor:"


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def _decoded(text: object) -> bytes:
    if isinstance(text, str):
        with suppress(ValueError):
            return b64decode(text, validate=True)
    raise ValueError("must be base64")


Text = Annotated[
    str,
    AfterValidator(clean_text),
    AfterValidator(_not_blank),
    Field(min_length=1, description=f"Plain text, at most {MAX_TEXT} bytes of UTF-8."),
]
Key = Annotated[str, Field(pattern=KEY_PATTERN, description="Compared exactly.")]
Name = Annotated[str, Field(max_length=200), AfterValidator(clean_name)]
Email = Annotated[str, Field(max_length=254, pattern=r"^([^\x00-\x20\x7f@]+@[^\x00-\x20\x7f@]+)?$")]

_BASE64 = {
    "type": "string",
    "contentEncoding": "base64",
    "description": "An image's bytes, within the limit for the whole body.",
}
Data = Annotated[
    bytes,
    BeforeValidator(_decoded),
    WithJsonSchema(_BASE64),
]


class _FromProgram(BaseModel):
    """What a program sends: its author reads our refusals, and would miss a mistyped field, such as
    ``calback_url``, only when a customer does."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _FromVisitor(BaseModel):
    """What a page sends, maybe one of a newer release than the process it reaches, which passes over what it
    does not know: the visitor could do nothing about it."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class ProgramSender(_FromProgram):
    """Who wrote the message, in the program's own terms."""

    id: Key
    name: Name = ""
    email: Email = ""


class ProgramAttachment(_FromProgram):
    """A file that came with the message; of an image the bytes too, for models that see."""

    name: Name
    content_type: str = Field("application/octet-stream", max_length=200, pattern=r"^[!-~ ]*$")
    size: int = Field(0, ge=0, le=1 << 50, description="In bytes.")
    url: str = Field("", max_length=2000, pattern=r"^[!-~]*$")
    data: Data = b""


class ProgramMessage(_FromProgram):
    """A message that a program passes on."""

    conversation: Key
    sender: ProgramSender
    text: Text
    author: Literal["customer", "person"] = Field(
        "customer", description="person: a member of the support team wrote it; the bot then falls silent."
    )
    callback_url: str | None = Field(
        None, max_length=2000, description="Where to post the reply. Left out: as configured; null: nowhere."
    )
    attachments: tuple[ProgramAttachment, ...] = Field((), strict=False, max_length=20)
    wants_person: bool = Field(False, description="The customer asks for a person.")


class NewSession(_FromVisitor):
    """How a visitor introduces themselves; nothing of it is taken as proven."""

    name: Name = ""
    email: Email = ""


class VisitorImage(_FromVisitor):
    """An image that a visitor sends; what kind it is, its bytes say."""

    name: Name
    data: Annotated[bytes, BeforeValidator(_decoded), WithJsonSchema(_BASE64), Field(min_length=1)]


class VisitorMessage(_FromVisitor):
    """What a visitor wrote."""

    client_id: str = Field(
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="Made by the client, one per message; send it again to retry.",
    )
    images: tuple[VisitorImage, ...] = Field((), strict=False, max_length=MOST_IMAGES)
    text: Annotated[
        str,
        AfterValidator(clean_text),
        Field(description=f"Plain text, at most {MAX_TEXT} bytes of UTF-8; empty only beside images."),
    ]
    wants_person: bool = Field(False, description='The visitor pressed "talk to a person".')
    language: str = Field(
        "",
        pattern=r"^([a-z]{2,3})?$",
        description="What the visitor reads, as ISO 639 writes it, such as de; mail to them is in it.",
    )

    @field_validator("text")
    @classmethod
    def _says_something(cls, text: str, info: ValidationInfo) -> str:
        return text if info.data.get("images") else _not_blank(text)


class Token(_FromVisitor):
    """A website's word for who its visitor is."""

    token: str = Field(description="A JWT, signed by the website; any other text is a bad one.")


class Thumb(_FromVisitor):
    """What a visitor thinks of an answer."""

    verdict: Literal["good", "bad"]


class Survey(_FromVisitor):
    """What a visitor thinks of the whole conversation."""

    score: int = Field(ge=1, le=5, description="1 is the worst, 5 the best.")
    comment: Annotated[str, Field(max_length=1000), AfterValidator(clean_text)] = ""


class Address(_FromVisitor):
    """Where a visitor wants to be written to."""

    email: str = Field(max_length=254, pattern=_WRITABLE)


class Seen(_FromVisitor):
    """What a visitor has seen of the conversation."""

    seq: int = Field(ge=1, le=2**31 - 1, description="Everything up to the message of this number.")


def from_program(
    channel: str, body: ProgramMessage, *, webhook_id: str, sent_at: int, callback_url: str | None
) -> Inbound:
    """Translate a signed program's message; the signature vouches for the sender.

    Args:
        channel: the channel's name in bot.yaml.
        body: what the program sent.
        webhook_id: makes the message the same as another.
        sent_at: when it was signed, in Unix milliseconds.
        callback_url: where replies go from now on; empty for nowhere, None to leave it as it is.
    """
    return Inbound(
        channel=channel,
        conversation=body.conversation,
        sender=Sender(
            id=body.sender.id, name=body.sender.name, email=body.sender.email, assurance="verified"
        ),
        text=body.text,
        keys=(_PROGRAM + webhook_id,),
        author=body.author,
        attachments=tuple(
            Attachment(
                name=a.name,
                content_type=a.content_type,
                size=len(a.data) or a.size,
                url=a.url,
                data=a.data,
            )
            for a in body.attachments
        ),
        sent_at=sent_at,
        address={} if callback_url is None else {"callback_url": callback_url},
        wants_person=body.wants_person,
    )


def from_visitor(channel: str, body: VisitorMessage, session: Session) -> Inbound:
    """Translate a visitor's message; the client's id counts within this visitor only."""
    return Inbound(
        channel=channel,
        conversation=session.conversation,
        sender=Sender(
            id=session.visitor_id,
            name=session.name,
            email=session.email,
            assurance=session.assurance,
            language=body.language,
        ),
        text=body.text,
        keys=(f"{_VISITOR}{session.visitor_id}:{body.client_id}",),
        attachments=tuple(
            Attachment(
                name=image.name,
                content_type="application/octet-stream",  # the core looks at the bytes
                size=len(image.data),
                data=image.data,
            )
            for image in body.images
        ),
        wants_person=body.wants_person,
    )


def given_id(key: str) -> str:
    """Return the id that its sender gave a message, from the key it is stored under; empty if none."""
    if key.startswith(_PROGRAM):
        return key.removeprefix(_PROGRAM)
    if key.startswith(_VISITOR):
        return key.rpartition(":")[2]
    return ""
