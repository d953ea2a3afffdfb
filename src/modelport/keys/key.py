"""What a key is and what can be wrong with one."""

from dataclasses import dataclass
from typing import Literal

from modelport.core.credits import Credits
from modelport.core.errors import Problem
from modelport.core.networks import Network
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
    "model:moderation",
]
Retention = Literal["no_reset", "day", "week", "month"]
DisconnectPolicy = Literal["drain_and_bill", "cancel_and_bill_delivered"]

DRAIN_AND_BILL: DisconnectPolicy = "drain_and_bill"
"""The policy of a key for which nothing else was said."""


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
    ip_ranges: tuple[Network, ...] | None = None
    """The networks that it may be used from; None allows all."""
    pace: Pace = FREE_PACE
    webhook_url: str | None = None
    """Where the ends of its jobs are told, unless a request says otherwise."""
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


class ExpiredKey(KeyProblem):
    """The key's time is over."""


class KeyNotAllowed(Problem):
    """The key is good but may not do this (403): wrong kind, or scope missing."""


class AddressNotAllowed(KeyNotAllowed):
    """The key may not be used from where the request came from."""

    def __init__(self, prefix: str, address: str | None) -> None:
        seen = "an address that this server cannot see" if address is None else address
        super().__init__(
            f"the key {prefix} may not be used from {seen}: use it from one of its `ip_ranges`, or have these changed"
        )
        self.address = address


class ModelNotAllowed(KeyNotAllowed):
    """The model is not among those of the key."""

    param = "model"

    def __init__(self, prefix: str, model_id: str) -> None:
        super().__init__(
            f"The model '{model_id}' is not in the list of the key {prefix}: GET /v1/key shows its `models`; "
            "call one of these, or use another key"
        )
        self.model_id = model_id


class ProviderNotAllowed(KeyNotAllowed):
    """None of the providers that the key may use can take the call; `pin` is the one that was asked for, if any."""

    param = "provider"

    def __init__(self, prefix: str, allowed: frozenset[str], model_id: str, pin: str | None) -> None:
        mine = ", ".join(sorted(allowed)) or "none"
        if pin is None:
            message = f"none of the providers of the key {prefix} ({mine}) serves the model '{model_id}' here"
        else:
            message = f"the key {prefix} may not use the provider '{pin}', only its own: {mine}"
        super().__init__(f"{message}. GET /v1/key shows its `providers`")
        self.allowed = allowed
        self.model_id = model_id
        self.pin = pin


class UnknownPrefix(Problem):
    """No key of the account has this prefix (404)."""
