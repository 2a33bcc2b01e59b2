"""From a turn to the words the model reads."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import structlog

from supportbot.errors import PromptError
from supportbot.history import cost, spoken, trim
from supportbot.messages import Prompt, Words
from supportbot.prompt.check import KNOWLEDGE, problems
from supportbot.prompt.context import about_bot, context
from supportbot.prompt.templates import Templates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from supportbot.messages import Passage, Turn

_log = structlog.get_logger()


class Prompts:
    """Renders prompts from a folder of templates, which may be edited while the bot runs."""

    def __init__(
        self,
        folder: Path,
        *,
        system: str = "system",
        history_tokens: int,
        bot: Mapping[str, Any],
        look_every: float = 1.0,
    ) -> None:
        """Read the templates and try them out.

        ``system`` names the system prompt's template, ``history_tokens`` bounds what was said (at least
        ``history.SMALLEST_BUDGET``), ``bot`` is the section of that name as plain data, ``look_every``
        says after how many seconds an edit is noticed at the latest.

        Raises:
            PromptError: the first thing that is wrong with the templates.
        """
        self._folder = folder
        self._system = system
        self._history_tokens = history_tokens
        self._bot = about_bot(bot)
        self._look_every = look_every
        self._look_at = time.monotonic() + look_every
        self._newest = self._in_use = Templates(folder)
        self._raise_problem(self._newest)

    def render(self, turn: Turn, passages: Sequence[Passage] = ()) -> Prompt:
        """Make the prompt of one turn. The same turn, passages and templates give the same bytes.

        First the system prompt, then what was said, trimmed; the passages go into a second system
        entry right before the customer's newest words. So everything before that entry is the same
        as in the turn before, and an endpoint's prefix cache can use it.

        Raises:
            PromptError: a template fails on this turn.
        """
        templates = self._current()
        variables = context(turn, passages, self._bot)
        system, used = templates.render(templates.choose(self._system, turn.channel), variables)
        knowledge, also_used = templates.render(templates.choose(KNOWLEDGE, turn.channel), variables)
        said = trim(spoken((*turn.history, *turn.messages)), self._history_tokens)
        newest = max((place for place, entry in enumerate(said) if entry.role == "user"), default=len(said))
        words = (*_system(system), *said[:newest], *_system(knowledge), *said[newest:])
        return Prompt(
            turn=turn,
            words=words,
            passages=tuple(passages),
            template_hash=templates.digest(used | also_used),
            tokens=cost(words),
        )

    def _current(self) -> Templates:
        """Return the newest templates that are in order. A broken edit is logged once and passed over."""
        if self._is_time_to_look() and self._newest.changed:
            self._newest = Templates(self._folder)
            try:
                self._raise_problem(self._newest)
                self._in_use = self._newest
            except PromptError as error:
                _log.error("prompts.rejected", problem=str(error), action="those of before stay in use")
        return self._in_use

    def _is_time_to_look(self) -> bool:
        """Whether a look at the files is due: at every turn it would cost more than the rendering."""
        now = time.monotonic()
        due = now >= self._look_at
        if due:
            self._look_at = now + self._look_every
        return due

    def _raise_problem(self, templates: Templates) -> None:
        for problem in problems(templates, self._system, (), self._bot):
            raise problem


def _system(text: str) -> tuple[Words, ...]:
    text = text.strip()
    return (Words(role="system", content=text),) if text else ()
