"""`modelport catalogue apply` and its like: the operator's files for every replica, kept in the database."""

import getpass
import os
import socket
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import click
import msgspec

from modelport.bootstrap.catalogue import applied_to, overlay_folder
from modelport.bootstrap.office import office
from modelport.catalogue.applied import NOTHING_APPLIED, Applied, packed
from modelport.catalogue.differences import differences
from modelport.catalogue.load import load
from modelport.catalogue.problems import CatalogueInvalid, Fault
from modelport.catalogue.sources import Source, gather
from modelport.cli.files import write_all
from modelport.cli.options import JSON
from modelport.core.clock import iso_ms
from modelport.settings import Settings
from modelport.storage.catalogues import AppliedCatalogues

FOLDER = click.argument("folder", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
_SHOWN = 40


@contextmanager
def telling_faults(consequence: str) -> Generator[None]:
    """Print each fault of a catalogue on a line of its own and end with status 1."""
    try:
        yield
    except CatalogueInvalid as problem:
        for fault in problem.faults:
            click.echo(str(fault), err=True)
        count = len(problem.faults)
        click.echo(f"{count} {'fault' if count == 1 else 'faults'}: {consequence}", err=True)
        raise SystemExit(1) from problem


@click.command()
@FOLDER
@click.option("--by", default=None, help="Who applies it.  [default: USER@HOST]")
@click.option("--note", default="", help="Why, for those who read `catalogue applied`.")
@click.option("--dry-run", is_flag=True, help="Check and show what would change, and change nothing.")
@click.pass_obj
def apply(settings: Settings, folder: Path | None, by: str | None, note: str, dry_run: bool) -> None:
    """Have every replica use the files in FOLDER, by default the catalogue folder of the data folder.

    They are checked whole, together with the built-in files, and take the place of what was applied before.
    """
    with telling_faults("nothing was applied"):
        sources = _sources(folder or overlay_folder(settings))
        packed(sources)
        with office(settings) as desk:
            store = AppliedCatalogues(desk.database)
            before = store.newest()
            _show_changes(settings, before, sources)
            if dry_run:
                click.echo("Nothing was applied: this was a dry run.")
            elif dict(before.files) == {source.name: source.data for source in sources}:
                click.echo("These files are in force already.")
            else:
                number = store.apply(sources, by or _whoever(), note)
                files = "1 file" if len(sources) == 1 else f"{len(sources)} files"
                click.echo(f"Applied number {number}: {files}. Every replica takes it within a second.")


@click.command()
@FOLDER
@click.pass_obj
def diff(settings: Settings, folder: Path | None) -> None:
    """Show what would change for callers if FOLDER were applied."""
    with telling_faults("it cannot be applied"):
        sources = _sources(folder or overlay_folder(settings))
        packed(sources)
        _show_changes(settings, applied_to(settings), sources)


@click.command()
@click.option("--number", type=int, default=None, help="Of an earlier one; by default the one in force.")
@click.option("--export", type=click.Path(path_type=Path, file_okay=False), help="Write its files into this folder.")
@JSON
@click.pass_obj
def applied(settings: Settings, number: int | None, export: Path | None, as_json: bool) -> None:
    """Show what is applied to every replica, by whom and when, and what was before."""
    with office(settings) as desk:
        known = AppliedCatalogues(desk.database).all()
    chosen = next((one for one in known if number in (None, one.number)), None)
    if number is not None and chosen is None:
        numbers = ", ".join(str(one.number) for one in known) or "none"
        raise click.UsageError(f"there is no number {number}; there are: {numbers}")
    if export is not None:
        files = NOTHING_APPLIED.files if chosen is None else chosen.files
        write_all(export, files)
        click.echo(f"Wrote {'1 file' if len(files) == 1 else f'{len(files)} files'} into {export}.")
    elif as_json:
        click.echo(msgspec.json.encode({"applied": [_facts(one, is_first=one is known[0]) for one in known]}))
    else:
        _show(known if number is None or chosen is None else [chosen], known)


@click.command()
@click.option("--by", default=None, help="Who takes it out of force.  [default: USER@HOST]")
@click.option("--note", default="", help="Why.")
@click.pass_obj
def unapply(settings: Settings, by: str | None, note: str) -> None:
    """Take what is applied out of force; the built-in files and local folders stay.

    `catalogue applied --number N --export FOLDER` gets it back, and `catalogue apply FOLDER` puts it into force again.
    """
    with office(settings) as desk:
        store = AppliedCatalogues(desk.database)
        before = store.newest()
        if not before.files:
            click.echo("Nothing is applied.")
            return
        store.apply([], by or _whoever(), note)
        click.echo(f"Number {before.number} is out of force. Every replica takes that within a second.")


def _sources(folder: Path) -> list[Source]:
    faults: list[Fault] = []
    sources = gather(folder, "applied", faults) if folder.is_dir() else []
    if not sources and not faults:
        faults.append(Fault(str(folder), "", "has no TOML files", "name a folder of catalogue files, or use `unapply`"))
    if faults:
        raise CatalogueInvalid(tuple(faults))
    return sources


def _show_changes(settings: Settings, before: Applied, after: Sequence[Source]) -> None:
    """Show what changes where there are no local files; raises `CatalogueInvalid`."""
    cache = settings.data_dir / "cache"
    old, new = (load(cache=cache, applied=applied) for applied in (before.sources, after))
    found = differences(old, new, time.time_ns() // 1_000_000)
    for one in found[:_SHOWN]:
        click.echo(str(one))
    if len(found) > _SHOWN:
        click.echo(f"… and {len(found) - _SHOWN:,} more")
    if not found:
        click.echo("Nothing changes for callers.")


def _show(shown: list[Applied], known: list[Applied]) -> None:
    if not known:
        click.echo("Nothing was ever applied.")
    for one in shown:
        state = "in force" if one is known[0] else "replaced"
        what = f"{len(one.files)} files, {one.digest}" if one.files else "nothing"
        note = f"  {one.note}" if one.note else ""
        click.echo(f"{one.number:>4}  {iso_ms(one.at_ms)}  {state}  {one.by}: {what}{note}")
    if len(shown) == 1:
        for name in sorted(shown[0].files):
            click.echo(f"      {name}")


def _facts(one: Applied, *, is_first: bool) -> dict[str, object]:
    return {
        "number": one.number,
        "applied_at": iso_ms(one.at_ms),
        "applied_by": one.by,
        "note": one.note,
        "in_force": is_first,
        "digest": one.digest,
        "files": sorted(one.files),
    }


def _whoever() -> str:
    user = str(os.getuid())
    with suppress(KeyError, OSError):
        user = getpass.getuser()
    return f"{user}@{socket.gethostname()}"
