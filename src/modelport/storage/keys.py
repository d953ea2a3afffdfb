"""Keys in the database."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Row, Select, insert, select, update

from modelport.core.credits import Credits
from modelport.core.networks import network_of
from modelport.core.pace import pace_of
from modelport.keys.key import Key, Limit, Scope, UnknownPrefix
from modelport.keys.store import KeyTerms, NewKey
from modelport.storage.changes import note_change
from modelport.storage.database import Database
from modelport.storage.ledger import spent_since
from modelport.storage.tables import accounts, keys

_KEYS = select(
    keys,
    accounts.c.requests_per_minute.label("account_requests_per_minute"),
    accounts.c.tokens_per_minute.label("account_tokens_per_minute"),
    accounts.c.concurrent_calls.label("account_concurrent_calls"),
).join_from(keys, accounts)
"""Keys with what bounds all those of their account together."""


class Keys:
    """The `KeyStore` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, new: NewKey, at_ms: int) -> Key | None:
        """Store a key; None when its prefix is taken (draw another)."""
        values = {
            "account_id": new.account_id,
            "prefix": new.prefix,
            "digest": new.digest,
            "is_management": new.is_management,
            "is_deleted": False,
            "created_at_ms": at_ms,
            "updated_at_ms": at_ms,
        }
        with self._database.write() as connection:
            if connection.scalar(select(keys.c.id).where(keys.c.prefix == new.prefix)) is not None:
                return None
            made: int = connection.execute(
                insert(keys).values(**values, **_columns(new.terms)).returning(keys.c.id)
            ).scalar_one()
            note_change(connection, "key", str(made), at_ms)
            return _key(connection.execute(_KEYS.where(keys.c.id == made)).one())

    def by_digest(self, digest: bytes) -> Key | None:
        """Return the key with that digest."""
        with self._database.read() as connection:
            row = connection.execute(_KEYS.where(keys.c.digest == digest, ~keys.c.is_deleted)).first()
        return None if row is None else _key(row)

    def of_account(self, account_id: int) -> list[Key]:
        """Return the account's keys that are not deleted, by creation time, then prefix."""
        with self._database.read() as connection:
            rows = connection.execute(
                _KEYS.where(keys.c.account_id == account_id, ~keys.c.is_deleted).order_by(
                    keys.c.created_at_ms, keys.c.prefix
                )
            ).all()
        return [_key(row) for row in rows]

    def by_prefix(self, account_id: int, prefix: str) -> Key:
        """Return one key of the account; raises `UnknownPrefix`."""
        with self._database.read() as connection:
            row = connection.execute(_named(account_id, prefix)).first()
        if row is None:
            raise _unknown(prefix)
        return _key(row)

    def change(self, account_id: int, prefix: str, terms: Callable[[Key], KeyTerms], at_ms: int) -> Key:
        """Replace the terms of a key by those made of it as it is, while nobody else changes it.

        Raises `UnknownPrefix`, and whatever `terms` raises; nothing is changed then.
        """
        return self._change(account_id, prefix, lambda row: _columns(terms(_key(row))), at_ms)

    def delete(self, account_id: int, prefix: str, at_ms: int) -> None:
        """Revoke a key for good; its rows stay. Raises `UnknownPrefix`."""
        self._change(account_id, prefix, lambda _: {"is_deleted": True}, at_ms)

    def spent_since(self, key_id: int, since_day: int) -> Credits:
        """Return what the key spent from a UTC day (days since 1970) on."""
        with self._database.read() as connection:
            return spent_since(connection, key_id, since_day)

    def _change(self, account_id: int, prefix: str, values: Callable[[Row[Any]], dict[str, Any]], at_ms: int) -> Key:
        with self._database.write() as connection:
            before = connection.execute(_named(account_id, prefix).with_for_update(of=keys)).first()
            if before is None:
                raise _unknown(prefix)
            connection.execute(update(keys).where(keys.c.id == before.id).values(updated_at_ms=at_ms, **values(before)))
            note_change(connection, "key", str(before.id), at_ms)
            return _key(connection.execute(_KEYS.where(keys.c.id == before.id)).one())


def _named(account_id: int, prefix: str) -> Select[Any]:
    return _KEYS.where(keys.c.account_id == account_id, keys.c.prefix == prefix, ~keys.c.is_deleted)


def _unknown(prefix: str) -> UnknownPrefix:
    return UnknownPrefix(f"no key of this account has the prefix '{prefix}': GET /v1/keys lists them")


def _columns(terms: KeyTerms) -> dict[str, Any]:
    return {
        "name": terms.name,
        "is_disabled": terms.is_disabled,
        "scopes": None if terms.scopes is None else sorted(terms.scopes),
        "limit_retention": None if terms.limit is None else terms.limit.retention,
        "limit_credits": None if terms.limit is None else terms.limit.threshold,
        "on_disconnect": terms.on_disconnect,
        "expires_at_ms": terms.expires_at_ms,
        "models": None if terms.models is None else sorted(terms.models),
        "providers": None if terms.providers is None else sorted(terms.providers),
        "ip_ranges": None if terms.ip_ranges is None else [str(one) for one in terms.ip_ranges],
        "requests_per_minute": terms.pace.requests_per_minute,
        "tokens_per_minute": terms.pace.tokens_per_minute,
        "concurrent_calls": terms.pace.concurrent_calls,
        "webhook_url": terms.webhook_url,
    }


def _key(row: Row[Any]) -> Key:
    scopes: list[Scope] | None = row.scopes
    return Key(
        id=row.id,
        account_id=row.account_id,
        prefix=row.prefix,
        name=row.name,
        is_management=row.is_management,
        is_disabled=row.is_disabled,
        scopes=None if scopes is None else frozenset(scopes),
        limit=None if row.limit_retention is None else Limit(row.limit_retention, Credits(row.limit_credits)),
        on_disconnect=row.on_disconnect,
        created_at_ms=row.created_at_ms,
        updated_at_ms=row.updated_at_ms,
        expires_at_ms=row.expires_at_ms,
        models=None if row.models is None else frozenset(row.models),
        providers=None if row.providers is None else frozenset(row.providers),
        ip_ranges=None if row.ip_ranges is None else tuple(network_of(one) for one in row.ip_ranges),
        pace=pace_of(row.requests_per_minute, row.tokens_per_minute, row.concurrent_calls),
        webhook_url=row.webhook_url,
        account_pace=pace_of(
            row.account_requests_per_minute, row.account_tokens_per_minute, row.account_concurrent_calls
        ),
    )
