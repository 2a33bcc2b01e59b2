"""A typed function becomes a tool: its schema, its rules, and what keeps it from being one."""

from __future__ import annotations

import inspect
import socket  # noqa: TC003 - a tool's annotations are read at run time
from enum import Enum
from textwrap import dedent
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field

from supportbot.errors import BadArguments, BadTool
from supportbot.messages import Contact
from supportbot.tools import Caller, Tool, tool
from tests.bot_folder import BotFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Size(Enum):
    SMALL = "s"
    LARGE = "l"


class Item(BaseModel):
    """One thing of an order."""

    title: str
    default: Size = Size.SMALL


class Node(BaseModel):
    children: list[Node] = []


CALLER = Caller(
    contact=Contact(id="contact_1", external_id="anna", assurance="verified"),
    tenant="default",
    channel="web",
    conversation_id="conv_1",
    key="turn_1.0.0",
)


def test_a_function_becomes_a_schema() -> None:
    """Types, defaults and the docstring are all that is needed; the caller is not for the model."""

    @tool(effects="none")
    def find(
        caller: Caller,
        order_id: str,
        items: list[Item],
        count: int | None = None,
        *,
        how: Literal["fast", "slow"] = "fast",
        price: int | str = 3,
        note: Annotated[str, Field(description="Said of it.")] = "",
    ) -> None:
        """Find an order.

        Use it when the customer names one.

        Args:
            caller: who asks.
            order_id: As on the invoice,
                beginning with A.
            count (int): How many.

        Returns:
            nothing
        """

    item = {
        "type": "object",
        "description": "One thing of an order.",
        "properties": {
            "title": {"type": "string"},
            "default": {"type": "string", "enum": ["s", "l"], "default": "s"},
        },
        "required": ["title"],
    }
    assert ("find", "Find an order.\n\nUse it when the customer names one.") == (
        find.spec.name,
        find.spec.description,
    )
    assert {
        "type": "object",
        "additionalProperties": False,
        "required": ["order_id", "items"],
        "properties": {
            "order_id": {"type": "string", "description": "As on the invoice, beginning with A."},
            "items": {"type": "array", "items": item},
            "count": {"type": "integer", "description": "How many."},
            "how": {"type": "string", "enum": ["fast", "slow"], "default": "fast"},
            "price": {
                "type": ["integer", "string"],
                "anyOf": [{"type": "integer"}, {"type": "string"}],
                "default": 3,
            },
            "note": {"type": "string", "description": "Said of it.", "default": ""},
        },
    } == find.spec.parameters
    Draft202012Validator.check_schema(find.spec.parameters)


def test_a_function_without_parameters_takes_an_empty_object() -> None:
    """The type is said even where there is nothing in it."""

    @tool
    def now() -> str:
        """Tell the time."""
        return "noon"

    assert {"type": "object", "properties": {}, "additionalProperties": False} == now.spec.parameters
    assert [{}, {}, {}] == [now.read(text) for text in ("", "  ", "{}")]


def test_arguments_are_read_and_bound() -> None:
    """The function gets values of its own types, and the caller from us."""

    @tool
    def find(caller: Caller, item: Item, json: int = 7) -> tuple[str, Item, int]:
        """Find."""
        return caller.contact.external_id, item, json

    values = find.read('{"item": {"title": "lamp", "default": "l"}}')
    assert ("anna", Item(title="lamp", default=Size.LARGE), 7) == find.bind(values, CALLER)()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("{}", "order_id: Field required"),
        ('{"order_id": "A", "customer_id": 2}', "customer_id: Extra inputs are not permitted"),
        ('{"order_id": "A", "caller": {"contact": 2}}', "caller: Extra inputs are not permitted"),
        ('{"order_id": "A"', "Invalid JSON"),
        ("[]", "should be an object"),
        ('{"order_id": {"$ne": ""}}', "order_id: Input should be a valid string"),
        ("null", "object"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments: str, says: str) -> None:
    """Nothing is guessed, and nobody names a customer but the session."""

    @tool
    def find(caller: Caller, order_id: str) -> None:
        """Find."""

    with pytest.raises(BadArguments, match=says):
        find.read(arguments)


def test_a_tool_is_still_its_function() -> None:
    """A test calls it like any other."""

    @tool(name="add-up", timeout=1)
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    assert (3, "add-up", "Add.") == (add(1, 2), add.name, inspect.getdoc(add))


def test_the_cautious_choice_is_the_default() -> None:
    """Who says nothing gets a tool that is not run twice."""

    @tool
    def pay() -> None:
        """Pay."""

    assert ("once", "anyone", False, 20.0) == (pay.effects, pay.requires, pay.confirm, pay.timeout)


@pytest.mark.parametrize(("assurance", "may"), [("anonymous", False), ("claimed", False), ("verified", True)])
def test_identified_means_proven(assurance: Any, may: bool) -> None:
    """Somebody's own word for who they are is not enough."""

    @tool(requires="identified")
    def mine() -> None:
        """Mine."""

    contact = CALLER.contact.evolve(assurance=assurance)
    assert may is mine.is_for(contact)
    assert Tool(mine.function).is_for(contact)


@pytest.mark.parametrize(
    ("confirm", "asks"),
    [
        (True, "cancel order (order_id: A-17 {x}, count: 2)"),
        ("cancel order {order_id}", "cancel order A-17 {x}"),
        ("do it", "do it"),
    ],
)
def test_what_a_customer_is_asked(confirm: bool | str, asks: str) -> None:
    """In the author's words, or with the name and all arguments; an argument cannot add lines or fields."""

    @tool(confirm=confirm)
    def cancel_order(order_id: str, count: int = 2) -> None:
        """Cancel."""

    assert asks == cancel_order.action(cancel_order.read('{"order_id": "A-17\\n\\u202e{x}"}'))


