"""Replies posted to a program: signed, never redirected, only to addresses that may be called.

Every try of one delivery carries the same ``webhook-id`` (the delivery's id) and the same body, with a
fresh timestamp. The specification makes that id the receiver's idempotency key, so posting
again after an unclear try is safe: whoever has the id already drops the second.
"""

from __future__ import annotations

import math
import re
import time
from email.utils import mktime_tz, parsedate_tz
from typing import TYPE_CHECKING

import aiohttp

from supportbot import __version__
from supportbot.errors import Refused, RetryAfter, Unclear
from supportbot.messages import Sent
from supportbot_webhook.addresses import PrivateAddress, UnsafeUrl, check_url, public_socket
from supportbot_webhook.outbound import callback

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

    from supportbot.messages import Outbound
    from supportbot_webhook.config import WebhookConfig
    from supportbot_webhook.signatures import Signer

_TRY_AGAIN = frozenset({408, 409, 425, 429})  # 4xx that speak of this moment, not of the request
_LONGEST_WAIT = 3600.0  # seconds; a receiver that asks for more is asked again all the same
_CONNECTIONS = 100
_CONNECTIONS_PER_HOST = 20  # one slow receiver leaves room for the others


class Callbacks:
    """Posts replies to the programs' callback URLs."""

    def __init__(self, config: WebhookConfig, signer: Signer) -> None:
        self._config = config
        self._signer = signer
        self._session: aiohttp.ClientSession | None = None

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        """Hold the connections for as long as the application runs: a ``cleanup_ctx``."""
        connector = aiohttp.TCPConnector(
            limit=_CONNECTIONS,
            limit_per_host=_CONNECTIONS_PER_HOST,
            socket_factory=None if self._config.allow_private_callbacks else public_socket,
        )
        timeout = aiohttp.ClientTimeout(total=self._config.callback_timeout)
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"SupportBot/{__version__}"},
        ) as self._session:
            yield
        self._session = None

    async def post(self, outbound: Outbound, url: str) -> Sent:
        """Post a reply once and return the receiver's receipt: the delivery's own id.

        Raises:
            Refused: the receiver will not take it, or its address may not be called.
            RetryAfter: it was not taken; it may be later.
            Unclear: nobody knows.
        """
        if self._session is None:
            raise RetryAfter(cause="the channel is not running")
        if not self._config.secrets:
            raise Refused(cause="the channel has no secret any more to sign it with")
        try:
            check_url(
                url, allow_http=self._config.allow_http, allow_private=self._config.allow_private_callbacks
            )
        except UnsafeUrl as error:
            raise Refused(cause=f"its callback_url {error}") from error
        body = callback(outbound)
        headers = self._signer.sign(outbound.delivery_id, body) | {"Content-Type": "application/json"}
        try:
            async with self._session.post(
                url, data=body.encode(), headers=headers, allow_redirects=False
            ) as response:
                _judge(response)
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, PrivateAddress):
                raise Refused(cause=str(error.os_error)) from error
            raise RetryAfter(cause="the receiver cannot be reached") from error
        except aiohttp.InvalidURL as error:
            raise Refused(cause="its callback_url is not a URL") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unclear(cause=f"the receiver did not answer ({type(error).__name__})") from error
        return Sent(external_id=outbound.delivery_id)


def _judge(response: aiohttp.ClientResponse) -> None:
    """Raise what the status means, unless it means success. The body is never read."""
    status, cause = response.status, f"the receiver answered {response.status}"
    if 200 <= status < 300:
        return
    asked = _retry_after(response.headers.get("Retry-After", ""))
    if status in _TRY_AGAIN or (status == 503 and asked is not None):
        raise RetryAfter(seconds=asked, cause=cause)
    if status >= 500:
        raise Unclear(cause=cause)
    raise Refused(cause=cause)


def _retry_after(value: str) -> float | None:
    """Read a ``Retry-After`` header (RFC 9110, 10.2.3): seconds from now; None when it makes no sense."""
    if re.fullmatch(r"[0-9]{1,9}", value, re.ASCII):
        return min(float(value), _LONGEST_WAIT)
    parsed = parsedate_tz(value)
    if parsed is None:
        return None
    try:
        seconds = mktime_tz(parsed) - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(float(math.ceil(seconds)), 0.0), _LONGEST_WAIT)
