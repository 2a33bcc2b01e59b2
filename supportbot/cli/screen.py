"""Where a chat's answers go: to a person at a terminal, to a script, to a program."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

from supportbot.cli.failures import say
from supportbot.cli.line import Show
from supportbot.cli.output import console, json_line, phrase
from supportbot.errors import ChatRefused
from supportbot.readable import visible

if TYPE_CHECKING:
    from rich.live import Live
    from rich.markdown import Markdown

    from supportbot.cli.background import Background
    from supportbot.cli.line import Line, Reply

_SETTLED = {
    "handed_over": "Your message is with a person now; the bot is silent in this conversation.",
    "ignored": "The conversation is marked as spam, so the message is not answered.",
    "dead": "The bot failed on this message. What happened: supportbot dead list",
}
_CALLED = "A person was asked to take over; the bot is silent in this conversation from now on."
_GIVE_BACK = "To give it back to the bot: supportbot conversations state {conversation} bot"


class Screen(Protocol):
    """Asks questions and shows what comes."""

    is_dialogue: bool
    """A person sits in front of it."""

    def ask(self, background: Background, line: Line, question: str) -> None:
        """Ask one question, show its answer."""


class Plain:
    """For scripts: the answer's text, and a line for each source behind it."""

    is_dialogue = False

    def ask(self, background: Background, line: Line, question: str) -> None:
        """Ask one question, print its answer."""
        reply = background.run(line.ask(question, _Patient()))
        if reply.text is not None:
            sys.stdout.write(f"{visible(reply.text)}\n")
            for source in _sources(reply):
                sys.stdout.write(f"{source}\n")
            sys.stdout.flush()
        _remark(reply)


class JsonLines:
    """For programs: one line of JSON for each question."""

    is_dialogue = False

    def ask(self, background: Background, line: Line, question: str) -> None:
        """Ask one question, print its answer."""
        reply = background.run(line.ask(question, _Patient()))
        answer = {
            "conversation": line.conversation,
            "conversation_id": reply.conversation_id,
            "question": question,
            "text": reply.text,
            "citations": reply.citations,
            "state": reply.state,
        }
        sys.stdout.write(json_line(answer))
        sys.stdout.flush()


class Dialogue:
    """For a person: the answer grows while it is being written."""

    is_dialogue = True

    def __init__(self) -> None:
        self._console = console()

    def ask(self, background: Background, line: Line, question: str) -> None:
        """Ask one question, show its answer."""
        from rich.live import Live
        from rich.text import Text

        try:
            with Live(Text("…", style="dim"), console=self._console, auto_refresh=False) as live:
                reply = background.run(line.ask(question, _Growing(live)))
                live.update(_markdown(reply.text or ""), refresh=True)
        except ChatRefused as error:
            say(str(error))
            return
        for source in _sources(reply):
            self._console.print(source, style="dim")
        _remark(reply)
        self._console.print()


class _Patient(Show):
    """Says once that the bot went away."""

    def __init__(self) -> None:
        self._said = False

    def away(self) -> None:
        if not self._said:
            self._said = True
            say("The bot is away for a moment; asking again …")


class _Growing(_Patient):
    def __init__(self, live: Live) -> None:
        super().__init__()
        self._live = live

    def writing(self, text: str) -> None:
        self._live.update(_markdown(text or "…"), refresh=True)


def _markdown(text: str) -> Markdown:
    from rich.markdown import Markdown

    return Markdown(visible(text), hyperlinks=False)


def _sources(reply: Reply) -> list[str]:
    return [
        f"Source: {phrase(citation.get('title', ''))} ({phrase(citation.get('source', ''), 200)})"
        for citation in reply.citations
    ]


def _remark(reply: Reply) -> None:
    """Say on stderr what the answer's text does not: that a person is to go on, or why there is none."""
    if reply.text is None:
        say(_SETTLED.get(reply.state, f"There is no answer ({reply.state})."))
    elif reply.state in {"queued", "human"}:
        say(_CALLED)
    if reply.state in {"queued", "human", "handed_over", "ignored"}:
        say(_GIVE_BACK.format(conversation=reply.conversation_id))
