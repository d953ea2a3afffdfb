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
from modelport.core.clock import DAY_MS, iso_ms, utc_day
from modelport.core.credits import usd_text
from modelport.core.moments import Period
from modelport.ledger.replay import BilledCall, Replayed, replay
from modelport.operations.usage import INPUT_METERS
from modelport.pricing.comparison import Comparison, Difference
from modelport.pricing.drift import Drift, drifts, markups_of, nano_text
from modelport.settings import Settings
from modelport.storage.bills import opened_books, told_costs

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


@bill.command()
@click.option("--days", type=click.IntRange(1, 3660), default=30, show_default=True, help="So many UTC days back.")
@JSON
@click.pass_obj
def drift(settings: Settings, days: int, as_json: bool) -> None:
    """Compare our prices with what providers say that calls cost, day by day.

    Only calls of which the provider told the cost are counted; our prices are taken before your markup.
    """
    markup = markups_of(load_catalogue(settings))
    with office(settings) as desk:
        first_day = utc_day(desk.now_ms()) - days + 1
        by_day, in_all = drifts(told_costs(desk.database, max(0, first_day) * DAY_MS), markup)
    if as_json:
        told = {"days": [_drift_facts(one) for one in by_day], "providers": [_drift_facts(one) for one in in_all]}
        click.echo(msgspec.json.encode(told))
    elif not by_day:
        click.echo(f"No provider told what a call costs within {days} days; those that do: docs/books.md")
    else:
        _print_drifts(by_day, in_all)


def _drift_facts(one: Drift) -> dict[str, object]:
    day = {} if one.day is None else {"day": iso_ms(one.day * DAY_MS)[:10]}
    return {
        **day,
        "provider": one.provider,
        "calls": one.calls,
        "ours_usd": nano_text(one.ours_nano).replace(",", ""),
        "theirs_usd": nano_text(one.theirs_nano).replace(",", ""),
        "difference_usd": nano_text(one.difference_nano).replace(",", ""),
        "difference_percent": None if one.percent is None else str(one.percent),
        "billed": {"usd": usd_text(one.billed_credits), "credits": one.billed_credits},
    }


def _print_drifts(by_day: list[Drift], in_all: list[Drift]) -> None:
    header = ("Day", "Provider", "Calls", "Ours, USD", "Theirs, USD", "Difference, USD", "%")
    days, totals = [_drift_cells(one) for one in by_day], [_drift_cells(one) for one in in_all]
    widths = [max(map(len, column)) for column in zip(header, *days, *totals, strict=True)]
    ruler = "-" * (sum(widths) + 2 * (len(widths) - 1))
    last = ""
    click.echo(_drift_line(header, widths))
    for cells in days:
        click.echo(_drift_line(("" if cells[0] == last else cells[0], *cells[1:]), widths))
        last = cells[0]
    click.echo(ruler)
    for cells in totals:
        click.echo(_drift_line(cells, widths))


def _drift_cells(one: Drift) -> tuple[str, ...]:
    return (
        "All" if one.day is None else iso_ms(one.day * DAY_MS)[:10],
        one.provider,
        f"{one.calls:,}",
        nano_text(one.ours_nano),
        nano_text(one.theirs_nano),
        nano_text(one.difference_nano, is_signed=True),
        "-" if one.percent is None else f"{one.percent:+}",
    )


def _drift_line(cells: tuple[str, ...], widths: list[int]) -> str:
    names = [cell.ljust(width) for cell, width in zip(cells[:2], widths[:2], strict=True)]
    numbers = [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:], strict=True)]
    return "  ".join((*names, *numbers))
