"""Images that customers send, fetched for the model when a turn begins. Nothing else is ever opened.

The bot token goes to Slack's own two hosts, over https, and never across a redirect: the address comes with
an event, and whoever gets the token can read everything that the bot may.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
import structlog

from supportbot_slack.api import SlackError

if TYPE_CHECKING:
    from supportbot.messages import Attachment
    from supportbot_slack.api import SlackApi

_HOSTS = frozenset({"files.slack.com", "slack-files.com"})
_WITHIN = 8.0
"""Seconds for one image."""

log = structlog.get_logger(__name__)


class NotFetched(Exception):
    """A file was not fetched; its words say why."""


async def fetch(
    api: SlackApi, token: str, file: Attachment, *, most: int, hosts: frozenset[str] = _HOSTS
) -> bytes:
    """Return an image's bytes.

    Args:
        api: whose connections are used.
        token: a bot token that may read the file.
        file: as the event described it.
        most: bytes that are taken.
        hosts: where the token may be sent.

    Raises:
        NotFetched: it may not be, it is too large, or Slack does not give it.
    """
    if not may_fetch(file.url, hosts):
        raise NotFetched("it is not at Slack")
    if file.size > most:
        raise NotFetched("it is too large")
    try:
        async with api.session.get(
            file.url,
            headers={"Authorization": f"Bearer {token}"},
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=_WITHIN),
        ) as response:
            return await _bytes(response, most)
    except (aiohttp.ClientError, TimeoutError, OSError, SlackError) as error:
        raise NotFetched(type(error).__name__) from error


def may_fetch(url: str, hosts: frozenset[str] = _HOSTS) -> bool:
    """Whether the token may be sent to an address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and parts.netloc in hosts


async def _bytes(response: aiohttp.ClientResponse, most: int) -> bytes:
    if response.status != 200:
        raise NotFetched(f"Slack answered {response.status}")
    if not response.content_type.startswith("image/"):
        raise NotFetched("it is no image")  # a page to log in at, where the token may not read files
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most:
            raise NotFetched("it is too large")
    return bytes(body)
