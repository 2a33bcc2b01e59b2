"""docs/webhook.md says what is true."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

import supportbot_webhook
from supportbot_webhook import WebhookConfig
from supportbot_webhook.assets import Assets
from supportbot_webhook.identity import Person, Verifier
from supportbot_webhook.keys import Identity
from tests.channels.webhook.driver import SECRET, eventually, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.channels.webhook.driver import Site

PACKAGE = Path(supportbot_webhook.__file__).parent
DOCS = PACKAGE.parent.parent / "docs"
PAGE = (DOCS / "webhook.md").read_text("utf-8")
WIDGET = (DOCS / "widget.md").read_text("utf-8")


def _block(language: str) -> str:
    """The page's first block of code in a language."""
    return PAGE.partition(f"```{language}\n")[2].partition("```")[0]


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _keys(inner, f"{prefix}{name}.")
        else:
            yield prefix + name


@pytest.mark.parametrize("key", sorted(set(_keys(WebhookConfig)) - {"type"}))
def test_every_key_is_explained(key: str) -> None:
    """The section's keys are in the page, where they matter, or in the widget's."""
    assert f"`{key}`" in PAGE + WIDGET


def test_every_text_of_the_widget_is_listed() -> None:
    """As bot.yaml may change them; with the English words that the build has."""
    listed = WIDGET.partition("| key | in English |\n|---|---|\n")[2]
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", listed, re.MULTILINE)
    assert Assets().texts("en") == {key: text.replace("\\|", "|") for key, text in rows}


def test_the_widgets_token_is_taken() -> None:
    """The page's example makes one that its bot.yaml verifies."""
    example = WIDGET.partition("```python\n")[2].partition("```")[0]
    environment = os.environ | {"SITE_SECRET": "a secret of thirty-two bytes or more"}
    printed = subprocess.run(
        [sys.executable, "-c", example], env=environment, capture_output=True, text=True, check=True
    )
    section = re.search(r"    identity:\n(?:      .*\n)+", WIDGET)
    assert section
    given = YAML(typ="safe").load(section[0].replace("${SITE_SECRET}", environment["SITE_SECRET"]))
    person = Verifier(Identity.model_validate(given["identity"])).verify(printed.stdout.strip())
    assert Person(subject="customer-7", name="Ada Lovelace", email="ada@example.com") == person


async def test_every_route_is_explained() -> None:
    """The table of routes is that of the OpenAPI document, with everything switched on; HEAD is answered
    where anybody may read."""
    key = {"id": "a", "algorithm": "HS256", "secret": "a secret of thirty-two bytes or more"}
    async with running(identity={"keys": [key], "audience": "supportbot"}) as site:
        paths = (await site.ask("GET", "/openapi.json")).body["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    listed = dict(re.findall(r"^\| `([A-Z]+ /[^`]*)` \| ([a-z ]+) \|", PAGE, re.MULTILINE))
    open_to_all = {route.removeprefix("GET ") for route, whose in listed.items() if whose == "anybody"}
    assert routes == set(listed) | {f"HEAD {path}" for path in open_to_all}


def _written_in_the_code(pattern: str) -> list[str]:
    return sorted(
        {found for path in PACKAGE.glob("*.py") for found in re.findall(pattern, path.read_text("utf-8"))}
    )


@pytest.mark.parametrize("code", _written_in_the_code(r'Problem\(\s*\d+, "(\w+)"'))
def test_every_error_is_explained(code: str) -> None:
    """Programs act on codes."""
    assert f"`{code}`" in PAGE


@pytest.mark.parametrize("event", _written_in_the_code(r'(?:event=|\.end\()"(\w+)"'))
def test_every_event_is_explained(event: str) -> None:
    """The table of events has them all."""
    assert f"| `{event}` |" in PAGE


async def _run(site: Site, *command: str, words: str) -> str:
    """Run an example of the page; the bot answers with these words. Returns what it printed."""
    environment = os.environ | {"SUPPORTBOT_URL": site.url, "WEBHOOK_SECRET": SECRET}
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(30):
        while not site.core.accepted:
            assert process.returncode is None
            await asyncio.sleep(0.01)
        assert "How long does shipping take?" == site.core.accepted[0].text
        site.core.reply("ticket-1", words)
        printed, _ = await process.communicate()
    return printed.decode()


async def test_the_python_example_works(site: Site, tmp_path: Path) -> None:
    """As it stands, against the real server."""
    script = tmp_path / "example.py"
    script.write_text(_block("python"), "utf-8")
    assert "Two days.\n" == await _run(site, sys.executable, str(script), words="Two days.")


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("openssl")), reason="needs curl and openssl")
async def test_the_curl_example_works(site: Site) -> None:
    """As it stands, in a POSIX shell."""
    assert '"text":"Two days."' in await _run(site, "sh", "-euc", _block("sh"), words="Two days.")


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
async def test_the_browser_example_works(site: Site, tmp_path: Path) -> None:
    """In node, which has the same fetch: it shows what happens, and resumes where the stream broke off."""
    visitor = await site.visitor()
    await visitor.say("Hello")
    script = tmp_path / "example.mjs"
    call = (
        f"follow({site.url!r}, {visitor.token!r}, (name, data) => console.log(name, data.text ?? data.state))"
    )
    script.write_text(f"{_block('js')}\n{call};", "utf-8")
    process = await asyncio.create_subprocess_exec("node", str(script), stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(30):
        while len(lines) < 2:
            lines.append((await process.stdout.readline()).decode().strip())
        site.core.host.feed.close()
        await eventually(lambda: site.core.listeners(visitor.conversation) == 0)
        site.core.reply(visitor.conversation, "Good day\n\nto you")
        while lines[-1] != "to you":
            lines.append((await process.stdout.readline()).decode().strip())
        await site.ask("DELETE", "/sessions/current", headers=visitor.headers)
        assert 0 == await process.wait()
    assert ["message Hello", "state bot", "bye undefined", "message Good day", "", "to you"] == lines
