"""What pydantic cannot see: folders and files that must be there, and what works but is unwise."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from supportbot import channel
from supportbot.authorship import KNOWLEDGE
from supportbot.channel import FollowedConfig
from supportbot.config.problems import Problem, shown
from supportbot.knowledge.articles import article_problems
from supportbot.prompt import check_templates
from supportbot.prompt.folder import MOST_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from supportbot.channel import ChannelConfig
    from supportbot.config.models import Config
    from supportbot.config.nodes import Loc
    from supportbot.config.problems import Findings

_SQLITE = "sqlite:///"
_LOCAL_NAMES = (".localhost", ".local", ".internal", ".home.arpa", ".lan")


def check_files(config: Config, root: Path, shown_root: Path, findings: Findings) -> None:
    """Record what of the files that a configuration names is not there or not usable.

    ``shown_root`` is ``root`` as people know it: the files are named so.
    """
    if not findings.suspect(("knowledge",)):
        _check_articles(config, root, shown_root, findings)
    if not findings.suspect(("prompts",)):
        _check_prompts(config, root, findings)
    if not findings.suspect(("database",)):
        check_database(config.database, root, findings)


def check_prompts(
    config: Config, root: Path, shown_root: Path, channels: Iterable[str], findings: Findings
) -> None:
    """Record what keeps a template from being rendered, tried with sample data.

    ``shown_root`` is ``root`` as people know it: the files are named so.
    """
    if findings.suspect(("prompts",)) or findings.suspect(("bot",)):
        return
    folder = root / config.prompts.path
    for found in check_templates(folder, config.prompts.system, channels, config.bot.model_dump()):
        file = shown_root / os.path.relpath(found.file, root)
        findings.file_problem(Problem(str(file), found.line, 1, found.problem, found.hint or "correct it"))


def _check_prompts(config: Config, root: Path, findings: Findings) -> None:
    loc = ("prompts", "path")
    folder = root / config.prompts.path
    if not _inside(folder, root):
        findings.add(loc, "leads out of the folder of bot.yaml", "move the templates below it")
    elif _check_folder(loc, folder, findings):
        _check_template(folder / f"{config.prompts.system}.md.j2", folder, findings)


def _check_articles(config: Config, root: Path, shown_root: Path, findings: Findings) -> None:
    folder = root / config.knowledge.path
    if not _check_folder(("knowledge", "path"), folder, findings):
        return
    for path, problem in article_problems(folder):
        what, _, fix = problem.rpartition(": ")
        file = shown_root / os.path.relpath(path, root)
        findings.file_problem(Problem(str(file), 1, 1, what or problem, fix))
    if not any(folder.rglob("*.md")):
        findings.warn(
            ("knowledge", "path"), "holds no articles", "write some: without them the bot knows nothing"
        )


def _check_template(template: Path, folder: Path, findings: Findings) -> None:
    loc = ("prompts", "system")
    if not template.exists():
        findings.add(
            loc, f"needs {template.name}, which is not in {folder.name}/", "write it, or name another"
        )
    elif not _inside(template, folder):
        findings.add(loc, f"needs {template.name}, which is a link out of its folder", "copy the file there")
    elif not template.is_file():
        findings.add(loc, f"needs {template.name}, which is not a file", "name a file")
    elif template.stat().st_size > MOST_BYTES:
        what = f"needs {template.name}, which is larger than {MOST_BYTES // 1024} KiB"
        findings.add(loc, what, "a prompt is a page of words; shorten it")


def _check_folder(loc: Loc, folder: Path, findings: Findings) -> bool:
    name = "a folder" if findings.from_outside(loc) else f"'{shown(folder.name)}'"
    try:
        if not folder.exists():
            findings.add(loc, f"is {name}, which does not exist", "make that folder; paths begin at bot.yaml")
        elif not folder.is_dir():
            findings.add(loc, f"is {name}, which is not a folder", "name the folder that holds the files")
        elif not os.access(folder, os.R_OK | os.X_OK):
            findings.add(loc, f"is {name}, which may not be read", "give this user the right to read it")
        else:
            return True
    except (OSError, ValueError):
        findings.add(loc, "is not a path", "name a folder; paths begin at bot.yaml")
    return False


def check_database(url: str, root: Path, findings: Findings) -> None:
    """Record what keeps an SQLite path from being a database."""
    if not url.startswith(_SQLITE):
        return
    path = _database_path(url, root)
    if "?" in str(path):
        findings.add(("database",), "lies in a folder with '?' in its name", "name a file elsewhere")
    elif path.is_dir():
        findings.add(("database",), "is a folder", "name a file, such as sqlite:///data/bot.db")


def _inside(path: Path, folder: Path) -> bool:
    """Say whether a path, links followed, lies in a folder."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # RuntimeError: a loop of links
        return False


