"""A file that holds the section ``model`` and nothing else, to try other models with the same bot.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from supportbot.config import source
from supportbot.config.checks import warn_of_plain_http
from supportbot.config.expand import Expander
from supportbot.config.models import Config
from supportbot.config.needs import check_needs, with_paths
from supportbot.config.problems import Findings, Problem, in_order
from supportbot.config.validate import check_scalars, expanded, validated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from supportbot.config.models import ModelSection


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """What such a file says."""

    models: tuple[ModelSection, ...] = ()
    """Its entries; without problems at least one."""
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def read_model_file(path: Path, environ: Mapping[str, str]) -> ModelFile:
    """Read such a file. Like bot.yaml it may hold ``${NAME}``, and its problems stand at their lines."""
    name = str(path)
    try:
        tree, refused = source.parse(source.read(path), name, begins="model")
    except source.UnreadableError as error:
        return ModelFile(problems=in_order(error.problems, name))
    findings = Findings(name, tree, refused)
    for key in tree.entries.keys() - {"model"}:
        findings.add((key,), "does not belong into a file of models", "keep 'model' alone", at_key=True)
    data = expanded(tree, Expander(environ, path.parent.resolve()), findings)
    check_scalars(tree, Config, findings)
    config = validated(Config, {"model": data.get("model", [])}, findings) or Config()
    warn_of_plain_http(config, findings)
    root = path.parent.resolve()
    check_needs(config.model, root, findings)
    if not config.model and not findings.problems:
        findings.add(("model",), "has no entry", "write one as in bot.yaml, or leave the file out")
    return ModelFile(
        models=with_paths(config.model, root),
        problems=in_order(findings.problems, name),
        warnings=in_order(findings.warnings, name),
    )
