"""``supportbot eval``: have written conversations with the bot, and see whether its answers are right."""

import asyncio
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from supportbot.cli.failures import BROKE, TO_CHANGE, say
from supportbot.cli.options import AsJson
from supportbot.cli.output import console, money, phrase, plain, print_json, print_table
from supportbot.cli.settings import settings_of
from supportbot.cli.stored import be_quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from supportbot.config import Loaded
    from supportbot.evaluation import Outcome, Scenario


def evaluate(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files of scenarios.")],
    *,
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Name the answers that differ from this record.")
    ] = None,
    update_baseline: Annotated[
        bool, typer.Option("--update-baseline", help="Write the answers into the baseline's file.")
    ] = False,
    effects: Annotated[
        bool, typer.Option("--with-effects", help="Let tools run that change something.")
    ] = False,
    concurrency: Annotated[int, typer.Option(min=1, max=100, help="Conversations at once.")] = 4,
    as_json: AsJson = False,
) -> None:
    """Have written conversations with the bot; tell which answers are right, and what they cost."""
    from supportbot.evaluation import baseline as recorded
    from supportbot.evaluation import read_scenarios, usable

    if update_baseline and baseline is None:
        say("Say which file: --baseline FILE --update-baseline")
        raise typer.Exit(TO_CHANGE)
    be_quiet()
    loaded, left_out = usable(settings_of(context).load(), with_effects=effects)
    scenarios = read_scenarios(files)
    before = {} if baseline is None or update_baseline else recorded.read(baseline)
    if left_out:
        say(f"Left out, because they change something: {', '.join(left_out)}. To use them: --with-effects")
    outcomes = _evaluated(loaded, scenarios, concurrency)
    changed = {outcome.name: recorded.changed(before, outcome) for outcome in outcomes}
    (_print_json if as_json else _print)(outcomes, changed)
    if baseline is not None and update_baseline:
        recorded.write(baseline, outcomes)
    if not all(outcome.passed for outcome in outcomes):
        raise typer.Exit(BROKE)


def _evaluated(loaded: "Loaded", scenarios: "Sequence[Scenario]", concurrency: int) -> "tuple[Outcome, ...]":
    from supportbot.evaluation import evaluate as have

    with (
        tempfile.TemporaryDirectory(prefix="supportbot-eval-") as folder,
        _progress(len(scenarios)) as report,
    ):
        return asyncio.run(have(loaded, scenarios, Path(folder), concurrency=concurrency, report=report))


@contextmanager
def _progress(count: int) -> "Iterator[Callable[[], None]]":
    """Show on stderr how far it is, when that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.progress import Progress

    with Progress(console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("Talking …", total=count)
        yield lambda: bar.advance(task)


def _print_json(outcomes: "Sequence[Outcome]", changed: "Mapping[str, tuple[int, ...]]") -> None:
    print_json(
        {
            "passed": sum(outcome.passed for outcome in outcomes),
            "failed": sum(not outcome.passed for outcome in outcomes),
            "scenarios": [
                {**plain(outcome), "passed": outcome.passed, "changed": changed[outcome.name]}
                for outcome in outcomes
            ],
        }
    )


def _print(outcomes: "Sequence[Outcome]", changed: "Mapping[str, tuple[int, ...]]") -> None:
    heads = ("scenario", "result", "changed", "seconds", "tokens", "cost", "model")
    print_table(heads, [_cells(outcome, changed[outcome.name]) for outcome in outcomes])
    for outcome in outcomes:
        for number, line in enumerate(outcome.lines):
            for complaint in line.complaints:
                typer.echo(f"\n{phrase(outcome.name)}, line {number + 1}: {complaint}")
                typer.echo(f"  asked:    {phrase(line.say, 200)}\n  answered: {phrase(line.answer, 400)}")
            if number in changed[outcome.name] and not line.complaints:
                typer.echo(f"\n{phrase(outcome.name)}, line {number + 1}: the answer has changed")
                typer.echo(f"  answered: {phrase(line.answer, 400)}")
    passed = sum(outcome.passed for outcome in outcomes)
    sys.stdout.flush()
    say(f"{passed} of {len(outcomes)} scenarios pass.")


def _cells(outcome: "Outcome", changed: "tuple[int, ...]") -> tuple[str, ...]:
    lines = outcome.lines
    cost, currency = sum(line.cost for line in lines), lines[-1].currency
    return (
        phrase(outcome.name),
        "pass" if outcome.passed else "FAIL",
        str(len(changed) or ""),
        f"{sum(line.seconds for line in lines):.2f}",
        f"{sum(line.tokens for line in lines):,}",
        money(cost, currency) if cost else "",
        phrase(", ".join(dict.fromkeys(line.model for line in lines if line.model))),
    )
