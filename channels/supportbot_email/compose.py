"""Our answer as a mail: pure, deterministic, and read back before it leaves."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime, formataddr
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import unquote

from markdown_it import MarkdownIt

from supportbot_email import headers, mime
from supportbot_email.classify import LOOP_HEADER
from supportbot_email.follow_up_words import runs_right_to_left
from supportbot_email.mail import is_one_of

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from markdown_it.rules_core import StateCore
    from markdown_it.token import Token

    from supportbot_email.mail import Address, Mail

_ANSWERED = re.compile(r"\s*(?:re|aw|sv|antw|odp|res|回复|答复|r)\s*(?:\[\d+\])?[:：]", re.IGNORECASE)
_MOST_REFERENCES = 1_400  # characters; some relays cut a field at 1,500
_MOST_SUBJECT = 240  # characters; in encoded words it grows twelvefold
_MOST_QUOTED = 20_000  # characters
_MOST_ATTRIBUTION = 800  # characters; a name and an address


class NotWritten(Exception):
    """What was written does not read back as what was meant; the message says which field."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """Everything an outgoing mail is made of."""

    answered: Mail
    markdown: str
    """The reply, as the model wrote it."""
    signature: str = ""
    """Plain text below the reply; empty for none."""
    identity: Address
    """Who writes: one of our addresses."""
    recipient: Address
    """The one address it goes to."""
    message_id: str
    """Of `threads.make_token`."""
    now: datetime
    extra: tuple[tuple[str, str], ...] = ()
    """More fields, such as X-SupportBot of a draft."""
    automatic: bool = False
    """Whether no person has seen it: it then says so, so that machines do not answer."""
    unasked: bool = False
    """Whether no mail asked for it (``auto-generated`` of RFC 3834, section 5). What it quotes, if anything,
    was said elsewhere; it begins a thread when ``answered`` has no Message-ID."""
    asked: str
    """The line above what it quotes."""
    asked_language: str = ""
    """Of that line (``he``), which may be another one than the reply's; empty: the same."""
    quoted_language: str = ""
    """Of what it quotes; empty where it cannot be told."""
    language: str = ""
    """Of the reply's words (``de``). Where it is known, each paragraph runs as its words do, and what has
    no direction of its own as the language does."""


def recipient_of(mail: Mail, *, use_reply_to: bool, own_addresses: Container[str]) -> Address | None:
    """The one address to answer, or None: nobody, or us. Reply-To counts only where the policy says so."""
    wanted = (
        mail.reply_to[0]
        if use_reply_to and len(mail.reply_to) == 1 and mail.reply_to[0].address
        else mail.sender
    )
    return wanted if wanted.address and not is_one_of(wanted.address, own_addresses) else None


def compose(answer: Answer) -> bytes:
    """The mail's bytes with CRLF. Raises NotWritten rather than give out a mail that reads differently."""
    plain, markup = _plain(answer), _html(answer)
    boundary = "=_" + re.sub(r"[^A-Za-z0-9]", "", answer.message_id)[:60]
    lines = [_folded(name, value) for name, value in _fields(answer)]
    lines += ["MIME-Version: 1.0", f'Content-Type: multipart/alternative; boundary="{boundary}"', ""]
    for subtype, text in (("plain", plain), ("html", markup)):
        lines += [
            f"--{boundary}",
            f"Content-Type: text/{subtype}; charset=utf-8",
            "Content-Transfer-Encoding: base64",
            "",
            *_base64(text),
        ]
    raw = "\r\n".join([*lines, f"--{boundary}--", ""]).encode("ascii")
    _check(raw, answer, plain, markup)
    return raw


def subject_of(subject: str) -> str:
    """The subject of an answer: `Re:` once; `Re: (no subject)` for an empty one."""
    bare = headers.one_line(subject, _MOST_SUBJECT)
    if not _ANSWERED.sub("", bare).strip():
        return "Re: (no subject)"
    return bare if _ANSWERED.match(bare) else f"Re: {bare}"


