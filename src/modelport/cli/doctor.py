"""`modelport doctor`: what is configured, what is missing, what would serve which model."""

import os
import platform
from collections.abc import Iterable, Iterator
from typing import Literal

import click
import msgspec

from modelport.bootstrap import load_catalogue, router_for, weights_store
from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import Provider
from modelport.catalogue.problems import CatalogueInvalid
from modelport.core.clock import SystemClock
from modelport.core.errors import Problem
from modelport.engines.supervisor import Engines, EngineState
from modelport.routing.problems import Unserved
from modelport.settings import PREFIX, Settings, documented
from modelport.storage.books import check_books
from modelport.storage.database import Database, sqlite_url

_MARKS = {"ok": "ok     ", "missing": "missing", "broken": "BROKEN "}
_OTHER_VARIABLES = frozenset({f"{PREFIX}CONFIG", f"{PREFIX}KEY"})


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    topic: str
    name: str
    state: Literal["ok", "missing", "broken"]
    detail: str


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
    yield from _unknown_variables()
    yield _database(settings)
    states = Engines(weights_store(settings)).describe()
    yield from _local_models(states)
    try:
        catalogue = load_catalogue(settings)
    except CatalogueInvalid as problem:
        yield Finding("catalogue", str(settings.data_dir / "catalogue"), "broken", problem.message)
        return
    yield Finding("catalogue", "models", "ok", f"{len(catalogue.models())} models")
    yield from _providers(catalogue)
    yield from _models(catalogue, frozenset(state.weights_id for state in states if state.obstacle is None))


def _unknown_variables() -> Iterator[Finding]:
    known = {line.variable for line in documented()} | _OTHER_VARIABLES
    for variable in sorted(os.environ):
        if variable.startswith(PREFIX) and variable not in known:
            yield Finding("system", variable, "missing", "no such setting, it does nothing: see docs/configuration.md")


def _database(settings: Settings) -> Finding:
    url = sqlite_url(settings.data_dir)
    if not (settings.data_dir / "modelport.db").exists():
        return Finding("system", "database", "missing", f"none in {settings.data_dir} yet; `modelport serve` makes it")
    database = Database(url, settings.storage.durability)
    try:
        problems = check_books(database)
    except Problem as problem:
        return Finding("system", "database", "broken", problem.message)
    finally:
        database.close()
    if problems:
        return Finding("system", "database", "broken", "the books do not balance: " + "; ".join(map(str, problems)))
    return Finding("system", "database", "ok", f"{url}; the books balance")


def _local_models(states: Iterable[EngineState]) -> Iterator[Finding]:
    for state in states:
        if state.obstacle is None:
            yield Finding("local models", state.weights_id, "ok", f"ready, on xllamacpp {state.library_version}")
        else:
            yield Finding("local models", state.weights_id, "missing", state.obstacle)


def _providers(catalogue: Catalogue) -> Iterator[Finding]:
    router = router_for(catalogue)
    for provider in catalogue.providers():
        if provider.secret_env is None:
            yield Finding("providers", provider.name, "ok", f"needs no credential, at {provider.base_url}")
        elif router.is_configured(provider.id):
            yield Finding("providers", provider.name, "ok", f"{provider.secret_env} is set")
        else:
            yield Finding("providers", provider.name, "missing", f"set {provider.secret_env}")


def _models(catalogue: Catalogue, ready: frozenset[str]) -> Iterator[Finding]:
    """Say who would serve each model; an engine of ours only where its weights are `ready`."""
    router = router_for(catalogue)
    for model in catalogue.models():
        try:
            plan = router.plan(model, None, SystemClock().now_ms())
        except Unserved as problem:
            wanted = " or ".join(setting.env for setting in problem.settings)
            yield Finding("models", model.id, "missing", f"set {wanted}" if wanted else "add your own engine")
            continue
        except Problem as problem:
            yield Finding("models", model.id, "missing", problem.message)
            continue
        able = [offer for offer, _ in plan.offers if not _is_local(offer.provider) or offer.upstream in ready]
        if able:
            yield Finding("models", model.id, "ok", ", then ".join(offer.provider.name for offer in able))
        else:
            wanted = plan.offers[0][0].upstream
            yield Finding("models", model.id, "missing", f"see the local model {wanted} above")


def _is_local(provider: Provider) -> bool:
    return provider.base_url.startswith("unix:")
