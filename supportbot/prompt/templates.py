"""One version of all templates of a folder: compiled, rendered, and what is wrong with them."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import orjson
from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError, meta

from supportbot.errors import PromptError
from supportbot.prompt.context import VARIABLES
from supportbot.prompt.filters import SAFE_FILTERS, SAFE_TESTS
from supportbot.prompt.folder import SUFFIX, read, stamp_of
from supportbot.prompt.sandbox import Sandbox, no_such, render
from supportbot.readable import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

    from jinja2 import nodes

_LONGEST_PROBLEM = 300  # characters
_MOST_KNOWN = 256  # renderings that are kept, mostly standing instructions: one for each contact with a name
_LITTLE = 2048  # bytes of variables; what depends on more is hardly asked for twice
_NO_FILTER = re.compile(r"No (filter|test) named '(.*?)'")


class Templates:
    """The templates of a folder as they were when this was made; later edits change nothing here."""

    def __init__(self, folder: Path) -> None:
        """Read and compile. Never fails: what is wrong with the folder or a file is told in ``problems``."""
        self._folder = folder
        self._shelf = read(folder)
        self._sandbox = Sandbox(self._shelf.sources)
        self.problems: list[PromptError] = list(self._shelf.problems)
        self.names: list[str] = []
        """The templates that compile."""
        self._digests: dict[frozenset[str], str] = {}  # one entry for each set a channel's prompts use
        self._needs: dict[str, tuple[str, ...]] = {}
        self._known: dict[tuple[str, bytes], tuple[str, frozenset[str]]] = {}
        for name in self._shelf.sources:
            self._compile(name)

    @property
    def changed(self) -> bool:
        """Whether the folder is no longer as it was when this was made."""
        return stamp_of(self._shelf.watched) != self._shelf.stamp

    def path(self, name: str) -> Path:
        """Return where a template is, or would be."""
        return self._folder / name

    def has(self, name: str) -> bool:
        """Say whether there is such a template, in order or not."""
        return name in self._shelf.sources or any(
            problem.details["file"] == self.path(name) for problem in self._shelf.problems
        )

    def choose(self, name: str, channel: str) -> str:
        """Return the channel's own variant of a template, ``<name>.<channel>.md.j2``, or the common one."""
        own = f"{name}.{channel}{SUFFIX}"
        return own if own in self._shelf.sources else name + SUFFIX

    def render(self, name: str, context: Mapping[str, Any]) -> tuple[str, frozenset[str]]:
        """Render a template: its words, and the names of all templates that took part.

        Raises:
            PromptError: what went wrong, in which file and line.
        """
        try:
            key = name, orjson.dumps({variable: context[variable] for variable in self._needed(name)})
            if (known := self._known.get(key)) is not None:
                return known
            made = render(self._sandbox.get_template(name), context)
        except Exception as error:  # a template can raise anything; all of it ends here
            raise self._explained(error, name) from error
        if len(key[1]) <= _LITTLE:
            if len(self._known) >= _MOST_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[key] = made
        return made

    def _needed(self, name: str) -> tuple[str, ...]:
        """Return the variables that a template, or one that it takes in, may print: the same ones, the same
        words."""
        if name not in self._needs:
            self._needs[name] = tuple(sorted(self._named_in(name, set())))
        return self._needs[name]

    def _named_in(self, name: str, seen: set[str]) -> set[str]:
        seen.add(name)
        if name not in self.names:
            return set(VARIABLES)  # it fails, whatever it is given
        tree = self.tree(name)
        named = meta.find_undeclared_variables(tree) & set(VARIABLES)
        for other in meta.find_referenced_templates(tree):
            if other is None:
                return set(VARIABLES)  # which one is decided while it is rendered
            if other not in seen:
                named |= self._named_in(other, seen)
        return named

    def digest(self, names: Iterable[str]) -> str:
        """Return the first 16 hex digits of the SHA-256 over the names and sources of some templates."""
        used = frozenset(names)
        if used not in self._digests:
            digest = hashlib.sha256()
            for name in sorted(used):
                digest.update(f"{name}\0{self._shelf.sources[name].text}\0".encode())
            self._digests[used] = digest.hexdigest()[:16]
        return self._digests[used]

    def tree(self, name: str) -> nodes.Template:
        """Return the syntax tree of a template that compiles."""
        return self._sandbox.parse(self._shelf.sources[name].text, name, str(self.path(name)))

    def _compile(self, name: str) -> None:
        try:
            self._sandbox.get_template(name)
        except Exception as error:  # noqa: BLE001  # also RecursionError, and SyntaxError of the compiled code
            self.problems.append(self._explained(error, name))
        else:
            self.names.append(name)

    def _explained(self, error: Exception, name: str) -> PromptError:
        """Say in one line what a template did wrong, and where."""
        if isinstance(error, TemplateSyntaxError):
            file, line = error.filename or str(self.path(name)), error.lineno
        else:
            file, line = _place(error.__traceback__) or (str(self.path(name)), 1)
        return PromptError(file=file, line=line, problem=one_line(_words(error), _LONGEST_PROBLEM))


def _place(traceback: TracebackType | None) -> tuple[str, int] | None:
    """Return the file and line of the innermost template in a traceback."""
    place = None
    while traceback:
        template = traceback.tb_frame.f_globals.get("__jinja_template__")
        if template:
            place = template.filename, template.get_corresponding_lineno(traceback.tb_lineno)
        traceback = traceback.tb_next
    return place


def _words(error: Exception) -> str:
    """Return what to tell about an error; of a Python error only what does not quote data."""
    if isinstance(error, TemplateSyntaxError):
        message = error.message or "syntax error"
        if missing := _NO_FILTER.match(message):
            kind, name = missing.groups()
            return no_such(kind, name, SAFE_FILTERS if kind == "filter" else SAFE_TESTS)
        return message.rstrip(".").replace(". ", "; ", 1)
    if isinstance(error, TemplateNotFound):
        return error.message or str(error)
    if isinstance(error, RecursionError):
        return "it is nested too deeply; look for a macro or an include that leads back to itself"
    if isinstance(error, TemplateError | TypeError | ArithmeticError):
        return str(error)
    return f"it fails with {type(error).__name__}"
