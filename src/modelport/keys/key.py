"""What a key is and what can be wrong with one."""

from dataclasses import dataclass
from typing import Literal

from modelport.core.credits import Credits
from modelport.core.errors import Problem
from modelport.core.pace import FREE_PACE, Pace

Scope = Literal[
    "model:chat",
    "model:responses",
    "model:image",
    "model:audio",
    "model:video",
    "model:embeddings",
    "model:speech",
    "model:ocr",
]
Retention = Literal["no_reset", "day", "week", "month"]
DisconnectPolicy = Literal["drain_and_bill", "cancel_and_bill_delivered"]


@dataclass(frozen=True, slots=True)
class Limit:
    """A cap on what a key may spend in a period (UTC)."""

    retention: Retention
    threshold: Credits


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret."""

    id: int
    account_id: int
    prefix: str
    """The first eight characters of the secret; public."""
    name: str | None
    is_management: bool
    is_disabled: bool
    scopes: frozenset[Scope] | None
    """None allows all."""
    limit: Limit | None
    on_disconnect: DisconnectPolicy
    created_at_ms: int
    updated_at_ms: int
    expires_at_ms: int | None = None
    """When it stops working; None never."""
    models: frozenset[str] | None = None
    """The models that it may call, by id or as `maker/*`; None allows all."""
    providers: frozenset[str] | None = None
    """The providers that its calls may go to, by id; None allows all."""
    ip_ranges: tuple[str, ...] | None = None
    """The networks that it may be used from (CIDR); None allows all."""
    pace: Pace = FREE_PACE
    account_pace: Pace = FREE_PACE
    """What bounds all keys of the account together."""


class KeyProblem(Problem):
    """The request's credential cannot be used (401)."""


class MissingKey(KeyProblem):
    """No credential was sent."""


class UnknownKey(KeyProblem):
    """No key has this secret."""


class DisabledKey(KeyProblem):
    """The key is switched off."""


class KeyNotAllowed(Problem):
    """The key is good but may not do this (403): wrong kind, or scope missing."""


class UnknownPrefix(Problem):
    """No key of the account has this prefix (404)."""
