"""What strangers write is never run, and what is secret stays in."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from supportbot.chaos.audit import Tables
from supportbot.chaos.clients import Answer, Http, SignedProgram
from supportbot.chaos.folder import ADMIN_TOKEN, API_KEY, SECRET, BotFolder
from supportbot.chaos.program import program

if TYPE_CHECKING:
    import aiohttp

    from supportbot.chaos.model import Call, ListeningModel
    from supportbot.chaos.program import Program
    from supportbot.chaos.receiver import Receiver

CANARY = "{{ 1337*1337 }}"
RUN = "1787569"
"""What would be seen if anybody had run the canary."""

ENVIRONMENT_CANARY = "environment-canary-77d1"
SECRETS = [SECRET, SECRET.removeprefix("whsec_"), API_KEY, ADMIN_TOKEN, ENVIRONMENT_CANARY]

WORDS = (
    f"kcanary1-1 parcel {CANARY} {{% for x in range(9) %}}x{{% endfor %}} ${{BOT_CANARY}} $BOT_CANARY "
    "%(BOT_SECRET)s {bot.api_key} {0.__class__} {{ bot.api_key }} {% include 'bot.yaml' %} {{ self }}"
)
ARTICLE = f"# Parcels {CANARY}\n\nA parcel {CANARY} takes three days. {{% raw %}} ${{BOT_CANARY}}\n"


@pytest.fixture
def folder(tmp_path: Path, model: ListeningModel, receiver: Receiver) -> BotFolder:
    return BotFolder(
        tmp_path / "bot",
        model_url=model.url,
        webhook=receiver.section,
        article=ARTICLE,
        log={"level": "debug"},
    )


async def test_templates_in_strangers_words_stay_words(
    folder: BotFolder, model: ListeningModel, receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    """J04, J05, Y14: texts, names, addresses, keys, files' names and articles stay as they are."""
    async with program(folder, environment={"BOT_CANARY": ENVIRONMENT_CANARY}) as bot:
        http = Http(bot, session)
        visitor = await http.visitor(name=f"Anna {CANARY}", email="{{1337*1337}}@a.example")
        answers = [await visitor.say(WORDS)]
        sender = {"id": CANARY, "name": CANARY, "email": "{{1337*1337}}@a.example"}
        body = {"conversation": CANARY, "sender": sender, "text": WORDS.replace("kcanary1", "kcanary2")}
        body["attachments"] = [{"name": CANARY, "url": "https://a.example/{{1337*1337}}"}]
        answers.append(await SignedProgram(http, CANARY).pass_on("evt_{{1337*1337}}", body))
        assert [202, 202] == [answer.status for answer in answers]
        answer = await visitor.answered("kcanary1-1")
        await receiver.got(1)
        shown = await told_by_commands(bot)
        assert 0 == await bot.stop()
        kept = Tables(f"sqlite:///{folder.database_file}").whole()
    asked = [call.text for call in model.calls]
    assert 2 == len(asked)
    assert all(CANARY in text and "${BOT_CANARY}" in text for text in asked)
    assert all(f"> A parcel {CANARY} takes three days." in text for text in asked)
    assert CANARY in kept
    seen = [
        *asked,
        *map(str, receiver.tries),
        json.dumps(answer),
        *map(said, answers),
        kept,
        shown,
        *bot.errors,
    ]
    assert [] == [text for text in seen if RUN in text]
    assert [] == [text for text in seen if ENVIRONMENT_CANARY in text]


async def test_secrets_stay_in(
    folder: BotFolder, model: ListeningModel, receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    """I9: whatever goes wrong, and however much is logged, no secret is seen."""

    async def refuse(_: Call) -> None:
        body = json.dumps({"error": {"message": f"Incorrect API key provided: {API_KEY}"}})
        raise web.HTTPUnauthorized(text=body, content_type="application/json")

    async def fail(_: Any) -> int:
        await asyncio.sleep(0)
        return 500 if len(receiver.tries) < 2 else 204

    model.before, receiver.before = refuse, fail
    async with program(folder, environment={"BOT_CANARY": ENVIRONMENT_CANARY}) as bot:
        http = Http(bot, session)
        sender = SignedProgram(http, "ticket-1")
        answers = [
            await sender.post("evt_1", "parcel?"),
            await sender.post("evt_2", f"my key is {API_KEY}?"),
            await http.ask("GET", "//metrics", headers={"Authorization": f"Bearer {ADMIN_TOKEN}x"}),
            await http.ask("GET", "//metrics", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}),
            await http.ask("GET", "//readyz", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}),
            await http.ask("GET", "/openapi.json"),
            await http.ask("POST", "/messages", data=b"{", headers={"webhook-signature": SECRET}),
            await http.ask("GET", f"/messages?token={SECRET}"),
            await http.ask("GET", f"//{SECRET}"),
        ]
        assert [202, 202, 404, 200, 200, 200, 401, 401, 404] == [answer.status for answer in answers]
        await receiver.got(2)
        arguments = (Path("/proc") / str(bot.pid) / "cmdline").read_text("utf-8")
        shown = await told_by_commands(bot)
        assert 0 == await bot.stop()
    assert model.calls
    assert all(f"Bearer {API_KEY}" == call.headers["Authorization"] for call in model.calls)
    kept = Tables(f"sqlite:///{folder.database_file}").whole()
    prompts = "".join(call.text for call in model.calls)
    for secret in SECRETS:
        assert secret not in "\n".join(bot.errors)
        assert secret not in "".join(map(said, answers))
        assert secret not in arguments
    for secret in (SECRET, ADMIN_TOKEN, ENVIRONMENT_CANARY):  # the customer wrote the other one
        assert secret not in kept + prompts + shown


async def told_by_commands(bot: Program) -> str:
    """Return what the operator's commands print."""
    commands = (
        ("conversations", "list"),
        ("turns", "list", "--json"),
        ("deliveries", "list"),
        ("dead", "list"),
    )
    printed = [await bot.run(*command) for command in commands]
    assert [0] * len(commands) == [code for code, _ in printed]
    return "".join(text for _, text in printed)


def said(answer: Answer) -> str:
    return f"{answer.body!r} {dict(answer.headers)}"