def references_of(mail: Mail) -> tuple[str, ...]:
    """The parent's chain and the parent (RFC 5322, 3.6.4), without its middle when that is too long."""
    chain = [one for one in mail.references or _only(mail.in_reply_to) if one != mail.message_id] + [
        mail.message_id
    ]
    while len(chain) > 2 and sum(len(one) + 1 for one in chain) > _MOST_REFERENCES:
        del chain[1]
    return tuple(chain)


def _only(message_id: str) -> tuple[str, ...]:
    return (message_id,) if message_id else ()


def _is_made_up(message_id: str) -> bool:
    """Whether the customer's mail had no id: nothing can be threaded to an id that only we know."""
    return message_id.endswith("@missing.invalid>")


def _may_be_named(message_id: str) -> bool:
    """Whether an id can stand in a field of ASCII; the answer to a mail without one begins a thread."""
    return bool(re.fullmatch(r"[\x21-\x7e]+", message_id))


def _fields(answer: Answer) -> list[tuple[str, str]]:
    mail = answer.answered
    fields = [
        ("From", _mailbox(answer.identity)),
        ("To", _mailbox(answer.recipient)),
        ("Subject", _encoded(_subject(answer))),
        ("Date", format_datetime(answer.now.astimezone(UTC))),
        ("Message-ID", answer.message_id),
    ]
    if not _is_made_up(mail.message_id):
        chain = " ".join(one for one in references_of(mail) if _may_be_named(one))
        fields += [("In-Reply-To", mail.message_id)] if _may_be_named(mail.message_id) else []
        fields += [("References", chain)] if chain else []
    fields += (
        [("Thread-Index", mail.thread_index)] if mail.thread_index.isascii() and mail.thread_index else []
    )
    fields += [("Thread-Topic", _encoded(mail.thread_topic))] if mail.thread_topic else []
    if answer.automatic:
        fields += [
            ("Auto-Submitted", "auto-generated" if answer.unasked else "auto-replied"),
            ("X-Auto-Response-Suppress", "All"),
            (LOOP_HEADER.title().replace("bot", "Bot"), str(mail.loop + 1)),
        ]
    return fields + [(name, _encoded(value)) for name, value in answer.extra]


def _mailbox(address: Address) -> str:
    name = headers.one_line(address.name, 200).encode("utf-8", "replace").decode()
    return formataddr((name, headers.one_line(address.address)), "utf-8")


def _encoded(value: str) -> str:
    """A value in ASCII: as it is, or in encoded words of at most 75 characters."""
    line = headers.one_line(value).encode("utf-8", "replace").decode()
    return (
        line
        if line.isascii() and "=?" not in line
        else Header(line, "utf-8", maxlinelen=70).encode(linesep="\n").replace("\n", "")
    )


