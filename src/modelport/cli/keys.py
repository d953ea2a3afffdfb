"""`modelport keys`: credentials of an account."""

from collections.abc import Callable
from dataclasses import replace
from typing import Unpack

import click
import msgspec

from modelport.bootstrap.office import Office, office
from modelport.cli.key_terms import LIFTING, Given, is_nothing, json_of, lines_of, read_terms, term_options
from modelport.core.clock import iso_ms
from modelport.keys.key import Key
from modelport.keys.store import NO_TERMS, KeyTerms, terms_of
from modelport.settings import Settings

_ACCOUNT = click.option("--account", "account_name", required=True, help="The account's name.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def keys() -> None:
    """Keys: make, list, change, disable and delete them."""


def shown(key: Key) -> dict[str, object]:
    """Return what is printed of a key as JSON."""
    return {
        "prefix": key.prefix,
        "name": key.name,
        "kind": "management" if key.is_management else "regular",
        "disabled": key.is_disabled,
        "created_at": iso_ms(key.created_at_ms),
        **json_of(key),
    }


@keys.command("create")
@_ACCOUNT
@click.option("--management", "is_management", is_flag=True, help="May manage keys; cannot call models.")
@term_options
@_JSON
@click.pass_obj
def create(settings: Settings, account_name: str, is_management: bool, as_json: bool, **given: Unpack[Given]) -> None:
    """Make a key and print it; it is shown only now.

    The keys that a management key makes are never wider than its own terms.
    """
    with office(settings) as desk:
        account = desk.accounts.by_name(account_name)
        terms = read_terms(given, settings, desk.now_ms())(NO_TERMS)
        key, secret = desk.issuer.issue(account.id, desk.now_ms(), terms, is_management=is_management)
    if as_json:
        click.echo(msgspec.json.encode({**shown(key), "key": secret.reveal()}))
    else:
        click.echo(secret.reveal())
        click.echo("Keep it: it is not shown again.", err=True)


@keys.command("change", epilog=LIFTING)
@click.argument("prefix")
@_ACCOUNT
@term_options
@_JSON
@click.pass_obj
def change(settings: Settings, prefix: str, account_name: str, as_json: bool, **given: Unpack[Given]) -> None:
    """Change terms of the key PREFIX; what is not named stays as it is."""
    if is_nothing(given):
        raise click.UsageError("nothing is to be changed: name at least one term, such as --limit 5/day")
    with office(settings) as desk:
        now_ms = desk.now_ms()
        wanted = read_terms(given, settings, now_ms)
        key = _change(desk, account_name, prefix, lambda key: wanted(terms_of(key)))
    if as_json:
        click.echo(msgspec.json.encode(shown(key)))
        return
    for line in lines_of(key, now_ms):
        click.echo(line)


@keys.command("list")
@_ACCOUNT
@_JSON
@click.pass_obj
def list_(settings: Settings, account_name: str, as_json: bool) -> None:
    """List the keys of an account with their terms."""
    with office(settings) as desk:
        found = desk.keys.of_account(desk.accounts.by_name(account_name).id)
        now_ms = desk.now_ms()
    if as_json:
        click.echo(msgspec.json.encode([shown(key) for key in found]))
        return
    for key in found:
        for line in lines_of(key, now_ms):
            click.echo(line)


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
    _change(desk, account_name, prefix, lambda key: replace(terms_of(key), is_disabled=is_disabled))


def _change(desk: Office, account_name: str, prefix: str, terms: Callable[[Key], KeyTerms]) -> Key:
    return desk.keys.change(desk.accounts.by_name(account_name).id, prefix, terms, desk.now_ms())
