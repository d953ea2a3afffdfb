"""Keys in the database."""

from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from modelport.core.credits import Credits
from modelport.core.pace import pace_of
from modelport.keys.key import DisconnectPolicy, Key, Limit, Scope, UnknownPrefix
from modelport.keys.store import KeyTerms, NewKey
from modelport.storage.changes import note_change
from modelport.storage.database import Database
from modelport.storage.ledger import spent_since
from modelport.storage.tables import accounts, keys

_DEFAULT_ON_DISCONNECT: DisconnectPolicy = "drain_and_bill"
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
        terms = KeyTerms(new.name, False, new.scopes, new.limit)
        values = {
            "account_id": new.account_id,
            "prefix": new.prefix,
            "digest": new.digest,
            "is_management": new.is_management,
            "is_deleted": False,
            "on_disconnect": _DEFAULT_ON_DISCONNECT,
            "created_at_ms": at_ms,
            "updated_at_ms": at_ms,
        }
        with self._database.write() as connection:
            if connection.scalar(select(keys.c.id).where(keys.c.prefix == new.prefix)) is not None:
                return None
            made: int = connection.execute(
                insert(keys).values(**values, **_columns(terms)).returning(keys.c.id)
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
            return _key(_found(connection, account_id, prefix))

    def update(self, account_id: int, prefix: str, terms: KeyTerms, at_ms: int) -> Key:
        """Replace the terms of a key; raises `UnknownPrefix`."""
        return self._change(account_id, prefix, _columns(terms), at_ms)

    def delete(self, account_id: int, prefix: str, at_ms: int) -> None:
        """Revoke a key for good; its rows stay. Raises `UnknownPrefix`."""
        self._change(account_id, prefix, {"is_deleted": True}, at_ms)

    def spent_since(self, key_id: int, since_day: int) -> Credits:
        """Return what the key spent from a UTC day (days since 1970) on."""
        with self._database.read() as connection:
            return spent_since(connection, key_id, since_day)

    def _change(self, account_id: int, prefix: str, values: dict[str, Any], at_ms: int) -> Key:
        with self._database.write() as connection:
            key_id = _found(connection, account_id, prefix).id
            connection.execute(update(keys).where(keys.c.id == key_id).values(updated_at_ms=at_ms, **values))
            note_change(connection, "key", str(key_id), at_ms)
            return _key(connection.execute(_KEYS.where(keys.c.id == key_id)).one())


def _found(connection: Connection, account_id: int, prefix: str) -> Row[Any]:
    row = connection.execute(
        _KEYS.where(keys.c.account_id == account_id, keys.c.prefix == prefix, ~keys.c.is_deleted)
    ).first()
    if row is None:
        raise UnknownPrefix(f"no key of this account has the prefix '{prefix}': GET /v1/keys lists them")
    return row


def _columns(terms: KeyTerms) -> dict[str, Any]:
    return {
        "name": terms.name,
        "is_disabled": terms.is_disabled,
        "scopes": None if terms.scopes is None else sorted(terms.scopes),
        "limit_retention": None if terms.limit is None else terms.limit.retention,
        "limit_credits": None if terms.limit is None else terms.limit.threshold,
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
        ip_ranges=None if row.ip_ranges is None else tuple(row.ip_ranges),
        pace=pace_of(row.requests_per_minute, row.tokens_per_minute, row.concurrent_calls),
        account_pace=pace_of(
            row.account_requests_per_minute, row.account_tokens_per_minute, row.account_concurrent_calls
        ),
    )