def absolute(model: BaseModel, root: Path) -> dict[str, Any]:
    """Return the changes (for ``model_copy``) that make every relative path in a model begin at ``root``."""
    changes: dict[str, Any] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, Path):
            changes[name] = _absolute_path(value, root)
        elif isinstance(value, BaseModel) and (inner := absolute(value, root)):
            changes[name] = value.model_copy(update=inner)
    return changes


def absolute_database(url: str, root: Path) -> str:
    """Return a database URL whose SQLite path, if it has one, is absolute."""
    return f"{_SQLITE}{_database_path(url, root)}" if url.startswith(_SQLITE) else url


def _database_path(url: str, root: Path) -> Path:
    return _absolute_path(Path(url.removeprefix(_SQLITE)), root)


def _absolute_path(path: Path, root: Path) -> Path:
    """Join and tidy without following links: a link that is moved later keeps working."""
    return type(path)(os.path.normpath(root / path))


def warn_of_plain_http(config: Config, findings: Findings) -> None:
    """Warn of models whose questions and keys would travel unencrypted."""
    for number, model in enumerate(config.model):
        _warn_if_readable(("model", number, "base_url"), model.base_url, findings)


def check_guard(config: Config, findings: Findings) -> None:
    """Record a guard that is called as a model is; warn of one that judges nothing, or in the open."""
    section = config.moderation
    if section.guard is None or findings.suspect(("moderation",)):
        return
    if section.guard.label in {KNOWLEDGE, *(model.label for model in config.model)}:
        findings.add(
            ("moderation", "guard", "name"),
            f"is '{shown(section.guard.label)}', as an entry of 'model' is called",
            "give the guard a name of its own, by which its failures are told from the model's",
        )
    if section.input is None and section.output is None:
        findings.warn(
            ("moderation", "guard"),
            "judges nothing: neither input nor output is set",
            "write 'input: {}', 'output: {}' or both below moderation",
        )
    _warn_if_readable(("moderation", "guard", "base_url"), section.guard.base_url, findings)


def warn_of_idle_caps(config: Config, findings: Findings) -> None:
    """Warn of caps of money that nothing can reach, as no model has a price."""
    if not config.model or any(model.price is not None for model in config.model):
        return
    for name in ("conversation", "day"):
        if getattr(config.spending, name).cost is not None:
            what = "is never reached: no entry of 'model' has a price"
            findings.warn(("spending", name, "cost"), what, "give the models a 'price', or cap their tokens")


def _warn_if_readable(loc: Loc, address: str, findings: Findings) -> None:
    url = urlsplit(address)
    if url.scheme == "http" and not _is_private(url.hostname or ""):
        what = "sends customers' words and the key unencrypted to another machine"
        findings.warn(loc, what, "use https://")


def _is_private(host: str) -> bool:
    """Say whether a host is this machine or one of its own network, going by its name."""
    try:
        address = ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_LOCAL_NAMES)
    return address.is_private or address.is_link_local


def check_follow_ups(channels: Mapping[str, ChannelConfig], named: Iterable[str], findings: Findings) -> None:
    """Record a ``follow_up`` that names no channel which can write to somebody first.

    ``named`` are all channels of the file, also those that could not be read.
    """
    writing = [name for name, section in channels.items() if _can_write_first(section)]
    for name, section in channels.items():
        if not isinstance(section, FollowedConfig) or section.follow_up is None:
            continue
        mailbox = section.follow_up.mailbox
        if mailbox in writing or (mailbox in named and mailbox not in channels):
            continue
        what = "names a channel that cannot write first" if mailbox in channels else "names no channel"
        known = f"name one that can: {', '.join(writing)}" if writing else "add one of type: email"
        findings.add(("channels", name, "follow_up", "mailbox"), what, known)


def _can_write_first(section: ChannelConfig) -> bool:
    return hasattr(channel.load_channel(section.type), "first_address")


def check_triage(config: Config, root: Path, findings: Findings) -> None:
    """Record what keeps a triage from being made: it needs a language model, and words to ask it with."""
    triage = config.triage
    if findings.suspect(("triage",)) or findings.suspect(("model",)) or not triage.enabled:
        return
    if not config.model:
        findings.add(
            ("triage", "enabled"),
            "needs a language model, and there is none: the knowledge cannot do it",
            "add an entry to 'model', or leave triage off",
        )
    elif triage.model and triage.model not in {model.label for model in config.model}:
        findings.add(("triage", "model"), "names no entry of 'model'", "name one, or leave it out")
    if not (root / config.prompts.path / "triage.md.j2").is_file():
        what = f"needs triage.md.j2, which is not in {config.prompts.path.name}/"
        findings.add(("triage", "enabled"), what, "write it; begin with a copy of SupportBot's own")
