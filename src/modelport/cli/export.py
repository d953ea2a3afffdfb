"""`modelport export`: request rows and entries as files."""

import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from types import FrameType
from typing import BinaryIO, TypeVar

import click

from modelport.bootstrap.office import Office, office
from modelport.cli.options import FROM, TO, period
from modelport.core.moments import Period
from modelport.core.tabular import FORMS, Form, Table, pieces
from modelport.ledger.exports import ALL_OF_CALLS, ALL_OF_ENTRIES
from modelport.settings import Settings
from modelport.storage.exports import StoredExports

_STANDARD_OUTPUT = "-"

Row = TypeVar("Row")


@click.group()
def export() -> None:
    """Exports: calls and entries as JSON Lines or CSV."""


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--output", default=_STANDARD_OUTPUT, metavar="FILE", help="Where to; - is standard output."),
        click.option("--format", "form", type=click.Choice(FORMS), default="jsonl", show_default=True),
        TO,
        FROM,
        click.option("--all", "is_all", is_flag=True, help="Of every account."),
        click.option("--account", "account_name", default=None, help="Only of this account."),
    ):
        command = option(command)
    return command


@export.command()
@_options
@click.pass_obj
def logs(
    settings: Settings,
    account_name: str | None,
    is_all: bool,
    from_ms: int | None,
    to_ms: int | None,
    form: Form,
    output: str,
) -> None:
    """Write a row for each call, oldest first."""
    with _asked(settings, account_name, is_all) as (desk, account_id):
        chosen = _until_now(desk, period(from_ms, to_ms))
        _write(StoredExports(desk.database).calls(chosen, account_id), ALL_OF_CALLS, form, output, "calls")


@export.command()
@_options
@click.pass_obj
def entries(
    settings: Settings,
    account_name: str | None,
    is_all: bool,
    from_ms: int | None,
    to_ms: int | None,
    form: Form,
    output: str,
) -> None:
    """Write a row for each entry of the ledger, oldest first."""
    with _asked(settings, account_name, is_all) as (desk, account_id):
        chosen = _until_now(desk, period(from_ms, to_ms))
        _write(StoredExports(desk.database).entries(chosen, account_id), ALL_OF_ENTRIES, form, output, "entries")


@contextlib.contextmanager
def _asked(settings: Settings, account_name: str | None, is_all: bool) -> Generator[tuple[Office, int | None]]:
    if is_all == (account_name is not None):
        raise click.UsageError("give either --account NAME or --all")
    with office(settings) as desk:
        yield desk, None if account_name is None else desk.accounts.by_name(account_name).id


def _until_now(desk: Office, asked: Period) -> Period:
    """End an open period now, so that an export beside a busy server has an end."""
    return asked if asked.to_ms is not None else Period(asked.from_ms, max(desk.now_ms(), asked.from_ms or 0) + 1)


def _write(pages: Iterable[list[Row]], table: Table[Row], form: Form, output: str, what: str) -> None:
    count = 0

    def counted() -> Iterable[list[Row]]:
        nonlocal count
        for page in pages:
            count += len(page)
            yield page

    with _opened(output) as file:
        for piece in pieces(counted(), table, form):
            file.write(piece)
    place = "" if output == _STANDARD_OUTPUT else f" to {output}"
    click.echo(f"wrote {count:,} {what}{place}", err=True)


@contextlib.contextmanager
def _opened(output: str) -> Generator[BinaryIO]:
    """Open standard output, or a file that is there whole in the end or not at all."""
    if output == _STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(output).resolve()
    if path.exists() and not path.is_file():
        raise click.UsageError(f"--output names '{path}', which is no regular file: name one, or use - and redirect")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # readable by its owner alone
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(handle)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(number: int, frame: FrameType | None) -> None:
    """End as other problems do, so that the file that was begun is removed."""
    raise SystemExit(128 + number)
