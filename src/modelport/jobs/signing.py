"""Signs what webhooks are sent, as Standard Webhooks has it, under secrets that each account has for itself.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (1.0.0, read 2026-11-29).
"""

import base64
import hmac
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from msgspec import Struct

from modelport.core.clock import DAY_MS, iso_ms
from modelport.core.errors import Problem, Secret

BEGINS = "whsec_"
ALONGSIDE_MS = DAY_MS
"""How long an old secret signs beside the one that replaced it."""
MOST_OLD = 3
"""So many old ones sign at most, however often a secret is replaced."""
_PURPOSE = b"secrets of webhooks"
_SEED_BYTES = 32


class Seed(Struct, frozen=True):
    """What a secret is derived from, together with a secret of the server."""

    version: int
    """Of the server's secret."""
    seed: bytes
    created_at_ms: int
    until_ms: int | None = None
    """When it stops signing; None for the newest."""


class SigningSecret(Struct, frozen=True):
    """A secret that signs."""

    key: bytes
    created_at_ms: int
    until_ms: int | None

    @property
    def shown(self) -> Secret:
        """The secret as receivers are given it."""
        return Secret(BEGINS + base64.b64encode(self.key).decode())


class SigningSecretLost(Problem):
    """An account's secret was derived from a secret of the server that is not there any more."""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"the account's webhook secret was made under version {version} of the server secret, which this server "
            "does not have: give it back that version, or make another with `modelport webhooks secret --rotate`"
        )


class SeedStore(Protocol):
    """Keeps seeds. Calls block. Raises `StoreUnavailable`."""

    def seeds(self, account_id: int, now_ms: int) -> Sequence[Seed]:
        """Return the seeds of an account that sign, newest first."""
        ...

    def first(self, account_id: int, seed: Seed) -> Sequence[Seed]:
        """Keep the seed if the account has none; return those that it has then."""
        ...

    def replace(self, account_id: int, seed: Seed, until_ms: int, most_old: int) -> Sequence[Seed]:
        """Put a seed in the place of the newest, which signs until a moment; return those that sign then."""
        ...


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """The secrets of accounts. Calls block."""

    store: SeedStore
    server: Sequence[tuple[int, bytes]]
    """The server's secrets as (version, secret), the newest first."""
    random_bytes: Callable[[int], bytes] = field(default=os.urandom)

    def of(self, account_id: int, now_ms: int) -> list[SigningSecret]:
        """Return the secrets that sign for an account, newest first; makes the first one.

        Raises `SigningSecretLost`.
        """
        found = self.store.seeds(account_id, now_ms) or self.store.first(account_id, self._drawn(now_ms))
        return self._derived(account_id, found)

    def rotate(self, account_id: int, now_ms: int) -> list[SigningSecret]:
        """Make a new secret; the one before signs beside it for a day."""
        seed = self._drawn(now_ms)
        return self._derived(account_id, self.store.replace(account_id, seed, now_ms + ALONGSIDE_MS, MOST_OLD))

    def _drawn(self, now_ms: int) -> Seed:
        return Seed(self.server[0][0], self.random_bytes(_SEED_BYTES), now_ms)

    def _derived(self, account_id: int, seeds: Sequence[Seed]) -> list[SigningSecret]:
        """Derive the secrets; an old one that cannot be derived any more is left out."""
        server = dict(self.server)
        if seeds[0].version not in server:
            raise SigningSecretLost(seeds[0].version)
        return [
            SigningSecret(_key(server[one.version], account_id, one.seed), one.created_at_ms, one.until_ms)
            for one in seeds
            if one.version in server
        ]


def _key(server_secret: bytes, account_id: int, seed: bytes) -> bytes:
    purpose = hmac.digest(server_secret, _PURPOSE, "sha256")
    return hmac.digest(purpose, b"%d %b" % (account_id, seed), "sha256")


def told(secrets: Sequence[SigningSecret]) -> dict[str, object]:
    """Tell the newest secret, and the older ones that still sign, to who may know them."""
    newest, *older = secrets
    return {
        "secret": newest.shown.reveal(),
        "created_at": iso_ms(newest.created_at_ms),
        "older": [{"secret": one.shown.reveal(), "signs_until": iso_ms(one.until_ms or 0)} for one in older],
    }


def signed_headers(keys: Sequence[bytes], event_id: str, at_s: int, body: bytes) -> Mapping[str, str]:
    """Write the headers that prove an event: one signature for each key, so that either of two secrets verifies it."""
    content = f"{event_id}.{at_s}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(key, content, "sha256")).decode() for key in keys)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(f"v1,{one}" for one in signatures),
    }
