"""`modelport bill`: whether every bill can be computed again, and what providers say that calls cost."""

from collections.abc import Mapping
from contextlib import ExitStack
from time import monotonic

import click
import msgspec

from modelport.bootstrap.catalogue import load_catalogue
from modelport.bootstrap.office import office
from modelport.catalogue.listing import price_text
from modelport.cli.options import FROM, JSON, TO, period
from modelport.core.clock import iso_ms
from modelport.core.credits import usd_text
from modelport.core.moments import Period
from modelport.ledger.replay import BilledCall, Replayed, replay
from modelport.operations.usage import INPUT_METERS
from modelport.pricing.comparison import Comparison, Difference
from modelport.settings import Settings
from modelport.storage.bills import opened_books

_KINDS_SHOWN = 40


@click.group()
def bill() -> None:
    """Bills: compute them again, compare them with the providers'."""


@bill.command("replay")
@FROM
@TO
@click.option("--account", "account_name", default=None, help="Only calls of this account.")
@click.option("--against-catalogue", is_flag=True, help="List rates that are not those of the catalogue as well.")
@JSON
@click.pass_obj
def replay_(
    settings: Settings,
    from_ms: int | None,
    to_ms: int | None,
    account_name: str | None,
    against_catalogue: bool,
    as_json: bool,
) -> None:
    """Compute the cost of every call again and compare it with its row, its entries and the sums.

    Ends with status 1 when anything differs. Rates that are not the catalogue's are no difference: prices change.
    """
    asked = period(from_ms, to_ms)
    comparison = Comparison(load_catalogue(settings)) if against_catalogue else None

    def compare(call: BilledCall, usage: Mapping[str, int], rates: Mapping[str, int]) -> None:
        assert comparison is not None, "only asked for with a catalogue"
        given = sum(units for meter, units in usage.items() if meter in INPUT_METERS)
        comparison.look(call.model, call.provider, call.upstream_model, call.created_at_ms, given, rates)

    begun_s = monotonic()
    with ExitStack() as stack:
        desk = stack.enter_context(office(settings))
        account_id = None if account_name is None else desk.accounts.by_name(account_name).id
        opened = stack.enter_context(opened_books(desk.database, asked, account_id))
        found = replay(opened.books, opened.period, account_id, None if comparison is None else compare)
    if as_json:
        click.echo(msgspec.json.encode(_facts(found, asked, opened.period, comparison)))
    else:
        _print(found, asked, opened.period, comparison, monotonic() - begun_s)
    if found.differences:
        raise SystemExit(1)


def _facts(found: Replayed, asked: Period, there: Period, comparison: Comparison | None) -> dict[str, object]:
    facts: dict[str, object] = {
        "from": None if there.from_ms is None else iso_ms(there.from_ms),
        "to": None if there.to_ms is None else iso_ms(there.to_ms),
        "swept_before": None if there == asked else iso_ms(there.from_ms or 0),
        "reproduced": not found.differences,
        "calls": found.calls,
        "accounts": len(found.accounts),
        "entries": found.entries,
        "quarter_hours": found.rollups,
        "credits": {
            "computed": found.cost,
            "stored": found.stored,
            "charged": found.charged,
            "on_house": found.on_house,
            "entered": found.entered,
        },
        "differences": {"count": found.differences, "shown": found.shown},
    }
    if comparison is not None:
        facts["against_catalogue"] = {"calls": comparison.calls, "rates": comparison.differences()}
    return facts


def _print(found: Replayed, asked: Period, there: Period, comparison: Comparison | None, took_s: float) -> None:
    begins = "the first call" if there.from_ms is None else iso_ms(there.from_ms)
    swept = "" if there == asked else "  (the rows of earlier calls were swept)"
    lines = [
        ("Period", f"{begins} to {'now' if there.to_ms is None else iso_ms(there.to_ms)}{swept}"),
        ("Calls", f"{found.calls:,} of {len(found.accounts):,} accounts"),
        ("Computed", f"{found.cost:,} credits ({usd_text(found.cost)} USD) from usage and rates"),
        ("Stored", f"{found.stored:,} credits: {found.charged:,} charged, {found.on_house:,} on the house"),
        ("Entered", f"{found.entered:,} credits by {found.entries:,} entries"),
        ("Sums", f"{found.rollups:,} of quarter hours compared"),
        ("Took", f"{took_s:.1f} s, {found.calls / max(took_s, 0.001):,.0f} calls a second"),
    ]
    for label, value in lines:
        click.echo(f"{label:<9} {value}")
    if comparison is not None:
        _print_comparison(comparison)
    click.echo()
    if not found.differences:
        click.echo(f"Every credit is reproduced: {found.calls:,} calls, {found.cost:,} credits, no difference.")
        return
    for line in found.shown:
        click.echo(line, err=True)
    unshown = found.differences - len(found.shown)
    more = f" ({unshown:,} more are not shown)" if unshown else ""
    told = "1 difference" if found.differences == 1 else f"{found.differences:,} differences"
    click.echo(f"{told}{more}.", err=True)


def _print_comparison(comparison: Comparison) -> None:
    click.echo(f"{'Catalogue':<9} {comparison.calls:,} calls were charged at other rates than it has for their time")
    kinds = comparison.differences()
    for one in kinds[:_KINDS_SHOWN]:
        click.echo(f"  {_told(one)}: {one.calls:,} calls, {iso_ms(one.first_ms)} to {iso_ms(one.last_ms)}")
    if len(kinds) > _KINDS_SHOWN:
        click.echo(f"  and {len(kinds) - _KINDS_SHOWN} more kinds: --json lists them")


def _told(one: Difference) -> str:
    if not one.meter:
        return f"{one.model} at {one.provider} has no price there"
    theirs = "no price" if one.theirs is None else f"{price_text(one.theirs)}"
    return f"{one.model} at {one.provider}, {one.meter}: charged at {price_text(one.ours or 0)}, there it is {theirs}"
