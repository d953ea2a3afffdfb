"""`modelport credits`: money by hand."""

import click
import msgspec

from modelport.bootstrap.office import office
from modelport.cli.accounts import POSITIVE_USD, shown, shown_credits
from modelport.core.credits import Credits, usd_text
from modelport.settings import Settings


@click.group("credits")
def credits() -> None:  # noqa: A001 - the name of the command
    """Credits: give them, look at them."""


_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


# A negative amount would be taken for an option, and be told as one.
@credits.command(context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("amount", type=POSITIVE_USD, metavar="USD")
@_JSON
@click.pass_obj
def grant(settings: Settings, name: str, amount: Credits, as_json: bool) -> None:
    """Add USD dollars to the balance of the account NAME."""
    with office(settings) as desk:
        account = desk.accounts.by_name(name)
        desk.grant(account.id, amount)
        balance = desk.balance(account.id)
    if as_json:
        click.echo(msgspec.json.encode({"granted": shown_credits(amount), **shown(account, balance)}))
        return
    click.echo(f"granted {usd_text(amount)} USD to {account.name}: its balance is {usd_text(balance)} USD")


@credits.command()
@click.argument("name")
@_JSON
@click.pass_obj
def show(settings: Settings, name: str, as_json: bool) -> None:
    """Print the balance of the account NAME."""
    with office(settings) as desk:
        account = desk.accounts.by_name(name)
        balance = desk.balance(account.id)
    if as_json:
        click.echo(msgspec.json.encode(shown(account, balance)))
        return
    click.echo(f"{usd_text(balance)} USD ({balance} credits)")
