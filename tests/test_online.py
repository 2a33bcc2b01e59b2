"""``supportbot check --online``: platforms and models are asked whether the configuration works with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from typer.testing import CliRunner

from supportbot import online
from supportbot.channel import ChannelConfig
from supportbot.cli.commands import app
from supportbot.config.models import ModelSection
from supportbot.model.online import verify
from tests.bot_folder import BotFolder

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


class Fax:
    """A channel that can be asked; what it says is the test's."""

    says: Any = ()

    class Config(ChannelConfig):
        """Nothing to set."""

    def __init__(self, config: Config, host: Any) -> None:
        self.host = host

    async def verify(self) -> list[str]:
        if isinstance(self.says, Exception):
            raise self.says
        return list(self.says)


class Mute:
    """A channel that cannot be asked."""

    def __init__(self, config: Any, host: Any) -> None:
        self.host = host


@pytest.fixture
def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BotFolder:
    classes: dict[str, Any] = {"fax": Fax, "web": Mute}
    verified = online.verified

    async def ask(loaded: Any) -> Any:
        return await verified(loaded, make_channel=lambda section, host: classes[host.name](section, host))

    monkeypatch.setattr(online, "verified", ask)
    monkeypatch.setattr(Fax, "says", ())
    folder = BotFolder(tmp_path)
    folder.file.write_text("channels:\n  fax: {type: terminal}\n  web: {type: webhook}\n", "utf-8")
    return folder


def check(bot: BotFolder, *options: str) -> Result:
    return CliRunner().invoke(app, ["-c", str(bot.file), "check", *options], catch_exceptions=False)  # type: ignore[arg-type,return-value]


def test_what_works_is_said(bot: BotFolder) -> None:
    """Each that was asked has its line; who cannot be asked has none. No store is made for it."""
    done = check(bot, "--online")
    assert (0, f"channel fax: works\n{bot.file} is fine.\n") == (done.exit_code, done.stdout)
    assert not (bot.root / "data").exists()


def test_what_does_not_work_is_said(bot: BotFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line each; the exit code says that something has to change."""
    monkeypatch.setattr(Fax, "says", ("no line: plug it in", "no paper: fill it up"))
    done = check(bot, "--online")
    assert (2, ["channel fax: no line: plug it in", "channel fax: no paper: fill it up"]) == (
        done.exit_code,
        done.stdout.splitlines(),
    )


def test_a_channel_that_breaks_is_no_crash(bot: BotFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its error's words may hold a secret and are not shown."""
    monkeypatch.setattr(Fax, "says", RuntimeError("the password is 1234"))
    done = check(bot, "--online")
    assert 2 == done.exit_code
    assert "channel fax: could not be asked (RuntimeError)" in done.stdout
    assert "1234" not in done.stdout + done.stderr


def test_programs_read_it_as_json(bot: BotFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under ``online``, which is there only when it was asked for."""
    monkeypatch.setattr(Fax, "says", ("no line: plug it in",))
    assert {
        "ok": False,
        "problems": [],
        "warnings": [],
        "online": {"channel fax": ["no line: plug it in"]},
    } == (json.loads(check(bot, "--online", "--json").stdout))
    assert {"ok", "problems", "warnings"} == set(json.loads(check(bot, "--json").stdout))


def test_a_wrong_file_is_not_asked_about(bot: BotFolder) -> None:
    """What cannot start needs no answer from outside."""
    bot.file.write_text("chanels: {}\n", "utf-8")
    done = check(bot, "--online")
    assert (2, True) == (done.exit_code, "chanels" in done.stdout)


# -- models --------------------------------------------------------------------------------------


def section(url: str, model: str = "here", **fields: Any) -> ModelSection:
    return ModelSection.model_validate_json(json.dumps({"model": model, "base_url": url} | fields))


async def serve(status: int, body: Any) -> web.AppRunner:
    async def models(_: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    application = web.Application()
    application.router.add_get("/v1/models", models)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, {"data": [{"id": "here"}]}, ""),
        (
            200,
            {"data": [{"id": "there"}]},
            "it offers no model 'here': set another 'model' in bot.yaml; there are",
        ),
        (404, {"error": "no such page"}, ""),
        (500, {}, ""),
        (200, ["strange"], ""),
        (401, {"error": {"message": "bad key sk-0123456789abcdef"}}, "HTTP 401: bad key"),
        (403, {}, "HTTP 403"),
    ],
)
async def test_a_model_endpoint_is_asked_for_its_list(status: int, body: Any, said: str) -> None:
    """Only what it says clearly counts; the key is in no message."""
    runner = await serve(status, body)
    try:
        host, port = runner.addresses[0][:2]
        found = await verify(section(f"http://{host}:{port}/v1", api_key="sk-0123456789abcdef"))
    finally:
        await runner.cleanup()
    assert said in "".join(found)
    assert bool(said) is bool(found)
    assert "0123456789abcdef" not in str(found)


async def test_a_model_that_is_not_there_is_named() -> None:
    """With where it was looked for."""
    [found] = await verify(section("http://127.0.0.1:9/v1"))
    assert "http://127.0.0.1:9/v1 cannot be reached: check 'base_url'" in found
