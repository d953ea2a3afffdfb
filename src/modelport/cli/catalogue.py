"""`modelport catalogue`: what models and providers are known, and whether the operator's files are right."""

import time
from pathlib import Path

import click

from modelport.bootstrap.catalogue import applied_to, load_catalogue, overlay_folder
from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import Model, Offer
from modelport.catalogue.listing import capabilities, shown_price
from modelport.catalogue.load import load
from modelport.cli.applied import applied, apply, diff, telling_faults, unapply
from modelport.cli.search import find
from modelport.settings import Settings


@click.group()
def catalogue() -> None:
    """Models and providers: check your files, apply them to all replicas, list and search what is known."""


@catalogue.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.pass_obj
def check(settings: Settings, folder: Path | None) -> None:
    """Check the files in FOLDER, by default the catalogue folder of the data folder."""
    overlay = folder or overlay_folder(settings)
    applied = applied_to(settings).sources
    with telling_faults("nothing of it is used until all are gone"):
        loaded = load(overlay, applied=applied)
    place = str(overlay) if overlay.is_dir() else f"no folder {overlay}, so the built-in catalogue alone"
    click.echo(f"valid: {len(loaded.models())} models, {len(loaded.providers())} providers ({place})")


@catalogue.command("list")
@click.pass_obj
def list_(settings: Settings) -> None:
    """List every model with its sellers and their prices, in dollars per million units."""
    loaded = load_catalogue(settings)
    models = loaded.models()
    width = max((len(model.id) for model in models), default=0)
    for model in models:
        sellers = [f"{offer.provider.id} {_price(offer)}" for offer in loaded.offers(model.id)]
        click.echo(f"{model.id:<{width}}  {', '.join(sellers) or 'nobody'}")


@catalogue.command()
@click.argument("name", metavar="ID")
@click.pass_obj
def show(settings: Settings, name: str) -> None:
    """Show what is known of the model ID: facts, sellers, prices."""
    loaded = load_catalogue(settings)
    model = loaded.find(name)
    for label, value in _facts(model):
        if value:
            click.echo(f"{label:<13} {value}")
    _show_offers(loaded, model)


def _facts(model: Model) -> tuple[tuple[str, str], ...]:
    return (
        ("id", model.id),
        ("name", model.name),
        ("maker", model.maker),
        ("aliases", ", ".join(model.aliases)),
        ("description", model.description),
        ("takes", ", ".join(model.inputs)),
        ("makes", ", ".join(model.outputs)),
        ("can", ", ".join(capabilities(model))),
        ("refuses", ", ".join(f"role {role}" for role in sorted(model.refuses_roles))),
        ("context", f"{model.context_tokens:,} tokens" if model.context_tokens else ""),
        ("output", f"{model.output_tokens:,} tokens" if model.output_tokens else ""),
        ("released", str(model.released_on or "")),
        ("documented", model.documentation),
        ("weights", model.weights),
        ("called before", model.former),
        ("only from", ", ".join(model.only_providers)),
        ("most output", f"{model.most_output_tokens:,} tokens" if model.most_output_tokens else ""),
        ("maintenance", model.maintenance),
        *(("note", f"{note.on}: {note.text}") for note in model.notes),
    )


def _show_offers(loaded: Catalogue, model: Model) -> None:
    for offer in loaded.offers(model.id):
        provider = offer.provider
        needs = f"needs {' and '.join(provider.variables)}" if provider.variables else "needs no key"
        click.echo(f"sold by       {provider.id} ({provider.name}) as {offer.upstream}: {_price(offer)}, {needs}")
        rates = offer.rates_at(_now_ms())
        if rates is not None and rates.source:
            click.echo(f"              price from {rates.source}, read {rates.read_on or 'at an unknown date'}")


def _price(offer: Offer) -> str:
    return "free" if offer.free else shown_price(offer.rates_at(_now_ms()))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


for command in (find, apply, diff, applied, unapply):
    catalogue.add_command(command)
