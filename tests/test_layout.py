"""What import-linter cannot hold of the layout: who touches files and the environment, how long one is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = [ROOT / "supportbot", *sorted((ROOT / "channels").glob("supportbot_*"))]
MODULES = sorted(path for package in PACKAGES for path in package.rglob("*.py"))

MAX_LINES = 450

MAY_TOUCH_FILES = {
    "supportbot/config/": "bot.yaml, and what it names",
    "supportbot/knowledge": "the articles",
    "supportbot/prompt": "the templates",
    "supportbot/evaluation/baseline": "what was answered before",
    "channels/supportbot_webhook/assets": "the built files of the widget",
    "channels/supportbot_email/child": "its place among those whom a kernel short of memory ends",
    "channels/supportbot_email/follow_up_words": "the words of a mail, in each language",
    "channels/supportbot_email/languages": "a line of a reply in each language, and what tells it",
    "channels/supportbot_email/listing": "what folders are usually called, in each language",
    "supportbot/tokenizer": "a model's vocabulary",
    "supportbot/cli/export": "the examples that it writes",
    "supportbot/lockfile": "the lock beside the database",
    "supportbot/chaos/": "the throwaway bot's folder, its processes' environment, a database server's files",
    "supportbot/testing/": "the bot.yaml of a test, and which files a process has open",
    "supportbot/schema": "makes the database's file, and copies it before it is migrated",
}
"""Where files and the environment are touched, by the beginning of the path, and which. All other modules are
handed values."""

_CALLS = {"open", "io.open", "os.open", "os.getenv"}
_METHODS = {"read_text", "read_bytes", "write_text", "write_bytes"}


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _name(node: ast.AST) -> str:
    return ast.unparse(node) if isinstance(node, (ast.Name, ast.Attribute)) else ""


def _touches(tree: ast.AST) -> list[str]:
    """Return what a module does with files and the environment, as ``line: expression``."""
    return [
        f"{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and _name(node) in {"os.environ", "os.environb"})
        or (
            isinstance(node, ast.Call)
            and (
                _name(node.func) in _CALLS
                or (isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS)
                or (isinstance(node.func, ast.Attribute) and _opens_a_path(node.func))
            )
        )
    ]


def _opens_a_path(function: ast.Attribute) -> bool:
    return (
        function.attr == "open"
        and isinstance(function.value, ast.Call)
        and _name(function.value.func) == "Path"
    )


@pytest.mark.parametrize(
    "code",
    [
        "os.environ['A']",
        "os.environ.get('A')",
        "os.getenv('A')",
        "open('a')",
        "p.read_text()",
        "(p / 'a').write_bytes(b'')",
        "Path('a').open()",
    ],
)
def test_the_search_finds(code: str) -> None:
    """Every way to touch a file or the environment that the search is for, it finds."""
    assert 1 == len(_touches(ast.parse(code)))


def test_the_search_leaves_other_things_alone() -> None:
    """Opening a conversation is not opening a file."""
    assert [] == _touches(ast.parse("sessions.open(turn); store.get('a'); os.urandom(10)"))


def test_only_few_modules_touch_files() -> None:
    """Files and the environment are read where bot.yaml, knowledge and prompts are loaded, nowhere else."""
    found = {_relative(m): _touches(ast.parse(m.read_text("utf-8"))) for m in MODULES}
    surprises = {
        name: touches for name, touches in found.items() if not name.startswith(tuple(MAY_TOUCH_FILES))
    }
    assert {} == {name: touches for name, touches in surprises.items() if touches}


def test_no_module_becomes_the_drawer_for_everything() -> None:
    """A long module hides a noun that deserves a module of its own; so does one called utils."""
    lines = {_relative(m): len(m.read_text("utf-8").splitlines()) for m in MODULES}
    assert {} == {name: count for name, count in lines.items() if count > MAX_LINES}
    assert [] == [m for m in MODULES if m.stem in {"utils", "util", "helpers", "common", "misc"}]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_packages_are_typed(package: Path) -> None:
    """Every package tells type checkers that it has types (PEP 561)."""
    assert (package / "py.typed").is_file()
