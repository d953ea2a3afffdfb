"""The port of reports, on the twin and on the database, judged by the rows themselves."""

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from modelport.core.credits import Credits
from modelport.keys.issue import KeyHasher, KeyIssuer
from modelport.keys.key import UnknownPrefix
from modelport.ledger.records import CallRecord, Receipt
from modelport.ledger.store import Settlement
from modelport.reports.calls import CallFilter
from modelport.reports.days import days_of, zone_named
from modelport.reports.store import ReportStore
from modelport.reports.usage import Part, Spent, Window
from modelport.storage.keys import Keys
from tests.twins.clock import DAY_MS
from tests.twins.reports import TwinReports, reports_of, sweep
from tests.twins.worlds import TwinWorld, World, call

QUARTER_MS = 900_000
FIRST_MS = int(datetime(2026, 2, 20, tzinfo=UTC).timestamp()) * 1000
LAST_MS = int(datetime(2026, 5, 10, tzinfo=UTC).timestamp()) * 1000
"""In between, clocks change in both hemispheres."""
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "America/Nuuk", "America/Havana", "Asia/Beirut",
    "Asia/Kathmandu", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Auckland", "Africa/Cairo",
    "Africa/Casablanca", "America/Santiago", "Asia/Gaza", "Pacific/Kiritimati", "Etc/GMT+12",
)  # fmt: skip
MODELS = ("acme/large", "acme/small", "other/large", "lonely", "")
USAGES = ({}, {"input": 7}, {"input": 70, "cached_read": 20, "output": 30, "reasoning": 5, "search": 2}, {"images": 3})
CALLS = 1200


def some_calls(account_id: int, seed: int) -> list[tuple[CallRecord, int, int]]:
    """Make calls with what their account and the house pay: of two keys, many of them at the same moments."""
    draw = random.Random(seed)
    made: list[tuple[CallRecord, int, int]] = []
    for number in range(CALLS):
        at_ms = draw.randrange(FIRST_MS, LAST_MS)
        if number % 3 == 0:  # on a quarter hour, or next to one
            at_ms = at_ms // QUARTER_MS * QUARTER_MS + draw.choice((-1, 0, 0, 1))
        elif number % 3 == 1 and made:  # as another
            at_ms = draw.choice(made)[0].created_at_ms
        charged, on_house = draw.choice(((0, 0), (5, 0), (700, 0), (30, 4), (0, 9)))
        record = call(
            account_id,
            charged + on_house,
            f"{draw.randrange(10**12)}-{number}",
            key_id=draw.choice((1, 1, 1, 2)),
            created_at_ms=at_ms,
            model=draw.choice(MODELS),
            status=draw.choice(("succeeded", "succeeded", "failed")),
            usage=draw.choice(USAGES),
            usage_source=draw.choice(("provider", "counted")),
            origin=draw.choice(("api", "playground")),
            client_request_id=draw.choice((None, "mine")),
        )
        made.append((record, charged, on_house))
    return made


async def settled(world: World, calls: list[tuple[CallRecord, int, int]]) -> list[tuple[CallRecord, Receipt]]:
    """Settle calls as a process does; return them with what came of it."""
    store = await world.process("a")
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in calls]
    for (record, charged, on_house), future in zip(calls, futures, strict=True):
        store.settle(Settlement(record, None, Credits(charged), Credits(on_house)), future.set_result)
    receipts = await asyncio.gather(*futures)
    return [(record, receipt) for (record, _, _), receipt in zip(calls, receipts, strict=True)]


async def filled(world: World, seed: int = 1) -> tuple[ReportStore, TwinReports]:
    """Fill a world with calls; return its reports and their judge."""
    rows = await settled(world, some_calls(world.account(10_000_000), seed))
    assert world.problems() == []
    return reports_of(world), TwinReports(rows)


def by_place(parts: list[Part]) -> dict[tuple[int, str, str], Part]:
    places = {(part.window, part.model, part.status): part for part in parts}
    assert len(places) == len(parts)
    return places


def day_by_day(judge: TwinReports, key_id: int, window: Window, zone: str) -> dict[tuple[str, str, str], Part]:
    """Sum up by the day that the zone's calendar shows at each call, without knowing where days begin."""
    sums: dict[tuple[str, str, str], Part] = {}
    for record, paid in judge.rows:
        at_ms = record.created_at_ms
        if at_ms // QUARTER_MS * QUARTER_MS < judge.swept_ms:
            at_ms = at_ms // QUARTER_MS * QUARTER_MS
        if record.key_id != key_id or not window.start_ms <= at_ms < window.end_ms:
            continue
        at = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(zone))
        (part,) = TwinReports([(record, paid)]).used(key_id, [Window(0, 2**62)])
        place = (at.date().isoformat(), record.model, record.status)
        known = sums.get(place, replace(part, requests=0, charged=0, credits=0, input_tokens=0, output_tokens=0))
        sums[place] = Part(
            0,
            part.model,
            part.status,
            known.requests + 1,
            known.charged + part.charged,
            known.credits + part.credits,
            known.input_tokens + part.input_tokens,
            known.output_tokens + part.output_tokens,
        )
    return sums


