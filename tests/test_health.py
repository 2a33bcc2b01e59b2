"""health: who may see how the bot is, and what they see."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from supportbot import health
from supportbot.config.models import ServerSection
from supportbot.health import Health, disk_free
from supportbot.metrics import Metrics
from supportbot.web import new_application

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from aiohttp import web

from contextlib import asynccontextmanager

_HERE = {"Host": "127.0.0.1:8080"}
_ADMIN = {"Authorization": "Bearer a-long-enough-token"}


async def _well() -> str:
    return ""


async def _ill() -> str:
    return "token was revoked"


async def _broken() -> str:
    raise OSError("/secret/path is gone")


async def _stuck() -> str:
    await asyncio.Event().wait()
    return ""


@asynccontextmanager
async def _client(
    checks: Mapping[str, health.Check] | None = None,
    token: str = "",
    weak: Mapping[str, str] | None = None,
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    metrics = Metrics()
    app = new_application(ServerSection(), metrics)
    secret = SecretStr(token) if token else None
    app.add_routes(Health(checks or {}, metrics, admin_token=secret, weak=lambda: weak or {}).routes())
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_healthz_touches_nothing() -> None:
    """Liveness is a constant without a version, also while a part is broken."""
    async with _client({"store": _broken}, token="a-long-enough-token") as client:
        response = await client.get("/healthz")
        assert (200, "ok\n") == (response.status, await response.text())
        assert "SupportBot" == response.headers["Server"]


async def test_ready_when_every_check_is_well() -> None:
    """All checks empty: 200, each with its name."""
    async with _client({"store": _well, "disk": _well}) as client:
        response = await client.get("/readyz", headers=_HERE)
        assert 200 == response.status
        checks = {"store": "ok", "disk": "ok"}
        assert {"ready": True, "degraded": False, "checks": checks} == await response.json()


async def test_a_part_that_can_be_done_without_makes_it_weaker_not_unready() -> None:
    """A model that is down shows, and traffic still comes: the next model or the knowledge answers."""
    weak = {"model a": "HTTP 401", "model b": ""}
    async with _client({"store": _well}, weak=weak) as client:
        response = await client.get("/readyz", headers=_HERE)
        assert 200 == response.status
        checks = {"store": "ok", "model a": "HTTP 401", "model b": "ok"}
        assert {"ready": True, "degraded": True, "checks": checks} == await response.json()


async def test_not_ready_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """A problem, an exception and a check that hangs make 503; an exception's words stay inside."""
    monkeypatch.setattr(health, "CHECK_TIMEOUT", 0.05)
    async with _client({"a": _ill, "b": _broken, "c": _stuck, "d": _well}) as client:
        response = await client.get("/readyz", headers=_HERE)
        assert 503 == response.status
        assert {
            "ready": False,
            "degraded": False,
            "checks": {
                "a": "token was revoked",
                "b": "failed with OSError",
                "c": "no answer within 0.05 s",
                "d": "ok",
            },
        } == await response.json()


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Real-IP": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Via": "1.1 proxy"},
        {"Host": "rebound.example"},
        {"Host": "127.0.0.1.example"},
    ],
    ids=str,
)
async def test_without_a_token_only_this_machine_sees_inside(path: str, headers: dict[str, str]) -> None:
    """What came through a proxy, or to another name, gets the same 404 as an address that is not there."""
    async with _client() as client:
        assert 200 == (await client.get(path, headers=_HERE)).status
        refused = await client.get(path, headers=_HERE | headers)
        missing = await client.get("/no-such-thing")
        assert 404 == refused.status
        assert await missing.json() == await refused.json()


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic a-long-enough-token"},
        {"Authorization": "a-long-enough-token"},
        {"Authorization": "Bearer \u00e9\u00e9"},
        {"Authorization": "Bearer "},
    ],
    ids=str,
)
async def test_with_a_token_everybody_needs_it(path: str, headers: dict[str, str]) -> None:
    """Sitting on the machine does not help once a token is set."""
    async with _client(token="a-long-enough-token") as client:
        assert 404 == (await client.get(path, headers=_HERE | headers)).status
        assert 200 == (await client.get(path, headers=_ADMIN)).status
        assert (
            200
            == (await client.get(path, headers={"Authorization": f"bearer {'a-long-enough-token'}"})).status
        )


async def test_metrics_are_prometheus_text() -> None:
    """The exposition has Prometheus' content type and counts the requests that were answered before."""
    async with _client() as client:
        await client.get("/healthz")
        response = await client.get("/metrics", headers=_HERE)
        assert response.headers["Content-Type"].startswith("text/plain; version=")
        assert 'supportbot_http_requests_total{route="/healthz",status="200"} 1.0' in await response.text()


async def test_disk_free_knows_the_disk(tmp_path: Path) -> None:
    """Nothing is wrong with enough room, and the room is named when it is not enough."""
    assert "" == await disk_free(tmp_path, least=1)()
    assert (await disk_free(tmp_path, least=2**62)()).endswith("MiB are free")
