"""Time zones and days."""

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from modelport.reports.days import UnknownZone, days_of, zone_named
from modelport.reports.usage import Window
from tests.twins.clock import DAY_MS

HOUR_MS = 3_600_000
ZONES = sorted(
    line.split("\t")[2]
    for line in (files("tzdata") / "zoneinfo" / "zone.tab").read_text("ascii").splitlines()
    if not line.startswith("#")
)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def shown(at_ms: int, zone: ZoneInfo) -> str:
    """Say which day the zone's calendar shows at a moment."""
    return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at_ms)).astimezone(zone).date().isoformat()


@pytest.mark.parametrize(
    "name",
    ["UTC", "Etc/UTC", "Europe/Berlin", "Europe/Oslo", "America/Argentina/Buenos_Aires", "Asia/Kolkata", "Etc/GMT+5"],
)
def test_a_canonical_name_is_known(name: str) -> None:
    assert zone_named(name).key == name


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("utc", "UTC"),
        ("europe/berlin", "Europe/Berlin"),
        ("EUROPE/BERLIN", "Europe/Berlin"),
        ("US/Pacific", "America/Los_Angeles"),
        ("Asia/Calcutta", "Asia/Kolkata"),
        ("Europe/Kiev", "Europe/Kyiv"),
        ("GMT", "Etc/GMT"),
        ("Zulu", "Etc/UTC"),
    ],
)
def test_another_spelling_is_refused_and_told_the_right_one(name: str, meant: str) -> None:
    with pytest.raises(UnknownZone, match=f"use '{meant}'"):
        zone_named(name)


@pytest.mark.parametrize(
    "name",
    ["", "+05:00", "UTC+1", "Europe/Berlin ", "Europe", "../UTC", "/etc/passwd", "tzdata.zi", "Factory", "x" * 999],
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(UnknownZone, match="Europe/Berlin"):
        zone_named(name)


@given(
    zone=some.sampled_from(ZONES),
    start=some.integers(ms("2012-01-01"), ms("2037-01-01")),
    length=some.integers(0, 92 * DAY_MS),
    within=some.lists(some.floats(0, 1, exclude_max=True), max_size=20),
)
def test_days_part_a_window_as_the_calendar_does(zone: str, start: int, length: int, within: list[float]) -> None:
    window, place = Window(start, start + length), zone_named(zone)
    days = days_of(window, place)
    ends = [window.start_ms, *(day.window.end_ms for day in days)]
    assert [day.window.start_ms for day in days] == ends[:-1]
    assert ends[-1] == window.end_ms
    assert len({day.name for day in days}) == len(days)
    for day in days:
        moments = {day.window.start_ms, day.window.end_ms - 1}
        moments |= {day.window.start_ms + int(part * (day.window.end_ms - day.window.start_ms)) for part in within}
        assert {shown(at, place) for at in moments} == {day.name}


@pytest.mark.parametrize(
    ("zone", "day", "begins", "hours"),
    [
        ("UTC", "2026-06-01", "2026-06-01T00:00", 24),
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00", 23),
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00", 25),
        ("Asia/Kathmandu", "2026-06-01", "2026-05-31T18:15", 24),
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00", 24.5),
        ("America/Havana", "2026-03-08", "2026-03-08T05:00", 23),  # there is no midnight
        ("America/Havana", "2025-11-02", "2025-11-02T04:00", 25),  # there are two
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00", 24),  # the day before was left out
    ],
)
def test_a_day_is_as_long_as_the_zone_makes_it(zone: str, day: str, begins: str, hours: float) -> None:
    window = Window(ms(begins) - 40 * HOUR_MS, ms(begins) + 60 * HOUR_MS)
    (found,) = [one.window for one in days_of(window, zone_named(zone)) if one.name == day]
    assert found == Window(ms(begins), ms(begins) + int(hours * HOUR_MS))


def test_an_empty_window_has_no_days() -> None:
    assert days_of(Window(5, 5), zone_named("UTC")) == []
