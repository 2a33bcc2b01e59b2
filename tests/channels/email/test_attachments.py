"""What came with a mail: all of it listed, and the images that a model may see with their bytes."""

from __future__ import annotations

from base64 import encodebytes

import pytest

from supportbot_email.inbound import to_inbound
from supportbot_email.mail import Mail, Settings
from supportbot_email.parse import parse

PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 6_000
LOGO = b"\x89PNG\r\n\x1a\nsmall"
INLINE = 'Content-Disposition: inline; filename="a.png"'


def mail(*parts: tuple[str, str, bytes], settings: Settings | None = None) -> Mail:
    """Read a mail with parts, each (type, more of its header, bytes)."""
    lines = [
        "From: ann@customer.example",
        'Content-Type: multipart/mixed; boundary="b"',
        "",
        "--b",
        "",
        "Look",
    ]
    for kind, more, data in parts:
        lines += ["--b", f"Content-Type: {kind}", "Content-Transfer-Encoding: base64"]
        lines += [*([more] if more else []), "", encodebytes(data).decode()]
    return parse("\r\n".join([*lines, "--b--", ""]).encode(), settings=settings or Settings())


def handed_in(found: Mail, *, ignored: str = "") -> list[tuple[str, int, bytes]]:
    """Return what the core gets of a mail's attachments."""
    inbound = to_inbound(found, channel="support", conversation="c", ignored=ignored)
    return [(file.content_type, file.size, file.data) for file in inbound.attachments]


def test_an_image_is_handed_in_with_its_bytes() -> None:
    """Whatever its sender calls it: its first bytes say what it is."""
    found = mail(("application/octet-stream", INLINE, PNG), ("image/png", "", b"<svg onload=x>"))
    assert [("image/png", len(PNG), PNG), ("image/png", 14, b"")] == handed_in(found)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(), 5),
        (Settings(max_images=2), 2),
        (Settings(max_image_bytes=len(PNG)), 5),
        (Settings(max_image_bytes=len(PNG) - 1), 0),
        (Settings(max_image_bytes=0), 0),
    ],
)
def test_limits(settings: Settings, expected: int) -> None:
    """Seven images, of which those within the limits are kept; all are listed."""
    files = handed_in(mail(*[("image/png", INLINE, PNG)] * 7, settings=settings))
    assert (7, expected) == (len(files), sum(bool(data) for _, _, data in files))


@pytest.mark.parametrize(
    ("more", "kept"),
    [(INLINE, False), ("Content-ID: <logo@x>", False), (INLINE.replace("inline", "attachment"), True)],
)
def test_a_logo_is_not_shown(more: str, kept: bool) -> None:
    """Small images inside the text are decoration; one that was attached is meant."""
    assert [LOGO if kept else b""] == [data for _, _, data in handed_in(mail(("image/png", more, LOGO)))]


def test_nothing_is_kept_of_what_is_not_answered() -> None:
    """A machine's images stay where they are."""
    assert [("image/png", len(PNG), b"")] == handed_in(mail(("image/png", INLINE, PNG)), ignored="bounce")


@pytest.mark.parametrize(
    "kind", ["application/ms-tnef", "application/pdf", "text/calendar", "application/zip", "message/rfc822"]
)
def test_what_is_no_image_is_named_only(kind: str) -> None:
    """winmail.dat, invitations and archives are listed, and not opened."""
    assert [(kind, 3, b"")] == handed_in(mail((kind, INLINE, b"abc")))


def test_of_a_mail_that_is_cut_the_last_one_is_not_shown() -> None:
    """A picture that ends in the middle is no picture; its size is what was sent, near enough."""
    lines = [
        "From: ann@customer.example",
        'Content-Type: multipart/mixed; boundary="b"',
        "",
        "--b",
        "Content-Type: image/png; name=whole.png",
        "Content-Transfer-Encoding: base64",
        "",
        encodebytes(PNG).decode(),
        "--b",
        "Content-Type: image/png; name=large.png",
        "Content-Transfer-Encoding: base64",
        "",
        encodebytes(PNG + bytes(3_000_000)).decode(),
        "--b--",
    ]
    raw = "\r\n".join(lines).encode()
    found = parse(raw[:1_000_000], settings=Settings(), whole=len(raw))
    assert [("whole.png", PNG), ("large.png", b"")] == [(one.name, one.data) for one in found.attachments]
    assert 2_950_000 < found.attachments[1].size < 3_100_000
    assert "its beginning" in found.problem
