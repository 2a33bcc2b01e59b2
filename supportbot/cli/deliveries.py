"""``supportbot deliveries``: replies on their way out, and what the team is told, or was and is to forget."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from supportbot.cli.options import AsJson, Before, Channel, Limit
from supportbot.cli.output import local, phrase
from supportbot.cli.pages import print_page
from supportbot.cli.stored import check_channel, why_not, with_store
from supportbot.errors import NotFound
from supportbot.messages import DeliveryKind, DeliveryState

if TYPE_CHECKING:
    from supportbot.reports import DeliveryRow
    from supportbot.store import Store


deliveries = typer.Typer(no_args_is_help=True, help="Replies on their way to customers.")


@deliveries.command("list")
def list_deliveries(
    context: typer.Context,
    *,
    limit: Limit = 50,
    before: Before = "",
    channel: Channel = "",
    state: Annotated[
        DeliveryState | None, typer.Option(help="Only deliveries that are this far, such as unknown.")
    ] = None,
    kind: Annotated[
        DeliveryKind | None, typer.Option(help="Only deliveries of this kind, such as withdrawal.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List deliveries, newest first."""
    from supportbot import reports

    page = with_store(
        context,
        lambda store: reports.deliveries(
            store, limit=limit, before=before, channel=channel, state=state, kind=kind
        ),
    )
    if not page.rows:
        check_channel(context, channel)
    heads = ("delivery", "since", "channel", "kind", "state", "tries", "receipt", "reason")
    print_page(page, heads, _cells, nothing="No deliveries.", as_json=as_json)


@deliveries.command("settle")
def settle(
    context: typer.Context,
    delivery: Annotated[str, typer.Argument(help="Which delivery.")],
    outcome: Annotated[Literal["delivered", "dead"], typer.Argument(help="What you saw in the channel.")],
) -> None:
    """Record what became of a delivery whose state is unknown. Nothing is sent.

    Of a withdrawal, also of a dead one, delivered says that the post is gone.
    """
    from supportbot import session

    async def settled(store: "Store") -> None:
        try:
            await session.settle_delivery(store, delivery, outcome)
        except NotFound as error:
            raise await why_not(store, delivery, error, wanted="unknown") from None

    with_store(context, settled)
    typer.echo(f"{delivery} is {outcome}.")


@deliveries.command("retry")
def retry(
    context: typer.Context,
    delivery: Annotated[str, typer.Argument(help="Which delivery.")],
) -> None:
    """Send a dead delivery again, once what kept it from arriving is mended. A running bot does it.

    A withdrawal that is dead or unknown is tried again.
    """
    from supportbot import session

    async def planned(store: "Store") -> None:
        try:
            await session.retry_delivery(store, delivery)
        except NotFound as error:
            raise await why_not(store, delivery, error, wanted="dead") from None

    with_store(context, planned)
    typer.echo(f"{delivery} is planned: a running bot sends it.")


def _cells(row: "DeliveryRow") -> tuple[str, ...]:
    return (
        row.id,
        local(row.updated_at),
        row.channel,
        row.kind,
        row.state,
        str(row.sends),
        phrase(row.receipt, 40),
        phrase(row.reason, 80),
    )
