"""Rows of a gateway that has been used for months: requests, their sums and entries, the same for the same numbers."""

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Table

from modelport.core.clock import QUARTER_MS
from modelport.core.ids import time_prefix
from modelport.storage.tables import accounts, balances, entries, keys, requests, usage_rollups

END_MS = 1_782_864_000_000
"""2026-07-01, the moment at which the rows end."""
DAYS = 90
ACCOUNTS = (3, 4, 5, 6)
KEYS = 20
HOT_KEY = 1
HOT_ACCOUNT = 3
MODELS = tuple(f"maker-{number % 5}/model-{number}" for number in range(15))
RARE_MODEL = MODELS[-1]
_DAY_QUARTERS = 96
_KEY_WEIGHTS = (40, *(60 / (KEYS - 1) for _ in range(KEYS - 1)))
_MODEL_WEIGHTS = (*(1 / (number + 1) ** 1.5 for number in range(len(MODELS) - 1)), 0.0002)
_FAILED = 0.03
_FREE = 0.05
_TOP_UP_EVERY = 64
"""Quarter hours between the top-ups of an account."""
_OLDER_MOVES = ("PAYMENT", "PAYMENT", "PAYMENT", "BONUS", "REFUND", "ADJUSTMENT", "CREDITS_EXPIRED")

Rows = list[tuple[object, ...]]


@dataclass(slots=True)
class Batch:
    """What one quarter hour left behind, each in the order of its table's columns."""

    requests: Rows = field(default_factory=Rows)
    rollups: Rows = field(default_factory=Rows)
    entries: Rows = field(default_factory=Rows)


def batches(count: int, days: int = DAYS, seed: int = 4) -> Iterator[Batch]:
    """Make about `count` requests, spread over the days as people work, quarter hour by quarter hour."""
    draw = random.Random(seed)
    quarters = days * _DAY_QUARTERS
    first = END_MS // QUARTER_MS - quarters
    entry_id = 0
    for number in range(quarters):
        swing = 1 + 0.8 * math.sin(2 * math.pi * (number % _DAY_QUARTERS) / _DAY_QUARTERS)
        due = count / quarters * swing
        made = int(due) + (draw.random() < due % 1)
        batch = _batch(draw, first + number, made, number)
        batch.entries = [(entry_id + position, *row) for position, row in enumerate(batch.entries, start=1)]
        entry_id += len(batch.entries)
        yield batch


def _batch(draw: random.Random, quarter: int, count: int, number: int) -> Batch:
    batch = Batch()
    sums: defaultdict[tuple[int, str, str], list[int]] = defaultdict(lambda: [0] * 5)
    key_ids = draw.choices(range(1, KEYS + 1), _KEY_WEIGHTS, k=count)
    models = draw.choices(MODELS, _MODEL_WEIGHTS, k=count)
    offsets = sorted(draw.randrange(QUARTER_MS) for _ in range(count))
    for key_id, model, offset in zip(key_ids, models, offsets, strict=True):
        at_ms = quarter * QUARTER_MS + offset
        failed = draw.random() < _FAILED
        came_in, went_out = draw.randrange(20, 6000), draw.randrange(1, 900)
        usage = "{}" if failed else f'{{"input":{came_in},"cached_read":{came_in // 3},"output":{went_out}}}'
        cost = 0 if failed or draw.random() < _FREE else came_in * 2 + went_out * 8
        inference_id = f"{time_prefix(at_ms)}{draw.getrandbits(52):013x}"
        status = "failed" if failed else "succeeded"
        batch.requests.append(_request(inference_id, key_id, at_ms, model, status, usage, cost))
        if cost:
            batch.entries.append((at_ms + 900, "MODEL_USAGE", account_of(key_id), 1, cost, inference_id, model))
        values = (1, int(cost > 0), cost, 0 if failed else came_in + came_in // 3, 0 if failed else went_out)
        found = sums[key_id, model, status]
        for position, value in enumerate(values):
            found[position] += value
    batch.rollups = [
        (key_id, quarter, model, status, account_of(key_id), *values)
        for (key_id, model, status), values in sums.items()
    ]
    if number % _TOP_UP_EVERY == 0:
        batch.entries += [_move(draw, account_id, quarter * QUARTER_MS) for account_id in ACCOUNTS]
    return batch


def _request(
    inference_id: str, key_id: int, at_ms: int, model: str, status: str, usage: str, cost: int
) -> tuple[object, ...]:
    failed = status == "failed"
    return (
        inference_id,
        "0b6f2f0e-2c35-4a0e-9a51-8f4f0c2f7a10",
        None,
        account_of(key_id),
        key_id,
        f"{key_id:08x}",
        at_ms,
        900,
        300,
        "/v1/chat/completions",
        "api",
        model,
        "acme",
        model.partition("/")[2],
        True,
        status,
        503 if failed else 200,
        "provider_unavailable" if failed else None,
        usage,
        "none" if failed else "provider",
        '{"input":2000000,"cached_read":200000,"output":8000000}',
        cost,
        cost,
        0,
        "charged" if cost else "none" if failed else "free",
        '[{"provider":"acme","status":200,"error":null,"duration_ms":890}]',
        "[]",
        None,
    )


def _move(draw: random.Random, account_id: int, at_ms: int) -> tuple[object, ...]:
    kind = draw.choice(_OLDER_MOVES)
    sides = (account_id, 1) if kind == "CREDITS_EXPIRED" else (1, account_id)
    return at_ms, kind, *sides, 20_000_000, f"payment-{draw.getrandbits(40):x}", None


def account_of(key_id: int) -> int:
    """Say whose key it is."""
    return ACCOUNTS[(key_id - 1) % len(ACCOUNTS)]


def load_owners(connection: Connection) -> None:
    """Insert the accounts and keys that the rows belong to."""
    for account_id in ACCOUNTS:
        name = f"account {account_id}"
        connection.execute(
            accounts.insert().values(id=account_id, name=name, email="", kind="customer", created_at_ms=0)
        )
        connection.execute(balances.insert().values(account_id=account_id, credits=0))
    for key_id in range(1, KEYS + 1):
        connection.execute(
            keys.insert().values(
                id=key_id,
                account_id=account_of(key_id),
                prefix=f"{key_id:08x}",
                digest=key_id.to_bytes(33, "big"),
                is_management=False,
                is_disabled=False,
                is_deleted=False,
                on_disconnect="drain_and_bill",
                created_at_ms=0,
                updated_at_ms=0,
            )
        )


def load(connection: Connection, batch: Batch) -> None:
    """Insert a batch."""
    for table, rows in ((requests, batch.requests), (usage_rollups, batch.rollups), (entries, batch.entries)):
        _insert(connection, table, rows)


def _insert(connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    if not rows:
        return
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    names = ", ".join(column.name for column in table.columns)
    marks = ", ".join(mark for _ in table.columns)
    connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", list(rows))
