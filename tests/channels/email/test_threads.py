"""Which conversation a mail belongs to."""

from __future__ import annotations

import pytest

from supportbot_email.mail import Mail
from supportbot_email.threads import Key, keys, make_token, verify_token

SECRET = b"a secret"
OURS = make_token("d1", "shop.example", SECRET)
FORGED = OURS.replace(OURS[7:9], "zz" if OURS[7:9] == "00" else "00")


def of(in_reply_to: str = "", *references: str) -> tuple[Key, ...]:
    mail = Mail(message_id="<x@y>", content_key="", in_reply_to=in_reply_to, references=references)
    return keys(mail, domain="shop.example", secret=SECRET)


def test_token() -> None:
    """A token is the same each time, and only the secret's holder can make it."""
    assert OURS == make_token("d1", "SHOP.example", SECRET)
    assert "d1" == verify_token(OURS, "shop.example", SECRET)
    for secret, domain in ((b"another", "shop.example"), (SECRET, "other.example")):
        assert "" == verify_token(OURS, domain, secret)


@pytest.mark.parametrize("delivery", ["", "a b", "a.b", "a>\r\nBcc: x", "x" * 81])
def test_unfit_delivery(delivery: str) -> None:
    """An id that could break out of the Message-ID is refused."""
    with pytest.raises(ValueError, match="letters"):
        make_token(delivery, "shop.example", SECRET)


def test_order() -> None:
    """Our token first wherever it stands, then what is answered, then the newest reference."""
    found = of("<p@x>", "<a@x>", OURS, "<p@x>")
    expected = [("delivery", "d1"), ("in_reply_to", "<p@x>"), ("reference", "<a@x>")]
    assert expected == [(key.kind, key.value) for key in found]


def test_forged_token() -> None:
    """An id of our shape with a wrong MAC leads nowhere, not even as a foreign id."""
    assert () == of(FORGED)
