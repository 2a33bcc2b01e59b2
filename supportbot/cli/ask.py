"""``supportbot ask``: put one question to the models themselves, past store and channels."""

import asyncio
import json
import shlex
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from supportbot.cli.failures import TO_CHANGE, say
from supportbot.cli.settings import settings_of
from supportbot.errors import ModelError, NoModelToAsk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supportbot.config import Config
    from supportbot.config.models import ModelSection
    from supportbot.messages import Answer, Prompt, Turn
    from supportbot.tools import Tool

_CHANNEL = "terminal"
"""Whose templates are used; nothing goes through it."""

_KEY_NAMES = {"llama": "LLAMA_API_KEY", "openai": "OPENAI_API_KEY"}
"""What the shown command calls the key. What it is called in bot.yaml is not known here."""


def ask(
    context: typer.Context,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What a customer would write.")],
    show_request: Annotated[
        bool, typer.Option("--show-request", help="Print what would be sent, and send nothing.")
    ] = False,
    model: Annotated[
        str, typer.Option(metavar="NAME", help="Ask this entry of 'model' alone, by its name or model id.")
    ] = "",
    no_stream: Annotated[
        bool, typer.Option("--no-stream", help="Ask for the answer in one piece, whatever bot.yaml says.")
    ] = False,
) -> None:
    """Ask the models of bot.yaml one question, with the prompt that a new customer's would get."""
    from supportbot.cli.stored import be_quiet

    if not question.strip():
        say('The question is empty. Write one: supportbot ask "How do I return something?"')
        raise typer.Exit(TO_CHANGE)
    be_quiet()
    loaded = settings_of(context).load()
    config = loaded.config
    sections = _chosen(config, model)
    if no_stream:
        sections = [section.model_copy(update={"stream": False}) for section in sections]
    prompt = _rendered(config, question)
    if show_request:
        _show(sections[0], _with_tools(prompt, loaded.tools))
    else:
        asyncio.run(_ask(sections, prompt))


def _chosen(config: "Config", name: str) -> "list[ModelSection]":
    """Return the entries to ask, in their order."""
    names = [section.label for section in config.model]
    if not names:
        raise NoModelToAsk(
            wanted="model",
            known="Add a section 'model' to it, or name a file that has one: --model-file FILE",
        )
    chosen = [section for section in config.model if name in {"", section.label, section.model}]
    if not chosen:
        raise NoModelToAsk(wanted=f"model '{name}'", known=f"There are: {', '.join(names)}")
    return chosen


# -- the prompt ----------------------------------------------------------------------------------


def _rendered(config: "Config", question: str) -> "Prompt":
    """Do what the bot does with a new customer's first message."""
    from supportbot.brain import make_prompts
    from supportbot.knowledge import Knowledge

    turn = new_turn(question)
    passages = Knowledge.load(config.knowledge.path).search(turn.question, config.knowledge.passages)
    return make_prompts(config).render(turn, passages)


def new_turn(question: str, channel: str = _CHANNEL) -> "Turn":
    """Return a new customer's first message as the turn that it would be."""
    from supportbot.ids import now_ms
    from supportbot.messages import Contact, Message, Turn
    from supportbot.storable import clean_text

    now = now_ms()
    text = clean_text(question)
    return Turn(
        id="turn_ask",
        conversation_id="conv_ask",
        tenant="default",
        channel=channel,
        external_id="ask",
        address={},
        contact=Contact(id="contact_ask", external_id="ask"),
        fence=1,
        attempt=1,
        messages=(Message(id="msg_ask", seq=1, author="customer", text=text, created_at=now),),
        created_at=now,
    )


def _with_tools(prompt: "Prompt", tools: "Sequence[Tool[..., Any]]") -> "Prompt":
    """Return the prompt with the tools that a new customer may use; say which they may not."""
    usable = [tool for tool in tools if tool.is_for(prompt.turn.contact)]
    if left_out := [tool.name for tool in tools if tool not in usable]:
        say(f"Without the tools for customers who are known: {', '.join(left_out)}\n")
    return prompt.evolve(tools=tuple(tool.spec for tool in usable))


# -- asking --------------------------------------------------------------------------------------


async def _ask(sections: "Sequence[ModelSection]", prompt: "Prompt") -> None:
    """Print the first answer there is.

    Raises:
        ModelError: the last model's, when none answered.
    """
    *others, last = sections
    for section in others:
        try:
            return await _ask_one(section, prompt)
        except ModelError as error:
            say(f"{str(error).rstrip('.')}. Asking the next one.")
    return await _ask_one(last, prompt)


async def _ask_one(section: "ModelSection", prompt: "Prompt") -> None:
    from supportbot.model import Endpoint

    loop = asyncio.get_running_loop()
    screen = _Growing() if sys.stdout.isatty() else _Whole()
    endpoint = Endpoint(section)
    begun = loop.time()
    try:
        answer = await endpoint.complete(prompt, screen)
    except ModelError:
        screen.void()
        raise
    finally:
        await endpoint.close()
    screen.end(answer)
    usage = answer.usage
    say(
        f"{answer.model}: {_number(usage.prompt_tokens)} tokens in, {_number(usage.completion_tokens)} out, "
        f"{loop.time() - begun:.1f} s"
    )


class _Whole:
    """For scripts: an answer is printed once it is complete, or not at all."""

    async def append(self, text: str) -> None:
        """Wait for the rest."""

    async def restart(self) -> None:
        """Nothing was printed."""

    def void(self) -> None:
        """Nothing was printed."""

    def end(self, answer: "Answer") -> None:
        """Print it."""
        sys.stdout.write(f"{answer.text}\n")


class _Growing:
    """For a person: the answer appears as it is written."""

    def __init__(self) -> None:
        self._begun = False

    async def append(self, text: str) -> None:
        """Print what has come."""
        self._begun = True
        sys.stdout.write(text)
        sys.stdout.flush()

    async def restart(self) -> None:
        """Say that what stands there is void."""
        self.void()

    def void(self) -> None:
        """Say that what stands there is void."""
        if self._begun:
            self._begun = False
            sys.stdout.write("\n[what stands above is no complete answer]\n")

    def end(self, answer: "Answer") -> None:
        """End the line."""
        sys.stdout.write("\n")


def _number(value: int | None) -> str:
    return "?" if value is None else str(value)


# -- showing -------------------------------------------------------------------------------------


def _show(section: "ModelSection", prompt: "Prompt") -> None:
    """Print the body as JSON to stdout, and to stderr the command that sends it, without the key."""
    from supportbot.model.client import codec_of, url_of

    body = json.dumps(codec_of(section).request(prompt, section), indent=2, ensure_ascii=False)
    typer.echo(body)
    lines = [f"curl {shlex.quote(url_of(section))}", "-H 'Content-Type: application/json'"]
    if section.api_key is not None:
        lines.append(f'-H "Authorization: Bearer ${_KEY_NAMES[section.dialect]}"')
    lines.append(f"-d {shlex.quote(body)}")
    say("\n" + " \\\n  ".join(lines))
