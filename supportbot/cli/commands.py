"""All commands in one tree."""

from pathlib import Path
from typing import Annotated

import typer

from supportbot import __version__
from supportbot.cli.ask import ask
from supportbot.cli.chaos import chaos
from supportbot.cli.chat import chat
from supportbot.cli.conversations import conversations
from supportbot.cli.deliveries import deliveries
from supportbot.cli.drafts import drafts
from supportbot.cli.evaluate import evaluate
from supportbot.cli.explain import explain
from supportbot.cli.export import export
from supportbot.cli.failures import Commands
from supportbot.cli.processes import processes
from supportbot.cli.ratings import ratings
from supportbot.cli.serve import serve
from supportbot.cli.settings import Settings
from supportbot.cli.setup import check, migrate, schema
from supportbot.cli.turns import dead, turns
from supportbot.cli.usage import usage

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: importing rich for it takes longer than all the rest
    pretty_exceptions_enable=False,  # they show local variables, and with them secrets
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"supportbot {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    config: Annotated[
        Path, typer.Option("--config", "-c", envvar="SUPPORTBOT_CONFIG", help="The bot's bot.yaml.")
    ] = Path("bot.yaml"),
    model_file: Annotated[
        Path | None,
        typer.Option(
            "--model-file",
            envvar="SUPPORTBOT_MODEL_FILE",
            help="A file with a section 'model' that counts instead of bot.yaml's.",
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show all of an error that is our mistake.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A customer-support chatbot: what was acknowledged is never lost and never answered twice."""
    context.obj = Settings(config=config, model_file=model_file, debug=debug)


for command in (serve, chat, ask, check, schema, migrate, processes, explain, usage, export, chaos):
    app.command()(command)
app.command("eval")(evaluate)
app.add_typer(conversations, name="conversations")
app.add_typer(turns, name="turns")
app.add_typer(dead, name="dead")
app.add_typer(deliveries, name="deliveries")
app.add_typer(drafts, name="drafts")
app.add_typer(ratings, name="ratings")
