"""Who is who: names, and how sure we are of a person. Slack is asked once, after the acknowledgement."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from supportbot_slack.api import Declined, SlackError
from supportbot_slack.events import text_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supportbot.messages import Assurance
    from supportbot_slack.api import SlackApi
    from supportbot_slack.inbound import Heard
    from supportbot_slack.workspaces import Workspace

_FOR = 24 * 3600.0
"""Seconds for which a name counts."""
_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of a user."""

    name: str = ""
    assurance: Assurance = "claimed"


_UNKNOWN = Person()


class People:
    """The users that were asked about, in memory."""

    def __init__(
        self, api: SlackApi, *, trust_guests: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._api = api
        self._trust_guests = trust_guests
        self._now = clock
        self._people: OrderedDict[tuple[str, str], tuple[Person, float]] = OrderedDict()

    def known(self, heard: Heard) -> Person:
        """Return what is known by now of who wrote a message."""
        if heard.from_elsewhere and not self._trust_guests:
            return _UNKNOWN
        return self.remembered(heard.event.team, heard.user)

    def remembered(self, team: str, user: str) -> Person:
        """Return what is known by now of a user."""
        return self._remembered(team, user) or _UNKNOWN

    async def ask(self, workspace: Workspace, user: str) -> Person:
        """Return who a user is; asks Slack if that is not known. Without the right to ask nobody is known."""
        found = self._remembered(workspace.team, user)
        if found is not None:
            return found
        try:
            answer = await self._api.read(workspace.bot_token, "users.info", {"user": user})
            person = _person(answer, workspace, trust_guests=self._trust_guests)
        except Declined:
            person = _UNKNOWN
        except SlackError:
            return _UNKNOWN
        self._people[workspace.team, user] = (person, self._now() + _FOR)
        if len(self._people) > _MOST:
            self._people.popitem(last=False)
        return person

    def _remembered(self, team: str, user: str) -> Person | None:
        person, until = self._people.get((team, user), (None, 0.0))
        return person if until > self._now() else None


def _person(answer: Mapping[str, Any], workspace: Workspace, *, trust_guests: bool) -> Person:
    """Read the answer of ``users.info``: a full member of the workspace is who they say they are."""
    user = answer.get("user")
    user = user if isinstance(user, dict) else {}
    name = (
        text_at(user, "profile", "display_name")
        or text_at(user, "profile", "real_name")
        or text_at(user, "real_name")
        or text_at(user, "name")
    )
    away = text_at(user, "team_id") not in {"", workspace.team} and not (
        workspace.enterprise and text_at(user, "enterprise_user", "enterprise_id") == workspace.enterprise
    )
    guest = any(user.get(mark) is True for mark in ("is_restricted", "is_ultra_restricted", "is_stranger"))
    bot = user.get("is_bot") is True or user.get("deleted") is True
    sure = bool(user) and not bot and (trust_guests or not (guest or away))
    return Person(name=name[:200], assurance="verified" if sure else "claimed")
