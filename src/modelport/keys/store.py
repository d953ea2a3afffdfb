"""What keys need from storage."""

from dataclasses import dataclass
from typing import Protocol

from modelport.core.credits import Credits
from modelport.keys.key import Key, Limit, Scope


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be stored; the digest stands for the secret."""

    account_id: int
    prefix: str
    digest: bytes
    name: str | None
    is_management: bool
    scopes: frozenset[Scope] | None
    limit: Limit | None


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """The part of a key that its owner may change."""

    name: str | None
    is_disabled: bool
    scopes: frozenset[Scope] | None
    limit: Limit | None


class KeyStore(Protocol):
    """Keeps keys. Calls block; every write records a change in its own transaction."""

    def add(self, new: NewKey, at_ms: int) -> Key | None:
        """Store a key; None when its prefix is taken (draw another)."""
        ...

    def by_digest(self, digest: bytes) -> Key | None:
        """Return the key with that digest."""
        ...

    def of_account(self, account_id: int) -> list[Key]:
        """Return the account's keys that are not deleted, by creation time, then prefix."""
        ...

    def by_prefix(self, account_id: int, prefix: str) -> Key:
        """Return one key of the account; raises `UnknownPrefix`."""
        ...

    def update(self, account_id: int, prefix: str, terms: KeyTerms, at_ms: int) -> Key:
        """Replace the terms of a key; raises `UnknownPrefix`."""
        ...

    def delete(self, account_id: int, prefix: str, at_ms: int) -> None:
        """Revoke a key for good; its rows stay. Raises `UnknownPrefix`."""
        ...

    def spent_since(self, key_id: int, since_day: int) -> Credits:
        """Return what the key spent from a UTC day (days since 1970) on."""
        ...
