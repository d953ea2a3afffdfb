"""`modelport doctor`: what is configured, what is missing, what would serve which model."""

import platform
from collections.abc import Iterable, Iterator

import click
import msgspec

from modelport.bootstrap.catalogue import applied_to, load_catalogue, router_for
from modelport.bootstrap.parts import weights_store
from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.problems import CatalogueInvalid
from modelport.cli.stores import Finding, examine_stores
from modelport.core.clock import SystemClock
from modelport.core.errors import Problem
from modelport.engines.machine import NEEDED_FLAGS, Machine, this_machine
from modelport.engines.supervisor import Engines, EngineState
from modelport.ledger.problems import StoreUnavailable
from modelport.routing.problems import Unserved
from modelport.settings import Settings, unknown_variables

_MARKS = {"ok": "ok     ", "missing": "missing", "broken": "BROKEN "}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def doctor(settings: Settings, as_json: bool) -> None:
    """Say what is configured, what is missing and what would serve which model.

    Ends with status 1 when something is broken; what is only missing is no fault.
    """
    findings = list(examine(settings))
    if as_json:
        click.echo(msgspec.json.encode({"findings": findings}))
    else:
        _print(findings)
    if any(finding.state == "broken" for finding in findings):
        raise SystemExit(1)


def _print(findings: list[Finding]) -> None:
    topic = ""
    for finding in findings:
        if finding.topic != topic:
            topic = finding.topic
            click.echo(f"\n{topic.capitalize()}")
        click.echo(f"  {_MARKS[finding.state]}  {finding.name}: {finding.detail}")


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything that a call needs."""
    yield Finding("system", "python", "ok", f"{platform.python_version()} on {platform.platform()}")
    yield from examine_stores(settings)
    yield from _settings(settings)
    states = Engines(weights_store(settings)).describe()
    yield _machine(this_machine())
    yield from _local_models(states)
    try:
        applied = applied_to(settings).sources
    except StoreUnavailable:  # told above
        applied = ()
    try:
        catalogue = load_catalogue(settings, applied)
    except CatalogueInvalid as problem:
        yield Finding("catalogue", str(settings.data_dir / "catalogue"), "broken", problem.message)
        return
    yield Finding("catalogue", "models", "ok", f"{len(catalogue.models())} models")
    yield from _providers(catalogue)
    yield from _models(catalogue, frozenset(state.weights_id for state in states if state.obstacle is None))


def _settings(settings: Settings) -> Iterator[Finding]:
    """Show the settings that decide where the server is, whom it believes and what it keeps."""
    in_force = (
        ("listens on", f"{settings.host}:{settings.port}"),
        ("public address", settings.public_url or "none: links take the host of each request"),
        ("trusted proxies", ", ".join(settings.trusted_proxies) or "none: forwarded headers are not believed"),
        ("durability", settings.storage.durability),
        ("data folder", str(settings.data_dir)),
    )
    for name, value in in_force:
        yield Finding("settings", name, "ok", value)
    for variable in unknown_variables():
        yield Finding("settings", variable, "missing", "no such setting, it does nothing: see docs/configuration.md")


def _machine(machine: Machine) -> Finding:
    if (obstacle := machine.obstacle()) is not None:
        return Finding("local models", "engine", "missing", obstacle)
    needed = ", ".join(flag.upper() for flag in sorted(NEEDED_FLAGS))
    return Finding(
        "local models",
        "engine",
        "ok",
        f"xllamacpp {machine.library_version} on {platform.machine()}; the processor has what it needs "
        f"(on x86-64: {needed}); {machine.threads} threads",
    )


def _local_models(states: Iterable[EngineState]) -> Iterator[Finding]:
    for state in states:
        if state.obstacle is None:
            yield Finding("local models", state.weights_id, "ok", f"ready, on {state.library}")
        else:
            yield Finding("local models", state.weights_id, "missing", state.obstacle)


def _providers(catalogue: Catalogue) -> Iterator[Finding]:
    router = router_for(catalogue)
    for provider in catalogue.providers():
        variables = " and ".join(provider.variables)
        if not provider.variables:
            yield Finding("providers", provider.name, "ok", f"needs no credential, at {provider.base_url}")
        elif router.is_configured(provider.id):
            yield Finding(
                "providers", provider.name, "ok", f"{variables} {'is' if len(provider.variables) == 1 else 'are'} set"
            )
        else:
            yield Finding("providers", provider.name, "missing", f"set {variables}")


def _models(catalogue: Catalogue, ready: frozenset[str]) -> Iterator[Finding]:
    """Say who would serve each model that somebody here sells; an engine of ours only where its weights are `ready`."""
    router = router_for(catalogue)
    unserved = 0
    for model in catalogue.models():
        try:
            plan = router.plan(model, None, SystemClock().now_ms())
        except Unserved:
            unserved += 1
            continue
        except Problem as problem:
            yield Finding("models", model.id, "missing", problem.message)
            continue
        able = [offer for offer, _ in plan.offers if not offer.provider.is_local or offer.upstream in ready]
        if able:
            yield Finding("models", model.id, "ok", ", then ".join(offer.provider.name for offer in able))
        else:
            wanted = plan.offers[0][0].upstream
            yield Finding("models", model.id, "missing", f"see the local model {wanted} above")
    if unserved:
        told = "wait for a provider: `modelport explain MODEL` says which setting serves it"
        yield Finding("models", f"{unserved} more", "missing", told)
