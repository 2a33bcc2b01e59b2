"""How a command ends when something is wrong: one line, the right exit code, no stack."""

import traceback
from itertools import islice
from typing import TYPE_CHECKING, Any

import typer

from supportbot.cli.extensions import Extensible
from supportbot.cli.settings import Settings
from supportbot.errors import (
    BotDidNotStart,
    BotGone,
    BotMisbehaved,
    ChatRefused,
    DatabaseAway,
    ModelError,
    StoreUnavailable,
    SupportBotError,
)

if TYPE_CHECKING:
    from supportbot.log import Harmless

BROKE = 1
TO_CHANGE = 2
"""The command, bot.yaml or what it names has to change before it can work."""

_BROKE = (StoreUnavailable, DatabaseAway, BotDidNotStart, BotGone, BotMisbehaved, ChatRefused, ModelError)
_WITH_VALUE = ("-c", "--config", "--model-file")
_KIND = "Value error, "
"""What pydantic, with which typer reads arguments, puts before the words of a ``ValueError``."""

_INTERRUPTED = 130  # 128 + SIGINT, as shells say it


class Commands(Extensible):
    """The root of all commands; whatever one of them raises ends here."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the root's options wherever they stand: ``serve -c bot.yaml`` is what people type."""
        return super().parse_args(ctx, _root_options_first(args))

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except SupportBotError as error:
            say(str(error))
            raise typer.Exit(BROKE if isinstance(error, _BROKE) else TO_CHANGE) from None
        except KeyboardInterrupt:
            raise typer.Exit(_INTERRUPTED) from None
        except typer.BadParameter as error:
            error.message = error.message.removeprefix(_KIND)
            raise
        except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError, EOFError):
            raise  # typer knows what to do
        except Exception as error:  # noqa: BLE001 - nobody is above us; --debug shows all of it
            settings = ctx.find_object(Settings)
            _crashed(error, debug=settings is not None and settings.debug)
            raise typer.Exit(BROKE) from None


def _root_options_first(args: list[str]) -> list[str]:
    """Move ``--config`` and the like to the front; what stands behind ``--`` is left alone."""
    taken = args.index("--") if "--" in args else len(args)
    front: list[str] = []
    rest: list[str] = []
    words = iter(args[:taken])
    for word in words:
        if word in _WITH_VALUE:
            front += [word, *islice(words, 1)]
        elif word == "--debug" or word.startswith(tuple(f"{name}=" for name in _WITH_VALUE)):
            front.append(word)
        else:
            rest.append(word)
    return [*front, *rest, *args[taken:]]


def say(line: str) -> None:
    """Write to stderr what a person should know."""
    typer.echo(line, err=True)


def _crashed(error: Exception, *, debug: bool) -> None:
    """Say where it broke. What the error says may hold a secret, so it is shown on request and masked."""
    from supportbot.log import Harmless, whereabouts

    say(f"SupportBot broke, which is a mistake in it: {whereabouts(error)}")
    if debug:
        say(_masked(traceback.format_exception(error), Harmless()))
    else:
        say("To see all of it: supportbot --debug …")


def _masked(lines: list[str], harmless: "Harmless") -> str:
    return harmless.mask("".join(lines)).rstrip()
