"""From ``mybot.tools:order_status`` to the tool."""

from __future__ import annotations

import importlib
import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from supportbot.errors import BadTool
from supportbot.tools.tool import Tool

if TYPE_CHECKING:
    from pathlib import Path


def load_tool(name: str, folder: Path) -> Tool[..., Any]:
    """Import the tool that bot.yaml names as ``module:function``.

    The module is an installed one, or lies in ``folder``, which stays the last place where Python looks for
    modules: nothing in it can hide what is installed.

    Raises:
        BadTool: there is none, or it cannot be one.
    """
    module_name, _, attribute = name.partition(":")
    module = _module(name, module_name, folder)
    found = getattr(module, attribute, None)
    if isinstance(found, Tool):
        return found
    if callable(found):
        raise BadTool(tool=name, problem="is a function and no tool", fix="write @tool above it")
    known = [key for key, value in vars(module).items() if isinstance(value, Tool)]
    close = get_close_matches(attribute, known, n=1)
    fix = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(known) or 'none'}"
    raise BadTool(tool=name, problem=f"is not in {module_name}", fix=fix)


def _module(name: str, module_name: str, folder: Path) -> Any:
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    importlib.invalidate_caches()
    try:
        return importlib.import_module(module_name)
    except BadTool:
        raise
    except ModuleNotFoundError as error:
        missing = error.name or module_name
        if module_name == missing or module_name.startswith(f"{missing}."):
            problem, fix = (
                f"names the module {missing}, which is not there",
                "put it beside bot.yaml, or install it",
            )
        else:
            problem, fix = f"needs the module {missing}, which is not installed", "install it"
        raise BadTool(tool=name, problem=problem, fix=fix) from None
    except SyntaxError as error:
        problem = f"is in a file with a syntax error in line {error.lineno}"
        raise BadTool(tool=name, problem=problem, fix="correct it") from None
    except Exception as error:  # noqa: BLE001 - importing a stranger's module may fail in any way
        problem = f"cannot be imported ({type(error).__name__})"
        raise BadTool(tool=name, problem=problem, fix=f"see: python -c 'import {module_name}'") from None
