"""How quick the website's widget is, in Chromium on this machine.

    python -m bench.widget [--rounds 5] [--seconds 20] [--streams 100]

Prints, as the median and the worst of some rounds in a browser with an empty cache: milliseconds from the
loader's last byte until the launcher is painted, and from the click until one can write in the chat, of which
nothing was loaded before. Then: tasks over 50 ms while a long answer in Markdown is streamed at 60 tokens a
second. Then, without a browser: how late 100 visitors' streams bring what a model says at 50 tokens a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp
from playwright.async_api import async_playwright

from tests.widget.browsers import Browsers, running
from tests.widget.stage import Stage, Visitor, stage

_PAINTED = """
new MutationObserver((_, observer) => {
  if (![...document.body?.children ?? []].some((element) => element.shadowRoot)) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => (window.painted = performance.now())));
}).observe(document, {childList: true, subtree: true});
"""
_LAUNCHER = """() => painted - performance.getEntriesByType("resource")
  .find(({name}) => name.endsWith("widget.js")).responseEnd"""
_USABLE = """
if (location.pathname.endsWith("/frame")) {
  const look = () => document.activeElement?.localName === "textarea"
    ? requestAnimationFrame(() => setTimeout(() => (window.usable = Date.now())))
    : setTimeout(look);
  look();
}
"""
_CLICK = """(button) => { button.click(); return Date.now(); }"""
_LONG_TASKS = """() => {
  window.tasks = [];
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({duration}) => duration)))
    .observe({type: "longtask"});
}"""
_ANSWER = """## Delivery

**Standard delivery** takes *two to four* working days, see the [guide](https://example.com/guide) for `more`.

| Service | Time | Price |
|---|---|---|
| Standard | two to four days | little |
| Express | one day | more |

1. Open your account
2. Choose **Orders**
3. Press the button

> A person answers within a day.

"""


async def measure_opening(here: Stage, rounds: int) -> None:
    launcher, usable = [], []
    for _ in range(rounds):
        context = await here.browsers.open()
        await context.add_init_script(_PAINTED + _USABLE)
        visitor = await here.visitor(context)
        await visitor.page.wait_for_function("window.painted")
        launcher.append(await visitor.page.evaluate(_LAUNCHER))
        clicked = await visitor.launcher.evaluate(_CLICK)
        await visitor.box.wait_for()
        frame = visitor.page.frames[1]
        await frame.wait_for_function("window.usable")
        usable.append(await frame.evaluate("window.usable") - clicked)
        await context.close()
    for what, times in (
        ("launcher painted after its script came", launcher),
        ("chat usable after the click", usable),
    ):
        print(f"{what}: median {statistics.median(times):.0f} ms, worst {max(times):.0f} ms of {rounds}")


async def measure_streaming(here: Stage, seconds: int) -> None:
    visitor: Visitor = await here.visitor()
    await visitor.open()
    await visitor.write("Tell me everything")
    await here.model.asked()
    frame = visitor.page.frames[1]
    await frame.evaluate(_LONG_TASKS)
    tokens = [_ANSWER[at : at + 4] for at in range(0, len(_ANSWER), 4)]
    for number in range(seconds * 60):
        here.model.say(tokens[number % len(tokens)])
        await asyncio.sleep(1 / 60)
    here.model.finish()
    await visitor.chat.get_by_role("button", name="Copy").wait_for()
    tasks: list[float] = await frame.evaluate("tasks")
    length = await frame.evaluate("document.querySelector('.lines').textContent.length")
    print(
        f"{seconds * 60} tokens at 60/s, {length} characters in the end: {len(tasks)} tasks over 50 ms"
        f"{f', the longest {max(tasks):.0f} ms' if tasks else ''}"
    )


async def measure_relay(here: Stage, streams: int, seconds: int) -> None:
    late: list[float] = []
    here.model.clock = (seconds * 50, 1 / 50)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def listen() -> None:
            async with http.post(f"{here.base}sessions", json={}) as answer:
                headers = {"Authorization": f"Bearer {(await answer.json())['token']}"}
            async with http.get(f"{here.base}conversation/events", headers=headers) as events:
                message = {"client_id": "one", "text": "What time is it?"}
                await (
                    await http.post(f"{here.base}conversation/messages", json=message, headers=headers)
                ).read()
                kind = ""
                async for line in events.content:
                    if line.startswith(b"event: "):
                        kind = line[7:].strip().decode()
                    elif line.startswith(b"data: ") and kind == "delta":
                        words = json.loads(line[6:])["text"].split()
                        late.extend(time.time() - _said(word) for word in words)
                    elif line.startswith(b"data: ") and kind == "message" and b'"author":"bot"' in line:
                        return

        await asyncio.gather(*(listen() for _ in range(streams)))
    late.sort()
    print(
        f"{streams} streams at 50 tokens/s for {seconds} s, {len(late)} tokens: relayed after"
        f" {late[len(late) // 2] * 1000:.0f} ms (median), {late[int(len(late) * 0.99)] * 1000:.0f} ms (p99)"
    )


def _said(word: str) -> float:
    """Return when a word was said. It is in letters: digits could become a secret, and are held back."""
    return int("".join(str(ord(letter) - ord("a")) for letter in word)) / 1000


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--streams", type=int, default=100)
    options = parser.parse_args()
    path = os.environ.get("SUPPORTBOT_TEST_CHROMIUM") or shutil.which("chromium") or "chromium"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        with running(path, root / "profile") as address:
            async with async_playwright() as playwright:
                browsers = Browsers(await playwright.chromium.connect_over_cdp(address))
                async with stage(root / "bot", browsers) as here:
                    await measure_opening(here, options.rounds)
                    await measure_streaming(here, options.seconds)
                    await browsers.close()
                    await measure_relay(here, options.streams, options.seconds)


if __name__ == "__main__":
    asyncio.run(main())
