"""Settles calls in bulk: who pays for each is decided here, for every kind of database; a till reads and writes."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from modelport.core.clock import QUARTER_MS, utc_day
from modelport.ledger.records import HOUSE_ACCOUNT, Receipt, receipt
from modelport.ledger.store import Fund, Settlement, Slice
from modelport.operations.usage import INPUT_METERS, OUTPUT_METERS
from modelport.storage.tables import requests

REQUEST_COLUMNS = tuple(column.name for column in requests.columns)

Row = tuple[object, ...]
Rollup = tuple[int | str, ...]
_encode = msgspec.json.Encoder().encode


class Till(Protocol):
    """What a settlement needs of its transaction. What it reads stays true until the transaction ends."""

    def living(self, slices: Sequence[Slice]) -> dict[Slice, int]:
        """Return what is in those of the slices that have not lapsed."""
        ...

    def free(self, account_id: int) -> int:
        """Return what of an account's money is lent to nobody; ends the slices that have lapsed."""
        ...

    def room(self, limit: Fund) -> int:
        """Return what a limited key may still spend that is lent to nobody; ends the slices that have lapsed."""
        ...


@dataclass(slots=True)
class Takings:
    """What is taken from where, and who paid for each call."""

    receipts: list[Receipt] = field(default_factory=list[Receipt])
    by_slice: defaultdict[Slice, int] = field(default_factory=lambda: defaultdict(int))
    by_account: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))


def take_money(till: Till, settlements: Sequence[Settlement]) -> Takings:
    """Take each charge from its slices; what names no living slice takes what is free in its fund, else the house."""
    takings = Takings()
    named = {lent for one in settlements if one.charged for lent in (one.slice, one.limit_slice) if lent is not None}
    sources = _Sources(till, till.living(tuple(named)) if named else {})
    for settlement in settlements:
        wanted = settlement.charged
        if not wanted:
            takings.receipts.append(receipt(settlement.record, 0, settlement.on_house))
            continue
        record = settlement.record
        charged = wanted
        if settlement.limit is not None:
            charged = sources.most(settlement.limit_slice, settlement.limit, charged)
        charged = sources.most(settlement.slice, Fund(record.account_id), charged)
        if settlement.limit is not None:
            sources.take(settlement.limit_slice, settlement.limit, charged, takings.by_slice)
        sources.take(settlement.slice, Fund(record.account_id), charged, takings.by_slice)
        takings.by_account[record.account_id] += charged
        takings.receipts.append(receipt(record, charged, settlement.on_house + wanted - charged))
    return takings


class _Sources:
    """What is left in slices and funds while a group is settled."""

    __slots__ = ("_funds", "_living", "_till")

    def __init__(self, till: Till, living: dict[Slice, int]) -> None:
        self._till = till
        self._living = living
        self._funds: dict[Fund, int] = {}

    def most(self, lent: Slice | None, fund: Fund, wanted: int) -> int:
        """Say how much of `wanted` can be had."""
        if lent is not None and self._living.get(lent, -1) >= wanted:
            return wanted
        found = self._funds.get(fund)
        if found is None:
            read = self._till.free(fund.account_id) if fund.key_id is None else self._till.room(fund)
            found = self._funds[fund] = max(0, read)
        return min(wanted, found)

    def take(self, lent: Slice | None, fund: Fund, amount: int, by_slice: dict[Slice, int]) -> None:
        """Take what `most` said could be had, or less."""
        if lent is not None and self._living.get(lent, -1) >= amount:
            self._living[lent] -= amount
            by_slice[lent] += amount
        else:
            self._funds[fund] -= amount


def entry_rows(settlements: Sequence[Settlement], receipts: Sequence[Receipt]) -> list[tuple[int, int, str, str]]:
    """List the pairs that are entered, all to the world: from whom, how much, for which call, of which model."""
    rows: list[tuple[int, int, str, str]] = []
    for settlement, paid in zip(settlements, receipts, strict=True):
        record = settlement.record
        if paid.charged:
            rows.append((record.account_id, paid.charged, record.inference_id, record.model))
        if paid.on_house:
            rows.append((HOUSE_ACCOUNT, paid.on_house, record.inference_id, record.model))
    return rows


def spend_rows(settlements: Sequence[Settlement], receipts: Sequence[Receipt]) -> list[tuple[int, int, int]]:
    """Sum what each key was charged by the UTC day on which the call began."""
    spent: defaultdict[tuple[int, int], int] = defaultdict(int)
    for settlement, paid in zip(settlements, receipts, strict=True):
        if paid.charged:
            spent[settlement.record.key_id, utc_day(settlement.record.created_at_ms)] += paid.charged
    return [(*key_and_day, amount) for key_and_day, amount in sorted(spent.items())]


def rollup_rows(settlements: Sequence[Settlement], receipts: Sequence[Receipt]) -> list[Rollup]:
    """Sum calls up by key, quarter hour, model and status, in the order of the columns of `usage_rollups`."""
    sums: dict[tuple[int, int, str, str], list[int]] = {}
    for settlement, paid in zip(settlements, receipts, strict=True):
        record = settlement.record
        place = (record.key_id, record.created_at_ms // QUARTER_MS, record.model, record.status)
        found = sums.get(place)
        if found is None:
            found = sums[place] = [record.account_id, 0, 0, 0, 0, 0]
        found[1] += 1
        if paid.charged:
            found[2] += 1
            found[3] += paid.charged
        for meter, units in record.usage.items():
            if meter in INPUT_METERS:
                found[4] += units
            elif meter in OUTPUT_METERS:
                found[5] += units
    return [(*place, *found) for place, found in sorted(sums.items())]


def request_row(settlement: Settlement, paid: Receipt) -> Row:
    """Lay a call out in the order of the table's columns."""
    record = settlement.record
    return (
        record.inference_id,
        record.request_id,
        record.client_request_id,
        record.account_id,
        record.key_id,
        record.key_prefix,
        record.created_at_ms,
        record.duration_ms,
        record.first_byte_ms,
        record.endpoint,
        record.origin,
        record.model,
        record.provider,
        record.upstream_model,
        record.is_streaming,
        record.status,
        record.http_status,
        record.error,
        _json(record.usage),
        record.usage_source,
        _json(record.rates),
        record.cost_credits,
        paid.charged,
        paid.on_house,
        paid.billing_status,
        _json(record.attempts) if record.attempts else "[]",
        _json(record.dropped) if record.dropped else "[]",
        record.provider_nano_usd,
    )


def _json(value: object) -> str:
    return _encode(value).decode()