def _unnamed(*args: str) -> None:
    """Do."""


def _untyped(a) -> None:  # type: ignore[no-untyped-def]
    """Do."""


def _caller_later(a: str, caller: Caller) -> None:
    """Do."""


def _endless(node: Node) -> None:
    """Do."""


def _silent(a: str) -> None: ...


def _odd(callback: Callable[[], None]) -> None:
    """Do."""


def _unknown_to_json(thing: socket.socket) -> None:
    """Do."""


def _fine(a: str) -> None:
    """Do."""


@pytest.mark.parametrize(
    ("function", "options", "says"),
    [
        (_unnamed, {}, "has the parameter 'args' without a name"),
        (_untyped, {}, "has the parameter 'a' without a type"),
        (_caller_later, {}, "takes the Caller behind other parameters"),
        (_endless, {}, "takes 'Node', which holds itself"),
        (_silent, {}, "has no docstring"),
        (_unknown_to_json, {}, "has parameters that JSON cannot describe"),
        (_odd, {}, "has an annotation that cannot be resolved"),
        (_fine, {"name": "two words"}, "has a name that models cannot use"),
        (_fine, {"name": "x" * 65}, "has a name that models cannot use"),
        (_fine, {"name": "python"}, "has a reserved name"),
        (_fine, {"name": "supportbot_x"}, "has a reserved name"),
        (_fine, {"timeout": 0}, "has the timeout 0"),
        (_fine, {"confirm": "cancel {b}"}, "asks about '{b}'"),
        (_fine, {"confirm": "cancel {a.__class__}"}, "asks about '{a.__class__}'"),
        (_fine, {"confirm": "cancel {a!r:>9}"}, "asks about '{a}'"),
    ],
)
def test_what_cannot_be_a_tool_says_why(function: Any, options: dict[str, Any], says: str) -> None:
    """At the import, in words, with what to do."""
    with pytest.raises(BadTool) as caught:
        Tool(function, **options)
    assert says in str(caught.value)


# -- bot.yaml ------------------------------------------------------------------------------------

_MODULE = '''
from supportbot.tools import tool

@tool(effects="none")
def order_status(order_id: str) -> str:
    """Look up where an order is."""
    return "on its way"

@tool(name="order_status")
def second(order_id: str) -> str:
    """Look it up again."""
    return "on its way"

def plain(order_id: str) -> str:
    """Look."""
    return ""
'''


@pytest.fixture
def shop(tmp_path: Path) -> BotFolder:
    """A bot's folder with a package of tools, its name this test's own."""
    folder = BotFolder(tmp_path)
    package = tmp_path / _package(tmp_path)
    package.mkdir()
    for name, source in {
        "good": _MODULE,
        "broken": "def (",
        "needy": "import nowhere_to_be_found",
        "failing": "raise OSError('sk-secret')",
        "bad": dedent(_MODULE).replace('"""Look up where an order is."""', "pass"),
        "reserved": _MODULE.replace("def order_status", "def python"),
    }.items():
        (package / f"{name}.py").write_text(source, "utf-8")
    return folder


def _package(root: Path) -> str:
    return f"shop_{abs(hash(str(root)))}"


def test_bot_yaml_names_tools(shop: BotFolder) -> None:
    """They lie beside bot.yaml, and are loaded with it."""
    loaded = shop.load(f"tools: ['{_package(shop.root)}.good:order_status']")
    assert ["order_status"] == [each.name for each in loaded.tools]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (
            ["{}.gone:x"],
            "names the module {}.gone, which is not there: put it beside bot.yaml, or install it",
        ),
        (["{}.good:order_statu"], "is not in {}.good: did you mean 'order_status'?"),
        (["{}.good:nothing"], "is not in {}.good: there are: order_status, second"),
        (["{}.good:plain"], "is a function and no tool: write @tool above it"),
        (["{}.broken:x"], "is in a file with a syntax error in line 1: correct it"),
        (["{}.needy:x"], "needs the module nowhere_to_be_found, which is not installed: install it"),
        (["{}.failing:x"], "cannot be imported (OSError): see: python -c 'import {}.failing'"),
        (
            ["{}.bad:x"],
            "has no docstring: say in a sentence what it does and when to use it; that is all a model",
        ),
        (["{}.reserved:python"], "has a reserved name: give it another"),
        (["order_status"], "is not the name of a tool: write module:function"),
        (["../x:y"], "is not the name of a tool: write module:function"),
    ],
)
def test_what_is_no_tool_stands_at_its_line(shop: BotFolder, names: list[str], says: str) -> None:
    """``supportbot check`` says it before a customer could."""
    package = _package(shop.root)
    found = shop.problems("tools:\n" + "\n".join(f"  - '{name.format(package)}'" for name in names))
    assert 1 == len(found)
    assert found[0].startswith(f"bot.yaml:2:5: tools[0] {says.format(package, package)}")


def test_two_tools_of_one_name_are_one_too_many(shop: BotFolder) -> None:
    """A model could not tell them apart."""
    package = _package(shop.root)
    (found,) = shop.problems(f"tools:\n  - {package}.good:order_status\n  - {package}.good:second\n")
    assert found == (
        "bot.yaml:3:5: tools[1] is a second tool of the name 'order_status': "
        "name each tool once, and let no two have the same name"
    )


def test_the_question_must_say_what_is_asked(shop: BotFolder) -> None:
    """A customer who says yes must have read what to."""
    assert [
        "bot.yaml:1:18: texts.confirm does not say what is to be done: write {action} where that belongs"
    ] == shop.problems("texts: {confirm: 'Really?'}")