def _folded(name: str, value: str) -> str:
    """A field, folded at spaces to 78 characters. Raises NotWritten for what is no single line of ASCII."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,60}", name) or not re.fullmatch(r"[\x20-\x7e]*", value):
        raise NotWritten(f"{name[:60]!r} is no header field of one line.")
    lines, line = [], f"{name}:"
    for word in value.split():
        if len(line) + 1 + len(word) > 78 and line != f"{name}:":
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line])


def _base64(text: str) -> list[str]:
    coded = base64.b64encode(text.replace("\n", "\r\n").encode("utf-8", "replace")).decode()
    return [coded[at : at + 76] for at in range(0, len(coded), 76)]


def _subject(answer: Answer) -> str:
    mail = answer.answered
    begins = answer.unasked and not mail.message_id
    return headers.one_line(mail.subject, _MOST_SUBJECT) if begins else subject_of(mail.subject)


def _attribution(answer: Answer) -> str:
    return _body(headers.one_line(answer.asked, _MOST_ATTRIBUTION))


def _quoted(mail: Mail) -> str:
    text = _body(mail.text[:_MOST_QUOTED])
    return "\n".join(
        f">{line}" if line.startswith(">") else f"> {line}".rstrip() for line in text.split("\n")
    )


def _body(text: str) -> str:
    """Text with bare newlines, without NUL and halves of surrogate pairs."""
    return re.sub(r"\r\n?|\x00", "\n", text).encode("utf-8", "replace").decode().strip()


def _plain(answer: Answer) -> str:
    """The reply, the signature and the quote; no "-- ", behind which programs take all for signature."""
    signature = f"\n\n{_body(answer.signature)}" if answer.signature.strip() else ""
    if answer.unasked and not answer.answered.text:
        return f"{_body(answer.markdown)}{signature}\n"
    quoted = f"{_attribution(answer)}\n{_quoted(answer.answered)}"
    return f"{_body(answer.markdown)}{signature}\n\n{quoted}\n"


def _html(answer: Answer) -> str:
    """Simple HTML: the model's own tags are shown as text, and an image is only its description."""
    reader = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table").disable("image")
    reader.add_render_rule("link_close", _link_end)
    way = ' dir="auto"' if answer.language else ""
    if way:
        reader.core.ruler.push("direction", _give_direction)
    signature = escape(_body(answer.signature)).replace("\n", "<br>\n")
    quoted = escape(_body(answer.answered.text[:_MOST_QUOTED])).replace("\n", "<br>\n")
    return (
        f"<html><body>\n{_frame(answer.language)}{reader.render(_body(answer.markdown))}"
        + (f"<p{way}>{signature}</p>\n" if signature else "")
        + (
            f"<p{_as(answer.asked_language) or way}>{escape(_attribution(answer))}</p>\n"
            f"<blockquote{_as_its_words(answer.quoted_language) or way}>{quoted}</blockquote>\n"
            if quoted or not answer.unasked
            else ""
        )
        + ("</div>\n" if answer.language else "")
        + "</body></html>\n"
    )


def _frame(language: str) -> str:
    """The element around a mail in a known language: mail programs drop what html and body say."""
    return f"<div{_as(language)}>\n" if language else ""


def _as(language: str) -> str:
    """The attributes of words of ours: a line that begins with a foreign name still runs as its language."""
    if not language:
        return ""
    return f' lang="{escape(language)}" dir="{"rtl" if runs_right_to_left(language) else "ltr"}"'


def _as_its_words(language: str) -> str:
    """The attributes of words that run as their own first letters do."""
    return f' lang="{escape(language)}" dir="auto"' if language else ""


def _give_direction(state: StateCore) -> None:
    """Let each paragraph, heading, item and cell run as its own first letters do."""
    for token in state.tokens:
        if token.nesting == 1 and token.type != "inline":
            token.attrSet("dir", "auto")


def _link_end(_renderer: object, tokens: Sequence[Token], at: int, _options: object, _env: object) -> str:
    """The end of a link, with its address beside it: words may hide another one."""
    begin = next(n for n in range(at, -1, -1) if tokens[n].type == "link_open")  # links are never nested
    target = str(tokens[begin].attrGet("href") or "")
    words = "".join(token.content for token in tokens[begin:at])
    if words in {target, unquote(target), target.removeprefix("mailto:")}:
        return "</a>"
    return f"</a> ({escape(target)})"


def _check(raw: bytes, answer: Answer, plain: str, markup: str) -> None:
    """Read it back: the fields that thread and address it, each once, and both texts."""
    read, _ = mime.read(raw)
    names = [name for name, _ in read.fields]
    expected = [name.lower() for name, _ in _fields(answer)] + ["mime-version", "content-type"]
    recipients = [one.address for one in headers.addresses(read.get("to"))]
    for what, good in (
        ("the fields", names == expected),
        ("To", recipients == [answer.recipient.address]),
        ("From", [one.address for one in headers.addresses(read.get("from"))] == [answer.identity.address]),
        (
            "Subject",
            headers.decode_words(read.get("subject")).split() == _subject(answer).split(),
        ),
        ("Message-ID", headers.message_id(read.get("message-id")) == answer.message_id),
        ("the text", [part.text for part in read.children] == [plain, markup]),
        ("a line", max(map(len, raw.split(b"\r\n"))) <= 998),
    ):
        if not good:
            raise NotWritten(f"The mail reads back differently: {what}.")
