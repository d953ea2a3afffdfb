"""`modelport explain`: who would serve a model, in which order, and why."""

import time

import click
import msgspec

from modelport.bootstrap import load_catalogue, router_for
from modelport.settings import Settings


@click.command()
@click.argument("model")
@click.option("--provider", default=None, help="As the `provider` field of a call.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def explain(settings: Settings, model: str, provider: str | None, as_json: bool) -> None:
    """Say which offers would serve MODEL, in which order, and why others would not."""
    catalogue = load_catalogue(settings)
    found = catalogue.find(model)
    explanation = router_for(catalogue).explain(found, provider, time.time_ns() // 1_000_000)
    if as_json:
        steps = [
            {
                "provider": step.offer.provider.id,
                "upstream": step.offer.upstream,
                "verdict": step.verdict,
                "reason": step.reason,
            }
            for step in explanation.steps
        ]
        click.echo(msgspec.json.encode({"model": found.id, "offers": steps}))
        return
    click.echo(f"{found.id} ({found.name})")
    if not explanation.steps:
        click.echo("  nobody in the catalogue sells it; add your own engine: docs/providers.md")
    for place, step in enumerate(explanation.steps, 1):
        click.echo(f"  {place}. {step.offer.provider.name:<28} {step.verdict:<13} {step.reason}")
