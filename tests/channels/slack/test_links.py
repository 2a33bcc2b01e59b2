"""Links that could carry something away (row M05)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from supportbot.messages import Answer, Citation
from supportbot_slack.links import Links
from tests.channels.slack.driver import mention
from tests.channels.slack.test_outbound import _delivered

if TYPE_CHECKING:
    from supportbot.messages import Prompt
    from tests.channels.slack.workspace import ScriptedSlack

SECRET = "My card is 4111 1111 1111 1111, and I live in Elm Street"
ENCODED = "TXkgY2FyZCBpcyA0MTExIDExMTEgMTExMSAxMTEx"


@pytest.mark.parametrize(
    ("written", "left"),
    [
        (f"https://evil.example/?q={SECRET.replace(' ', '%20')}", "https://evil.example/"),
        (f"https://evil.example/?q={SECRET.replace(' ', '+')}.", "https://evil.example/."),
        (f"https://evil.example/a#{'x' * 50}", "https://evil.example/a"),
        (f"https://evil.example/?q={ENCODED}", "https://evil.example/"),
        (f"https://evil.example/p/{ENCODED}/i.png", "https://evil.example/p/"),
        (f"HTTPS://EVIL.example/?q={ENCODED}", "HTTPS://EVIL.example/"),
        (f"[our page](https://evil.example/?q={ENCODED})", "[our page](https://evil.example/)"),
        (f"`https://evil.example/?q={ENCODED}`", "`https://evil.example/`"),
        (f"<https://evil.example/?q={ENCODED}|docs>", "<https://evil.example/|docs>"),
        (f"https://user:{ENCODED}@evil.example/?{ENCODED}", "https://evil.example/"),
        (f"https://known.example/?q={ENCODED}", f"https://known.example/?q={ENCODED}"),
        (f"https://docs.known.example/{ENCODED}", f"https://docs.known.example/{ENCODED}"),
        (f"https://notknown.example/?q={ENCODED}", "https://notknown.example/"),
        (f"https://source.example/?q={ENCODED}", f"https://source.example/?q={ENCODED}"),
        ("https://[bad/?q=1", "https://[bad/?q=1"),
        ("no link at all?", "no link at all?"),
    ],
)
def test_what_is_long_or_encoded_is_cut(written: str, left: str) -> None:
    """From links to hosts that neither bot.yaml nor the answer's sources name."""
    sources = ["https://source.example/a", "knowledge/a.md"]
    assert left == Links(["known.example"]).cut(written, sources=sources)


@pytest.mark.parametrize(
    "written",
    [
        "See https://shop.example/returns?lang=en&order=A-1017, or write to us.",
        "https://shop.example/how-to-return-a-parcel-within-30-days#the-label",
        "https://video.example/watch?v=dQw4w9WgXcQ",
        "https://a.example/b/123e4567-e89b-12d3-a456-426614174000",
    ],
)
def test_what_people_link_to_stays(written: str) -> None:
    """Pages, languages, orders, videos."""
    assert written == Links([]).cut(written)


@pytest.mark.parametrize("text", ["", "https://", "https://a@ https://b@/?q=" + "x" * 50, "http://[ //"])
def test_whatever_it_is_can_be_counted(text: str) -> None:
    """Also what is no link any more once it is cut."""
    assert (Links([]).cut(text) != text) == (Links([]).count(text) > 0)


class Misled:
    """A model that was told to give everything away."""

    name = "misled"

    async def complete(self, prompt: Prompt, live: Any) -> Answer:
        text = f"See https://evil.example/?q={ENCODED} and https://docs.example/?q={ENCODED} please."
        await live.append(text)
        source = Citation(title="Docs", source="https://docs.example/start")
        return Answer(prompt=prompt, text=text, model=self.name, citations=(source,))

    async def close(self) -> None:
        pass


async def test_no_answer_carries_it(live: Any, slack: ScriptedSlack) -> None:
    """Nor what is shown of it while it is being written."""
    async with live(Misled()) as bot:
        await bot.send(mention())
        await _delivered(bot)
        async with bot.http.get(f"{bot.bot.url}/metrics") as response:
            assert 'supportbot_links_cut_total{channel="slack"} 1.0' in await response.text()
    assert [f"See https://evil.example/ and https://docs.example/?q={ENCODED} please."] == slack.shown()
    assert not any("evil.example/?q" in str(arguments) for _, arguments in slack.calls)
