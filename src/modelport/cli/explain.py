"""`modelport explain`: who would serve a model, in which order, and why."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import click
import msgspec

from modelport.bootstrap.catalogue import load_catalogue, router_for
from modelport.bootstrap.parts import weights_store
from modelport.catalogue.facts import Offer, Provider
from modelport.engines.supervisor import Engines
from modelport.routing.problems import Unpriced, Unserved, Unspoken
from modelport.routing.router import Step
from modelport.settings import Settings


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is told of one offer."""

    offer: Offer
    verdict: str
    reason: str


@click.command()
@click.argument("model")
@click.option("--provider", default=None, help="As the `provider` field of a call.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def explain(settings: Settings, model: str, provider: str | None, as_json: bool) -> None:
    """Say which offers would serve MODEL, in which order, and why others would not.

    Ends with status 1 when none would.
    """
    catalogue = load_catalogue(settings)
    found = catalogue.find(model)
    router = router_for(catalogue)
    now_ms = time.time_ns() // 1_000_000
    with suppress(Unserved, Unspoken, Unpriced):  # told offer by offer, as an unknown provider cannot be
        router.plan(found, provider, now_ms)
    steps = _on_this_machine(router.explain(found, provider, now_ms).steps, settings)
    if as_json:
        shown = [
            {
                "provider": step.offer.provider.id,
                "upstream": step.offer.upstream,
                "verdict": step.verdict,
                "reason": step.reason,
            }
            for step in steps
        ]
        click.echo(msgspec.json.encode({"model": found.id, "offers": shown}))
    else:
        click.echo(f"{found.id} ({found.name})")
        if not steps:
            click.echo("  nobody in the catalogue sells it; add your own engine: docs/providers.md")
        for place, step in enumerate(steps, 1):
            click.echo(f"  {place}. {step.offer.provider.name:<28} {step.verdict:<13} {step.reason}")
    if not any(step.verdict == "serves" for step in steps):
        raise SystemExit(1)


def is_local(provider: Provider) -> bool:
    """Whether its calls go to an engine of ours."""
    return provider.base_url.startswith("unix:")


def _on_this_machine(steps: Sequence[Step], settings: Settings) -> list[_Shown]:
    """Lay what this machine can do over what the router knows; those that serve come first."""
    obstacles = {state.weights_id: state.obstacle for state in Engines(weights_store(settings)).describe()}
    shown = [_step(step, obstacles) for step in steps]
    return sorted(shown, key=lambda step: step.verdict != "serves")


def _step(step: Step, obstacles: Mapping[str, str | None]) -> _Shown:
    offer = step.offer
    if step.verdict == "serves" and is_local(offer.provider):
        obstacle = obstacles.get(offer.upstream, f"there are no weights named '{offer.upstream}'")
        if obstacle is not None:
            return _Shown(offer, "not here", obstacle)
    return _Shown(offer, step.verdict, step.reason)
