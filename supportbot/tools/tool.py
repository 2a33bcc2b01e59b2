"""One tool: a typed function, and what it declares about itself."""

from __future__ import annotations

import functools
import inspect
import re
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, overload

from pydantic_core import to_json, to_jsonable_python

from supportbot.errors import BadTool
from supportbot.messages import ToolSpec
from supportbot.readable import one_line, visible
from supportbot.tools.schema import description_of, signature_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supportbot.messages import Assurance, Contact

Effects = Literal["none", "idempotent", "once"]
"""What running a tool does: nothing; the same however often it is run; something that must happen once."""

Requires = Literal["anyone", "identified"]
"""For whom a tool may be run. ``identified``: the channel has proven who wrote (``verified``); somebody's own
word for it (``claimed``) is not enough."""

P = ParamSpec("P")
R = TypeVar("R")

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RESERVED = frozenset({"brave_search", "wolfram_alpha", "code_interpreter", "python", "ipython"})
"""Llama's own built-in tools: servers render a call of one of these in another way."""
_OURS = "supportbot_"
_LONGEST_TIMEOUT = 600.0
_SHOWN = 100  # characters of an argument in a question to the customer


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """For whom a tool is run: from the session, never from what the model says."""

    contact: Contact
    """Who asks. ``contact.external_id`` is the channel's own key of them."""
    tenant: str
    channel: str
    """The channel's name in bot.yaml."""
    conversation_id: str
    key: str
    """The same for every try of this one call and for no other: the idempotency key for your own systems."""

    @property
    def assurance(self) -> Assurance:
        """How sure the channel is of who asks: ``anonymous``, ``claimed``, ``verified``."""
        return self.contact.assurance


class Tool(Generic[P, R]):
    """A tool. Called as the function it was made of, it is that function: ``order_status("A-17")``."""

    def __init__(
        self,
        function: Callable[P, R],
        *,
        name: str = "",
        effects: Effects = "once",
        requires: Requires = "anyone",
        confirm: bool | str = False,
        timeout: float = 20.0,
    ) -> None:
        """Make one of a function. See ``tool``.

        Raises:
            BadTool: it cannot be one; the message says why.
        """
        functools.update_wrapper(self, function)
        self.function = function
        self.effects: Effects = effects
        self.requires: Requires = requires
        self.timeout = timeout
        self.is_async = inspect.iscoroutinefunction(function)
        self._signature = signature_of(function, Caller)
        self.spec = ToolSpec(
            name=name or function.__name__,
            description=description_of(function),
            parameters=self._signature.parameters,
        )
        self._action = "" if confirm is False else _action(self.spec.name, self._signature.names, confirm)
        self._check()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, as a test does."""
        return self.function(*args, **kwargs)

    @property
    def name(self) -> str:
        """What the model calls it."""
        return self.spec.name

    @property
    def confirm(self) -> bool:
        """The customer is asked before it is run."""
        return bool(self._action)

    def is_for(self, contact: Contact) -> bool:
        """Say whether it may be run for this contact."""
        return self.requires == "anyone" or contact.assurance == "verified"

    def read(self, arguments: str) -> dict[str, Any]:
        """Return the values of its parameters from a model's JSON text.

        Raises:
            BadArguments: they do not fit.
        """
        return self._signature.read(arguments)

    def same(self, values: Mapping[str, Any]) -> str:
        """Return a text that is the same for the same arguments, however the model wrote them."""
        return to_json(values, fallback=repr).decode()

    def action(self, values: Mapping[str, Any]) -> str:
        """Return what a customer is asked to confirm, in their words: ``cancel order A-17``."""
        shown = {name: one_line(value, _SHOWN) for name, value in _told(values).items()}
        return self._action.format(**shown)

    def can_be_confirmed(self, values: Mapping[str, Any]) -> bool:
        """Say whether ``action`` shows every argument that it names whole: a yes is to what was read, not to
        what was cut off or hidden in it."""
        named = {field for _, field, _, _ in string.Formatter().parse(self._action)}
        told = (value for name, value in _told(values).items() if name in named)
        return all(len(value) <= _SHOWN and visible(value) == value for value in told)

    def bind(self, values: Mapping[str, Any], caller: Caller) -> Callable[[], Any]:
        """Return the function with all its arguments, ready to be called."""
        first: tuple[Any, ...] = (caller,) if self._signature.wants_caller else ()
        return functools.partial(self.function, *first, **values)

    def _check(self) -> None:
        name = self.spec.name
        if not _NAME.fullmatch(name):
            raise BadTool(
                tool=name, problem="has a name that models cannot use", fix="only A-Z a-z 0-9 _ - in it"
            )
        if name in _RESERVED or name.startswith(_OURS):
            raise BadTool(tool=name, problem="has a reserved name", fix="give it another: @tool(name=...)")
        if not self.spec.description:
            fix = "say in a sentence what it does and when to use it; that is all a model knows of it"
            raise BadTool(tool=name, problem="has no docstring", fix=fix)
        if not 0 < self.timeout <= _LONGEST_TIMEOUT:
            problem = f"has the timeout {self.timeout}"
            raise BadTool(
                tool=name, problem=problem, fix=f"more than 0, at most {_LONGEST_TIMEOUT:g} seconds"
            )


@overload
def tool(function: Callable[P, R], /) -> Tool[P, R]: ...


@overload
def tool(
    *,
    name: str = "",
    effects: Effects = "once",
    requires: Requires = "anyone",
    confirm: bool | str = False,
    timeout: float = 20.0,
) -> Callable[[Callable[P, R]], Tool[P, R]]: ...


def tool(function: Any = None, /, **options: Any) -> Any:
    """Make a tool of a typed function; its docstring tells the model what it does and when to use it.

    An ``async`` function is awaited; any other one runs in a thread. A first parameter annotated ``Caller``
    is filled in with who asks; the model does not know of it.

    Args:
        function: with annotated parameters; ``Args:`` of its docstring describes them.
        options: ``name``: what the model calls it, the function's own name by default.
            ``effects``: what running it does, see ``Effects``; ``once`` unless said otherwise.
            ``requires``: for whom, see ``Requires``; ``anyone`` by default.
            ``confirm``: ask the customer first. A text says what about: ``"cancel order {order_id}"``.
            ``timeout``: seconds it may take, 20 by default.

    Raises:
        BadTool: it cannot be a tool; the message says why.
    """
    if function is not None:
        return Tool(function)
    return functools.partial(Tool, **options)


def _told(values: Mapping[str, Any]) -> dict[str, str]:
    """Return arguments as a question to the customer tells them."""
    return {name: str(value) for name, value in to_jsonable_python(dict(values), fallback=str).items()}


def _action(name: str, parameters: tuple[str, ...], confirm: bool | str) -> str:
    """Return the template of what a customer confirms."""
    if isinstance(confirm, str) and confirm:
        fields = [
            (field, spec, how)
            for _, field, spec, how in string.Formatter().parse(confirm)
            if field is not None
        ]
        wrong = next((field for field, spec, how in fields if field not in parameters or spec or how), None)
        if wrong is not None:
            problem = f"asks about '{{{wrong}}}', which is none of its parameters"
            raise BadTool(tool=name, problem=problem, fix="name a parameter, as in {order_id}")
        return confirm
    listed = ", ".join(f"{parameter}: {{{parameter}}}" for parameter in parameters)
    return " ".join(filter(None, (re.sub("[_-]+", " ", name), listed and f"({listed})")))
