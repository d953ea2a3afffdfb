"""Sums of usage stay what they were when the rows they came from are swept, wherever a window begins and ends."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from modelport.core.clock import DAY_MS, QUARTER_MS
from modelport.core.ids import time_prefix
from modelport.keys.key import Key
from modelport.reports.calls import CallFilter
from modelport.reports.usage import Part, Spent, Window
from modelport.storage.reports import Reports
from modelport.storage.sweeping import sweep_logs
from tests.twins.booked import STORES, Booked, open_booked

QUARTERS = 40
CALLS = 300


@pytest.fixture(params=STORES)
async def booked(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Booked]:
    async with open_booked(request.param, tmp_path) as opened:
        opened.clock.at_ms = opened.clock.now_ms() // DAY_MS * DAY_MS
        yield opened


async def called(booked: Booked) -> tuple[int, Key]:
    """Make calls over ten hours, many on the edges of quarter hours; return when they began and their key."""
    begun = booked.clock.now_ms()
    key, draw = booked.key(booked.account("ann")), random.Random(8)
    records = []
    for number in range(CALLS):
        at_ms = begun + draw.randrange(QUARTERS * QUARTER_MS)
        if number % 3 == 0:
            at_ms = max(begun, at_ms // QUARTER_MS * QUARTER_MS + draw.choice((-1, 0, 1)))
        inference_id = f"{time_prefix(at_ms)}{number:013}"
        model = draw.choice(("acme/large", "acme/small"))
        cost = draw.choice((0, 5, 90))
        records.append(booked.record(key, cost, inference_id=inference_id, created_at_ms=at_ms, model=model))
    await booked.calls(*records)
    return begun, key


def sums(reports: Reports, key: Key, window: Window) -> tuple[Spent, list[Part]]:
    parts = reports.used(key.id, [window])
    return reports.spent(key.id, window), sorted(parts, key=lambda part: (part.model, part.status))


def snapped(window: Window, horizon_ms: int) -> Window:
    """Move ends that lie in swept quarter hours to the ends of those: each is summed up as of its beginning."""
    start, end = (
        -(-at_ms // QUARTER_MS) * QUARTER_MS if at_ms < horizon_ms else at_ms
        for at_ms in (window.start_ms, window.end_ms)
    )
    return Window(start, end)


async def test_sums_are_those_of_before_the_sweep_wherever_a_window_lies(booked: Booked) -> None:
    begun, key = await called(booked)
    reports = Reports(booked.database)
    known: dict[Window, tuple[Spent, list[Part]]] = {}
    moments = some.integers(begun - QUARTER_MS, begun + (QUARTERS + 1) * QUARTER_MS)
    edges = some.builds(
        lambda at, beside: at // QUARTER_MS * QUARTER_MS + beside, moments, some.sampled_from((-1, 0, 1))
    )
    drawn: list[Window] = []

    @settings(max_examples=60, deadline=None, database=None)
    @given(one=moments | edges, other=moments | edges)
    def is_drawn(one: int, other: int) -> None:
        drawn.append(Window(*sorted((one, other))))

    is_drawn()
    steps = [(before, limit) for before in (7, 7, 19, 19, 33) for limit in (10, CALLS)]
    horizons = [begun + quarters * QUARTER_MS for quarters in (0, 7, 19, 33)]
    for horizon in horizons:
        known |= {wanted: sums(reports, key, wanted) for wanted in (snapped(window, horizon) for window in drawn)}
    swept = 0
    for quarters, limit in steps:
        horizon = begun + quarters * QUARTER_MS
        swept += sweep_logs(booked.database, horizon + 123_456, limit)
        for window in drawn:
            assert sums(reports, key, window) == known[snapped(window, horizon)], (window, horizon)
    assert CALLS / 2 < swept < CALLS


async def test_what_is_swept_is_neither_listed_nor_counted_as_a_call_that_is(booked: Booked) -> None:
    begun, key = await called(booked)
    reports, whole = Reports(booked.database), Window(begun, begun + QUARTERS * QUARTER_MS)
    horizon = begun + 19 * QUARTER_MS
    expected = reports.calls(key.id, Window(horizon, whole.end_ms), CallFilter(), 0, 100)
    assert 0 < expected.total < CALLS
    sweep_logs(booked.database, horizon, 10)  # some of what is before the horizon is still there
    for offset in (0, 50):
        found = reports.calls(key.id, whole, CallFilter(), offset, 100)
        assert found.total == expected.total
        assert list(found.calls) == list(
            reports.calls(key.id, Window(horizon, whole.end_ms), CallFilter(), offset, 100).calls
        )
