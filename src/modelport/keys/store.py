"""What keys need from storage."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from modelport.core.credits import Credits
from modelport.core.networks import Network
from modelport.core.pace import FREE_PACE, Pace
from modelport.keys.key import DRAIN_AND_BILL, DisconnectPolicy, Key, Limit, Scope


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """The part of a key that its owner may change; a new key of which nothing is said has the defaults."""

    name: str | None = None
    is_disabled: bool = False
    scopes: frozenset[Scope] | None = None
    limit: Limit | None = None
    on_disconnect: DisconnectPolicy = DRAIN_AND_BILL
    expires_at_ms: int | None = None
    models: frozenset[str] | None = None
    providers: frozenset[str] | None = None
    ip_ranges: tuple[Network, ...] | None = None
    pace: Pace = FREE_PACE
    webhook_url: str | None = None


NO_TERMS = KeyTerms()
"""A key that nothing bounds."""


def terms_of(key: Key) -> KeyTerms:
    """Return the terms of a key as they are."""
    return KeyTerms(
        name=key.name,
        is_disabled=key.is_disabled,
        scopes=key.scopes,
        limit=key.limit,
        on_disconnect=key.on_disconnect,
        expires_at_ms=key.expires_at_ms,
        models=key.models,
        providers=key.providers,
        ip_ranges=key.ip_ranges,
        pace=key.pace,
        webhook_url=key.webhook_url,
    )


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be stored; the digest stands for the secret."""

    account_id: int
    prefix: str
    digest: bytes
    is_management: bool = False
    terms: KeyTerms = NO_TERMS


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

    def change(self, account_id: int, prefix: str, terms: Callable[[Key], KeyTerms], at_ms: int) -> Key:
        """Replace the terms of a key by those made of it as it is, while nobody else changes it.

        Raises `UnknownPrefix`, and whatever `terms` raises; nothing is changed then.
        """
        ...

    def delete(self, account_id: int, prefix: str, at_ms: int) -> None:
        """Revoke a key for good; its rows stay. Raises `UnknownPrefix`."""
        ...

    def spent_since(self, key_id: int, since_day: int) -> Credits:
        """Return what the key spent from a UTC day (days since 1970) on."""
        ...
