"""One thread that writes: what arrives while it is busy is committed together as soon as it is idle."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, delete, insert

from modelport.ledger.problems import StoreUnavailable
from modelport.ledger.store import Ended, Settlement
from modelport.storage.database import Database, InTheWay, Lost, translated
from modelport.storage.tables import duties
from modelport.storage.teller import Teller

logger = logging.getLogger(__name__)

T = TypeVar("T")
CAPACITY = 20_000
"""How many writes may wait before new ones are refused."""
RETRY_S = 10.0
"""How long writes are tried again while the database is away, before they fail."""
_TIMES = 5
_PROBE_S = 0.5
_PROBE = "probe of the writer"
_ROOM = "." * 65_536
"""As much as a group of settlements takes, so that the trouble is not over before there is room for those."""


@dataclass(frozen=True, slots=True)
class _Settle:
    settlement: Settlement
    ended: Ended


@dataclass(frozen=True, slots=True)
class _Run:
    work: Callable[[Connection], object]
    ended: Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class _Quick:
    work: Callable[[Teller], object]
    ended: Callable[[Any], None]


_Item = _Settle | _Quick | _Run


class Writer:
    """Commits settlements and other writes of this process in the order in which they came, in groups.

    Opened and used on one event loop. Whoever waits is told when his part is committed, or why it is not; one that
    fails does not touch the others of its group; one whose waiter has gone is committed all the same.
    """

    def __init__(self, database: Database, capacity: int = CAPACITY, retry_s: float = RETRY_S) -> None:
        self._database = database
        self._capacity = capacity
        self._retry_s = retry_s
        self._waiting: list[_Item] = []
        self._is_busy = False
        self._is_closed = False
        self._probe: asyncio.TimerHandle | None = None
        self.trouble: StoreUnavailable | None = None
        """Why nothing can be written now; None when it can. Looked at anew by itself, every now and then."""
        self._batches: SimpleQueue[list[_Item] | None] = SimpleQueue()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._session = await asyncio.to_thread(self._database.session)
        self._drained = asyncio.Event()
        self._drained.set()
        self._thread = threading.Thread(target=self._write_all, name="modelport-writer", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit what waits, then end the thread."""
        self._is_closed = True
        if self._probe is not None:
            self._probe.cancel()
        await self._drained.wait()
        self._batches.put(None)
        await asyncio.to_thread(self._thread.join)
        self._session.close()

    def settle(self, settlement: Settlement, ended: Ended) -> None:
        """Commit a settlement and call `ended` on the loop; raises `StoreUnavailable` when too much waits."""
        self._add(_Settle(settlement, ended))

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Have `work` done in its turn, all or nothing; it may be done again if something else in its group fails."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._add(_Run(work, partial(_resolve, future)))
        return await future

    async def run_quick(self, work: Callable[[Teller], T]) -> T:
        """Like `run`, by the teller and without a savepoint: cheap, but failing is dear for the group."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._add(_Quick(work, partial(_resolve, future)))
        return await future

    def _add(self, item: _Item) -> None:
        if self._is_closed:
            raise StoreUnavailable("the server is stopping")
        if len(self._waiting) >= self._capacity:
            raise StoreUnavailable(f"{self._capacity} writes are waiting")
        if not self._waiting and not self._is_busy:
            self._drained.clear()
            self._loop.call_soon(self._flush)
        self._waiting.append(item)

    def _flush(self) -> None:
        if self._is_busy or not self._waiting:  # one that ended a moment ago has added to what waited
            return
        batch, self._waiting = self._waiting, []
        self._is_busy = True
        self._batches.put(batch)

    def _finished(self, batch: list[_Item], outcomes: list[object]) -> None:
        self._is_busy = False
        if self.trouble is None:
            self._look_for_trouble(outcomes)
        for item, outcome in zip(batch, outcomes, strict=True):
            try:
                if isinstance(item, _Settle):
                    item.ended(outcome.error if isinstance(outcome, _Failed) else outcome)  # pyright: ignore[reportArgumentType]
                else:
                    item.ended(outcome)
            except Exception:  # the others of the group wait to be told, too
                logger.exception("who waited for a write could not be told of it")
        if self._waiting:
            self._flush()
        else:
            self._drained.set()

    def _look_for_trouble(self, outcomes: list[object]) -> None:
        """Remember that nothing can be written, say so once, and try it until it can be."""
        for outcome in outcomes:
            error = outcome.error if type(outcome) is _Failed else None
            if isinstance(error, StoreUnavailable) and not isinstance(error, Crowded):
                self.trouble = error
                logger.error("%s", error.message)
                self._probe_later()
                return

    def _probe_later(self) -> None:
        if not self._is_closed:
            self._probe = self._loop.call_later(_PROBE_S, self._probe_now)

    def _probe_now(self) -> None:
        try:
            self._add(_Run(_take_room, self._probed))
        except StoreUnavailable:  # too much waits
            self._probe_later()

    def _probed(self, outcome: object) -> None:
        """Count the trouble as over once more than a little was written."""
        if isinstance(outcome, _Failed):
            self._probe_later()
            return
        self.trouble = None
        logger.warning("the ledger can be written again")
        with suppress(StoreUnavailable):  # else the next probe takes it away
            self._add(_Run(_give_room, lambda _: None))

    def _write_all(self) -> None:
        while batch := self._batches.get():
            outcomes: list[object] = []
            try:
                outcomes.extend(self._commit(batch))
            except Exception as error:  # noqa: BLE001  whatever it was, each waiter is told and the thread lives on
                outcomes.extend([_Failed(error)] * len(batch))
            self._loop.call_soon_threadsafe(self._finished, batch, outcomes)

    def _commit(self, batch: list[_Item]) -> list[object]:
        """Write a batch; when the database goes away meanwhile, wait for it and write what is not written yet."""
        until_s = time.monotonic() + (self._retry_s if self.trouble is None else 0.0)
        known: dict[int, object] = {}
        left: dict[int, _Item] = dict(enumerate(batch))
        lost: Lost | None = None
        while left:
            try:
                if lost is not None:
                    known.update(self._found_out(left, lost))
                    left = {place: item for place, item in left.items() if place not in known}
                known.update(zip(left, self._written(list(left.values())), strict=True))
                break
            except StoreUnavailable as problem:
                lost = problem if isinstance(problem, Lost) else lost
                if self.trouble is None:
                    logger.warning("%s", problem.message)
                if not self._session.reopen(until_s):
                    known.update((place, _Failed(problem)) for place in left)
                    break
        return [known[place] for place in range(len(batch))]

    def _found_out(self, unclear: Mapping[int, _Item], lost: Lost) -> dict[int, object]:
        """Say what was written before the connection broke, by a commit on its way; the rest can be written again."""
        calls = {place: item for place, item in unclear.items() if isinstance(item, _Settle)}
        with self._session.write_driver():
            settled = self._session.teller.settled([one.settlement.record.inference_id for one in calls.values()])
        found: dict[int, object] = {
            place: settled[item.settlement.record.inference_id]
            for place, item in calls.items()
            if item.settlement.record.inference_id in settled
        }
        # Work of others may not be done twice, and only they can tell whether it was done.
        found.update((place, _Unclear(lost)) for place, item in unclear.items() if isinstance(item, _Run))
        return found

    def _written(self, batch: list[_Item]) -> list[object]:
        try:
            return self._in_turn(batch)
        except Lost:
            raise
        except StoreUnavailable as error:
            return [_Failed(error)] * len(batch)
        except Exception as error:  # noqa: BLE001  whatever it was, each waiter is told and the thread lives on
            if len(batch) == 1:
                return [_Failed(error)]
            return [outcome for item in batch for outcome in self._written([item])]

    def _in_turn(self, batch: list[_Item]) -> list[object]:
        """Write together; give others precedence when the database asks for that, a few times."""
        for _ in range(_TIMES - 1):
            with suppress(InTheWay):
                return self._together(batch)
        try:
            return self._together(batch)
        except InTheWay as problem:
            raise Crowded(str(problem)) from problem

    def _together(self, batch: list[_Item]) -> list[object]:
        if any(isinstance(item, _Run) for item in batch):
            with self._session.write() as connection:
                return self._do(batch, connection)
        with self._session.write_driver():
            return self._do(batch, None)

    def _do(self, batch: list[_Item], connection: Connection | None) -> list[object]:
        outcomes: list[object] = []
        teller = self._session.teller
        for kind, items in groupby(batch, type):
            if kind is _Settle:
                settlements = [item.settlement for item in items if isinstance(item, _Settle)]
                outcomes.extend(teller.settle(settlements))
            elif kind is _Quick:
                outcomes.extend(item.work(teller) for item in items if isinstance(item, _Quick))
            elif connection is not None:
                outcomes.extend(_attempt(connection, item.work) for item in items if isinstance(item, _Run))
        return outcomes


class Crowded(StoreUnavailable):
    """Others had precedence each time: a matter of what was asked, not of the database."""


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Exception


class _Unclear(_Failed):
    """Nobody knows whether it was done; the next can be."""


def _take_room(connection: Connection) -> None:
    _give_room(connection)
    connection.execute(insert(duties).values(name=_PROBE, owner=_ROOM, until_ms=0))


def _give_room(connection: Connection) -> None:
    connection.execute(delete(duties).where(duties.c.name == _PROBE))


def _attempt(connection: Connection, work: Callable[[Connection], object]) -> object:
    savepoint = connection.begin_nested()
    try:
        with translated():
            outcome = work(connection)
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001  it is the waiter's to handle
        savepoint.rollback()
        return _Failed(error)
    savepoint.commit()
    return outcome


def _resolve(future: asyncio.Future[T], outcome: T | _Failed) -> None:
    if future.done():
        return
    if isinstance(outcome, _Failed):
        future.set_exception(outcome.error)
    else:
        future.set_result(outcome)
