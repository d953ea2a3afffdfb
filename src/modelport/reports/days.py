"""Time zones, and the days that they part time into."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from modelport.core.errors import Problem
from modelport.reports.usage import Window

_MS = timedelta(milliseconds=1)
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZONES = files("tzdata") / "zoneinfo"
_NOWHERE = "Factory"


class UnknownZone(Problem):
    """No time zone has exactly this name (400)."""


@dataclass(frozen=True, slots=True)
class Day:
    """The part of a calendar day that lies in a window."""

    name: str
    window: Window


@cache
def zone_named(name: str) -> ZoneInfo:
    """Return the time zone of a canonical IANA name; raises `UnknownZone`, which names the one that was meant.

    It is read from the package `tzdata`, so that every machine and replica parts the same days.
    """
    canonical, others = _names()
    if name not in canonical:
        meant = others.get(name.lower())
        advice = f"use '{meant}'" if meant else "use one such as 'Europe/Berlin' or 'UTC'"
        raise UnknownZone(f"'tz': Expected the canonical IANA name of a time zone, received '{name[:64]}': {advice}")
    with (_ZONES / name).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@cache
def _names() -> tuple[frozenset[str], dict[str, str]]:
    """Return the canonical names, and what each other spelling of one (in lower case) means."""
    zones: set[str] = {"UTC"}
    links: dict[str, str] = {}
    for line in (_ZONES / "tzdata.zi").read_text("ascii").splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "Z":
            zones.add(rest.partition(" ")[0])
        elif kind == "L":
            target, _, link = rest.partition(" ")
            links[link] = target
    for line in (_ZONES / "zone.tab").read_text("ascii").splitlines():
        if not line.startswith("#"):  # the name by which a country knows its zone, link or not
            zones.add(line.split("\t")[2])
    zones.discard(_NOWHERE)
    meant = {link.lower(): target for link, target in links.items()}
    return frozenset(zones), meant | {zone.lower(): zone for zone in zones}


def days_of(window: Window, zone: ZoneInfo) -> list[Day]:
    """Part a window into calendar days of a zone; the first and the last may be incomplete."""
    return list(_days(window, zone))


def _days(window: Window, zone: ZoneInfo) -> Iterator[Day]:
    at = window.start_ms
    while at < window.end_ms:
        day = _date(at, zone)
        end = min(_beginning(day + _DAY, zone, at), window.end_ms)
        yield Day(day.isoformat(), Window(at, end))
        at = end


def _beginning(day: date, zone: ZoneInfo, after: int) -> int:
    """Return the first moment, later than one of the day before, at which the zone's calendar shows `day`.

    Midnight may come twice, or be skipped: then the day begins where the clock jumps, which lies between the two
    readings of midnight.
    """
    readings = [_moment(datetime.combine(day, time(fold=fold), zone)) for fold in (0, 1)]
    least, most = max(min(readings), after + 1), max(*readings, after + 1)
    while least < most:
        middle = (least + most) // 2
        if _date(middle, zone) >= day:
            most = middle
        else:
            least = middle + 1
    return least


def _date(at_ms: int, zone: ZoneInfo) -> date:
    return (_EPOCH + at_ms * _MS).astimezone(zone).date()


def _moment(at: datetime) -> int:
    return (at - _EPOCH) // _MS
