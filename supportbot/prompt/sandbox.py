"""Jinja with its teeth drawn: what a template may do, and how much of it.

Templates are written by whoever runs the bot, and filled with what strangers wrote. So a template
sees plain data only, calls nothing but its own macros, has no globals, a short list of filters and
tests, and is stopped when it takes too long or makes too much. Whatever it may not do raises a
``SecurityError``; the words after the semicolon in its message say what to do instead.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast

from jinja2 import BaseLoader, StrictUndefined, TemplateNotFound, Undefined, nodes, pass_context
from jinja2.environment import Template, TemplateModule
from jinja2.exceptions import SecurityError
from jinja2.runtime import BlockReference, LoopContext, Macro, TemplateReference
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from jinja2.visitor import NodeTransformer

from supportbot.prompt.context import VARIABLES
from supportbot.prompt.filters import SAFE_FILTERS, SAFE_TESTS, concatenated, printable
from supportbot.prompt.limits import bounded, step, use, watching

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, MutableMapping

    from jinja2 import Environment
    from jinja2.runtime import Context

    from supportbot.prompt.folder import Source

_CONCAT = "~"  # names of filters that no template can write
_LOOP = "for loop"
_LOOP_ATTRIBUTES = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0"}
    | {"previtem", "nextitem", "cycle", "changed"}
)
_MOST_BITS = 1024  # of a whole number


def render(template: Template, context: Mapping[str, Any]) -> tuple[str, frozenset[str]]:
    """Render within the limits; returns the words and the names of all templates that were used.

    Raises:
        Exception: whatever the template does wrong; mostly a ``jinja2.TemplateError``.
    """
    with watching(template.name or "") as watch:
        stream = cast("Generator[str]", template.root_render_func(template.new_context(dict(context))))
        pieces: list[str] = []
        for piece in stream:
            pieces.append(piece)
            try:
                watch.wrote(piece)
            except SecurityError as error:
                stream.throw(error)  # so that the traceback names the template's line
        return "".join(pieces), frozenset(watch.used)


def no_such(kind: str, name: str, known: Iterable[Any]) -> str:
    """Say that something does not exist, and which of the known may have been meant."""
    names = [word for word in known if isinstance(word, str)]
    hint = ""
    if near := get_close_matches(name, names, n=1, cutoff=0.6):
        hint = f"; did you mean '{near[0]}'?"
    elif 0 < len(names) <= 12:
        hint = f"; known: {', '.join(sorted(names))}"
    return f"there is no {kind} '{name}'{hint}"


def _kind(value: Any) -> str:
    kinds = ((str, "a text"), (int | float, "a number"), (list | tuple, "a list"), (type(None), "none"))
    return next((words for kind, words in kinds if isinstance(value, kind)), "this")


class Unknown(StrictUndefined):
    """A name that stands for nothing: using it in any way fails, with a suggestion."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        name = self._undefined_name
        if self._undefined_hint:
            return self._undefined_hint
        if self._undefined_obj is missing:
            return no_such("variable", str(name), VARIABLES)
        if isinstance(self._undefined_obj, dict):
            return no_such("key", str(name), self._undefined_obj)
        return f"there is no '{name}' in {_kind(self._undefined_obj)}"


class Sandbox(ImmutableSandboxedEnvironment):
    """A Jinja environment for the templates of one folder, given by name."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, sources: Mapping[str, Source]) -> None:
        """Compile nothing yet; ``get_template`` does."""
        super().__init__(
            loader=_Sources(sources),
            undefined=Unknown,
            finalize=printable,
            autoescape=False,  # words for a model, not HTML for a browser
            auto_reload=False,
            cache_size=-1,  # as many as there are files
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.globals.clear()
        self.filters = {**SAFE_FILTERS, _CONCAT: concatenated, _LOOP: _watched}
        self.tests = dict(SAFE_TESTS)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Look up what follows a dot: a key of a mapping, never an attribute of a Python object."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Look up a key, an index or a slice of plain data, or a public part of Jinja's own objects."""
        if isinstance(obj, Undefined):
            return str(obj)  # fails, with the right words
        try:
            if isinstance(obj, dict | TemplateReference) or (
                isinstance(obj, str | list | tuple) and isinstance(argument, int | slice)
            ):
                return obj[argument]
        except (TypeError, LookupError):
            return self.undefined(obj=obj, name=argument)
        if isinstance(obj, LoopContext) and argument in _LOOP_ATTRIBUTES:
            return getattr(obj, argument)
        if isinstance(obj, TemplateModule) and not str(argument).startswith("_"):
            return getattr(obj, argument, self.undefined(obj=obj, name=argument))
        return self.undefined(obj=obj, name=argument)

    def is_safe_callable(self, obj: Any) -> bool:
        """Allow macros, blocks and the functions of a loop; nothing else is ever called."""
        owner = getattr(obj, "__self__", None)
        return isinstance(obj, Macro | BlockReference | LoopContext) or isinstance(owner, LoopContext)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Call a macro."""
        if not __self.is_safe_callable(__obj):
            raise SecurityError("only macros can be called; a filter may do it, as in {{ text | upper }}")
        step()
        return __context.call(__obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Calculate with numbers, within limits; join texts."""
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return bounded(left, len(left) + len(right)) + right
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise SecurityError(f"'{operator}' is for numbers; join texts with ~, and lists with | join")
        if isinstance(left, int) and isinstance(right, int) and _bits(operator, left, right) > _MOST_BITS:
            raise SecurityError(f"the result of '{operator}' is too large; use smaller numbers")
        return self.binop_table[operator](left, right)

    def concat(self, pieces: Iterable[str]) -> str:
        """Join what a macro or a block has made."""
        parts = list(pieces)
        bounded("", sum(map(len, parts)))
        return "".join(parts)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        _Guard().visit(tree)  # changes what is in it, not the tree itself
        tree.set_environment(self)
        return tree

    def _load_template(self, name: str, globals: MutableMapping[str, Any] | None) -> Template:  # noqa: A002
        use(name)
        return super()._load_template(name, globals)


class _Sources(BaseLoader):
    """Gives out what was read beforehand: no name leads out of it, whatever it looks like."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, None]:
        if (source := self._sources.get(template)) is None:
            raise TemplateNotFound(template, no_such("template", template, self._sources))
        return source.text, str(source.path), None


class _Guard(NodeTransformer):
    """Leads what the environment has no hook for through filters of ours: ``~`` and every loop."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:  # noqa: N802
        self.generic_visit(node)
        return _filter(nodes.List(node.nodes, lineno=node.lineno), _CONCAT)

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802
        self.generic_visit(node)
        node.iter = _filter(node.iter, _LOOP)
        return node


def _filter(expression: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(cast("nodes.Expr", expression), name, [], [], None, None, lineno=expression.lineno)


@pass_context  # so that it is not applied once and for all while compiling
def _watched(_context: Context, iterable: Any) -> _Watched:
    return _Watched(iterable)


class _Watched:
    """What a loop runs over, one watched step at a time."""

    def __init__(self, iterable: Any) -> None:
        if isinstance(iterable, str):
            raise SecurityError("a text is no list; loop over a list")
        self._iterable = iterable

    def __iter__(self) -> Iterator[Any]:
        for item in self._iterable:
            step()
            yield item

    def __len__(self) -> int:
        return len(self._iterable)


def _bits(operator: str, left: int, right: int) -> int:
    """Return about how many bits the result has."""
    if operator == "**":
        return left.bit_length() * max(right, 0)
    return left.bit_length() + right.bit_length()
