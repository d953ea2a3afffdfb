"""`modelport keys`: credentials of an account."""

from dataclasses import replace

import click
import msgspec

from modelport.bootstrap.office import Office, office
from modelport.core.clock import iso_ms
from modelport.keys.key import Key
from modelport.keys.store import KeyTerms
from modelport.settings import Settings

_ACCOUNT = click.option("--account", "account_name", required=True, help="The account's name.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def keys() -> None:
    """Keys: make, list, disable and delete them."""


def shown(key: Key) -> dict[str, object]:
    """Return what is printed of a key as JSON."""
    return {
        "prefix": key.prefix,
        "name": key.name,
        "kind": "management" if key.is_management else "regular",
        "disabled": key.is_disabled,
        "created_at": iso_ms(key.created_at_ms),
    }


@keys.command("create")
@_ACCOUNT
@click.option("--management", "is_management", is_flag=True, help="May manage keys; cannot call models.")
@click.option("--name", default=None, help="A note to tell keys apart.")
@_JSON
@click.pass_obj
def create(settings: Settings, account_name: str, is_management: bool, name: str | None, as_json: bool) -> None:
    """Make a key and print it; it is shown only now."""
    with office(settings) as desk:
        account = desk.accounts.by_name(account_name)
        key, secret = desk.issuer.issue(account.id, desk.now_ms(), name=name, is_management=is_management)
    if as_json:
        click.echo(msgspec.json.encode({**shown(key), "key": secret.reveal()}))
    else:
        click.echo(secret.reveal())
        click.echo("Keep it: it is not shown again.", err=True)


@keys.command("list")
@_ACCOUNT
@_JSON
@click.pass_obj
def list_(settings: Settings, account_name: str, as_json: bool) -> None:
    """List the keys of an account."""
    with office(settings) as desk:
        found = desk.keys.of_account(desk.accounts.by_name(account_name).id)
    if as_json:
        click.echo(msgspec.json.encode([shown(key) for key in found]))
        return
    for key in found:
        kind = "management" if key.is_management else "regular"
        state = "disabled" if key.is_disabled else "enabled"
        click.echo(f"{key.prefix}  {kind:<10}  {state:<8}  {iso_ms(key.created_at_ms)}  {key.name or ''}")


@keys.command()
@click.argument("prefix")
@_ACCOUNT
@click.pass_obj
def disable(settings: Settings, prefix: str, account_name: str) -> None:
    """Switch a key off."""
    with office(settings) as desk:
        _switch(desk, account_name, prefix, is_disabled=True)
    click.echo(f"disabled {prefix}")


@keys.command()
@click.argument("prefix")
@_ACCOUNT
@click.pass_obj
def enable(settings: Settings, prefix: str, account_name: str) -> None:
    """Switch a key on again."""
    with office(settings) as desk:
        _switch(desk, account_name, prefix, is_disabled=False)
    click.echo(f"enabled {prefix}")


@keys.command()
@click.argument("prefix")
@_ACCOUNT
@click.pass_obj
def delete(settings: Settings, prefix: str, account_name: str) -> None:
    """Revoke a key for good; what it did stays on record."""
    with office(settings) as desk:
        desk.keys.delete(desk.accounts.by_name(account_name).id, prefix, desk.now_ms())
    click.echo(f"deleted {prefix}")


def _switch(desk: Office, account_name: str, prefix: str, *, is_disabled: bool) -> None:
    account = desk.accounts.by_name(account_name)
    key = desk.keys.by_prefix(account.id, prefix)
    terms = KeyTerms(key.name, key.is_disabled, key.scopes, key.limit)
    desk.keys.update(account.id, prefix, replace(terms, is_disabled=is_disabled), desk.now_ms())
