"""What is handed out of calls and entries: to the operator all of it, to an account's owner what is his."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Protocol

from msgspec import Raw, Struct

from modelport.core.clock import iso_ms
from modelport.core.credits import usd_json
from modelport.core.moments import Period
from modelport.core.tabular import Table, Value


class ExportedCall(Struct, frozen=True):
    """A request row and the name of its account."""

    inference_id: str
    request_id: str
    client_request_id: str | None
    account_id: int
    key_prefix: str
    created_at_ms: int
    duration_ms: int
    first_byte_ms: int | None
    endpoint: str
    origin: str
    model: str
    provider: str | None
    upstream_model: str | None
    is_streaming: bool
    status: str
    http_status: int
    error: str | None
    usage: str
    usage_source: str
    rates: str
    cost_credits: int
    charged_credits: int
    house_credits: int
    billing_status: str
    attempts: str
    dropped: str
    provider_nano_usd: int | None
    account: str | None


class ExportedEntry(Struct, frozen=True):
    """An entry."""

    id: int
    created_at_ms: int
    kind: str
    from_account: int
    to_account: int
    credits: int
    reference_id: str | None
    model: str | None


class Exports(Protocol):
    """Reads what is exported, page by page, oldest first, each page in one consistent state. Calls block."""

    def calls(self, period: Period, account_id: int | None) -> Iterator[list[ExportedCall]]:
        """Yield the calls that began in a period, of one account or of all."""
        ...

    def entries(self, period: Period, account_id: int | None) -> Iterator[list[ExportedEntry]]:
        """Yield the entries of a period, of one account or of all."""
        ...


def _told_usd(call: ExportedCall) -> Value:
    if call.provider_nano_usd is None:
        return None
    return Raw(f"{Decimal(call.provider_nano_usd).scaleb(-9).normalize():f}".encode())


_OWN_CALLS: tuple[tuple[str, Callable[[ExportedCall], Value]], ...] = (
    ("created_at", lambda call: iso_ms(call.created_at_ms)),
    ("inference_id", lambda call: call.inference_id),
    ("request_id", lambda call: call.request_id or None),
    ("client_request_id", lambda call: call.client_request_id),
    ("key_prefix", lambda call: call.key_prefix),
    ("endpoint", lambda call: call.endpoint),
    ("origin", lambda call: call.origin),
    ("model", lambda call: call.model),
    ("is_streaming", lambda call: call.is_streaming),
    ("status", lambda call: call.status),
    ("http_status", lambda call: call.http_status),
    ("error", lambda call: call.error),
    ("duration_ms", lambda call: call.duration_ms),
    ("first_byte_ms", lambda call: call.first_byte_ms),
    ("usage", lambda call: Raw(call.usage.encode())),
    ("usage_source", lambda call: call.usage_source),
    ("rates", lambda call: Raw(call.rates.encode())),
    ("billing_status", lambda call: call.billing_status),
    ("charged_credits", lambda call: call.charged_credits),
    ("charged_usd", lambda call: Raw(usd_json(call.charged_credits))),
    ("dropped", lambda call: Raw(call.dropped.encode())),
)
_OPERATOR_S_CALLS: tuple[tuple[str, Callable[[ExportedCall], Value]], ...] = (
    ("account_id", lambda call: call.account_id),
    ("account", lambda call: call.account),
    ("provider", lambda call: call.provider),
    ("upstream_model", lambda call: call.upstream_model),
    ("cost_credits", lambda call: call.cost_credits),
    ("house_credits", lambda call: call.house_credits),
    ("provider_usd", _told_usd),
    ("attempts", lambda call: Raw(call.attempts.encode())),
)
OWN_CALLS = Table(_OWN_CALLS)
"""Whom a call was sent to, and what that cost, is the operator's business."""
ALL_OF_CALLS = Table((*_OWN_CALLS, *_OPERATOR_S_CALLS))
ALL_OF_ENTRIES: Table[ExportedEntry] = Table(
    (
        ("id", lambda entry: entry.id),
        ("created_at", lambda entry: iso_ms(entry.created_at_ms)),
        ("type", lambda entry: entry.kind),
        ("from_account", lambda entry: entry.from_account),
        ("to_account", lambda entry: entry.to_account),
        ("credits", lambda entry: entry.credits),
        ("usd", lambda entry: Raw(usd_json(entry.credits))),
        ("reference_id", lambda entry: entry.reference_id),
        ("model", lambda entry: entry.model),
    )
)


def own_entries(account_id: int) -> Table[ExportedEntry]:
    """Show entries from the side of an account, by the names that its transactions have elsewhere."""
    return Table(
        (
            ("created_at", lambda entry: iso_ms(entry.created_at_ms)),
            ("direction", lambda entry: "TOPUP" if entry.to_account == account_id else "CHARGE"),
            ("type", lambda entry: entry.kind),
            ("credits", lambda entry: entry.credits),
            ("usd", lambda entry: Raw(usd_json(entry.credits))),
            ("reference_id", lambda entry: entry.reference_id),
            ("model", lambda entry: entry.model),
        )
    )
