"""Bodies of the key routes: closed structures, and their way to what the store keeps."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import TypeVar, get_args

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from modelport.catalogue.catalogue import Catalogue
from modelport.core.credits import from_usd
from modelport.core.errors import InvalidBody
from modelport.core.pace import FREE_PACE, Pace
from modelport.keys.key import DisconnectPolicy, Limit, Retention, Scope
from modelport.keys.store import KeyTerms
from modelport.keys.terms import UnusableTerm, models_of, moment_of, name_of, networks_of, pace_of, providers_of

THRESHOLD_MAX_USD = 1_000_000_000
_NUMBER_MAX_BYTES = 32
_NUMBER_STARTS = frozenset(b"-0123456789")
_EXCERPT = 40


class LimitBody(Struct, forbid_unknown_fields=True):
    """A spending limit; both members are required."""

    retention: Retention
    threshold: Raw


class RateLimitsBody(Struct, forbid_unknown_fields=True):
    """Bounds on calls; what is absent stays as it is."""

    requests_per_minute: int | UnsetType | None = UNSET
    tokens_per_minute: int | UnsetType | None = UNSET
    concurrent_calls: int | UnsetType | None = UNSET


class CreateBody(Struct, forbid_unknown_fields=True):
    """`POST /v1/keys`: what is absent is as its maker has it."""

    name: str | UnsetType | None = UNSET
    limit: LimitBody | UnsetType | None = UNSET
    scopes: list[Scope] | UnsetType | None = UNSET
    expires_at: str | UnsetType | None = UNSET
    models: list[str] | UnsetType | None = UNSET
    providers: list[str] | UnsetType | None = UNSET
    ip_ranges: list[str] | UnsetType | None = UNSET
    on_disconnect: DisconnectPolicy | UnsetType = UNSET
    rate_limits: RateLimitsBody | UnsetType | None = UNSET
    webhook_url: str | UnsetType | None = UNSET


class ChangeBody(CreateBody, forbid_unknown_fields=True):
    """`PATCH` and `PUT /v1/keys/{prefix}`: what is absent stays as it is, or becomes as its maker has it."""

    disabled: bool | UnsetType = UNSET


CHOICES = {
    "limit.retention": get_args(Retention),
    "scopes": get_args(Scope),
    "on_disconnect": get_args(DisconnectPolicy),
}
CREATE = msgspec.json.Decoder(CreateBody)
CHANGE = msgspec.json.Decoder(ChangeBody)


@dataclass(frozen=True, slots=True)
class Reader:
    """Lays what a body names over a key's terms."""

    catalogue: Catalogue
    now_ms: int

    def laid_over(self, terms: KeyTerms, body: CreateBody) -> KeyTerms:
        """Return the terms with what the body names; raises `InvalidBody` for what cannot be."""
        disabled = body.disabled if isinstance(body, ChangeBody) else UNSET
        return replace(
            terms,
            name=_or(terms.name, body.name, lambda given: _read("name", name_of, given)),
            is_disabled=_or(terms.is_disabled, disabled, bool),
            scopes=_or(terms.scopes, body.scopes, scopes_of),
            limit=_or(terms.limit, body.limit, limit_of),
            on_disconnect=terms.on_disconnect if isinstance(body.on_disconnect, UnsetType) else body.on_disconnect,
            expires_at_ms=_or(terms.expires_at_ms, body.expires_at, self._expiry),
            models=_or(terms.models, body.models, self._models),
            providers=_or(terms.providers, body.providers, self._providers),
            ip_ranges=_or(terms.ip_ranges, body.ip_ranges, lambda given: _read("ip_ranges", networks_of, given)),
            pace=terms.pace if isinstance(body.rate_limits, UnsetType) else _pace(terms.pace, body.rate_limits),
            webhook_url=terms.webhook_url if isinstance(body.webhook_url, UnsetType) else body.webhook_url,
        )

    def _expiry(self, given: str | None) -> int | None:
        return _read("expires_at", lambda text: moment_of(text, self.now_ms), given)

    def _models(self, given: list[str] | None) -> frozenset[str] | None:
        return _read("models", lambda names: models_of(names, self.catalogue), given)

    def _providers(self, given: list[str] | None) -> frozenset[str] | None:
        return _read("providers", lambda names: providers_of(names, self.catalogue), given)


def sent(body: CreateBody) -> frozenset[str]:
    """Name the members that a body has; those of `rate_limits` one by one, unless it is null."""
    found = {name for name in body.__struct_fields__ if not isinstance(getattr(body, name), UnsetType)}
    if isinstance(body.rate_limits, UnsetType):
        return frozenset(found)
    limits = body.rate_limits or RateLimitsBody(None, None, None)
    inner = {name for name in limits.__struct_fields__ if not isinstance(getattr(limits, name), UnsetType)}
    return frozenset(found | {f"rate_limits.{name}" for name in inner})


_Given = TypeVar("_Given")
_Term = TypeVar("_Term")


def _or(present: _Term, given: _Given | UnsetType, read: Callable[[_Given], _Term]) -> _Term:
    return present if isinstance(given, UnsetType) else read(given)


def _read(member: str, read: Callable[[_Given], _Term], given: _Given | None) -> _Term | None:
    """Read a member; null stands for no bound."""
    if given is None:
        return None
    try:
        return read(given)
    except UnusableTerm as unusable:
        place = member if unusable.index is None else f"{member}[{unusable.index}]"
        raise InvalidBody((f"'{place}': {unusable.message}",), place) from unusable


def _pace(present: Pace, body: RateLimitsBody | None) -> Pace:
    if body is None:
        return FREE_PACE

    def bound(name: str, now: int | None, given: int | UnsetType | None) -> int | None:
        return now if isinstance(given, UnsetType) else _read(f"rate_limits.{name}", pace_of, given)

    return Pace(
        bound("requests_per_minute", present.requests_per_minute, body.requests_per_minute),
        bound("tokens_per_minute", present.tokens_per_minute, body.tokens_per_minute),
        bound("concurrent_calls", present.concurrent_calls, body.concurrent_calls),
    )


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
        with suppress(InvalidOperation):  # an exponent beyond all that can be computed with
            if 0 < (number := Decimal(text.decode())) <= THRESHOLD_MAX_USD:
                return number
    excerpt = text[:_EXCERPT].decode(errors="replace")
    raise InvalidBody(
        (f"'limit.threshold': Expected number of USD above 0 and at most {THRESHOLD_MAX_USD}, received {excerpt}",),
        "limit.threshold",
    )
