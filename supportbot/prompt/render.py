"""From a turn to the words the model reads."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import structlog

from supportbot.errors import PromptError
from supportbot.history import FRAME, cost, cut, entries, in_sight, newest, trim
from supportbot.messages import Prompt, Words
from supportbot.prompt.budget import shared
from supportbot.prompt.check import KNOWLEDGE, SUMMARISE, SUMMARY, TRIAGE, problems
from supportbot.prompt.context import about_bot, context
from supportbot.prompt.folder import SUFFIX
from supportbot.prompt.recall import important, left_out, less_told
from supportbot.prompt.templates import Templates
from supportbot.readable import fits, shorten
from supportbot.tokens import estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from supportbot.history import Said
    from supportbot.messages import Memory, Passage, Turn

_LEAST_SAID = 40
"""Tokens: a text that has less room than that and does not fit is left out, not shortened."""

_LONGEST_MESSAGE = 400
"""Tokens of one message that is to be summarised."""

_log = structlog.get_logger()


class Prompts:
    """Renders prompts from a folder of templates, which may be edited while the bot runs."""

    def __init__(
        self,
        folder: Path,
        *,
        system: str = "system",
        history_tokens: int,
        history_messages: int = 1000,
        keep: float = 0.5,
        pin: Sequence[str] = (),
        summary_tokens: int = 300,
        bot: Mapping[str, Any],
        look_every: float = 1.0,
    ) -> None:
        """Read the templates and try them out.

        Args:
            folder: where the templates are.
            system: the name of the system prompt's template.
            history_tokens: the most that what was said may cost; at least ``history.SMALLEST_BUDGET``.
            history_messages: of how many messages it may be made, beside the new ones.
            keep: which share of both stays when the history is cut.
            pin: regular expressions for what must not be lost of what is cut off.
            summary_tokens: how long a summary may be.
            bot: the section of that name as plain data.
            look_every: after how many seconds an edit is noticed at the latest.

        Raises:
            PromptError: the first thing that is wrong with the templates.
        """
        self._folder = folder
        self._system = system
        self._history_tokens = history_tokens
        self._history_messages = history_messages
        self._keep = keep
        self._pins = [re.compile(pattern) for pattern in pin]
        self._summary_words = summary_tokens // 2  # in most languages a word costs less than two tokens
        self._bot = about_bot(bot)
        self._look_every = look_every
        self._look_at = time.monotonic() + look_every
        self._newest = self._in_use = Templates(folder)
        self._raise_problem(self._newest)

    def render(self, turn: Turn, passages: Sequence[Passage] = (), *, room: int | None = None) -> Prompt:
        """Make the prompt of one turn. The same turn, passages, room and templates give the same bytes.

        First the system prompt, then what was said, cut now and then; what is remembered beyond that and
        the passages go into a second system entry right before the customer's newest words. So
        everything before that entry is the same as in the turn before, unless the history was cut, and
        an endpoint's prefix cache can use it.

        Args:
            turn: what is to be answered; its history begins where its memory says.
            passages: what may answer it.
            room: what the prompt may cost at most, in tokens as we estimate them, 320 or more; None when
                nothing limits it.

        Raises:
            PromptError: a template fails on this turn.
        """
        templates = self._current()
        system, used = self._rendered(templates, self._system, turn, passages, turn.memory)
        budget = shared(room, system=cost(_system(system)), history=self._history_tokens)
        said = self._said(turn, budget.history)
        memory = self._remembered(turn, said)
        recalled, also_used = self._recalled(templates, turn, memory, budget.memory)
        known, used_too = self._known(templates, turn, passages, budget.passages)
        history = tuple(entry.words for entry in said)
        last = max((place for place, entry in enumerate(history) if entry.role == "user"), default=0)
        if last == 0:  # nothing older stays, and still it may be too much
            history = trim(history, budget.history)
        notes = "\n\n".join(filter(None, (recalled, known)))
        words = (
            *_system(_within(system, budget.system - FRAME)),
            *history[:last],
            *_system(notes),
            *history[last:],
        )
        return Prompt(
            turn=turn,
            words=words,
            passages=tuple(passages),
            template_hash=templates.digest(used | also_used | used_too),
            tokens=cost(words),
            memory=memory,
        )

    def summarise(self, turn: Turn, *, room: int | None = None) -> Prompt | None:
        """Make the prompt that asks for a summary of ``turn.messages`` and of ``turn.memory.summary``.

        The prompt's turn holds as many of the messages, from the first on, as there is room for. None
        when there is no template for it.

        Raises:
            PromptError: the template fails on this turn.
        """
        templates = self._current()
        if not templates.has(SUMMARISE + SUFFIX):
            return None
        messages = [m.evolve(text=shorten(m.text, _LONGEST_MESSAGE)) for m in turn.messages]
        while True:
            memory = turn.memory.evolve(left_out=tuple(messages))
            text, used = self._rendered(templates, SUMMARISE, turn, (), memory)
            if room is None or len(messages) <= 1 or fits(text, room - 2 * FRAME):
                break
            del messages[len(messages) // 2 :]
        words = (Words(role="user", content=text if room is None else _within(text, room - 2 * FRAME)),)
        return Prompt(
            turn=turn.evolve(messages=turn.messages[: len(messages)]),
            words=words,
            purpose="summary",
            template_hash=templates.digest(used),
            tokens=cost(words),
        )

    def triage(self, turn: Turn, topics: Mapping[str, str], *, room: int | None = None) -> Prompt:
        """Make the prompt that asks what the turn's new messages are about.

        Args:
            turn: the messages, and what was said before.
            topics: what they may be about: a name, and what belongs to it.
            room: as for ``render``; what is more loses its middle.

        Raises:
            PromptError: there is no template for it, or it fails on this turn.
        """
        templates = self._current()
        variables = context(turn, (), self._bot, topics=topics)
        text, used = templates.render(templates.choose(TRIAGE, turn.channel), variables)
        content = text.strip() if room is None else _within(text.strip(), room - 2 * FRAME)
        words = (Words(role="user", content=content),)
        return Prompt(
            turn=turn,
            words=words,
            purpose="triage",
            template_hash=templates.digest(used),
            tokens=cost(words),
        )

    def _said(self, turn: Turn, budget: int) -> Sequence[Said]:
        history = newest(turn.history, self._history_messages, keep=self._keep)
        said = in_sight((*history, *turn.messages), budget // 2)
        return cut(entries(said), budget, keep=self._keep)

    def _remembered(self, turn: Turn, said: Sequence[Said]) -> Memory:
        """Return the conversation's memory from now on: another one only when the history was cut."""
        oldest = next((m.seq for m in turn.history if m.author == "customer"), None)
        if oldest is None or not oldest < said[0].seq > turn.memory.from_seq:
            return turn.memory
        return left_out(turn.memory, turn.history, said[0].seq, self._pins)

    def _recalled(
        self, templates: Templates, turn: Turn, memory: Memory, tokens: int
    ) -> tuple[str, frozenset[str]]:
        """Tell what is remembered, within so many tokens."""
        if tokens < _LEAST_SAID or not templates.has(SUMMARY + SUFFIX):
            return "", frozenset()
        room = tokens - FRAME
        spent = estimate(memory.summary) + estimate(" ".join(memory.pinned))
        told = memory.evolve(left_out=important(memory.left_out, room - spent))
        while told.left_out or told.summary or told.pinned:
            text, used = self._rendered(templates, SUMMARY, turn, (), told)
            if fits(text, room):
                return text, used
            told = less_told(told, estimate(text) - room)
        return "", frozenset()

    def _known(
        self, templates: Templates, turn: Turn, passages: Sequence[Passage], tokens: int
    ) -> tuple[str, frozenset[str]]:
        """Show the passages that fit into so many tokens, the best ones first."""
        while True:
            text, used = self._rendered(templates, KNOWLEDGE, turn, passages, turn.memory)
            if len(passages) <= 1 or fits(text, tokens - FRAME):
                return _within(text, tokens - FRAME), used
            passages = passages[:-1]

    def _rendered(
        self, templates: Templates, name: str, turn: Turn, passages: Sequence[Passage], memory: Memory
    ) -> tuple[str, frozenset[str]]:
        """Render a template, or the channel's own variant of it; returns what templates took part, too."""
        variables = context(turn, passages, self._bot, memory, summary_words=self._summary_words)
        text, used = templates.render(templates.choose(name, turn.channel), variables)
        return text.strip(), used

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
    return (Words(role="system", content=text),) if text else ()


def _within(text: str, tokens: int) -> str:
    """Return a text that costs at most so many tokens: this one, its ends, or nothing."""
    if fits(text, tokens):
        return text
    return shorten(text, tokens) if tokens >= _LEAST_SAID else ""
