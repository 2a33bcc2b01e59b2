"""Has the conversations, with a bot that differs from the real one in three things: its database is a new
one, customers write to it through a channel of its own, and it has no tool that changes anything."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from supportbot import reports
from supportbot.evaluation.judge import complaints
from supportbot.store import open_store
from supportbot.testing.bots import started_bot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from supportbot.config import Loaded
    from supportbot.evaluation.scenarios import Line, Scenario
    from supportbot.messages import Assurance
    from supportbot.reports import TurnRow
    from supportbot.store import Store
    from supportbot.testing.bots import StartedBot


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One line of a scenario, and what came of it."""

    say: str
    answer: str
    complaints: tuple[str, ...]
    model: str
    handoff: str
    sources: tuple[str, ...]
    seconds: float
    """From the customer's message to the answer on their side."""
    tokens: int
    cost: int
    """In billionths of the currency."""
    currency: str
    is_unanswered: bool = False
    """Whether no answer came in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a scenario."""

    name: str
    lines: tuple[Said, ...]

    @property
    def passed(self) -> bool:
        """Whether every answer was as expected."""
        return not any(line.complaints for line in self.lines)

    @property
    def answers(self) -> list[str]:
        """What was answered, line by line: what a baseline keeps."""
        return [line.answer for line in self.lines]


def usable(loaded: Loaded, *, with_effects: bool = False) -> tuple[Loaded, tuple[str, ...]]:
    """Return the bot that is evaluated, and the names of the tools that were taken from it."""
    tools = tuple(tool for tool in loaded.tools if with_effects or tool.effects == "none")
    left_out = tuple(tool.name for tool in loaded.tools if tool not in tools)
    config = loaded.config.model_copy(update={"channels": {}})
    return replace(loaded, config=config, channels={}, tools=tools), left_out


async def evaluate(
    loaded: Loaded,
    scenarios: Sequence[Scenario],
    folder: Path,
    *,
    concurrency: int = 4,
    patience: float = 30.0,
    report: Callable[[], None] = lambda: None,
) -> tuple[Outcome, ...]:
    """Have every conversation and judge the answers; outcomes stand in the order of the scenarios.

    Args:
        loaded: the bot, as ``usable`` returns it.
        scenarios: what customers say.
        folder: where its database is made.
        concurrency: most conversations at once.
        patience: seconds that an answer may take beyond the time of all its tries.
        report: called when one has ended.
    """
    places = asyncio.Semaphore(concurrency)
    async with started_bot(loaded, folder) as bot:
        store = open_store(bot.loaded.database)
        try:

            async def one(number: int, scenario: Scenario) -> Outcome:
                async with places:
                    outcome = await _had(bot, store, scenario, f"{number}", patience)
                report()
                return outcome

            return tuple(await asyncio.gather(*(one(n, s) for n, s in enumerate(scenarios))))
        finally:
            await store.close()


async def _had(
    bot: StartedBot, store: Store, scenario: Scenario, conversation: str, patience: float
) -> Outcome:
    lines: list[Said] = []
    for line in scenario.lines:
        said = await _said(bot, store, line, conversation, assurance=scenario.assurance, patience=patience)
        lines.append(said)
        if said.is_unanswered:
            break  # what follows would be answered together with it
    return Outcome(name=scenario.name, lines=tuple(lines))


async def _said(
    bot: StartedBot, store: Store, line: Line, conversation: str, *, assurance: Assurance, patience: float
) -> Said:
    loop = asyncio.get_running_loop()
    turns = bot.loaded.config.turns
    begun = loop.time()
    within = turns.timeout * turns.attempts + turns.debounce + patience
    try:
        reply = await bot.say(line.say, conversation=conversation, assurance=assurance, within=within)
    except TimeoutError:
        complaint = f"no answer within {within:.0f} seconds; the lines after it were not said"
        return Said(
            say=line.say,
            answer="",
            complaints=(complaint,),
            model="",
            handoff="",
            sources=(),
            seconds=round(loop.time() - begun, 3),
            tokens=0,
            cost=0,
            currency="",
            is_unanswered=True,
        )
    seconds = loop.time() - begun
    turn = await _turn(store, reply.turn_id) if reply.turn_id else None
    tokens = ((turn.prompt_tokens or 0) + (turn.completion_tokens or 0)) if turn else 0
    return Said(
        say=line.say,
        answer=reply.text,
        complaints=complaints(line.expect, reply, tokens),
        model=turn.model if turn else "",
        handoff=reply.handoff,
        sources=tuple(citation.source for citation in reply.citations),
        seconds=round(seconds, 3),
        tokens=tokens,
        cost=(turn.cost or 0) if turn else 0,
        currency=turn.currency if turn else "",
    )


async def _turn(store: Store, turn_id: str) -> TurnRow:
    story = await reports.explain(store, turn_id)
    return next(turn for turn in story.turns if turn.id == turn_id)
