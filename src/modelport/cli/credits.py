"""`modelport credits`: money by hand."""

import click

from modelport.bootstrap import office
from modelport.cli.accounts import USD
from modelport.core.credits import Credits, usd_text
from modelport.settings import Settings


@click.group("credits")
def credits() -> None:  # noqa: A001 - the name of the command
    """Credits: give them, look at them."""


@credits.command()
@click.argument("name")
@click.argument("amount", type=USD, metavar="USD")
@click.pass_obj
def grant(settings: Settings, name: str, amount: Credits) -> None:
    """Add USD dollars to the balance of the account NAME."""
    with office(settings) as desk:
        account = desk.accounts.by_name(name)
        desk.grant(account.id, amount)
        balance = desk.balance(account.id)
    click.echo(f"granted {usd_text(amount)} USD to {account.name}: its balance is {usd_text(balance)} USD")


@credits.command()
@click.argument("name")
@click.pass_obj
def show(settings: Settings, name: str) -> None:
    """Print the balance of the account NAME."""
    with office(settings) as desk:
        balance = desk.balance(desk.accounts.by_name(name).id)
    click.echo(f"{usd_text(balance)} USD ({balance} credits)")
