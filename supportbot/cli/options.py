"""Options and arguments that several commands share."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many to list.")]
Before = Annotated[
    str,
    typer.Option(metavar="ID", help="List what is older than this one: the last line of the page before."),
]
Channel = Annotated[str, typer.Option(help="Only of this channel, by its name in bot.yaml.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