MOMENTS = some.integers(FIRST_MS - DAY_MS, LAST_MS + DAY_MS)
WINDOWS = some.builds(
    lambda one, other, aligned: Window(*(at // aligned * aligned for at in sorted((one, other)))),
    MOMENTS,
    MOMENTS,
    some.sampled_from((1, 1, 60_000, QUARTER_MS, 3_600_000)),
) | some.builds(lambda start, length: Window(start, start + length), MOMENTS, some.integers(0, 2 * QUARTER_MS))
KEY_IDS = some.sampled_from((1, 1, 2, 3))
SWEPT = (0, FIRST_MS + 30 * DAY_MS, FIRST_MS + 30 * DAY_MS + 123_456)


@pytest.mark.parametrize("swept_ms", SWEPT)
async def test_sums_of_any_window_and_zone_are_those_of_the_rows(world: World, swept_ms: int) -> None:
    reports, judge = await filled(world)
    if swept_ms:
        sweep(reports, swept_ms)
        judge.swept_ms = swept_ms

    @settings(max_examples=120, deadline=None)
    @given(window=WINDOWS, zone=some.sampled_from(ZONES), key_id=KEY_IDS)
    def holds(window: Window, zone: str, key_id: int) -> None:
        assert reports.spent(key_id, window) == judge.spent(key_id, window)
        assert by_place(reports.used(key_id, [window])) == by_place(judge.used(key_id, [window]))
        days = days_of(window, zone_named(zone))
        parts = reports.used(key_id, [day.window for day in days])
        found = {(days[part.window].name, part.model, part.status): replace(part, window=0) for part in parts}
        assert found == day_by_day(judge, key_id, window, zone)

    holds()


@pytest.mark.parametrize("swept_ms", SWEPT)
async def test_any_page_of_calls_is_that_of_the_rows(world: World, swept_ms: int) -> None:
    reports, judge = await filled(world, seed=2)
    if swept_ms:
        sweep(reports, swept_ms)
        judge.swept_ms = swept_ms

    @settings(max_examples=200, deadline=None)
    @given(
        window=WINDOWS | some.just(Window(FIRST_MS, LAST_MS)),
        key_id=KEY_IDS,
        models=some.none()
        | some.frozensets(some.sampled_from((*MODELS, "large", "none", "acme/", "LARGE", "acme/large,lonely"))),
        statuses=some.none() | some.frozensets(some.sampled_from(("succeeded", "failed")), min_size=1),
        offset=some.integers(0, CALLS) | some.just(2**53),
        limit=some.integers(1, 100),
    )
    def holds(window, key_id, models, statuses, offset, limit) -> None:
        asked = (key_id, window, CallFilter(models or None, statuses), offset, limit)
        found, expected = reports.calls(*asked), judge.calls(*asked)
        assert (list(found.calls), found.total) == (list(expected.calls), expected.total)

    holds()


async def test_pages_put_together_are_the_list_each_call_once(world: World) -> None:
    reports, judge = await filled(world)
    window = Window(FIRST_MS + 1, LAST_MS - 1)
    for wanted in (CallFilter(), CallFilter(models=frozenset({"large"}), statuses=frozenset({"failed"}))):
        found = []
        while page := reports.calls(1, window, wanted, len(found), 7).calls:
            found.extend(page)
        assert found == list(judge.calls(1, window, wanted, 0, CALLS).calls)


async def test_windows_that_follow_each_other_count_every_call_once(world: World) -> None:
    reports, judge = await filled(world)
    whole = Window(FIRST_MS - DAY_MS, LAST_MS + DAY_MS)
    for swept_ms in (0, FIRST_MS + 20 * DAY_MS + 1):
        if swept_ms:
            sweep(reports, swept_ms)
        draw = random.Random(swept_ms)
        cuts = sorted(draw.randrange(whole.start_ms, whole.end_ms) for _ in range(200))
        windows = [Window(*pair) for pair in zip([whole.start_ms, *cuts], [*cuts, whole.end_ms], strict=True)]
        parts = reports.used(1, windows)
        assert sum(part.requests for part in parts) == sum(row.key_id == 1 for row, _ in judge.rows)
        spent = [reports.spent(1, window) for window in windows]
        assert Spent(sum(one.credits for one in spent), sum(one.charged for one in spent)) == judge.spent(1, whole)


async def test_swept_calls_are_still_summed_up_but_not_listed(world: World) -> None:
    await settled(world, [(call(world.account(100), 5, n, created_at_ms=n * QUARTER_MS + 7), 5, 0) for n in range(4)])
    reports = reports_of(world)
    sweep(reports, 2 * QUARTER_MS)
    window = Window(0, 4 * QUARTER_MS)
    assert reports.spent(1, window) == Spent(20, 4)
    page = reports.calls(1, window, CallFilter(), 0, 10)
    assert (page.total, [one.created_at_ms // QUARTER_MS for one in page.calls]) == (2, [3, 2])


async def test_a_key_of_the_account_is_found_even_after_it_was_deleted(world: World) -> None:
    if isinstance(world, TwinWorld):
        reports = TwinReports()
        keys, account_id = reports.keys, 7
    else:
        reports = reports_of(world)
        keys, account_id = Keys(world.database), world.account(0)  # type: ignore[attr-defined]
    issuer = KeyIssuer(keys, KeyHasher([(1, b"a secret of the server, 32 bytes.")]))
    key, _ = issuer.issue(account_id, 0)
    assert reports.key_id(account_id, key.prefix) == key.id
    keys.delete(account_id, key.prefix, 1)
    assert reports.key_id(account_id, key.prefix) == key.id
    for account, prefix in (
        (account_id + 1, key.prefix),
        (account_id, "ffffffff"),
        (account_id, "\0"),
        (account_id, ""),
    ):
        with pytest.raises(UnknownPrefix):
            reports.key_id(account, prefix)
