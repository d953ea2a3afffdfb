"""Movements of an account's money, as its owner sees them, and the signed place where a page of them ended."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec import Struct

from modelport.core.credits import Credits
from modelport.core.errors import Problem
from modelport.ledger.records import EntryKind

Direction = Literal["TOPUP", "CHARGE"]

_PURPOSE = b"modelport: cursors of transactions"
_CURSOR_VERSION = 1
_CURSOR_MAX = 512


@dataclass(frozen=True, slots=True)
class Transaction:
    """One entry, seen from the account."""

    id: int
    created_at_ms: int
    direction: Direction
    kind: EntryKind
    amount: Credits
    model: str | None
    reference_id: str | None


@dataclass(frozen=True, slots=True)
class TransactionFilter:
    """Which transactions are wanted; None wants all."""

    from_ms: int | None = None
    to_ms: int | None = None
    """The first moment that is not wanted any more."""
    direction: Direction | None = None
    kind: EntryKind | None = None


class Place(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a page ended; what is older comes after it."""

    version: int
    created_at: int
    id: int


def place_of(transaction: Transaction) -> Place:
    """Return the place of a transaction in the order of pages."""
    return Place(_CURSOR_VERSION, transaction.created_at_ms, transaction.id)


class InvalidCursor(Problem):
    """The cursor is not one that was issued for this account and these filters (400)."""

    def __init__(self) -> None:
        super().__init__(
            "'cursor': Expected a next_cursor exactly as it was issued, with the filters of its page; "
            "leave it out to begin with the newest transaction"
        )


class Cursors:
    """Issues cursors and takes them back: `JSON.SIGNATURE`, each base64url.

    The signature covers the account and the filters too, so that a cursor continues nothing but the list it came from.
    """

    def __init__(self, secrets: Sequence[tuple[int, bytes]]) -> None:
        """Take the server's secrets as (version, secret), the newest first: it signs, the others still verify."""
        self._keys = [(version, hmac.digest(secret, _PURPOSE, "sha256")) for version, secret in secrets]

    def issue(self, place: Place, account_id: int, wanted: TransactionFilter) -> str:
        """Write down a place in the account's list."""
        return _cursor(*self._keys[0], place, account_id, wanted)

    def read(self, cursor: str, account_id: int, wanted: TransactionFilter) -> Place:
        """Return the place that a cursor names; raises `InvalidCursor` unless it is, byte for byte, as issued."""
        place = _place(cursor)
        for version, key in self._keys:
            issued = _cursor(version, key, place, account_id, wanted)
            if hmac.compare_digest(issued.encode(), cursor.encode()):
                return place
        raise InvalidCursor


def _place(cursor: str) -> Place:
    payload = cursor.partition(".")[0]
    if len(cursor) > _CURSOR_MAX:
        raise InvalidCursor
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), type=Place)
    except (binascii.Error, ValueError):  # msgspec's errors are among the latter
        raise InvalidCursor from None


def _cursor(version: int, key: bytes, place: Place, account_id: int, wanted: TransactionFilter) -> str:
    payload = msgspec.json.encode(place)
    signed = msgspec.json.encode((account_id, wanted, msgspec.Raw(payload)))
    signature = bytes([version]) + hmac.digest(key, signed, hashlib.sha256)
    return f"{_text(payload)}.{_text(signature)}"


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
