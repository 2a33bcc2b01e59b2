"""A mail as the rest of the channel sees it: frozen values, and nothing of the wire."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Container

Kind = Literal["human", "auto_reply", "bounce", "feedback_report", "list_or_bulk", "own_echo"]
SpanKind = Literal["reply", "quoted", "signature"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What a mailbox's owner has said, as far as reading a mail depends on it."""

    own_addresses: tuple[str, ...] = ()
    """Every address that is ours, aliases too, and ``@domain`` for all of one: mail from them is an echo."""
    contact_forms: tuple[str, ...] = ()
    """Addresses that contact forms write from: Reply-To says who the customer is."""
    own_domain: str = ""
    """The domain of our own Message-IDs."""
    authserv_id: str = ""
    """The name under which our own server writes Authentication-Results; empty: nobody is verified."""
    max_image_bytes: int = 4 * 1024 * 1024
    """Of an image up to this size the bytes are handed on; 0: of none."""
    max_images: int = 5
    """Likewise, of one mail."""


def is_one_of(address: str, ours: Container[str]) -> bool:
    """Say whether an address is one of ours.

    Args:
        address: in any letter case.
        ours: addresses in small letters, and ``@domain`` for all of a domain, without those below it.
    """
    small = address.lower()
    return small in ours or small[small.rfind("@") :] in ours


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """A mailbox. The name is display text only and identifies nobody."""

    name: str = ""
    address: str = ""
    """A strict addr-spec (no comments, no quoted local part), its domain in lower case; "" for none."""

    @property
    def domain(self) -> str:
        """What follows the @."""
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A piece of the text; all of them in order are the text."""

    kind: SpanKind
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """An attachment: its name is display text; its bytes are there only for an image within the limits."""

    name: str
    content_type: str
    size: int
    data: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What a bounce says became of the mail that it is about."""

    failed: bool = False
    """It will not arrive; False for a delay, and for success."""
    status: str = ""
    """The enhanced status code (RFC 3463), such as 5.1.1; empty when there is none."""
    diagnosis: str = ""
    """The mail server's words, on one line, without addresses."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """One mail, read once."""

    message_id: str
    """With its angle brackets; made from the raw bytes when missing or invalid."""
    content_key: str
    """The same for the same mail fetched again: of Message-ID, From, Date, Subject and body."""
    date: int | None = None
    """The sender's claim, in milliseconds since 1970."""
    received: int | None = None
    """When the last server on its way took it, likewise: our own, where it writes ``Received``."""
    subject: str = ""
    sender: Address = Address()
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    """The last fifty, oldest first."""
    text: str = ""
    spans: tuple[Span, ...] = ()
    html_used: bool = False
    attachments: tuple[Part, ...] = ()
    kind: Kind = "human"
    rule: str = "none"
    """The rule that decided the kind."""
    reported_message_id: str = ""
    """Which mail a bounce or report is about."""
    report: Report = Report()
    """What a bounce says about it."""
    verified: bool = False
    """Our own server says that the domain of From vouches for this mail (DMARC pass)."""
    no_reply: bool = False
    """The sender says that nobody reads answers."""
    encrypted: bool = False
    """Its text cannot be read (S/MIME, PGP): a person's task."""
    loop: int = 0
    """How often our own loop header has been passed on."""
    own_token: str = ""
    """A Message-ID of our own shape that this mail answers; `threads.verify` tells whether it is genuine."""
    thread_index: str = ""
    thread_topic: str = ""
    problem: str = ""
    """Why it could not be read in full; the rest is best effort. Empty for nearly every mail."""

    @property
    def reply(self) -> str:
        """What the model reads: the reply, and the quotes between answers when it was written inline."""
        spans = self.spans[: _inline_end(self.spans)] if _is_inline(self.spans) else _replies(self.spans)
        return "".join(span.text for span in spans if span.kind != "signature").strip()


def _replies(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    return tuple(span for span in spans if span.kind == "reply")


def _is_inline(spans: tuple[Span, ...]) -> bool:
    """Whether an answer stands between two quotes."""
    kinds = [span.kind for span in spans if span.kind != "signature" and span.text.strip()]
    first = kinds.index("quoted") if "quoted" in kinds else len(kinds)
    return ("reply", "quoted") in pairwise(kinds[first:])


def _inline_end(spans: tuple[Span, ...]) -> int:
    return max(
        (n for n, span in enumerate(spans, 1) if span.kind == "reply" and span.text.strip()), default=0
    )
