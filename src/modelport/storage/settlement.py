"""Settles calls in bulk: request rows, entries, balances, slices and what each key spent."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from sqlite3 import Cursor, IntegrityError

import msgspec

from modelport.core.clock import utc_day
from modelport.ledger.problems import AlreadySettled
from modelport.ledger.records import HOUSE_ACCOUNT, WORLD_ACCOUNT, Receipt, receipt
from modelport.ledger.store import Settlement, Slice
from modelport.operations.usage import INPUT_METERS, OUTPUT_METERS
from modelport.storage.tables import requests

_COLUMNS = [column.name for column in requests.columns]
_INSERT_REQUEST = f"INSERT INTO requests ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
_INSERT_ENTRY = (
    "INSERT INTO entries (created_at_ms, kind, from_account, to_account, credits, reference_id, model) "
    "VALUES (?, 'MODEL_USAGE', ?, ?, ?, ?, ?)"
)
_TAKE_FROM_BALANCE = "UPDATE balances SET credits = credits - ? WHERE account_id = ?"
_TAKE_FROM_SLICE = (
    "UPDATE allotments SET credits = credits - ? WHERE id = ? AND epoch = ? AND credits >= ? AND expires_at_ms > ?"
)
_ADD_TO_SPEND = (
    "INSERT INTO key_spend (key_id, day, credits) VALUES (?, ?, ?) "
    "ON CONFLICT (key_id, day) DO UPDATE SET credits = key_spend.credits + excluded.credits"
)
_ADD_TO_ROLLUP = (
    "INSERT INTO usage_rollups (key_id, quarter, model, status, account_id, requests, charged, credits, input_tokens, "
    "output_tokens) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key_id, quarter, model, status) DO UPDATE SET "
    "requests = usage_rollups.requests + excluded.requests, charged = usage_rollups.charged + excluded.charged, "
    "credits = usage_rollups.credits + excluded.credits, "
    "input_tokens = usage_rollups.input_tokens + excluded.input_tokens, "
    "output_tokens = usage_rollups.output_tokens + excluded.output_tokens"
)
_FREE = (
    "SELECT credits - (SELECT COALESCE(SUM(credits), 0) FROM allotments WHERE account_id = ? AND expires_at_ms > ?) "
    "FROM balances WHERE account_id = ?"
)
_IS_SETTLED = "SELECT 1 FROM requests WHERE inference_id = ?"

QUARTER_MS = 900_000
"""Usage is summed up by quarter hours: time zones begin their days at each of them."""

_Row = tuple[object, ...]
Rollup = tuple[int | str, ...]
_encode = msgspec.json.Encoder().encode


def settle_all(now_ms: Callable[[], int], cursor: Cursor, settlements: Sequence[Settlement]) -> list[Receipt]:
    """Settle calls in the caller's transaction; raises `AlreadySettled` (and settles none) when one is a repetition."""
    now = now_ms()
    receipts = _take_money(cursor, settlements, now)
    try:
        cursor.executemany(_INSERT_REQUEST, [_request_row(*pair) for pair in zip(settlements, receipts, strict=True)])
    except IntegrityError as error:
        for settlement in settlements:
            inference_id = settlement.record.inference_id
            if len(settlements) == 1 and cursor.execute(_IS_SETTLED, (inference_id,)).fetchone():
                raise AlreadySettled(inference_id) from error
        raise
    _enter(cursor, settlements, receipts, now)
    return receipts


def _take_money(cursor: Cursor, settlements: Sequence[Settlement], now: int) -> list[Receipt]:
    """Take each charge from its slice; what names no living slice takes what is free on its account."""
    by_slice: defaultdict[tuple[int, int], int] = defaultdict(int)
    for settlement in settlements:
        if settlement.charged and (lent := settlement.slice) is not None:
            by_slice[lent.id, lent.epoch] += settlement.charged
    alive = {
        place
        for place, charged in by_slice.items()
        if cursor.execute(_TAKE_FROM_SLICE, (charged, *place, charged, now)).rowcount == 1
    }
    receipts = [
        receipt(settlement.record, settlement.charged, settlement.on_house)
        if not settlement.charged or _place(settlement.slice) in alive
        else None
        for settlement in settlements
    ]
    charged: defaultdict[int, int] = defaultdict(int)
    for settlement, paid in zip(settlements, receipts, strict=True):
        if paid is not None:
            charged[settlement.record.account_id] += paid.charged
    _move(cursor, charged)
    return [
        _take_free(cursor, settlement, now) if paid is None else paid
        for settlement, paid in zip(settlements, receipts, strict=True)
    ]


def _place(lent: Slice | None) -> tuple[int, int] | None:
    return None if lent is None else (lent.id, lent.epoch)


def _take_free(cursor: Cursor, settlement: Settlement, now: int) -> Receipt:
    account_id = settlement.record.account_id
    found = cursor.execute(_FREE, (account_id, now, account_id)).fetchone()
    free = max(0, found[0]) if found else 0
    charged = min(settlement.charged, free)
    paid = receipt(settlement.record, charged, settlement.on_house + settlement.charged - charged)
    _move(cursor, {account_id: charged})
    return paid


def _move(cursor: Cursor, charged: dict[int, int]) -> None:
    cursor.executemany(_TAKE_FROM_BALANCE, [(amount, account_id) for account_id, amount in charged.items() if amount])


def _enter(cursor: Cursor, settlements: Sequence[Settlement], receipts: Sequence[Receipt], now: int) -> None:
    entries: list[_Row] = []
    spent: defaultdict[tuple[int, int], int] = defaultdict(int)
    for settlement, paid in zip(settlements, receipts, strict=True):
        record = settlement.record
        if paid.charged:
            entries.append((now, record.account_id, WORLD_ACCOUNT, paid.charged, record.inference_id, record.model))
            spent[record.key_id, utc_day(record.created_at_ms)] += paid.charged
        if paid.on_house:
            entries.append((now, HOUSE_ACCOUNT, WORLD_ACCOUNT, paid.on_house, record.inference_id, record.model))
    cursor.executemany(_INSERT_ENTRY, entries)
    cursor.executemany(_ADD_TO_SPEND, [(*key_and_day, amount) for key_and_day, amount in spent.items()])
    cursor.executemany(_ADD_TO_ROLLUP, summed(settlements, receipts))


def summed(settlements: Sequence[Settlement], receipts: Sequence[Receipt]) -> list[Rollup]:
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
        if record.usage:
            found[4] += sum(units for meter, units in record.usage.items() if meter in INPUT_METERS)
            found[5] += sum(units for meter, units in record.usage.items() if meter in OUTPUT_METERS)
    return [(*place, *found) for place, found in sums.items()]


def _request_row(settlement: Settlement, paid: Receipt) -> _Row:
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
