"""What becomes ready in a crowd begins in small groups, and everything else has its turn between."""

from __future__ import annotations

import asyncio

from supportbot.turns.turnstile import Turnstile


async def test_who_comes_alone_does_not_wait() -> None:
    """Passing costs nothing where there is no crowd."""
    passing = Turnstile(2).pass_through()
    try:
        passing.send(None)
    except StopIteration:
        return
    raise AssertionError("it waited")


async def test_a_crowd_passes_in_order_and_in_small_groups() -> None:
    """Between two groups the event loop makes a round."""
    turnstile, seen = Turnstile(2), list[str]()

    async def pass_through(name: str) -> None:
        await turnstile.pass_through()
        seen.append(name)

    def others() -> None:
        seen.append("-")
        if len(seen) < 20:
            asyncio.get_running_loop().call_soon(others)

    others()
    await asyncio.gather(*(pass_through(name) for name in "abcdef"))
    assert "abcdef" == "".join(seen).replace("-", "")
    assert ["ab", "cd", "ef"] == [group for group in "".join(seen).split("-") if group]


async def test_who_gives_up_takes_nobody_s_place() -> None:
    """A turn that was taken away while it waited lets the next one pass."""
    turnstile = Turnstile(1)
    _, gone, next_one = (asyncio.ensure_future(turnstile.pass_through()) for _ in range(3))
    await asyncio.sleep(0)
    gone.cancel()
    async with asyncio.timeout(10):
        await next_one
    assert gone.cancelled()
