"""`modelport accounts`: who pays."""

from decimal import Decimal, InvalidOperation

import click
import msgspec

from modelport.accounts.account import Account
from modelport.bootstrap import office
from modelport.core.clock import iso_ms
from modelport.core.credits import Credits, from_usd, usd_text
from modelport.settings import Settings


class Usd(click.ParamType[Credits]):
    """An amount of dollars, exact to the credit."""

    name = "usd"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Credits:
        """Return credits; fails with what was wrong."""
        try:
            amount = from_usd(Decimal(str(value)))
        except InvalidOperation:
            self.fail(f"'{value}' is not an amount in US dollars, such as 5 or 0.25", param, ctx)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if amount < 0:
            self.fail(f"'{value}' is negative", param, ctx)
        return amount


USD = Usd()


@click.group()
def accounts() -> None:
    """Accounts: make and list them."""


def shown(account: Account, balance: Credits) -> dict[str, object]:
    """Return what is printed of an account as JSON."""
    return {
        "id": account.id,
        "name": account.name,
        "email": account.email,
        "created_at": iso_ms(account.created_at_ms),
        "balance": {"usd": usd_text(balance), "credits": balance},
    }


@accounts.command("create")
@click.argument("name")
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
