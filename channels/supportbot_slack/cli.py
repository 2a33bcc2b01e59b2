"""``supportbot slack …``: what a person needs while setting the app up."""

# No "from __future__ import annotations": typer reads the annotations when the command runs.

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from supportbot.commands import bot_file
from supportbot.errors import SupportBotError
from supportbot_slack.install_config import check_public_url
from supportbot_slack.installs import PREFIX
from supportbot_slack.manifest import App, as_json, as_yaml
from supportbot_slack.scopes import missing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot.commands import Outline

_TYPE = "slack"
_NAME = "slack"
"""What the channel is called while bot.yaml has none."""

app = typer.Typer(no_args_is_help=True, help="Set the Slack channel up.")


class NoAddress(SupportBotError):
    """Slack has to know where the bot is: say --url https://bot.example.com, or set 'public_url' in the
    channel's section of bot.yaml. With an app_token it would need no address (Socket Mode)."""


class BadAddress(SupportBotError):
    """channels.{name}.public_url in bot.yaml {what}."""


class WhichChannel(SupportBotError):
    """Say which Slack channel of bot.yaml is meant, with --channel. There is: {known}."""


@app.callback()
def slack() -> None:
    """Set the Slack channel up."""


@app.command()
def manifest(
    context: typer.Context,
    url: Annotated[
        str, typer.Option(metavar="URL", help="Where the bot is from outside; bot.yaml's public_url.")
    ] = "",
    channel: Annotated[
        str, typer.Option(help="The channel's name in bot.yaml, when there are several.")
    ] = "",
    as_json_: Annotated[bool, typer.Option("--json", help="Print JSON instead of YAML.")] = False,
) -> None:
    """Print the app's manifest, to be pasted at api.slack.com/apps: Create New App, From a manifest."""
    described = _app(bot_file(context).outline(_TYPE), url, channel)
    typer.echo(as_json(described) if as_json_ else as_yaml(described))


@app.command()
def workspaces(
    context: typer.Context,
    channel: Annotated[
        str, typer.Option(help="The channel's name in bot.yaml, when there are several.")
    ] = "",
    as_json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the workspaces that installed the app, and why one is not served any more."""
    bot = bot_file(context)
    name, section = _section(bot.outline(_TYPE), channel)
    direct = _answers_directly(section)
    rows = [_workspace(key, row, direct_messages=direct) for key, row in bot.records(name, PREFIX)]
    if as_json_:
        typer.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        typer.echo("No workspace has installed the app by its install page yet.", err=True)
    for row in rows:
        typer.echo("\t".join((row["id"], row["state"], row["name"])))


def _workspace(key: str, row: "Mapping[str, Any]", *, direct_messages: bool) -> dict[str, Any]:
    """Return what may be shown of an installation: what is sealed stays sealed."""
    lacking = [] if row["disabled"] else sorted(missing(row["scopes"], direct_messages=direct_messages))
    state = row["disabled"] or ("lacks " + ", ".join(lacking) if lacking else "installed")
    return {
        "id": key.removeprefix(PREFIX),
        "name": "".join(c if c.isprintable() else "\ufffd" for c in row["name"]),
        "state": state,
        "whole_organisation": not row["team"],
    }


def _app(outline: "Outline", url: str, channel: str) -> App:
    """Return what the manifest is of.

    Raises:
        NoAddress: Slack could not find the bot.
        BadAddress: what bot.yaml calls its address is none.
        WhichChannel: bot.yaml has several, or none of that name.
    """
    name, section = _section(outline, channel)
    address = _checked(url) if url else _configured(name, section)
    socket_mode = _uses_socket_mode(section, address)
    several = "oauth" in section
    if not address and (several or not socket_mode):
        raise NoAddress
    return App(
        name=outline.name,
        description=outline.description,
        base_url=f"{address}/channels/{name}" if address else "",
        socket_mode=socket_mode,
        several=several,
        direct_messages=_answers_directly(section),
        prompts=_prompts(section),
    )


def _section(outline: "Outline", channel: str) -> "tuple[str, Mapping[str, Any]]":
    found = outline.section(channel)
    if found is not None:
        return found
    if channel or outline.sections:
        raise WhichChannel(known=", ".join(sorted(outline.sections)) or "none")
    return _NAME, {}


def _uses_socket_mode(section: "Mapping[str, Any]", address: str) -> bool:
    """An app has one of the two; where bot.yaml does not say yet, it is the one that needs no address."""
    if "app_token" in section:
        return True
    return "signing_secret" not in section and not address


def _answers_directly(section: "Mapping[str, Any]") -> bool:
    return section.get("direct_messages") is not False


def _prompts(section: "Mapping[str, Any]") -> tuple[str, ...]:
    assistant = section.get("assistant")
    prompts = assistant.get("prompts") if isinstance(assistant, dict) else None
    return tuple(p for p in prompts if isinstance(p, str)) if isinstance(prompts, list) else ()


def _configured(name: str, section: "Mapping[str, Any]") -> str:
    """Return the address that bot.yaml has; empty when it has none."""
    given = section.get("public_url")
    if not given:
        return ""
    try:
        return check_public_url(str(given))
    except ValueError as error:
        raise BadAddress(name=name, what=str(error)) from None


def _checked(url: str) -> str:
    try:
        return check_public_url(url)
    except ValueError as error:
        raise typer.BadParameter(f"The bot's public address {error}.") from None
