"""Computes bills again: each call from its usage and the rates that were applied, against what was booked for it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

import msgspec
from msgspec import Struct

from modelport.core.clock import QUARTER_MS
from modelport.core.ids import time_prefix
from modelport.core.moments import Period
from modelport.ledger.records import HOUSE_ACCOUNT, WORLD_ACCOUNT
from modelport.operations.usage import INPUT_METERS, OUTPUT_METERS
from modelport.pricing.charge import charge

SHOWN = 100
"""How many differences are told in words; all are counted."""
_RATES_KEPT = 4096
_QUARTERS_OPEN = 2
"""Calls come in the order of their ids, which may lie a moment beside that of their quarter hours."""
_UNITS = msgspec.json.Decoder(dict[str, int])

Moves = tuple[int, int, int, str | None]
"""From which account, to which, how many credits, for which model."""
Place = tuple[int, int, str, str]
"""Whose sum of which quarter hour: key, quarter, model, status."""
Sums = tuple[int, int, int, int, int, int]
"""Account, requests, charged ones, credits, input tokens, output tokens."""


class BilledCall(Struct, frozen=True, gc=False):
    """What a request row says of money, as it is stored."""

    inference_id: str
    account_id: int
    key_id: int
    created_at_ms: int
    model: str
    provider: str | None
    upstream_model: str | None
    status: str
    usage: str
    rates: str
    cost: int
    charged: int
    on_house: int


class PaidEntry(NamedTuple):
    """An entry that a call was paid by; `account_id` is that of the payer."""

    call: str
    account_id: int
    moves: Moves


@dataclass(frozen=True, slots=True)
class Books:
    """What is stored of a period, in one consistent state, each in its order, read once."""

    calls: Iterator[BilledCall]
    """By id, with those that began a moment outside of the period."""
    entries: Iterator[PaidEntry]
    """By the id of their call, likewise."""
    rollups: Iterator[tuple[Place, Sums]]
    """By quarter hour."""


@dataclass(slots=True)
class Replayed:
    """What came of it; everything was reproduced when there are no differences."""

    calls: int = 0
    cost: int = 0
    """What the calls cost, computed again."""
    stored: int = 0
    """What their rows say that they cost."""
    charged: int = 0
    on_house: int = 0
    entries: int = 0
    entered: int = 0
    """The credits of those entries."""
    rollups: int = 0
    differences: int = 0
    shown: list[str] = field(default_factory=list[str])
    accounts: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    """For each account what its rows and what its entries say that it was charged."""

    def differ(self, what: str) -> None:
        """Note one difference."""
        self.differences += 1
        if len(self.shown) < SHOWN:
            self.shown.append(what)


Look = Callable[[BilledCall, Mapping[str, int], Mapping[str, int]], None]
"""Is shown each call with its usage and its rates."""


def replay(books: Books, period: Period, account_id: int | None = None, look: Look | None = None) -> Replayed:
    """Compute every bill of a period again, of one account or of all, and say what differs from what is stored.

    Memory does not grow with the number of calls: calls and entries are read side by side in the order of their ids.
    """
    replayed = Replayed()
    quarters = _Quarters(period, books.rollups, replayed)
    rates = _Rates()
    paid = _Paid(books.entries)
    for call in books.calls:
        for orphan in paid.before(call.inference_id):
            _orphaned(replayed, orphan, period, account_id)
        moves = paid.of(call.inference_id)
        if not period.holds(call.created_at_ms):
            continue
        usage = _compute(replayed, call, rates, look)
        _compare(replayed, call, moves)
        quarters.add(call, usage)
    for orphan in paid.before(None):
        _orphaned(replayed, orphan, period, account_id)
    quarters.finish()
    for number, (rows, entries) in replayed.accounts.items():
        if rows != entries:
            replayed.differ(f"account {number}: its rows say {rows} credits were charged, its entries say {entries}")
    return replayed


class _Paid:
    """Entries that come in the order of their calls, handed out call by call."""

    def __init__(self, entries: Iterator[PaidEntry]) -> None:
        self._groups = groupby(entries, key=_call_of)
        self._next: tuple[str, list[PaidEntry]] | None = None
        self._step()

    def before(self, call: str | None) -> Iterator[list[PaidEntry]]:
        """Yield those of calls that come before this one; all that are left for None."""
        while self._next is not None and (call is None or self._next[0] < call):
            found = self._next[1]
            self._step()
            yield found

    def of(self, call: str) -> list[PaidEntry]:
        """Return those of a call."""
        if self._next is None or self._next[0] != call:
            return []
        found = self._next[1]
        self._step()
        return found

    def _step(self) -> None:
        found = next(self._groups, None)
        self._next = None if found is None else (found[0], list(found[1]))


def _call_of(entry: PaidEntry) -> str:
    return entry.call


class _Rates:
    """Rates as stored, decoded once for each text."""

    def __init__(self) -> None:
        self._decoded: dict[str, dict[str, int]] = {}

    def decode(self, text: str) -> dict[str, int]:
        """Read rates; raises `msgspec.DecodeError`."""
        found = self._decoded.get(text)
        if found is None:
            if len(self._decoded) >= _RATES_KEPT:
                self._decoded.clear()
            found = self._decoded[text] = _UNITS.decode(text)
        return found


def _compute(replayed: Replayed, call: BilledCall, known: _Rates, look: Look | None) -> Mapping[str, int]:
    """Compute what a call costs, compare it with its row, and return its usage."""
    replayed.calls += 1
    replayed.stored += call.cost
    replayed.charged += call.charged
    replayed.on_house += call.on_house
    try:
        usage, rates = _UNITS.decode(call.usage), known.decode(call.rates)
    except msgspec.DecodeError as error:
        replayed.differ(f"call {call.inference_id}: its usage or its rates cannot be read: {error}")
        return {}
    priced: Mapping[str, int] = usage
    if not usage.keys() <= rates.keys():
        priced = {meter: units for meter, units in usage.items() if meter in rates}
        if call.status == "succeeded":  # A call that failed may say what it used and could not be priced.
            missing = ", ".join(sorted(usage.keys() - rates.keys()))
            replayed.differ(f"call {call.inference_id}: no rate is stored for {missing}, which it used")
    cost = charge(priced, rates)
    replayed.cost += cost
    if cost != call.cost:
        replayed.differ(
            f"call {call.inference_id}: its usage at its rates costs {cost} credits, its row says {call.cost}"
        )
    if call.charged + call.on_house != call.cost:
        replayed.differ(
            f"call {call.inference_id}: {call.charged} credits charged and {call.on_house} on the house are not its "
            f"cost of {call.cost}"
        )
    if look is not None:
        look(call, usage, rates)
    return usage


def _compare(replayed: Replayed, call: BilledCall, entries: list[PaidEntry]) -> None:
    """Compare the entries of a call with what its row says who paid."""
    if not entries and not call.cost and not call.charged and not call.on_house:
        replayed.accounts.setdefault(call.account_id, [0, 0])
        return
    expected: list[Moves] = []
    if call.charged:
        expected.append((call.account_id, WORLD_ACCOUNT, call.charged, call.model))
    if call.on_house:
        expected.append((HOUSE_ACCOUNT, WORLD_ACCOUNT, call.on_house, call.model))
    found = [entry.moves for entry in entries]
    if found != expected and sorted(found, key=repr) != sorted(expected, key=repr):
        replayed.differ(f"call {call.inference_id}: its row asks for {_told(expected)}, there is {_told(found)}")
    _count(replayed, entries)
    replayed.accounts.setdefault(call.account_id, [0, 0])[0] += call.charged


def _count(replayed: Replayed, entries: list[PaidEntry]) -> None:
    for entry in entries:
        replayed.entries += 1
        replayed.entered += entry.moves[2]
        if entry.account_id != HOUSE_ACCOUNT:
            replayed.accounts.setdefault(entry.account_id, [0, 0])[1] += entry.moves[2]


def _told(moves: Iterable[Moves]) -> str:
    told = [f"{amount} credits from account {source} to {target}" for source, target, amount, _ in moves]
    return " and ".join(told) if told else "no entry"


def _orphaned(replayed: Replayed, entries: list[PaidEntry], period: Period, account_id: int | None) -> None:
    """Note entries whose call has no row, as far as they belong to what is looked at."""
    call = entries[0].call
    begins = "" if period.from_ms is None else time_prefix(period.from_ms)
    is_outside = call < begins or (period.to_ms is not None and call >= time_prefix(period.to_ms))
    if is_outside and call:
        return
    ours = [entry for entry in entries if account_id is None or entry.account_id == account_id]
    for entry in ours:  # With one account, who the house paid for is not known.
        named = f"the call {call}, which has no row" if call else "no call"
        replayed.differ(f"{entry.moves[2]} credits left account {entry.account_id} for {named}")
    _count(replayed, ours)


class _Quarters:
    """Sums calls up by quarter hours and compares each with the stored one once no more of its calls can come."""

    def __init__(self, period: Period, rollups: Iterator[tuple[Place, Sums]], replayed: Replayed) -> None:
        self._first = 0 if period.from_ms is None else -(-period.from_ms // QUARTER_MS)
        self._end = None if period.to_ms is None else period.to_ms // QUARTER_MS
        self._groups = groupby(rollups, key=_quarter_of)
        self._stored = next(self._groups, None)
        self._replayed = replayed
        self._open: dict[int, dict[Place, list[int]]] = {}
        self._newest = -1
        self._compared = -1

    def add(self, call: BilledCall, usage: Mapping[str, int]) -> None:
        """Count a call in, if its quarter hour is whole in the period."""
        quarter = call.created_at_ms // QUARTER_MS
        if quarter < self._first or (self._end is not None and quarter >= self._end):
            return
        if quarter > self._newest:
            self._newest = quarter
            self._compare_before(quarter - _QUARTERS_OPEN)
        if quarter <= self._compared:
            self._replayed.differ(f"call {call.inference_id}: its id says another time than its row")
            return
        place = (call.key_id, quarter, call.model, call.status)
        sums = self._open.setdefault(quarter, {})
        found = sums.get(place)
        if found is None:
            found = sums[place] = [call.account_id, 0, 0, 0, 0, 0]
        found[1] += 1
        found[2] += call.charged > 0
        found[3] += call.charged
        for meter, units in usage.items():
            if meter in INPUT_METERS:
                found[4] += units
            elif meter in OUTPUT_METERS:
                found[5] += units

    def finish(self) -> None:
        """Compare what is left."""
        self._compare_before(None)

    def _compare_before(self, quarter: int | None) -> None:
        for ended in sorted(one for one in self._open if quarter is None or one < quarter):
            self._compare_stored_before(ended)
            stored: dict[Place, Sums] = {}
            if self._stored is not None and self._stored[0] == ended:
                stored = dict(self._stored[1])
                self._stored = next(self._groups, None)
            self._compare(self._open.pop(ended), stored)
            self._compared = ended
        self._compare_stored_before(quarter)

    def _compare_stored_before(self, quarter: int | None) -> None:
        """Compare stored sums of quarter hours in which no call has a row."""
        while self._stored is not None and (quarter is None or self._stored[0] < quarter):
            self._compare({}, dict(self._stored[1]))
            self._compared = max(self._compared, self._stored[0])
            self._stored = next(self._groups, None)

    def _compare(self, summed: dict[Place, list[int]], stored: dict[Place, Sums]) -> None:
        self._replayed.rollups += len(stored)
        for place in summed.keys() | stored.keys():
            rows, sums = tuple(summed.get(place, ())), stored.get(place, ())
            if rows != sums:
                key_id, quarter, model, status = place
                self._replayed.differ(
                    f"key {key_id}, {status} calls of '{model}' in the quarter hour {quarter}: the rows sum to "
                    f"{_named(rows)}, the stored sums are {_named(sums)}"
                )


def _quarter_of(rollup: tuple[Place, Sums]) -> int:
    return rollup[0][1]


def _named(sums: tuple[int, ...]) -> str:
    if not sums:
        return "nothing"
    account, requests, charged, cost, given, taken = sums
    return (
        f"{requests} calls of account {account}, {charged} of them charged, {cost} credits, {given} tokens in, "
        f"{taken} out"
    )
