"""`modelport credits`: money by hand."""

import click
import msgspec

from modelport.bootstrap.office import office
from modelport.bootstrap.payments import bounds_of
from modelport.cli.accounts import POSITIVE_USD, SIGNED_USD, shown, shown_credits
from modelport.cli.expiry import EXPIRY, expiry_ms
from modelport.cli.options import Moment
from modelport.core.clock import iso_ms
from modelport.core.credits import Credits, usd_text
from modelport.ledger.payments import AutoTopUp, auto_top_up_fault
from modelport.settings import Settings
from modelport.storage import by_hand
from modelport.storage.by_hand import Funds
from modelport.storage.payments import StoredPayments
from modelport.storage.statements import Line, Statement, lines, statement

NOTE_MAX = 200


@click.group("credits")
def credits() -> None:  # noqa: A001 - the name of the command
    """Credits: give and take them, look at them."""


_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_SIGNED = {"ignore_unknown_options": True}
"""A negative amount would be taken for an option, and be told as one."""


def _note(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and (not value.strip() or len(value) > NOTE_MAX or not value.isprintable()):
        raise click.BadParameter(f"use 1 to {NOTE_MAX} printable characters: the account's owner can read it")
    return value


@credits.command(context_settings=_SIGNED)
@click.argument("name")
@click.argument("amount", type=POSITIVE_USD, metavar="USD")
@click.option("--expires", type=EXPIRY, help="When what is left of it goes: in so many days (30d), or a date, UTC.")
@click.option("--note", callback=_note, help="Why; the account's owner can read it.")
@_JSON
@click.pass_obj
def grant(settings: Settings, name: str, amount: Credits, expires: str | None, note: str | None, as_json: bool) -> None:
    """Add USD dollars to the balance of the account NAME."""
    with office(settings) as desk:
        account = desk.accounts.by_name(name)
        now_ms = desk.now_ms()
        expires_at_ms = None if expires is None else expiry_ms(expires, now_ms)
        if expires_at_ms is not None and expires_at_ms <= now_ms:
            raise click.UsageError(f"--expires: {iso_ms(expires_at_ms)} is over; name a moment to come")
        left = by_hand.grant(desk.database, account.id, amount, expires_at_ms, note)
        balance = desk.balance(account.id)
    until = None if expires_at_ms is None else iso_ms(expires_at_ms)
    if as_json:
        told = {
            "granted": shown_credits(amount),
            "expires_at": until,
            "debt_paid": shown_credits(Credits(amount - left)),
        }
        click.echo(msgspec.json.encode({**told, **shown(account, balance)}))
        return
    ends = f" until {until}" if until else ""
    click.echo(f"granted {usd_text(amount)} USD to {account.name}{ends}: its balance is {usd_text(balance)} USD")
    if left < amount:
        click.echo(f"{usd_text(amount - left)} USD of it paid what the account owed")


@credits.command(context_settings=_SIGNED)
@click.argument("name")
@click.argument("change", type=SIGNED_USD, metavar="±USD")
@click.option("--reason", required=True, callback=_note, help="Why; the account's owner can read it.")
@_JSON
@click.pass_obj
def adjust(settings: Settings, name: str, change: Credits, reason: str, as_json: bool) -> None:
    """Correct the balance of the account NAME by USD dollars; a negative amount takes only what is free."""
    with office(settings) as desk:
        account = desk.accounts.by_name(name)
        by_hand.adjust(desk.database, account.id, change, reason)
        balance = desk.balance(account.id)
    if as_json:
        click.echo(msgspec.json.encode({"adjusted": shown_credits(change), **shown(account, balance)}))
        return
    click.echo(f"adjusted {account.name} by {usd_text(change)} USD: its balance is {usd_text(balance)} USD")


@credits.command()
@click.argument("name", required=False)
@_JSON
@click.pass_obj
def expire(settings: Settings, name: str | None, as_json: bool) -> None:
    """Take back what has expired now, of the account NAME or of all; a running gateway does it by itself."""
    with office(settings) as desk:
        account_id = None if name is None else desk.accounts.by_name(name).id
        went = by_hand.expire(desk.database, account_id)
        told = [(desk.accounts.by_id(one).name, amount) for one, amount in went.items()]
    if as_json:
        click.echo(msgspec.json.encode([{"name": who, "expired": shown_credits(amount)} for who, amount in told]))
        return
    for who, amount in told:
        click.echo(f"{usd_text(amount)} USD of {who} expired")
    if not told:
        click.echo("nothing has expired")


@credits.command()
@click.argument("name")
@_JSON
@click.pass_obj
def show(settings: Settings, name: str, as_json: bool) -> None:
    """Print the balance of the account NAME, what of it expires, and what it owes."""
    with office(settings) as desk:
        account = desk.accounts.by_name(name)
        funds = by_hand.funds(desk.database, account.id)
    if as_json:
        click.echo(msgspec.json.encode({**shown(account, funds.balance), **_shown_funds(funds)}))
        return
    click.echo(f"{usd_text(funds.balance)} USD ({funds.balance} credits)")
    for promo in funds.promos:
        note = f"  {promo.note}" if promo.note else ""
        click.echo(f"  of it {usd_text(promo.remaining)} USD until {iso_ms(promo.expires_at_ms)}{note}")
    if funds.owed:
        click.echo(f"owes {usd_text(funds.owed)} USD: the next credit pays that first")


def _shown_funds(funds: Funds) -> dict[str, object]:
    expiring = [
        {
            "granted": shown_credits(promo.granted),
            "remaining": shown_credits(promo.remaining),
            "expires_at": iso_ms(promo.expires_at_ms),
            "note": promo.note,
        }
        for promo in funds.promos
    ]
    return {"owed": shown_credits(funds.owed), "promos": expiring}


@credits.command("auto-top-up")
@click.argument("name")
@click.option("--threshold", type=POSITIVE_USD, help="Charge the saved card when the balance is below so many dollars.")
@click.option("--amount", type=POSITIVE_USD, help="How many dollars to charge.")
@click.option("--off", is_flag=True, help="Charge no card by itself any more.")
@_JSON
@click.pass_obj
def auto_top_up(
    settings: Settings, name: str, threshold: Credits | None, amount: Credits | None, off: bool, as_json: bool
) -> None:
    """Show or set when a saved card tops up the account NAME by itself."""
    if off and (threshold is not None or amount is not None):
        raise click.UsageError("--off takes neither --threshold nor --amount")
    with office(settings) as desk:
        account = desk.accounts.by_name(name)
        store = StoredPayments(desk.database)
        now = store.auto_top_up(account.id)
        if off:
            now = store.set_auto_top_up(account.id, False, now.threshold, now.amount)
        elif threshold is not None or amount is not None:
            below, by = threshold or now.threshold, amount or now.amount
            if not (below and by):
                raise click.UsageError(f"--{'amount' if below else 'threshold'}: it was never set; give it too")
            if (found := auto_top_up_fault(below, by, bounds_of(settings))) is not None:
                raise click.UsageError(f"--{found[0]}: {found[1]}")
            now = store.set_auto_top_up(account.id, True, below, by)
    if as_json:
        click.echo(msgspec.json.encode(_shown_auto(now)))
    else:
        _print_auto(account.name, now)


def _shown_auto(now: AutoTopUp) -> dict[str, object]:
    return {
        "is_enabled": now.is_enabled,
        "threshold": shown_credits(now.threshold),
        "amount": shown_credits(now.amount),
        "has_card": now.has_card,
        "paused_until": iso_ms(now.paused_until_ms) if now.paused_until_ms else None,
        "last_error": now.last_error,
    }


def _print_auto(name: str, now: AutoTopUp) -> None:
    if now.is_enabled:
        click.echo(
            f"{name} is charged {usd_text(now.amount)} USD when its balance is below {usd_text(now.threshold)} USD"
        )
    else:
        click.echo(f"{name} is not topped up by itself{'' if now.has_card else ', and no card is saved for it'}")
    if now.paused_until_ms:
        click.echo(f"not before {iso_ms(now.paused_until_ms)}")
    if now.last_error:
        click.echo(f"the last time: {now.last_error}")


@credits.command("statement")
@click.argument("name")
@click.option(
    "--from", "since_ms", type=Moment(), default="1970-01-01", help="First moment, UTC.  [default: the beginning]"
)
@click.option("--to", "before_ms", type=Moment(), default=None, help="First moment that is left out.  [default: now]")
@click.option("--list", "is_listing", is_flag=True, help="List every entry too.")
@_JSON
@click.pass_obj
def statement_(
    settings: Settings, name: str, since_ms: int, before_ms: int | None, is_listing: bool, as_json: bool
) -> None:
    """Print what the account NAME had, what came and went, and what it had in the end."""
    with office(settings) as desk:
        account = desk.accounts.by_name(name)
        end_ms = desk.now_ms() + 1 if before_ms is None else before_ms
        if before_ms is None and end_ms <= since_ms:
            raise click.UsageError(f"--from: {iso_ms(since_ms)} is still to come; name a moment that is over")
        if end_ms <= since_ms:
            raise click.UsageError(f"--to: {iso_ms(end_ms)} is not after {iso_ms(since_ms)}, the moment of --from")
        found = statement(desk.database, account.id, since_ms, end_ms)
        listed = lines(desk.database, account.id, since_ms, end_ms) if is_listing else iter(())
        if as_json:
            entries = [_shown_line(line) for line in listed] if is_listing else None
            click.echo(msgspec.json.encode(_shown_statement(account.name, found, entries)))
            return
        for line in listed:
            click.echo(_line_text(line))
    if is_listing and found.totals:
        click.echo()
    _print_statement(found)


def _shown_statement(name: str, found: Statement, entries: list[dict[str, object]] | None) -> dict[str, object]:
    totals = [
        {"type": one.kind, "direction": one.direction, "entries": one.entries, "amount": shown_credits(one.credits)}
        for one in found.totals
    ]
    told: dict[str, object] = {
        "name": name,
        "from": iso_ms(found.since_ms),
        "to": iso_ms(found.before_ms),
        "opening_balance": shown_credits(found.opening),
        "totals": totals,
        "closing_balance": shown_credits(found.closing),
    }
    return told if entries is None else {**told, "entries": entries}


def _shown_line(line: Line) -> dict[str, object]:
    return {
        "created_at": iso_ms(line.created_at_ms),
        "direction": line.direction,
        "type": line.kind,
        "amount": shown_credits(line.credits),
        "model": line.model,
        "reference_id": line.reference_id,
    }


def _signed(direction: str, amount: int) -> str:
    return usd_text(amount if direction == "TOPUP" else -amount)


def _line_text(line: Line) -> str:
    about = "  ".join(filter(None, (line.model, line.reference_id)))
    moved = f"{line.kind:<15} {_signed(line.direction, line.credits):>18} USD"
    return f"{iso_ms(line.created_at_ms)}  {moved}  {about}".rstrip()


def _print_statement(found: Statement) -> None:
    click.echo(f"{iso_ms(found.since_ms)}  opening balance {usd_text(found.opening):>18} USD")
    for one in found.totals:
        entries = f"{one.entries} {'entry' if one.entries == 1 else 'entries'}"
        click.echo(f"{entries:>24}  {one.kind:<15} {_signed(one.direction, one.credits):>18} USD")
    click.echo(f"{iso_ms(found.before_ms)}  closing balance {usd_text(found.closing):>18} USD")
