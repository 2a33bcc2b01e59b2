"""Posts that nobody may look for: made again where bot.yaml says so (``on_unclear``), whatever they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from supportbot.messages import Answer
from supportbot.testing import ScriptedModel
from tests.channels.slack.test_fake import ANSWER, answering, settled
from tests.channels.slack.test_handoffs import TEAM, told, words

if TYPE_CHECKING:
    from pathlib import Path

    from supportbot.messages import Prompt
    from supportbot.model.base import Sink


class ForAPerson(ScriptedModel):
    """A model that hands over whoever writes."""

    async def complete(self, prompt: Prompt, live: Sink) -> Answer:
        """Say so."""
        return Answer(prompt=prompt, text=ANSWER, model=self.name, handoff="no_answer")


@pytest.mark.parametrize("code", ["missing_scope", "not_in_channel"])
@pytest.mark.parametrize("said", ["Help", ""])
async def test_the_team_hears_of_who_wrote_no_word_too(tmp_path: Path, said: str, code: str) -> None:
    """A customer who sent a picture and nothing else waits for a person like any other."""
    more = {"handoff_channel": TEAM, "on_unclear": "resend"}
    async with answering(tmp_path, ForAPerson(), **more) as (slack, team, bot):
        team.conversation(TEAM)
        slack.fail("chat.postMessage", "reset", times=2)  # neither the reply nor the notice is taken
        slack.fail("conversations.history", "error", times=0, error=code)
        picture = slack.add_file(team.id, "a.png", b"\x89PNG", "image/png")
        await slack.say(team.id, "D0ANNA", "U0ANNA", said, files=(picture,), subtype="file_share")
        await settled(bot)
        [post] = told(slack)
        assert (said or "(no words)") in list(words(post.blocks))
        assert [ANSWER] == slack.posts("D0ANNA")
