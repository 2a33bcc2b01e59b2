"""Access tokens: from a program of the operator's, used until they are old."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from supportbot_email.config import EmailConfig, Oauth
from supportbot_email.credentials import Tokens
from supportbot_email.failures import LoginRefused
from tests.channels.email.mailboxes import section

if TYPE_CHECKING:
    from pathlib import Path


def _printing(program: str, *arguments: str) -> Tokens:
    return Tokens(Oauth(token_command=(sys.executable, "-c", program, *arguments)))


def test_a_token_is_used_until_it_is_refused(tmp_path: Path) -> None:
    """The program is not asked at every login; after a refusal it is."""
    count = "import sys; f = open(sys.argv[1], 'a+'); f.write('x'); print('token' + str(f.tell()))"
    tokens = _printing(count, str(tmp_path / "count"))
    assert ["token1", "token1"] == [tokens.get(), tokens.get()]
    tokens.forget()
    assert "token2" == tokens.get()


@pytest.mark.parametrize("program", ["raise SystemExit(1)", "pass", "print('two'); print('lines')"])
def test_a_program_that_prints_no_token_is_a_refusal(program: str) -> None:
    """Its failure parks the mailbox and shows nothing of what it wrote."""
    with pytest.raises(LoginRefused, match="token_command"):
        _printing(program).get()


@pytest.mark.parametrize(
    "keys",
    [
        {"password": ""},
        {"oauth": {"token_command": ["x"]}},
        {"imap": {"host": "imap.example.com", "security": "none"}},
        {"backfill": "3 days"},
        {"address": "Support <support@example.com>"},
        {"oauth": {"token_url": "http://x.test", "client_id": "i", "refresh_token": "r"}, "password": ""},
        {"oauth": {"token_command": ["x"], "token_url": "https://x.test"}, "password": ""},
    ],
    ids=["no secret", "two secrets", "in clear", "backfill", "address", "http", "half"],
)
def test_a_section_that_cannot_work_is_refused(keys: dict[str, object]) -> None:
    """What would fail at the first connection, or leak a password, fails in ``supportbot check``."""
    with pytest.raises(ValidationError):
        EmailConfig.model_validate({"type": "email", **section("support@example.com", 993), **keys})


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"folders": {"drafts": "inbox"}}, "three folders"),
        ({"folders": {"drafts": "Mine", "sent": "Mine"}}, "three folders"),
        ({"aliases": ["*@example.com"]}, "one address"),
        ({"aliases": ["@"]}, "one address"),
        ({"aliases": ["@*.example.com"]}, "one address"),
        ({"address": "@example.com"}, "one address"),
    ],
)
def test_what_could_not_work_is_refused(keys: dict[str, object], said: str) -> None:
    """Drafts among the customers' mail would be read as mail; a pattern would match no address."""
    with pytest.raises(ValidationError, match=said):
        EmailConfig.model_validate({"type": "email", **section("support@example.com", 993), **keys})
