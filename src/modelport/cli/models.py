"""`modelport models`: the weights of local models."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from modelport.bootstrap.parts import weights_store
from modelport.engines.entries import MEBIBYTE
from modelport.engines.weights import Stored
from modelport.settings import Settings


@click.group("models")
def models() -> None:
    """Fetch, list, check and remove the weights of local models."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
@click.pass_obj
def list_models(settings: Settings, as_json: bool) -> None:
    """Show which weights there are, and which are on this machine."""
    stored = weights_store(settings).list()
    if as_json:
        click.echo(json.dumps([_facts(one) for one in stored], indent=2))
        return
    width = max(len(one.entry.id) for one in stored)
    for one in stored:
        where = "here" if one.path else "not here"
        size = f"{one.entry.total_bytes // MEBIBYTE:>5} MiB"
        default = "  (default)" if one.entry.is_default else ""
        click.echo(f"{one.entry.id:<{width}}  {size}  {where:<8}  {one.entry.licence}{default}")


@models.command()
@click.argument("weights_id", metavar="[ID]", required=False)
@click.option("--file", type=click.Path(path_type=Path, dir_okay=False), help="Take this copy instead of fetching.")
@click.pass_obj
def pull(settings: Settings, weights_id: str | None, file: Path | None) -> None:
    """Fetch the weights ID, or the default ones; goes on where an earlier pull stopped."""
    chosen = weights_id or settings.engine.default_model
    path = pull_with_progress(settings, chosen, file)
    entry = weights_store(settings).entry(chosen)
    click.echo(f"{entry.name} ({entry.licence}) is at {path}")


@models.command()
@click.argument("weights_id", metavar="ID")
@click.pass_obj
def remove(settings: Settings, weights_id: str) -> None:
    """Delete the weights ID, and what was fetched of them."""
    was_there = weights_store(settings).remove(weights_id)
    click.echo(f"Removed '{weights_id}'." if was_there else f"'{weights_id}' was not on this machine.")


@models.command()
@click.argument("weights_ids", metavar="[ID]...", nargs=-1)
@click.pass_obj
def verify(settings: Settings, weights_ids: tuple[str, ...]) -> None:
    """Hash the weights named, or all that are here; a file that is not what it should be is removed."""
    store = weights_store(settings)
    for weights_id in weights_ids or [one.entry.id for one in store.list() if one.path]:
        click.echo(f"{weights_id}: sha256 is right ({store.verify(weights_id)})")


def pull_with_progress(settings: Settings, weights_id: str, file: Path | None = None) -> Path:
    """Pull with a progress bar on stderr; silent when there is nothing to fetch."""
    store = weights_store(settings)
    if (present := store.path(weights_id)) is not None:
        return present
    entry = store.entry(weights_id)
    label = f"{entry.name} ({entry.total_bytes // MEBIBYTE} MiB)"
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:
        show = _Bar(lambda length: setattr(bar, "length", length), bar.update)
        return store.pull(weights_id, show, file)


@dataclass(slots=True)
class _Bar:
    """Turns bytes that are there into steps of a bar; a source that starts over takes the bar back."""

    resize: Callable[[int], object]
    step: Callable[[int], object]
    at_bytes: int = 0

    def __call__(self, done_bytes: int, total_bytes: int) -> None:
        self.resize(total_bytes)
        self.step(done_bytes - self.at_bytes)
        self.at_bytes = done_bytes


def _facts(stored: Stored) -> dict[str, str | int | bool | None]:
    entry = stored.entry
    return {
        "id": entry.id,
        "name": entry.name,
        "licence": entry.licence,
        "upstream": entry.upstream,
        "sha256": entry.sha256,
        "bytes": entry.total_bytes,
        "context_tokens": entry.context_tokens,
        "default": entry.is_default,
        "present": stored.path is not None,
        "path": str(stored.path) if stored.path else None,
    }
