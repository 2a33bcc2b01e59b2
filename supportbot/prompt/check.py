"""What is wrong with a folder of templates, found before a customer does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import meta, nodes

from supportbot.errors import PromptError
from supportbot.messages import Contact, Memory, Message, Passage, Turn
from supportbot.prompt.context import VARIABLES, about_bot, context
from supportbot.prompt.folder import SUFFIX
from supportbot.prompt.sandbox import no_such
from supportbot.prompt.templates import Templates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

KNOWLEDGE = "knowledge"
"""Name of the template that shows the passages."""

SUMMARY = "summary"
"""Name of the template that tells what is remembered beyond the history; there need not be one."""

SUMMARISE = "summarise"
"""Name of the template that asks for a summary; there need not be one."""

TRIAGE = "triage"
"""Name of the template that asks what a question is about; there need not be one."""

_TOPICS = {"returns": "sending something back"}
_OF_JINJA = frozenset({"caller", "kwargs", "loop", "self", "super", "varargs"})


@dataclass(frozen=True, slots=True, order=True)
class TemplateProblem:
    """Something that would go wrong with a template."""

    file: Path
    line: int
    problem: str
    hint: str
    """What to do; may be empty."""


def check_templates(
    folder: Path, system: str, channels: Iterable[str], bot: Mapping[str, Any]
) -> list[TemplateProblem]:
    """Parse every template of a folder and render it with sample data; report all that fails.

    ``system`` is the name of the system prompt's template, ``channels`` the names of the channels,
    ``bot`` the section of that name. Templates whose file name begins with ``_`` are parts of others:
    they are rendered only where they are included. Reads the folder and does nothing else.
    """
    return sorted({_problem(error) for error in problems(Templates(folder), system, channels, bot)})


def problems(
    templates: Templates, system: str, channels: Iterable[str], bot: Mapping[str, Any]
) -> list[PromptError]:
    """Do the same for templates that have been read; the gravest come first."""
    found = list(templates.problems)
    found += [
        PromptError(
            file=templates.path(name), line=1, problem="this template is missing; an empty file says nothing"
        )
        for name in (system + SUFFIX, KNOWLEDGE + SUFFIX)
        if not templates.has(name)
    ]
    entries = [name for name in templates.names if not name.rpartition("/")[2].startswith("_")]
    names, about = tuple(channels) or ("terminal",), about_bot(bot)
    for entry in entries:
        found += _unknown_names(templates, entry)
        found += _failures(templates, entry, names, about)
    return found


def _problem(error: PromptError) -> TemplateProblem:
    problem, _, hint = str(error.details["problem"]).partition("; ")
    return TemplateProblem(Path(error.details["file"]), error.details["line"], problem, hint)


def _failures(
    templates: Templates, name: str, channels: Iterable[str], bot: Mapping[str, Any]
) -> Iterator[PromptError]:
    """Render one template for every channel and kind of turn."""
    own = name.rpartition("/")[2].removesuffix(SUFFIX).partition(".")[2]
    for channel in (own,) if own else channels:
        for turn in _turns(channel):
            for passages in (_PASSAGES, ()):
                try:
                    templates.render(name, context(turn, passages, bot, topics=_TOPICS))
                except PromptError as error:
                    yield error


def _unknown_names(templates: Templates, name: str) -> Iterator[PromptError]:
    """Find names that stand for nothing, also where no sample leads."""
    tree = templates.tree(name)
    unknown = meta.find_undeclared_variables(tree) - {*VARIABLES, *_OF_JINJA, *_own_names(tree)}
    for node in tree.find_all(nodes.Name):
        if node.name in unknown and node.ctx == "load":
            problem = no_such("variable", node.name, VARIABLES)
            yield PromptError(file=templates.path(name), line=node.lineno, problem=problem)
    yield from _unknown_keys(templates, name, tree)


def _unknown_keys(templates: Templates, name: str, tree: nodes.Template) -> Iterator[PromptError]:
    """The same for what follows the dot of a variable that is not the template's own."""
    sample = context(_turns("terminal")[0], _PASSAGES, about_bot({}))
    own = set(_own_names(tree))
    for node in tree.find_all(nodes.Getattr):
        variable = node.node.name if isinstance(node.node, nodes.Name) else ""
        mapping = sample.get(variable)
        if isinstance(mapping, dict) and variable not in own and node.attr not in mapping:
            problem = no_such("key", node.attr, mapping)
            yield PromptError(file=templates.path(name), line=node.lineno, problem=problem)


def _own_names(tree: nodes.Template) -> Iterator[str]:
    """Yield what a template names itself, wherever: its blocks see what stands outside them."""
    for node in tree.find_all((nodes.Name, nodes.Macro, nodes.Import, nodes.FromImport)):
        if isinstance(node, nodes.FromImport):
            yield from (name if isinstance(name, str) else name[1] for name in node.names)
        elif isinstance(node, nodes.Import):
            yield node.target
        elif isinstance(node, nodes.Macro) or (isinstance(node, nodes.Name) and node.ctx != "load"):
            yield node.name


def _turns(channel: str) -> tuple[Turn, ...]:
    """Return a turn of a stranger, and two of a customer who has written before: claimed and verified."""
    stranger = Turn(
        id="turn_sample",
        conversation_id="conv_sample",
        tenant="default",
        channel=channel,
        external_id="sample",
        address={},
        contact=Contact(id="contact_sample", external_id="sample"),
        fence=1,
        attempt=1,
        messages=(
            Message(id="msg_sample", seq=1, author="customer", text="Where is my order?", created_at=0),
        ),
    )
    claimed = stranger.contact.evolve(name="Ada Lovelace", email="ada@example.com", assurance="claimed")
    second = stranger.evolve(
        contact=claimed,
        messages=tuple(message.evolve(seq=7) for message in stranger.messages),
        created_at=1_760_000_000_000,
    )
    memory = Memory(
        from_seq=5,
        pinned=("A-17",),
        summary="The customer asks about a late order.",
        summary_seq=2,
        left_out=(
            Message(id="msg_3", seq=3, author="customer", text="It was a gift.", created_at=0),
            Message(id="msg_4", seq=4, author="person", text="I am looking into it.", created_at=0),
        ),
    )
    return stranger, second, second.evolve(contact=claimed.evolve(assurance="verified"), memory=memory)


_PASSAGES = (
    Passage(title="Returns", source="returns.md", text="You can return an item within 30 days.", score=0.9),
    Passage(
        title="Shipping", source="https://example.com/shipping", text="Parcels take two days.", score=0.6
    ),
)
