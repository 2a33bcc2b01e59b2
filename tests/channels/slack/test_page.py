"""docs/slack.md says what is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from supportbot_slack.http import PATHS
from supportbot_slack.oauth import INSTALL, REDIRECT
from supportbot_slack.verify import REMEDIES
from tests.bot_folder import BotFolder

PAGE = (Path(__file__).parents[3] / "docs" / "slack.md").read_text("utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ENVIRONMENT = {
    "SLACK_BOT_TOKEN": "xoxb-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx",
    "SLACK_APP_TOKEN": "xapp-1-A0123456789-1234567890123-0123456789abcdef",
    "SLACK_SIGNING_SECRET": "8f742231b10e8888abcd99yyyzzz85a5",
    "SLACK_CLIENT_SECRET": "33fea0113f5b1a2c8d1d6e2e7b7a9f00",
    "SLACK_KEY": Fernet.generate_key().decode(),
    "SLACK_KEY_2": Fernet.generate_key().decode(),
}


@pytest.mark.parametrize(
    "block", BLOCKS, ids=["socket mode", "http", "hand-over", "listeners", "several", "new key"]
)
def test_each_bot_yaml_can_be_copied(tmp_path: Path, block: str) -> None:
    """``supportbot check`` finds nothing wrong with it, and nothing unwise."""
    [printed] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "mybot_slack.py").write_text(printed, "utf-8")
    report = BotFolder(tmp_path).check(block, ENVIRONMENT)
    assert ((), ()) == (report.problems, report.warnings)


def _problems(tmp_path: Path, block: str, **changes: str) -> str:
    return "\n".join(BotFolder(tmp_path).problems(block, ENVIRONMENT | changes))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "SLACK_BOT_TOKEN",
            ENVIRONMENT["SLACK_APP_TOKEN"],
            "is an app-level token, which belongs to app_token",
        ),
        ("SLACK_SIGNING_SECRET", "changemechangeme", "the signing secret is too short, or a placeholder"),
    ],
)
def test_mixed_up_secrets_are_found_before_the_network(
    tmp_path: Path, name: str, value: str, said: str
) -> None:
    """Rows Y16 and Y17, as ``supportbot check`` says them: by the variable's name, without its value."""
    found = _problems(tmp_path, BLOCKS[1], **{name: value})
    assert said in found
    assert value not in found


@pytest.mark.parametrize(
    ("remove", "said"),
    [
        (
            "    bot_token: ${SLACK_BOT_TOKEN}\n",
            "needs either a bot_token (one workspace) or oauth (several)",
        ),
        ("    signing_secret: ${SLACK_SIGNING_SECRET}\n", "needs a signing_secret"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, remove: str, said: str) -> None:
    """A section that could hear or say nothing does not start."""
    assert said in _problems(tmp_path, BLOCKS[1].replace(remove, ""))


def test_oauth_needs_a_key(tmp_path: Path) -> None:
    """Tokens are never stored in clear, so without a key there is no OAuth."""
    block = BLOCKS[4].replace('encryption_keys: ["${SLACK_KEY}"]\n', "")
    assert "keeps secrets in the database, and there is no key" in _problems(tmp_path, block)


def test_oauth_needs_a_public_address(tmp_path: Path) -> None:
    """Without one there is no way back from Slack."""
    block = BLOCKS[4].replace("    public_url: https://bot.example.com\n", "")
    assert "needs a public_url" in _problems(tmp_path, block)


@pytest.mark.parametrize("code", sorted(REMEDIES))
def test_every_error_that_check_explains_is_on_the_page(code: str) -> None:
    """In the table of what to do."""
    assert f"`{code}`" in PAGE.partition("## When something does not work")[2]


@pytest.mark.parametrize("path", [*PATHS, INSTALL, REDIRECT])
def test_every_route_is_on_the_page(path: str) -> None:
    """With who calls it."""
    assert path in PAGE.partition("| route |")[2].partition("\n\n")[0]
