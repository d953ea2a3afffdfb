"""Movements of an account's money, on each database, judged by the entries themselves."""

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from sqlalchemy import insert, select

from modelport.ledger.records import Entry, EntryKind
from modelport.reports.transactions import Direction, Place, TransactionFilter, place_of
from modelport.storage.reports import Reports
from modelport.storage.tables import entries
from tests.twins.reports import TwinReports
from tests.twins.worlds import KINDS, World, open_world

ENTRIES = 900
FIRST_MS = 1_790_000_000_000
SPAN_MS = 400
"""So short that many entries share a moment."""


@pytest.fixture(params=[kind for kind in KINDS if kind != "twin"])
async def database_world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(request.param, tmp_path) as opened:
        yield opened


def fill(world: World) -> tuple[Reports, TwinReports, list[int]]:
    """Enter all kinds of moves between customers, world and house."""
    customers = [world.account(0) for _ in range(3)]
    draw = random.Random(3)
    rows = []
    for number in range(ENTRIES):
        kind = draw.choice(("MODEL_USAGE", "MODEL_USAGE", "MODEL_USAGE", *get_args(EntryKind)))
        ours, customer = draw.choice((1, 1, 1, 2)), draw.choice(customers)
        goes_out = kind in ("MODEL_USAGE", "CREDITS_EXPIRED") or (kind == "ADJUSTMENT" and draw.random() < 0.5)
        source, target = (customer, ours) if goes_out else (ours, customer)
        if number % 50 == 0:
            source, target, kind = 2, 1, "MODEL_USAGE"  # the house pays
        rows.append(
            {
                "created_at_ms": FIRST_MS + draw.randrange(SPAN_MS),
                "kind": kind,
                "from_account": source,
                "to_account": target,
                "credits": draw.randrange(1, 10**6),
                "reference_id": f"reference {number}",
                "model": "acme/large" if kind == "MODEL_USAGE" else None,
            }
        )
    with world.database.write() as connection:  # type: ignore[attr-defined]
        connection.execute(insert(entries), rows)
        made = [Entry(*row) for row in connection.execute(select(entries))]
    return Reports(world.database), TwinReports(entries=made), customers  # type: ignore[attr-defined]


MOMENTS = some.none() | some.integers(FIRST_MS - 5, FIRST_MS + SPAN_MS + 5)


async def test_any_page_is_that_of_the_entries(database_world: World) -> None:
    reports, judge, customers = fill(database_world)

    @settings(max_examples=300, deadline=None)
    @given(
        account_id=some.sampled_from([*customers, 99]),
        wanted=some.builds(
            TransactionFilter,
            MOMENTS,
            MOMENTS,
            some.none() | some.sampled_from(get_args(Direction)),
            some.none() | some.sampled_from(get_args(EntryKind)),
        ),
        after=some.none()
        | some.builds(Place, some.just(1), some.integers(FIRST_MS, FIRST_MS + SPAN_MS), some.integers(1, ENTRIES + 20)),
        limit=some.integers(1, 101),
    )
    def holds(account_id: int, wanted: TransactionFilter, after: Place | None, limit: int) -> None:
        found = reports.transactions(account_id, wanted, after, limit)
        assert found == judge.transactions(account_id, wanted, after, limit)

    holds()


async def test_pages_put_together_are_the_list_each_entry_once(database_world: World) -> None:
    reports, judge, (account_id, *_) = fill(database_world)
    for wanted in (TransactionFilter(), TransactionFilter(direction="TOPUP"), TransactionFilter(kind="ADJUSTMENT")):
        found, after = [], None
        while page := reports.transactions(account_id, wanted, after, 7):
            found.extend(page)
            after = place_of(page[-1])
        assert found == judge.transactions(account_id, wanted, None, ENTRIES)
