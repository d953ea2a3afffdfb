"""What a gateway does beside its calls: follows changes, watches the catalogue, sweeps."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from modelport.bootstrap.catalogue import CatalogueInForce
from modelport.bootstrap.parts import secrets_of
from modelport.core.clock import DAY_MS, QUARTER_MS, Clock
from modelport.core.errors import Problem
from modelport.keys.ring import KeyRing
from modelport.ledger.book import Book
from modelport.ledger.problems import StoreAway
from modelport.ledger.records import WORLD_ACCOUNT
from modelport.ledger.store import LedgerStore
from modelport.reports.traffic import PERIOD_S, Series, Traffic, TrafficStore
from modelport.serving.keeping import Keeping
from modelport.storage.changes import Change, Changes
from modelport.storage.database import Database
from modelport.storage.duties import drop_duty, take_duty
from modelport.storage.moves import owed_by
from modelport.storage.owners import end_lapsed
from modelport.storage.sweeping import sweep_changes, sweep_logs
from modelport.upstream.providers import Providers

T = TypeVar("T")

_log = logging.getLogger(__name__)
_FOLLOW_S = 0.1
_WAIT_S = 1.0
_WATCH_S = 0.25
_LOOK_S = 5.0
_SWEEP_S = 3600.0
_ROWS_AT_ONCE = 100
_BETWEEN_BATCHES_S = 0.02
_LEASE_S = 30.0
"""How long a process has a duty without taking it again."""
_ROWS = "old rows"
_TIDY_S = 60.0
_CHANGES_AT_ONCE = 1_000
_AWAY = "the database cannot be reached: see the log"


@dataclass(slots=True)
class Readiness:
    """Says whether the database can be read and written; at most one look is under way, however many ask."""

    database: Database
    store: LedgerStore
    _looking: asyncio.Task[str | None] | None = field(default=None, init=False)

    async def reason(self) -> str | None:
        """Say why calls cannot be served now; None when they can."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(asyncio.to_thread(self._look))
        try:
            async with asyncio.timeout(_LOOK_S):
                return await asyncio.shield(self._looking)
        except TimeoutError:
            return f"the database did not answer within {_LOOK_S:g} s: check the disk of the data folder"

    def _look(self) -> str | None:
        try:
            with self.database.read() as connection:
                owed_by(connection, WORLD_ACCOUNT)  # one row; what the world has is summed up from all entries
        except StoreAway:
            return _AWAY
        except Problem as problem:
            return f"the database cannot be read: {problem.message}"
        trouble = self.store.trouble
        if isinstance(trouble, StoreAway):  # where the server is, is nobody else's business
            return _AWAY
        return None if trouble is None else trouble.message


@dataclass(slots=True)
class Follower:
    """Drops what is remembered about things that changed."""

    changes: Changes
    ring: KeyRing
    book: Book
    in_force: CatalogueInForce
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _begun: int = field(default=0, init=False)

    async def poll(self) -> None:
        """Look for changes now: microseconds on SQLite when there are none; elsewhere many who ask share one look."""
        if self.changes.is_quick:
            self._follow(self.changes.poll())
            return
        seen = self._begun
        async with self._lock:
            if self._begun > seen:  # one that began after this one was asked for
                return
            self._begun += 1
            self._follow(await asyncio.to_thread(self.changes.poll))

    def _follow(self, changed: Sequence[Change]) -> None:
        for change in changed:
            if change.kind == "everything":
                self.ring.forget()
                self.book.everything_changed()
                self.in_force.hear()
            elif change.kind == "key":
                self.ring.forget(int(change.subject))
                self.book.key_changed(int(change.subject))
            elif change.kind == "account":
                self.ring.forget_account(int(change.subject))
            elif change.kind == "credits":
                self.book.account_changed(int(change.subject))
            elif change.kind == "catalogue":
                self.in_force.hear()

    async def follow(self) -> None:
        """Look for changes whenever there are some, for ever: ten times a second, or when the database says so."""
        is_told = False
        with ThreadPoolExecutor(1, "modelport-changes") as waiting:
            while True:
                if self.changes.is_quick:
                    await asyncio.sleep(_FOLLOW_S)
                else:
                    await asyncio.get_running_loop().run_in_executor(waiting, self.changes.wait, _WAIT_S)
                try:
                    await self.poll()
                    is_told = False
                except Problem as problem:
                    if not is_told:
                        _log.error("changes could not be read: %s", problem.message)
                    is_told = True


