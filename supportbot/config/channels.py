"""The ``channels`` of a bot.yaml, each read by the ``Config`` that its own package brings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supportbot import channel
from supportbot.channel import ChannelConfig
from supportbot.config.complaints import did_you_mean
from supportbot.config.problems import shown
from supportbot.config.validate import check_scalars, validated
from supportbot.errors import ChannelDependencyMissing, UnknownChannel

if TYPE_CHECKING:
    from pathlib import Path

    from supportbot.config.nodes import Loc
    from supportbot.config.problems import Findings


def read_channels(sections: Any, folder: Path, findings: Findings) -> dict[str, ChannelConfig]:
    """Return the channels' configurations by name; record what does not fit, and leave it out.

    ``folder`` is bot.yaml's.
    """
    if not isinstance(sections, dict):
        return {}
    read = {name: _read_channel(name, section, folder, findings) for name, section in sections.items()}
    return {name: config for name, config in read.items() if config is not None}


def config_class(kind: str) -> type[ChannelConfig]:
    """Return the ``Config`` of a channel type.

    Raises:
        UnknownChannel: it is not installed.
        ChannelDependencyMissing: something it needs is not installed.
        Exception: its package is broken, in whichever way.
    """
    return channel.config_of(channel.load_channel(kind))


def _read_channel(name: str, section: Any, folder: Path, findings: Findings) -> ChannelConfig | None:
    loc: Loc = ("channels", name)
    if not isinstance(section, dict) or not isinstance(section.get("type"), str):
        validated(ChannelConfig, section, findings, loc)
        return None
    model = _config_class(section["type"], findings, (*loc, "type"))
    if model is None:
        return None
    node = findings.node(loc)
    if node is not None:
        check_scalars(node, model, findings, loc)
    try:
        read = validated(model, section, findings, loc)
        for lack in read.lacking(folder) if read is not None else ():
            findings.add((*loc, lack.key), lack.what, lack.fix)
    except Exception as error:  # noqa: BLE001 - a stranger's validator may do anything; its words may hold secrets
        what = f"cannot be read by the channel's own Config, which failed with {type(error).__name__}"
        findings.add(loc, what, "tell the authors of the channel")
        return None
    return read


def _config_class(kind: str, findings: Findings, loc: Loc) -> type[ChannelConfig] | None:
    try:
        return config_class(kind)
    except UnknownChannel:
        known = channel.known_channels()
        named = "names a kind" if findings.from_outside(loc) else f"is '{shown(kind)}'"
        hint = (
            did_you_mean(kind, known)
            or f"known here: {', '.join(known)}; or install the package that brings it"
        )
        findings.add(loc, f"{named}, which is not installed", hint)
    except ChannelDependencyMissing as error:
        what, _, fix = str(error).partition(". ")
        findings.add(loc, f"cannot be used: {what[0].lower()}{what[1:]}", fix)
    except Exception as error:  # noqa: BLE001 - importing a stranger's package may fail in any way
        findings.add(
            loc, f"cannot be loaded ({type(error).__name__})", "reinstall the package that brings it"
        )
    return None
