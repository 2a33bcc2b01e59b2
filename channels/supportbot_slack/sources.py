"""Whether a function is there, without importing its module: what a module does when it is imported is for
the bot's start, not for ``supportbot check``."""

from __future__ import annotations

import ast
from importlib.abc import InspectLoader
from importlib.machinery import PathFinder
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from pathlib import Path


def missing(name: str, folder: Path) -> str:
    """Return why ``module:function`` cannot be had; empty when it is there, or nobody can tell.

    Args:
        name: what is looked for.
        folder: where modules are looked for that are not installed.
    """
    module, _, function = name.partition(":")
    spec = _spec(module, folder)
    if spec is None:
        return f"names the module '{module}', which is not there"
    try:
        source = spec.loader.get_source(module) if isinstance(spec.loader, InspectLoader) else None
        tree = ast.parse(source) if source is not None else None
    except (SyntaxError, ImportError) as error:
        return f"names the module '{module}', which cannot be read ({type(error).__name__})"
    known = _names(tree) if tree is not None else {function}
    return "" if known & {function, "*"} else f"names '{function}', which is not in the module '{module}'"


def _spec(module: str, folder: Path) -> ModuleSpec | None:
    first, *rest = module.split(".")
    spec = find_spec(first) or PathFinder.find_spec(first, [str(folder)])
    name = first
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, list(spec.submodule_search_locations))
    return spec


def _names(tree: ast.Module) -> set[str]:
    """Return all names that a module's code binds, at any depth: too many rather than too few."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    return found
