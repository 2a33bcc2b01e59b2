"""The direct message with a user, for answers to questions that were not asked in a channel."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol

from supportbot_slack.events import id_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot_slack.workspaces import Workspace

_MOST = 20_000
"""Direct messages that are remembered; they do not change."""


class Call(Protocol):
    """A method of Slack's Web API: token, name, arguments."""

    async def __call__(self, token: str, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call it once."""


class DirectMessages:
    """Knows which channel the direct message with a user is; asks Slack the first time."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._known: OrderedDict[tuple[str, str], str] = OrderedDict()

    async def channel(self, workspace: Workspace, place: str) -> str:
        """Return where to post: the direct message (``D…``) with a user (``U…``, ``W…``), else the place.

        Opening one that is open does no harm, so this may be done again after a failure
        (https://docs.slack.dev/reference/methods/conversations.open).

        Raises:
            Exception: what ``call`` raises.
        """
        if place[:1] not in {"U", "W"}:
            return place
        key = (workspace.team, place)
        if key not in self._known:
            answer = await self._call(workspace.bot_token, "conversations.open", {"users": place})
            self._known[key] = id_at(answer, "channel", "id") or place
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        return self._known[key]
