"""How the bot is: ``/healthz``, ``/readyz`` and ``/metrics``.

``/healthz`` touches nothing and says that the process answers. The other two tell about the inside, and
only those who may know: whoever has the token, or, when none is set, whoever sits on this machine.
To everybody else these addresses do not exist.
"""

from __future__ import annotations

import asyncio
import hmac
import shutil
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from supportbot.web import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr

    from supportbot.metrics import Metrics

Check = Callable[[], Awaitable[str]]
"""Looks at one part of the bot and returns what is wrong with it, in one line; empty when all is well."""

Weak = Callable[[], Mapping[str, str]]
"""Tells of parts that the bot can do without for a while: what is wrong with each, by the name that
``/readyz`` shows; empty where all is well."""

CHECK_TIMEOUT = 1.0
"""Seconds that a check may take; one that takes longer has failed."""

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PROXIED = (
    hdrs.FORWARDED,
    hdrs.VIA,
    hdrs.X_FORWARDED_FOR,
    hdrs.X_FORWARDED_HOST,
    hdrs.X_FORWARDED_PROTO,
    "X-Real-IP",
)


class Health:
    """The three addresses.

    Args:
        checks: what ``/readyz`` looks at, by the name it shows.
        metrics: what ``/metrics`` shows.
        weak: the parts without which the bot still works, only not as well or not everywhere.
        admin_token: the Bearer token of ``/readyz`` and ``/metrics``; without one they answer only to this
            machine. Behind a proxy on the same machine set one: a proxy that adds no header cannot be told
            from a person.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        metrics: Metrics,
        *,
        admin_token: SecretStr | None = None,
        weak: Weak = dict,
    ) -> None:
        self._checks = checks
        self._weak = weak
        self._metrics = metrics
        self._token = admin_token

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, to be added to the root application."""
        return [
            web.get("/healthz", self._healthz),
            web.get("/readyz", self._readyz),
            web.get("/metrics", self._show_metrics),
        ]

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, request: web.Request) -> web.Response:
        self._admit(request)
        problems = await asyncio.gather(*map(_run, self._checks.values()))
        weak = self._weak()
        found = {**dict(zip(self._checks, problems, strict=True)), **weak}
        ready = not any(problems)
        shown = {name: problem or "ok" for name, problem in found.items()}
        return web.json_response(
            {"ready": ready, "degraded": any(weak.values()), "checks": shown}, status=200 if ready else 503
        )

    async def _show_metrics(self, request: web.Request) -> web.Response:
        self._admit(request)
        return web.Response(
            body=self._metrics.exposition(), headers={hdrs.CONTENT_TYPE: self._metrics.content_type}
        )

    def _admit(self, request: web.Request) -> None:
        """Let only those in who may look inside; the others learn nothing, not even that there is a door."""
        if self._token is None:
            allowed = _from_this_machine(request)
        else:
            allowed = _bears(request, self._token.get_secret_value())
        if not allowed:
            raise Problem(404, "not_found", "There is nothing here.")


def disk_free(path: Path, *, least: int = 256 * 1024 * 1024) -> Check:
    """Make a check that the disk which holds ``path``, a file or folder, has ``least`` bytes to spare."""

    async def check() -> str:
        usage = await asyncio.to_thread(shutil.disk_usage, path)
        return "" if usage.free >= least else f"only {usage.free // 1024**2} MiB are free"

    return check


async def _run(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            return await check()
    except TimeoutError:
        return f"no answer within {CHECK_TIMEOUT:g} s"
    except Exception as error:  # noqa: BLE001 - a check that fails is a finding, whatever it raises
        return f"failed with {type(error).__name__}"


def _bears(request: web.Request, token: str) -> bool:
    scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    same = hmac.compare_digest(given.strip().encode(errors="surrogateescape"), token.encode())
    return scheme.lower() == "bearer" and same


def _from_this_machine(request: web.Request) -> bool:
    """Whether a program on this machine asks for itself: a browser that was lured here by DNS names another
    host, and a proxy says that it is one."""
    try:
        near = ip_address(request.remote or "").is_loopback
    except ValueError:
        return False
    named = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
    return near and named.lower() in _LOOPBACK_NAMES and not any(name in request.headers for name in _PROXIED)
