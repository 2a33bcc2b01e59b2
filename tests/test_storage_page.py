"""docs/storage.md names what is stored."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

import supportbot
from supportbot.messages import Assurance, DeliveryState, MessageState, State
from supportbot.outbox.claims import Death
from supportbot.tables import metadata

PACKAGE = Path(supportbot.__file__).parent
PAGE = (PACKAGE.parent / "docs" / "storage.md").read_text("utf-8")

_KIND = re.compile(
    r"(message|memory|moderation|state|turn|delivery|conversation|contact|route|follow_up)\.[a-z_]+"
)


def section(heading: str) -> str:
    """The text below a heading, up to the next one."""
    _, _, rest = PAGE.partition(f"\n### {heading}\n")
    assert rest, f"docs/storage.md has no section '{heading}'"
    return re.split(r"\n##+ ", rest)[0]


def first_cells(heading: str) -> list[str]:
    """What the table below a heading lists."""
    _, _, body = section(heading).partition("\n|---|---|\n")
    return re.findall(r"^\| `([^`]+)` \|", body, re.MULTILINE)


def journal_kinds() -> set[str]:
    """What the program's calls of ``note`` name, as far as it stands in the calls."""
    calls = [
        node
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"note", "_note"}
    ]
    constants = [n.value for call in calls for n in ast.walk(call) if isinstance(n, ast.Constant)]
    return {value for value in constants if isinstance(value, str) and _KIND.fullmatch(value)}


@pytest.mark.parametrize("table", metadata.tables)
def test_every_column_is_explained(table: str) -> None:
    """Each table has its section, which lists exactly its columns, in their order."""
    assert [column.name for column in metadata.tables[table].columns] == first_cells(f"`{table}`")


def test_no_table_is_explained_that_is_not_there() -> None:
    """A table that went takes its section with it."""
    assert {*metadata.tables, "alembic_version"} == set(re.findall(r"^### `(\w+)`$", PAGE, re.MULTILINE))


@pytest.mark.parametrize(
    ("heading", "states"),
    [
        ("Who speaks in a conversation", get_args(State)),
        ("What becomes of a message", get_args(MessageState)),
        ("How far a delivery is", get_args(DeliveryState)),
        ("What a delivery died of", get_args(Death)),
    ],
)
def test_every_state_is_explained(heading: str, states: tuple[str, ...]) -> None:
    """The words on the page are those of the types."""
    assert set(states) == set(first_cells(heading))


@pytest.mark.parametrize("assurance", get_args(Assurance))
def test_every_assurance_is_explained(assurance: str) -> None:
    """How sure we may be of a contact stands with its column."""
    assert f"`{assurance}`" in section("`contacts`")


def test_every_kind_of_event_is_explained() -> None:
    """What the program writes into the journal, the page lists."""
    assert set() == journal_kinds() - set(first_cells("The journal"))


def test_links_lead_somewhere() -> None:
    """A link to a place on the page has a heading to go to."""
    anchors = {
        re.sub(r"[^\w -]", "", h).lower().replace(" ", "-")
        for h in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    }
    assert set() == set(re.findall(r"\]\(#([^)]+)\)", PAGE)) - anchors
