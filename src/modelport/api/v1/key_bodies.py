"""Bodies of the key routes: closed structures, and their way to what the store keeps."""

from decimal import Decimal
from typing import get_args

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from modelport.core.credits import from_usd
from modelport.core.errors import InvalidBody
from modelport.keys.key import Key, Limit, Retention, Scope
from modelport.keys.store import KeyTerms

NAME_MAX = 256
THRESHOLD_MAX_USD = 1_000_000_000
_NUMBER_MAX_BYTES = 32
_NUMBER_STARTS = frozenset(b"-0123456789")
_EXCERPT = 40


class LimitBody(Struct, forbid_unknown_fields=True):
    """A spending limit; both members are required."""

    retention: Retention
    threshold: Raw


class CreateBody(Struct, forbid_unknown_fields=True):
    """`POST /v1/keys`."""

    name: str | None = None
    limit: LimitBody | None = None
    scopes: list[Scope] | None = None


class ChangeBody(Struct, forbid_unknown_fields=True):
    """`PATCH /v1/keys/{prefix}`: what is absent stays as it is."""

    name: str | UnsetType | None = UNSET
    disabled: bool | UnsetType = UNSET
    limit: LimitBody | UnsetType | None = UNSET
    scopes: list[Scope] | UnsetType | None = UNSET


class ReplaceBody(Struct, forbid_unknown_fields=True):
    """`PUT /v1/keys/{prefix}`: what is absent takes its default."""

    name: str | None = None
    disabled: bool = False
    limit: LimitBody | None = None
    scopes: list[Scope] | None = None


CHOICES = {"limit.retention": get_args(Retention), "scopes": get_args(Scope)}
CREATE = msgspec.json.Decoder(CreateBody)
CHANGE = msgspec.json.Decoder(ChangeBody)
REPLACE = msgspec.json.Decoder(ReplaceBody)


def name_of(name: str | None) -> str | None:
    """Check a key's name; the empty one is as good as none."""
    if name is not None and len(name) > NAME_MAX:
        raise InvalidBody(
            (f"'name': Expected string of at most {NAME_MAX} characters, received {len(name)} characters",), "name"
        )
    if name is not None and not name.isprintable():
        raise InvalidBody(("'name': Expected printable characters, received control characters",), "name")
    return name


def scopes_of(scopes: list[Scope] | None) -> frozenset[Scope] | None:
    """Return the scopes; None allows all, the empty set none."""
    return None if scopes is None else frozenset(scopes)


def limit_of(body: LimitBody | None) -> Limit | None:
    """Convert a limit to whole credits."""
    if body is None:
        return None
    amount_usd = _number(bytes(body.threshold))
    try:
        return Limit(body.retention, from_usd(amount_usd))
    except ValueError as error:
        raise InvalidBody((f"'limit.threshold': {error}",), "limit.threshold") from None


def _number(text: bytes) -> Decimal:
    """Read a JSON number exactly, without ever making it a float."""
    text = text.strip()
    if text[:1] and text[0] in _NUMBER_STARTS and len(text) <= _NUMBER_MAX_BYTES:
        number = Decimal(text.decode())
        if 0 < number <= THRESHOLD_MAX_USD:
            return number
    excerpt = text[:_EXCERPT].decode(errors="replace")
    raise InvalidBody(
        (f"'limit.threshold': Expected number of USD above 0 and at most {THRESHOLD_MAX_USD}, received {excerpt}",),
        "limit.threshold",
    )


def changed(key: Key, body: ChangeBody) -> KeyTerms:
    """Lay a partial update over a key's terms."""
    return KeyTerms(
        name=key.name if isinstance(body.name, UnsetType) else name_of(body.name),
        is_disabled=key.is_disabled if isinstance(body.disabled, UnsetType) else body.disabled,
        scopes=key.scopes if isinstance(body.scopes, UnsetType) else scopes_of(body.scopes),
        limit=key.limit if isinstance(body.limit, UnsetType) else limit_of(body.limit),
    )


def replaced(body: ReplaceBody) -> KeyTerms:
    """Make a key's terms anew."""
    return KeyTerms(name_of(body.name), body.disabled, scopes_of(body.scopes), limit_of(body.limit))
