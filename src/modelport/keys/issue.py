"""Makes keys: a secret that is shown once, and the digest that stands for it."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from modelport.core.errors import Secret
from modelport.keys.key import Key
from modelport.keys.store import NO_TERMS, KeyStore, KeyTerms, NewKey

SECRET_BYTES = 16
PREFIX_LENGTH = 8
_DRAWS = 32
_BLOCK_BYTES = 64
_INNER = bytes(value ^ 0x36 for value in range(256))
_OUTER = bytes(value ^ 0x5C for value in range(256))


class _Version:
    """HMAC-SHA-256 under one server secret, from two prepared states: a third of the cost of `hmac.digest`."""

    __slots__ = ("_inner", "_outer", "mark")

    def __init__(self, number: int, secret: bytes) -> None:
        if not 0 <= number <= 255:
            raise ValueError(f"version {number} of the server secret is not between 0 and 255")
        block = hashlib.sha256(secret).digest() if len(secret) > _BLOCK_BYTES else secret
        block = block.ljust(_BLOCK_BYTES, b"\0")
        self.mark = bytes([number])
        self._inner = hashlib.sha256(block.translate(_INNER))
        self._outer = hashlib.sha256(block.translate(_OUTER))

    def __call__(self, message: bytes) -> bytes:
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return self.mark + outer.digest()


class KeyHasher:
    """Turns a key's secret into its digest: one byte of version, 32 of HMAC-SHA-256 under that server secret."""

    def __init__(self, secrets: Sequence[tuple[int, bytes]]) -> None:
        """Take the server's secrets as (version, secret), the newest first: it hashes, the others still verify."""
        if not secrets or any(len(secret) < 16 for _, secret in secrets):
            raise ValueError("the server secret is missing or shorter than 16 bytes: set MODELPORT_SECRET")
        self._newest, *self._older = [_Version(number, secret) for number, secret in secrets]

    def digest(self, secret: bytes) -> bytes:
        """Hash under the newest server secret."""
        return self._newest(secret)

    def digests(self, secret: bytes) -> Iterator[bytes]:
        """Hash under every server secret, the newest first."""
        yield self._newest(secret)
        for version in self._older:
            yield version(secret)


class PrefixesUsedUp(Exception):
    """No free prefix was drawn in many tries; with four billion of them this means broken randomness."""


@dataclass(frozen=True, slots=True)
class KeyIssuer:
    """Makes keys in a store. Calls block."""

    store: KeyStore
    hasher: KeyHasher
    random_bytes: Callable[[int], bytes] = field(default=os.urandom)

    def issue(
        self,
        account_id: int,
        at_ms: int,
        terms: KeyTerms = NO_TERMS,
        *,
        is_management: bool = False,
    ) -> tuple[Key, Secret]:
        """Make a key of the account; the secret is in no other place than the one returned here."""
        for _ in range(_DRAWS):
            secret = self.random_bytes(SECRET_BYTES).hex()
            digest = self.hasher.digest(secret.encode())
            prefix = secret[:PREFIX_LENGTH]
            key = self.store.add(NewKey(account_id, prefix, digest, is_management, terms), at_ms)
            if key is not None:
                return key, Secret(secret)
        raise PrefixesUsedUp
