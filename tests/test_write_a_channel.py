"""The channel of docs/write-a-channel.md: built from the page, installed, tested, and talked to."""

from __future__ import annotations

import asyncio
import hmac
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from zipfile import ZipFile

import aiohttp
import pytest
from aiohttp import web

from supportbot import channel
from supportbot.chaos.folder import BotFolder
from supportbot.chaos.program import program

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = (Path(__file__).parent.parent / "docs" / "write-a-channel.md").read_text("utf-8")
FILES: dict[str, str] = dict(re.findall(r"(?ms)^`([\w.]+)`\n\n```\w+\n(.*?)^```$", PAGE))
TESTS = "test_supportbot_sms.py"
SECRET = "the gateway's secret"


class Gateway:
    """The gateway of the page, forgetting nothing: what is posted twice is shown twice."""

    def __init__(self) -> None:
        self.posts: list[dict[str, str]] = []
        self.breaks = 0
        """How many posts it takes and answers with an error."""
        self.found = asyncio.Event()
        """Set when the bot asked for a text that is there."""
        self._news = asyncio.Condition()
        app = web.Application()
        app.add_routes([web.post("/texts", self._take), web.get("/texts/{id}", self._tell)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def write(self, bot_url: str, *, id: str, phone: str, text: str) -> int:  # noqa: A002
        """Bring a customer's text to the bot and return the status of its answer."""
        body = json.dumps({"id": id, "phone": phone, "text": text}).encode()
        signature = hmac.new(SECRET.encode(), body, "sha256").hexdigest()
        async with (
            aiohttp.ClientSession() as http,
            http.post(
                f"{bot_url}/channels/phone/texts", data=body, headers={"X-Signature": signature}
            ) as response,
        ):
            return response.status

    async def shown(self, *, to: str) -> list[str]:
        """Wait until a phone shows a reply, and return all it shows."""
        async with asyncio.timeout(15), self._news:
            await self._news.wait_for(lambda: any(post["to"] == to for post in self.posts))
        return [post["text"] for post in self.posts if post["to"] == to]

    async def _take(self, request: web.Request) -> web.Response:
        if request.headers.get("X-Key") != SECRET:
            raise web.HTTPUnauthorized
        async with self._news:
            self.posts.append(await request.json())
            self._news.notify_all()
        if self.breaks:
            self.breaks -= 1
            raise web.HTTPBadGateway
        return web.Response(status=201)

    async def _tell(self, request: web.Request) -> web.Response:
        known = any(post["id"] == request.match_info["id"] for post in self.posts)
        if known:
            self.found.set()
        return web.Response(status=200 if known else 404)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of the page, built as a wheel; a folder that holds what installing it gives."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name in FILES.keys() - {TESTS}:
        (source / name).write_text(FILES[name], "utf-8")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", "dist"]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = (source / "dist").glob("*.whl")
    with ZipFile(wheel) as archive:  # installing a wheel of plain Python is no more than that
        archive.extractall(target)
    return target


def _run(installed: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def _bot(root: Path, gateway_url: str) -> BotFolder:
    section: Mapping[str, Any] = {"type": "sms", "url": gateway_url, "secret": "${SMS_SECRET}"}
    return BotFolder(root, channels={"phone": section})


def test_the_page_shows_a_whole_package_in_few_lines() -> None:
    """The package has its metadata, its channel and its tests, in 120 lines."""
    assert {"pyproject.toml", "supportbot_sms.py", TESTS} == set(FILES)
    assert 120 >= sum(len(content.splitlines()) for content in FILES.values())


def test_the_page_lists_what_a_channel_may_do() -> None:
    """Every optional protocol of the contract has its method in the table, with its arguments."""
    optional = {name: it for name, it in vars(channel).items() if re.fullmatch("Can[A-Z].*", name)}
    assert {"CanFind", "CanUpdate", "CanWithdraw"} <= optional.keys()
    for protocol in optional.values():
        ((method, function),) = [it for it in vars(protocol).items() if not it[0].startswith("_")]
        _, *arguments = inspect.signature(function).parameters
        assert f"\n| `{method}({', '.join(arguments)})` |" in PAGE
        assert protocol.__name__ in (channel.__doc__ or "")


def test_it_keeps_the_contract(installed: Path, tmp_path: Path) -> None:
    """The package's own tests pass on what was installed, without a warning or a skip."""
    (tmp_path / TESTS).write_text(FILES[TESTS], "utf-8")
    scope = "asyncio_default_fixture_loop_scope=function"  # pytest-asyncio warns until this is said
    ran = _run(installed, "-m", "pytest", "-q", "-W", "error", "-o", scope, cwd=tmp_path)
    assert (0, "") == (ran.returncode, ran.stderr), ran.stdout
    summary = re.fullmatch(r"(\d+) passed in .*", ran.stdout.strip().splitlines()[-1])
    assert summary is not None, ran.stdout
    assert int(summary[1]) >= 40


async def test_a_conversation(installed: Path, tmp_path: Path) -> None:
    """The real program answers text messages: duplicates once, and once also when the answer got lost."""
    environment = {"PYTHONPATH": str(installed), "SMS_SECRET": SECRET}
    async with Gateway() as gateway:
        folder = _bot(tmp_path / "bot", gateway.url)
        async with program(folder, environment=environment) as bot:
            gateway.breaks = 1
            for _ in range(2):
                question = {"id": "in1", "phone": "+31201234567", "text": "How long does a parcel take?"}
                assert 204 == await gateway.write(bot.url, **question)
            (answer,) = await gateway.shown(to="+31201234567")
            assert "three days" in answer
            assert "*" not in answer
            hello = {"id": "in2", "phone": "+31207654321", "text": "Hello"}
            assert 204 == await gateway.write(bot.url, **hello)
            assert ["Hello! How can I help you?"] == await gateway.shown(to="+31207654321")
            async with asyncio.timeout(15):
                await gateway.found.wait()
            assert 0 == await bot.stop()
        assert 2 == len(gateway.posts)


async def test_a_stranger_gets_nowhere(installed: Path, tmp_path: Path) -> None:
    """Without the secret nothing is taken, whatever the signature is made of."""
    environment = {"PYTHONPATH": str(installed), "SMS_SECRET": SECRET}
    async with (
        program(_bot(tmp_path / "bot", "http://localhost:9"), environment=environment) as bot,
        aiohttp.ClientSession() as http,
    ):
        for signature in ("", "0" * 64, "é" * 10):
            url, headers = f"{bot.url}/channels/phone/texts", {"X-Signature": signature}
            async with http.post(url, data=b"{}", headers=headers) as response:
                assert 401 == response.status
