"""Where visitors' requests come in: counted by address, and let through to the session of their token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supportbot.web import TRUSTED_PROXIES, Problem, client_address
from supportbot_webhook.bodies import bearer_token
from supportbot_webhook.limits import Limit, address_key

if TYPE_CHECKING:
    from aiohttp import web

    from supportbot.host import Host
    from supportbot_webhook.config import Limits
    from supportbot_webhook.sessions import Session, Sessions


class Door:
    """One for all of a channel's routes that visitors use."""

    def __init__(self, host: Host, limits: Limits, sessions: Sessions) -> None:
        self._sessions = sessions
        self._requests = Limit(host, "requests_per_address", limits.requests_per_address)
        self._openings = Limit(host, "sessions_per_address", limits.sessions_per_address)
        self._emails = Limit(host, "emails_per_address", limits.emails_per_address)

    async def session(self, request: web.Request) -> Session:
        """Return the session of the request's token.

        Raises:
            Problem: 401 there is none; 429 the address asks too often.
        """
        await self.admit(request)
        session = await self._sessions.find(bearer_token(request))
        if session is None:
            raise Problem(
                401, "unauthorized", "There is no such session.", headers={"WWW-Authenticate": "Bearer"}
            )
        return session

    async def admit(self, request: web.Request) -> str:
        """Count the request against its address; returns the address as limits see it.

        Raises:
            Problem: 429, it asks too often.
        """
        proxies = request.config_dict[TRUSTED_PROXIES]
        address = address_key(client_address(request, proxies))
        await self._requests.spend(address)
        return address

    async def gives_email(self, request: web.Request) -> None:
        """Count an e-mail address that a visitor gives: it may be anybody's, and will get a mail.

        Raises:
            Problem: 429, there were too many.
        """
        proxies = request.config_dict[TRUSTED_PROXIES]
        await self._emails.spend(address_key(client_address(request, proxies)))

    async def opens(self, address: str) -> None:
        """Count a new session against its address.

        Raises:
            Problem: 429, there were too many.
        """
        await self._openings.spend(address)
