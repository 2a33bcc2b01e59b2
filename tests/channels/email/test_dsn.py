"""What a bounce says became of a mail, in the shapes of the servers that write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbot_email.dsn import report_of
from supportbot_email.mail import Report, Settings
from supportbot_email.mime import Entity
from supportbot_email.parse import parse
from tests.channels.email.bounces import report, words

ID = "<sb.dlv_1.00000000000000000000000000000000@example.com>"
SETTINGS = Settings(own_addresses=("support@example.com",), own_domain="example.com")
LATE = "This is a warning message only. Your message could not be delivered for 4 hours and will be retried."


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (
            report(ID),
            Report(
                failed=True,
                status="5.1.1",
                diagnosis="550 5.1.1 <…>: Recipient address rejected: User unknown",
            ),
        ),
        (
            report(ID, returned="text/rfc822-headers", diagnosis="x"),
            Report(failed=True, status="5.1.1", diagnosis="x"),
        ),
        (
            report(ID, action="delayed", status="4.4.1", diagnosis="no route"),
            Report(status="4.4.1", diagnosis="no route"),
        ),
        (
            report(ID, action="delivered", status="2.0.0", diagnosis="250 OK"),
            Report(status="2.0.0", diagnosis="250 OK"),
        ),
        (
            report(ID, action="FAILED (final)", status="5.2.2 (full)", diagnosis="full"),
            Report(failed=True, status="5.2.2", diagnosis="full"),
        ),
        (words(ID), Report(failed=True, status="5.1.1")),
        (words(ID, subject="Warning: message 1aB delayed 24 hours", text=LATE), Report()),
    ],
    ids=["postfix", "headers only", "delayed", "delivered", "comments", "qmail", "a warning in words"],
)
def test_failure_and_delay_are_told_apart(raw: bytes, told: Report) -> None:
    """Only a failure is one; the mail that it is about is known in every shape; no address is repeated."""
    mail = parse(raw, settings=SETTINGS)
    assert ("bounce", ID, told) == (mail.kind, mail.reported_message_id, mail.report)


@given(st.binary(max_size=400), st.text(max_size=100), st.text(max_size=100))
def test_no_bytes_break_it(body: bytes, subject: str, text: str) -> None:
    """A bounce is what a stranger says is one."""
    entity = Entity(fields=(), body=body, content_type="message/delivery-status")
    found = report_of(entity, subject=subject, text=text)
    assert len(found.diagnosis) <= 200
    assert found.diagnosis.isprintable()
