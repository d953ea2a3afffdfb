"""`modelport accounts`: who pays."""

import asyncio
import time
from decimal import Decimal, InvalidOperation

import click
import msgspec

from modelport.accounts.account import Account, UnknownAccount
from modelport.bootstrap.office import office
from modelport.core.clock import iso_ms
from modelport.core.credits import Credits, from_usd, usd_text
from modelport.core.pace import Pace, pace_of
from modelport.settings import CREDIT_MAX_USD, Settings
from modelport.storage.erasing import erasable, erase

NAME_MAX = 100
_BETWEEN_STEPS_S = 0.005
BOUND_MAX = 1_000_000_000


class Usd(click.ParamType[Credits]):
    """An amount of dollars, exact to the credit."""

    name = "usd"

    def __init__(self, *, is_positive: bool = False, is_signed: bool = False) -> None:
        self.is_positive = is_positive
        self.is_signed = is_signed

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Credits:
        """Return credits; fails with what was wrong."""
        try:
            amount_usd = Decimal(str(value))
        except InvalidOperation:
            amount_usd = Decimal("NaN")
        if not amount_usd.is_finite():
            self.fail(f"'{value}' is not an amount in US dollars, such as 5 or 0.25", param, ctx)
        if amount_usd < 0 and not self.is_signed:
            self.fail(f"'{value}' is negative: give an amount above 0", param, ctx)
        if not -CREDIT_MAX_USD <= amount_usd <= CREDIT_MAX_USD:
            self.fail(f"'{value}' is more than {CREDIT_MAX_USD} US dollars", param, ctx)
        if (self.is_positive or self.is_signed) and not amount_usd:
            self.fail("the amount is 0: give more than that", param, ctx)
        try:
            return from_usd(amount_usd)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Bound(click.ParamType[int]):
    """A limit: a whole number from 1 on, or 0, which stands for `none`."""

    name = "N|none"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number, 0 for `none`; fails with what was wrong."""
        text = str(value)
        if text == "none":
            return 0
        if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:20]) <= BOUND_MAX:
            self.fail(f"{text[:20]!a} is no limit: give a whole number from 1 to {BOUND_MAX}, or none", param, ctx)
        return int(text)


BOUND = Bound()
USD = Usd()
POSITIVE_USD = Usd(is_positive=True)
SIGNED_USD = Usd(is_signed=True)


class AccountName(click.ParamType[str]):
    """A name that can be printed and typed."""

    name = "name"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name; fails with what was wrong."""
        text = str(value)
        if not text.strip() or len(text) > NAME_MAX or not text.isprintable():
            self.fail(f"{text[:NAME_MAX]!a} is no name: use 1 to {NAME_MAX} printable characters", param, ctx)
        return text


@click.group()
def accounts() -> None:
    """Accounts: make, list and erase them."""


def shown(account: Account, balance: Credits) -> dict[str, object]:
    """Return what is printed of an account as JSON."""
    return {
        "id": account.id,
        "name": account.name,
        "email": account.email,
        "created_at": iso_ms(account.created_at_ms),
        "balance": shown_credits(balance),
        "limits": {
            "requests_per_minute": account.pace.requests_per_minute,
            "tokens_per_minute": account.pace.tokens_per_minute,
            "concurrent_calls": account.pace.concurrent_calls,
        },
    }


def shown_credits(amount: Credits) -> dict[str, object]:
    """Return what is printed of money as JSON: dollars as text, since they are exact."""
    return {"usd": usd_text(amount), "credits": amount}


@accounts.command("create")
@click.argument("name", type=AccountName())
@click.option("--credit", type=USD, default="0", show_default=True, help="Starting balance in US dollars.")
@click.option("--email", default="", help="Where to reach its owner.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def create(settings: Settings, name: str, credit: Credits, email: str, as_json: bool) -> None:
    """Make an account called NAME."""
    with office(settings) as desk:
        account = desk.accounts.create(name, email, credit, desk.now_ms())
        balance = desk.balance(account.id)
    if as_json:
        click.echo(msgspec.json.encode(shown(account, balance)))
    else:
        click.echo(f"made account {account.name} (id {account.id}) with {usd_text(balance)} USD")


@accounts.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """List accounts with their balances."""
    with office(settings) as desk:
        rows = [(account, desk.balance(account.id)) for account in desk.accounts.all()]
    if as_json:
        click.echo(msgspec.json.encode([shown(account, balance) for account, balance in rows]))
        return
    if not rows:
        click.echo("no accounts yet: make one with `modelport accounts create NAME --credit 5`")
    for account, balance in rows:
        click.echo(f"{account.id:>5}  {account.name:<24} {usd_text(balance):>16} USD")


@accounts.command("erase")
@click.argument("name")
@click.option("--forfeit", is_flag=True, help="Give up the balance that is left.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def erase_(settings: Settings, name: str, forfeit: bool, yes: bool) -> None:
    """Erase who the account NAME was: keys, files, kept responses, names, e-mail address and ids of its requests.

    Its entries and what each call cost stay, without a name. This cannot be undone; it can be run again at any time.
    """
    with office(settings) as desk:
        account = erasable(desk.database, name)
        if account is None:
            raise UnknownAccount(name)
        if not yes:
            question = f"Erase the account '{name}' for good? Its keys stop working at once."
            click.confirm(question, abort=True, err=True)
        done = erase(
            desk.database,
            account,
            forfeit=forfeit,
            pause=lambda: time.sleep(_BETWEEN_STEPS_S),
            forget_files=lambda: asyncio.run(desk.archive.forget(account.id)),
        )
    click.echo(
        f"erased the account, which is called {done.name} now: {done.keys:,} keys, {done.files:,} files, "
        f"{done.responses:,} kept responses, the ids of {done.rows:,} calls; {usd_text(done.forfeited)} USD were given "
        "up"
    )


@accounts.command("limit")
@click.argument("name")
@click.option("--requests-per-minute", "requests", type=BOUND, default=None, help="Calls in any 60 seconds.")
@click.option("--tokens-per-minute", "tokens", type=BOUND, default=None, help="Tokens, in and out, in any 60 seconds.")
@click.option("--concurrent", type=BOUND, default=None, help="Calls at the same time.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def limit(
    settings: Settings, name: str, requests: int | None, tokens: int | None, concurrent: int | None, as_json: bool
) -> None:
    """Limit how fast the account NAME may call, over all its keys; what is not given stays as it is."""
    with office(settings) as desk:
        account = desk.accounts.by_name(name)
        if (requests, tokens, concurrent) != (None, None, None):
            pace = account.pace
            bounds = pace_of(
                _bound(requests, pace.requests_per_minute),
                _bound(tokens, pace.tokens_per_minute),
                _bound(concurrent, pace.concurrent_calls),
            )
            account = desk.accounts.limit(account.id, bounds, desk.now_ms())
        balance = desk.balance(account.id)
    if as_json:
        click.echo(msgspec.json.encode(shown(account, balance)))
    else:
        click.echo(f"account {account.name}: {pace_text(account.pace)}")


def _bound(given: int | None, present: int | None) -> int | None:
    return present if given is None else given or None


def pace_text(pace: Pace) -> str:
    """Say in words what is limited."""
    bounds = (
        (pace.requests_per_minute, "requests per minute"),
        (pace.tokens_per_minute, "tokens per minute"),
        (pace.concurrent_calls, "concurrent calls"),
    )
    return ", ".join(f"{most} {what}" for most, what in bounds if most is not None) or "no rate limits"
