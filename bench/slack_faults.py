"""What comes of every fault of a post in Slack, as a table.

    python -m bench.slack_faults

The real program in a fake Slack (``supportbot.testing.FakeSlack``), a mention for each fault: the answer as
one post, and as a stream. "reads" are the looks into the conversation between the first post and a second,
which without any is right only where Slack said that it had taken nothing. Exit code 1 when a question
has another number of visible answers than one, when an answer is not whole, or when a stream is left open.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supportbot.chaos.folder import BotFolder
from supportbot.chaos.program import program
from supportbot.testing import FakeModelServer, FakeSlack, ModelReply

if TYPE_CHECKING:
    from supportbot.chaos.program import Program
    from supportbot.testing.slack import Workspace
    from supportbot.testing.slack.calls import Call

_ANSWER = ModelReply(pieces=("A parcel takes ", "three days. ", "You can follow it."), delay=0.3)
_KINDS = ("reset", "hang", "status", "html", "malformed")
_STREAM = ("chat.startStream", "chat.appendStream", "chat.stopStream")
_POSTING = ("chat.postMessage", "chat.startStream")
_READING = ("conversations.replies", "conversations.history")
_ENDED = "SELECT state FROM deliveries WHERE state NOT IN ('planned', 'sending') ORDER BY created_at, id"
_LONGEST = 120.0


@dataclass(frozen=True)
class Case:
    """A fault of one call. The kind ``kill`` is ours: kill -9 when Slack has taken the post."""

    method: str
    kind: str
    after: bool

    @property
    def name(self) -> str:
        """How the table names it."""
        when = "Slack took it" if self.after else "nothing taken"
        return f"{self.method:17} {self.kind:11} {when}"


def cases() -> list[Case]:
    """Return all of them; what limits a rate has taken nothing."""
    either = ((kind, after) for kind in _KINDS for after in (False, True))
    faults = [("ratelimited", False), *either, ("cut", True)]
    return [Case(method, *fault) for method in ("chat.postMessage", *_STREAM) for fault in faults]


async def settled(database: Path, number: int) -> str:
    """Wait until so many deliveries have ended; returns how the last did."""
    store = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        async with asyncio.timeout(_LONGEST):
            while len(states := store.execute(_ENDED).fetchall()) < number:  # noqa: ASYNC110 - another process's
                await asyncio.sleep(0.05)
        return str(states[-1][0])
    finally:
        store.close()


class Trial:
    """A bot in a workspace."""

    def __init__(self, slack: FakeSlack, team: Workspace, bot: Program) -> None:
        self._slack = slack
        self._team = team
        self._bot = bot
        self._numbers = count(1)

    async def suffer(self, case: Case) -> bool:
        """Ask a question, let the fault happen, print what came of it; says whether that is right."""
        slack, number = self._slack, next(self._numbers)
        channel = f"C0FAULT{number}"
        self._team.conversation(channel)
        begun, seen = time.monotonic(), len(slack.calls)
        if case.kind == "kill":
            slack.fail(case.method, "hang", after=True)
        else:
            slack.fail(case.method, case.kind, after=case.after)  # type: ignore[arg-type]
        text = f"<@{self._team.bot_user}> How long does a parcel take?"
        await slack.say(self._team.id, channel, "U0ANNA", text)
        async with asyncio.timeout(_LONGEST):
            await slack.until(lambda: any(call.fault for call in slack.calls[seen:]))
            if case.kind == "kill":
                await slack.until(lambda: slack.posts(channel))
                await self._bot.kill()
                await self._bot.start()
                slack.event_url = f"{self._bot.url}/channels/slack/events"
            await slack.until(lambda: slack.posts(channel))
        state = await settled(self._bot.folder.database_file, number)
        slack.faults.clear()
        return self._tell(case, channel, slack.calls[seen:], state, time.monotonic() - begun)

    def _tell(self, case: Case, channel: str, calls: list[Call], state: str, seconds: float) -> bool:
        answers = [message for message in self._slack.messages(channel) if message.bot_id]
        posts = [number for number, call in enumerate(calls) if call.method in _POSTING]
        second = posts[1] if len(posts) > 1 else len(calls)
        reads = sum(call.method in _READING for call in calls[posts[0] : second])
        whole = all("three days. You can follow it." in _shown(message) for message in answers)
        closed = all(message.streaming_since is None for message in answers)
        looked = len(posts) == 1 or reads > 0 or case.kind in {"ratelimited", "error"}
        fine = len(answers) == 1 and whole and closed and looked and state == "delivered"
        flaws = [] if fine else ["   <-- WRONG", *(call.method for call in calls)]
        counted = f"{len(posts):5} {reads:5} {len(answers):7}"
        print(f"{case.name:46} {counted}  {state:9} {seconds:7.2f}{' '.join(flaws)}")
        return fine


def _shown(message: Any) -> str:
    blocks = "".join(block.get("text", "") for block in message.blocks if block["type"] == "markdown")
    return blocks or message.text


async def table() -> bool:
    """Print it; return whether everything ended as it must."""
    well = True
    print(f"{'call, fault':46} {'posts':>5} {'reads':>5} {'answers':>7}  {'ledger':9} {'seconds':>7}")
    for streaming in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            async with FakeSlack() as slack, FakeModelServer(_ANSWER) as model:
                team = slack.workspace()
                section = {
                    "type": "slack",
                    "bot_token": team.token,
                    "signing_secret": slack.signing_secret,
                    "api_url": slack.api_url,
                    "streaming": streaming,
                }
                root = BotFolder(
                    Path(folder) / "bot", model_url=model.base_url("openai"), channels={"slack": section}
                )
                async with program(root) as bot:
                    slack.event_url = f"{bot.url}/channels/slack/events"
                    trial = Trial(slack, team, bot)
                    for case in cases():
                        if (case.method in _STREAM) == streaming:
                            well = await trial.suffer(case) and well
                    killed = _STREAM if streaming else ("chat.postMessage",)
                    for method in killed:
                        well = await trial.suffer(Case(method, "kill", after=True)) and well
    return well


def main() -> None:
    sys.exit(not asyncio.run(table()))


if __name__ == "__main__":
    main()
