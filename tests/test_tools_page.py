"""docs/tools.md: its example is a bot that works."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from supportbot import config
from supportbot.steps.plan import _MOST_CALLS
from supportbot.steps.values import MOST_STEPS
from supportbot.testing import ScriptedModel, call_tool
from supportbot.testing.bots import started_bot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "tools.md").read_text("utf-8")
CODE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]
YAML = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0]


class Orders:
    """The shop's system: the customer anna has the order A-17."""

    def __init__(self) -> None:
        self.cancelled: list[tuple[str, str]] = []

    async def answer(self, request: web.Request) -> web.Response:
        customer, order = request.match_info["customer"], request.match_info["order"]
        if (customer, order) != ("anna", "A-17"):
            return web.json_response({}, status=404)
        if request.method == "DELETE":
            self.cancelled.append((order, request.headers["Idempotency-Key"]))
        return web.json_response({"order": order, "state": "packed"})


async def test_the_example_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anna asks, is asked, says yes; somebody else's order is none of hers; a stranger is offered nothing."""
    package = tmp_path / "mybot_of_the_page"
    package.mkdir()
    (package / "tools.py").write_text(CODE, "utf-8")
    model = ScriptedModel(
        call_tool("order_status", order_id="A-17"),
        "It is packed.",
        call_tool("order_status", order_id="B-2"),
        "There is none.",
        call_tool("cancel_order", order_id="A-17"),
        "Done: A-17 is cancelled.",
        "Please log in.",
    )
    orders = Orders()
    bot_yaml = YAML.replace("mybot.", "mybot_of_the_page.")
    async with shop(orders) as url, started_bot(bot_yaml, tmp_path, model=model) as bot:
        monkeypatch.setattr("mybot_of_the_page.tools.SHOP", url)
        anna: dict[str, Any] = {"assurance": "verified"}
        assert "It is packed." == (await bot.say("Where is A-17?", **anna)).text
        assert "There is none." == (await bot.say("And B-2?", **anna)).text
        assert "This customer has no such order." in model.prompts[3].words[-1].content
        question = (await bot.say("Please cancel A-17.", **anna)).text
        assert f"> **Bot:** {question}\n" in PAGE
        assert [] == orders.cancelled
        assert "Done: A-17 is cancelled." == (await bot.say("yes", **anna)).text
        assert ["A-17"] == [order for order, _ in orders.cancelled]
        assert "Please log in." == (await bot.say("Cancel A-17", conversation="eve")).text
        assert () == model.prompts[-1].tools


@asynccontextmanager
async def shop(orders: Orders) -> AsyncIterator[str]:
    """Serve the shop's system; gives its address."""
    application = web.Application()
    application.router.add_route("*", "/customers/{customer}/orders/{order}", orders.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def test_the_numbers_on_the_page_are_the_program_s() -> None:
    """Bounds that were changed do not live on in the page."""
    rows = dict(re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|", PAGE.partition("## Bounds")[2], re.MULTILINE))
    assert (str(MOST_STEPS), str(_MOST_CALLS)) == (
        rows["times the model may ask for tools in a turn"],
        rows["calls at once"],
    )
    assert 900.0 == config.Config().turns.confirm_within
