"""What stands in a thread before a message: its first message, and the newest ones.

Slack gives a thread from its beginning on only, page by page
(https://docs.slack.dev/reference/methods/conversations.replies). So one of more than a page is read from its
other end by time: everything since a moment, which is chosen by how much was said per second, and then
earlier or later, until the newest messages are together. However long the thread is, it takes a few calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from supportbot_slack.api import SlackError
from supportbot_slack.events import text_at, ts_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from supportbot_slack.address import Address
    from supportbot_slack.api import SlackApi

    Message = dict[str, Any]

_PAGE = 200
_STRETCH = 1000
"""Messages of a stretch of time that are read at once, Slack's most: with more, it was chosen too long."""
_MOST_CALLS = 10
_STEP = 8.0
"""How much longer, or shorter, the next stretch is."""

log = structlog.get_logger(__name__)


class Thread:
    """Reads one thread, once."""

    def __init__(
        self, api: SlackApi, token: str, address: Address, *, counts: Callable[[object], bool]
    ) -> None:
        """Say which.

        Args:
            api: Slack.
            token: may read the channel.
            address: names the thread, and the message before which it is read.
            counts: whether a message is one to be told of.
        """
        self._api = api
        self._token = token
        self._address = address
        self._counts = counts
        self._calls = 0

    async def read(self, most: int) -> list[Message]:
        """Return its first message and the ``most - 1`` newest before ours, oldest first.

        What cannot be read is left out, but for the first page. Raises:
            SlackError: that cannot be read.
        """
        page, rest = await self._page()
        said = self._told(page)
        if not rest or not page:
            return _ends(said, most)
        first = said[:1]
        newest = await self._newest(page, ts_at(first[0], "ts") if first else "", most - len(first))
        if not newest:
            return _ends(said, most)
        return _ends(first + newest, most) if first else newest[-most:]

    async def _newest(self, page: list[Message], first: str, wanted: int) -> list[Message]:
        """Return the newest messages after the ``first``: ``wanted`` or more, or what of them can be reached.

        A stretch of time until ours that has too few of them is made longer, and one that has more than can
        be read at once, so that its end is not seen, shorter.
        """
        begin, end = float(self._address.thread), float(self._address.ts)
        whole = end - begin
        seconds = min(whole, _stretch(page, whole, wanted))
        too_short = too_long = 0.0  # none was yet
        newest: list[Message] = []
        while self._calls < _MOST_CALLS:
            try:
                page, rest = await self._page(oldest=f"{end - seconds:.6f}", limit=_STRETCH)
            except SlackError as error:  # such as for an app that may make one call a minute
                log.info("slack.thread_read_in_part", error=error.cause)
                break
            said = [message for message in self._told(page) if ts_at(message, "ts") > first]
            if rest:
                newest, too_long = newest if too_short else said, seconds
                seconds = (too_short * seconds) ** 0.5 if too_short else seconds / _STEP
            else:
                newest, too_short = said, seconds
                if len(newest) >= wanted or seconds >= whole:
                    break
                seconds = (seconds * too_long) ** 0.5 if too_long else min(seconds * _STEP, whole)
        return newest

    async def _page(self, *, oldest: str = "", limit: int = _PAGE) -> tuple[list[Message], bool]:
        """Return what was said since a moment, the oldest first, and whether there is more of it."""
        self._calls += 1
        address = self._address
        arguments = {"channel": address.channel, "ts": address.thread, "latest": address.ts, "limit": limit}
        since = {"oldest": oldest} if oldest else {}
        answer = await self._api.read(self._token, "conversations.replies", arguments | since)
        listed = answer.get("messages")
        messages = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        return messages, bool(text_at(answer, "response_metadata", "next_cursor"))

    def _told(self, messages: list[Message]) -> list[Message]:
        """Return those that count, in order, each once."""
        by_ts = {ts_at(message, "ts"): message for message in messages if self._counts(message)}
        return [by_ts[ts] for ts in sorted(by_ts)]


def _stretch(page: list[Message], whole: float, wanted: int) -> float:
    """Return seconds in which about five times what is wanted was said, if it was said evenly."""
    total = page[0].get("reply_count")
    if isinstance(total, int) and total > 0:
        return 5 * max(1, wanted) * whole / total
    times = [float(ts) for message in page if (ts := ts_at(message, "ts"))]
    return 5 * max(1, wanted) * (max(times) - min(times)) / len(times) if times else whole


def _ends(said: list[Message], most: int) -> list[Message]:
    """Return the first, and the newest of the others."""
    return said[:1] + said[1:][len(said) - most :] if len(said) > most else said
