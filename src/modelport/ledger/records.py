"""What is written about a call and about money."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from modelport.core.credits import Credits
from modelport.operations.usage import UsageSource

EntryKind = Literal["PAYMENT", "BONUS", "REFUND", "ADJUSTMENT", "MODEL_USAGE", "CREDITS_EXPIRED", "INIT"]
BillingStatus = Literal["charged", "free", "short", "house", "none"]
"""`charged`: the caller paid all. `free`: it cost nothing. `short`: the house paid the part that the account could not.
`house`: the house paid all (we or the provider cut it). `none`: nothing was used."""
CallStatus = Literal["succeeded", "failed"]
Origin = Literal["api", "playground"]

WORLD_ACCOUNT = 1
"""Where money enters from; may go negative."""
HOUSE_ACCOUNT = 2
"""The operator's own; may go negative."""


class Attempt(Struct, frozen=True):
    """One try at one offer."""

    provider: str
    status: int | None
    """The provider's HTTP status; None when no answer came."""
    error: str | None
    duration_ms: int


class CallRecord(Struct, frozen=True):
    """One request row: what was asked, what came of it, what it used at which rates."""

    inference_id: str
    request_id: str
    client_request_id: str | None
    account_id: int
    key_id: int
    key_prefix: str
    created_at_ms: int
    duration_ms: int
    first_byte_ms: int | None
    endpoint: str
    origin: Origin
    model: str
    provider: str | None
    upstream_model: str | None
    is_streaming: bool
    status: CallStatus
    http_status: int
    error: str | None
    usage: Mapping[str, int]
    usage_source: UsageSource
    rates: Mapping[str, int]
    """Credits per RATE_UNITS, as applied."""
    cost_credits: int
    """The price of the usage, whoever bears it."""
    is_on_house: bool
    """Whether the house bears the cost (a stream that we or the provider cut)."""
    attempts: tuple[Attempt, ...]
    dropped: tuple[str, ...]
    provider_nano_usd: int | None = None
    """What the provider says that it costs, in billionths of a dollar; None when it says nothing."""


class Receipt(Struct, frozen=True):
    """Who paid for a call, as committed."""

    charged: Credits
    on_house: Credits
    billing_status: BillingStatus


def receipt(record: CallRecord, charged: int, on_house: int) -> Receipt:
    """Name the outcome of a call of which the account paid `charged` and the house `on_house`."""
    if record.cost_credits == 0:
        status: BillingStatus = "free" if record.usage else "none"
    elif record.is_on_house:
        status = "house"
    else:
        status = "short" if on_house else "charged"
    return Receipt(Credits(charged), Credits(on_house), status)


@dataclass(frozen=True, slots=True)
class Entry:
    """One balanced pair: `credits` left one account and reached another."""

    id: int
    created_at_ms: int
    kind: EntryKind
    from_account: int
    to_account: int
    credits: Credits
    reference_id: str | None
    model: str | None