async def watch(in_force: CatalogueInForce, providers: Providers) -> None:
    """Take what operators change in their files, for ever: when it is heard of, and several times a second."""
    while True:
        in_force.changed.clear()
        catalogue = in_force.catalogue
        await asyncio.to_thread(in_force.look)
        if in_force.catalogue is not catalogue:
            providers.replace_secrets(secrets_of(in_force.catalogue))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WATCH_S):
                await in_force.changed.wait()


async def sweep(keeping: Keeping, clock: Clock) -> None:
    while True:
        try:
            await keeping.sweep(clock.now_ms())
        except Problem as problem:
            _log.error("kept responses could not be swept: %s", problem.message)
        await asyncio.sleep(_SWEEP_S)


async def sweep_rows(database: Database, owner: str, days: int | None) -> None:
    """Forget request rows that are older than so many days, each quarter hour, a few at a time; None keeps them.

    Settlements wait for a batch, so there are few rows in it and a pause after each. One process does it for all.
    """
    if days is None:
        return
    with _dropping(database, _ROWS, owner):
        while True:
            wait_ms, swept = QUARTER_MS, _ROWS_AT_ONCE
            try:
                now_ms = await asyncio.to_thread(database.now_ms)
                wait_ms -= now_ms % QUARTER_MS
                while swept == _ROWS_AT_ONCE and await to_its_end(take_duty, database, _ROWS, owner, _LEASE_S):
                    swept = await to_its_end(sweep_logs, database, now_ms - days * DAY_MS, _ROWS_AT_ONCE)
                    await asyncio.sleep(_BETWEEN_BATCHES_S)
            except Problem as problem:
                _log.error("the rows of old calls could not be swept: %s", problem.message)
            await asyncio.sleep(wait_ms / 1000)


def tidying(database: Database, owner: str) -> Coroutine[object, object, None]:
    """End what dead processes had borrowed and forget changes that everybody has heard of, each minute, for all."""

    async def tidy() -> None:
        await to_its_end(end_lapsed, database)
        swept = _CHANGES_AT_ONCE
        while swept:
            swept = await to_its_end(sweep_changes, database, _CHANGES_AT_ONCE)
            await asyncio.sleep(_BETWEEN_BATCHES_S)

    return duty(database, "tidying", owner, _TIDY_S, tidy)


async def publish(traffic: Traffic, store: TrafficStore, every_s: float = PERIOD_S) -> None:
    """Tell the other processes what this one has measured, every few seconds and once more on the way out."""
    try:
        while True:
            await asyncio.sleep(every_s)
            if measured := traffic.take():
                try:
                    await to_its_end(_publish, store, measured)
                finally:  # also when cancelled meanwhile: it was told to its end
                    traffic.let_go()
    finally:
        if measured := traffic.take():
            _publish(store, measured)
            traffic.let_go()


def _publish(store: TrafficStore, measured: list[Series]) -> None:
    """Publish it; what cannot be is lost, since it would count as new when it is old."""
    try:
        store.publish(measured)
    except Problem as problem:
        _log.error("what was measured could not be published: %s", problem.message)


async def to_its_end(work: Callable[..., T], *arguments: object) -> T:
    """Run work in a thread and, when cancelled, still wait for it: it must not write after we have left."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait((running,))
        raise


async def duty(database: Database, name: str, owner: str, every_s: float, work: Callable[[], Awaitable[None]]) -> None:
    """Do work again and again while no other process has that duty."""
    with _dropping(database, name, owner):
        while True:
            try:
                if await to_its_end(take_duty, database, name, owner, max(_LEASE_S, 2 * every_s)):
                    await work()
            except Problem as problem:
                _log.error("the duty '%s' was not done: %s", name, problem.message)
            except Exception:  # noqa: BLE001 - the outermost catch: logged, and done again after a while
                _log.exception("the duty '%s' failed unexpectedly", name)
            await asyncio.sleep(every_s)


@contextlib.contextmanager
def _dropping(database: Database, name: str, owner: str) -> Generator[None]:
    """Give a duty back on the way out."""
    try:
        yield
    finally:
        with contextlib.suppress(Problem):
            drop_duty(database, name, owner)


@contextlib.asynccontextmanager
async def background(*works: Coroutine[object, object, None]) -> AsyncGenerator[None]:
    """Run work beside the body; it is cancelled on the way out, and a failure of it is logged."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                _log.error("background work failed", exc_info=outcome)
