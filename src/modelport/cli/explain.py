"""`modelport explain`: who would serve a model or a request, in which order, why, and at which price."""

import time
from contextlib import suppress
from typing import BinaryIO

import click
import msgspec

from modelport.bootstrap.catalogue import load_catalogue, router_for
from modelport.bootstrap.parts import obstacles_of
from modelport.catalogue.listing import shown_price
from modelport.core.credits import usd_text
from modelport.routing.problems import UnderMaintenance, Unpriced, Unserved, Unspoken
from modelport.serving.explaining import FORMATS, Explained, Told, explained, explained_request, facts_of
from modelport.settings import Settings

_MARKS = {"serves": "green", "unconfigured": "yellow", "not here": "yellow"}


@click.command()
@click.argument("model")
@click.option("--provider", default=None, help="As the `provider` field of a call.")
@click.option("--request", "file", type=click.File("rb"), help="The JSON body of a call; `-` reads standard input.")
@click.option(
    "--endpoint", type=click.Choice(list(FORMATS)), help="Where it would be sent.  [default: the model's own]"
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def explain(
    settings: Settings, model: str, provider: str | None, file: BinaryIO | None, endpoint: str | None, as_json: bool
) -> None:
    """Say which offers would serve MODEL, in which order, and why others would not.

    With a request: how large it is, what it would cost, and which of its fields a provider would not get. Nothing is
    sent to anybody. Ends with status 1 when nobody would be asked.
    """
    catalogue = load_catalogue(settings)
    found = catalogue.find(model)
    router = router_for(catalogue)
    now_ms = time.time_ns() // 1_000_000
    obstacles = obstacles_of(settings)
    if file is None:
        with suppress(UnderMaintenance, Unserved, Unspoken, Unpriced):  # told offer by offer
            router.plan(found, provider, now_ms)
        told = explained(router, found, provider, now_ms, obstacles=obstacles)
    else:
        path = endpoint or found.endpoints[0]
        if path not in FORMATS:
            raise click.ClickException(f"requests to {path} cannot be explained: leave --request out")
        told = explained_request(router, file.read(), FORMATS[path], now_ms, name=found.id, obstacles=obstacles)
    if as_json:
        click.echo(msgspec.json.encode(facts_of(told, model)))
    else:
        _show(told)
    if not told.is_served:
        raise SystemExit(1)


def _show(told: Explained) -> None:
    model = told.model
    click.echo(f"{model.id} ({model.name})")
    if model.maintenance:
        click.echo(f"  in maintenance: {model.maintenance}")
    if model.only_providers:
        click.echo(f"  only from: {', '.join(model.only_providers)}")
    if told.size is not None:
        most = (
            "of a length that nobody knows" if told.size.output_tokens is None else f"up to {told.size.output_tokens:,}"
        )
        click.echo(f"  about {told.size.input_tokens:,} tokens in, {most} out")
    if not told.offers:
        click.echo("  nobody in the catalogue sells it; add your own engine: docs/providers.md")
    for place, one in enumerate(told.offers, 1):
        verdict = click.style(f"{one.verdict:<13}", fg=_MARKS.get(one.verdict, "red"))
        click.echo(f"  {place}. {one.offer.provider.name:<28} {verdict} {one.reason}; {_price(one)}")
        if one.dropped:
            click.echo(f"     would not get: {', '.join(one.dropped)}")


def _price(told: Told) -> str:
    price = "free" if told.offer.free else shown_price(told.rates)
    if told.cost is None or told.offer.free:
        return price
    least, most = (usd_text(amount, 9).rstrip("0").rstrip(".") for amount in told.cost)
    return f"{price}: {least} to {most} USD"
