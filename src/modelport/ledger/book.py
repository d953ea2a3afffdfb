"""The money of the calls in this process: held in memory, settled in the store."""

import asyncio
import logging
from collections.abc import Coroutine, Iterator, Sequence
from types import TracebackType
from typing import Self, TypeVar

from modelport.core.clock import Clock, SystemClock
from modelport.core.credits import Credits
from modelport.ledger.budget import KeyBudget, period_days
from modelport.ledger.hold import Hold
from modelport.ledger.problems import FreeAllowanceUsedUp, InsufficientFunds, StoreUnavailable
from modelport.ledger.purse import Purse
from modelport.ledger.records import CallRecord, Receipt
from modelport.ledger.store import NEVER, Fund, LedgerStore, Renewal, Slice

logger = logging.getLogger(__name__)

T = TypeVar("T")

HOLD_WAIT_S = 10.0
RENEW_S = 1.0
_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000


class Book:
    """Holds money for calls and settles them; entered and used on one event loop.

    Nobody is refused who can pay: a call that finds too little while others of its account or key are open waits, first
    come first served, until they end or `hold_wait_s` passes.
    """

    def __init__(
        self,
        store: LedgerStore,
        clock: Clock | None = None,
        hold_wait_s: float = HOLD_WAIT_S,
        renew_s: float = RENEW_S,
    ) -> None:
        self.store = store
        self._clock = clock or SystemClock()
        self._hold_wait_s = hold_wait_s
        self._renew_s = renew_s
        self.purses: dict[int, Purse] = {}
        """By account."""
        self.limits: dict[int, Purse] = {}
        """By limited key: what it may still spend in the period that is running."""
        self._over: list[Purse] = []
        """Limits of periods that are over, until their last calls have ended."""
        self._periods: dict[int, tuple[str, int, int]] = {}
        """By limited key: its kind of period, and when the one that is running begins and ends (ms)."""
        self._tasks: set[asyncio.Task[object]] = set()
        self._is_closed = False

    async def __aenter__(self) -> Self:
        self.loop = asyncio.get_running_loop()
        self._keeper = self.loop.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish what was begun and return every slice."""
        self._is_closed = True
        self._keeper.cancel()
        for purse in self._all():
            purse.close()
        await asyncio.wait([self._keeper, *self._tasks])
        slices = [purse.slice for purse in self._all() if purse.slice is not None]
        self.purses.clear()
        self.limits.clear()
        self._over.clear()
        if slices:
            try:
                await self.store.renew([], slices)
            except StoreUnavailable as problem:
                logger.warning("slices could not be returned and lapse instead: %s", problem.message)

    def _all(self) -> Iterator[Purse]:
        yield from self.purses.values()
        yield from self.limits.values()
        yield from self._over

    async def hold(self, account_id: int, key: KeyBudget | None, ask: Credits, least: Credits) -> Hold:
        """Reserve `ask` of the account's money (or, when nothing else is open, what is left, but at least `least`).

        Raises `InsufficientFunds`, `KeyLimitReached`, `FreeAllowanceUsedUp`, and `StoreUnavailable` when the store
        cannot be asked: no answer is asked for that could not be charged.
        """
        if (trouble := self.store.trouble) is not None:
            raise trouble.again()
        if ask <= 0:
            return Hold(self, None, None, 0)
        until_s = self.loop.time() + self._hold_wait_s
        limit = limit_slice = None
        if key is not None:
            limit = self._limit(account_id, key)
            limit_slice = limit.slice
            if not limit.take(ask):
                asker = await limit.wait(ask, least, until_s)
                ask, limit_slice = asker.grant.result(), asker.slice
        purse = self.purses.get(account_id) or self._open(account_id)
        lent = purse.slice
        if not purse.take(ask):
            try:
                granted, lent = await self._wait(purse, ask, least, until_s)
            except BaseException:
                if limit is not None:
                    limit.put_back(ask, limit_slice)
                    limit.end()
                raise
            if limit is not None and granted < ask:
                limit.put_back(ask - granted, limit_slice)
            ask = granted
        return Hold(self, purse, lent, ask, limit, limit_slice)

    async def _wait(self, purse: Purse, ask: Credits, least: Credits, until_s: float) -> tuple[Credits, Slice | None]:
        """Wait for the account's money; one that never paid is given this hour's allowance, if there is one."""
        try:
            asker = await purse.wait(ask, least, until_s)
        except InsufficientFunds as problem:
            free = "none" if problem.owed else await self.store.free_hour(purse.fund.account_id)
            if free == "none":
                raise
            try:
                asker = await purse.wait(ask, least, self.loop.time() + self._hold_wait_s)
            except InsufficientFunds:
                left_ms = _HOUR_MS - self._clock.now_ms() % _HOUR_MS
                raise FreeAllowanceUsedUp(purse.fund.account_id, -(-left_ms // 1000)) from problem
        return asker.grant.result(), asker.slice

    async def record(self, record: CallRecord) -> Receipt:
        """Write the row of a call that held nothing: one that failed, or whose cost the house bears."""
        if record.cost_credits and not record.is_on_house:
            raise ValueError(f"the call '{record.inference_id}' has a cost: settle it through a hold")
        return await Hold(self, None, None, 0).settle(record)

    def account_changed(self, account_id: int) -> None:
        """Give back what no call holds of an account whose balance was changed by others, and look again for it."""
        self._recall(self.purses.get(account_id))

    def key_changed(self, key_id: int) -> None:
        """Give back what no call holds of a key's limit, which may be another now."""
        self._recall(self.limits.get(key_id))

    def everything_changed(self) -> None:
        """Give back what no call holds, of everything: changes may have been missed."""
        for purse in tuple(self._all()):
            self._recall(purse)

    def _recall(self, purse: Purse | None) -> None:
        if purse is None or self._is_closed:
            return
        if purse.slice is not None and purse.free:
            self.spawn(self._give_back(purse, purse.slice, purse.renewal(purse.slice, is_recalled=True)))
        else:
            purse.look_anew()

    async def _give_back(self, purse: Purse, lent: Slice, renewal: Renewal) -> None:
        try:
            await self._renew([(purse, lent)], [renewal], [])
        except StoreUnavailable as error:
            logger.warning("a slice could not be given back and may lapse: %s", error.message)
        purse.look_anew()

    async def renew(self) -> None:
        """Keep the slices in use for another while, return those that are not; called every `renew_s`."""
        quiet = [purse for purse in self._all() if purse.is_quiet()]
        for purse in quiet:
            self._drop(purse)
        kept = [(purse, purse.slice) for purse in self._all() if purse.slice is not None]
        renewals = [purse.renewal(lent) for purse, lent in kept]
        returned = [purse.slice for purse in quiet if purse.slice is not None]
        if returned or renewals:  # in one request: what is given back in memory must be so in the store's next answer
            await self._renew(kept, renewals, returned)

    async def _renew(
        self, kept: Sequence[tuple[Purse, Slice]], renewals: Sequence[Renewal], returned: Sequence[Slice]
    ) -> None:
        lapsed = frozenset(await self.store.renew(renewals, returned))
        for purse, lent in kept:
            if lent in lapsed and purse.slice is lent:
                purse.forget()

    def _drop(self, purse: Purse) -> None:
        if purse.fund.key_id is None:
            del self.purses[purse.fund.account_id]
        elif self.limits.get(purse.fund.key_id) is purse:
            del self.limits[purse.fund.key_id]
            del self._periods[purse.fund.key_id]
        else:
            self._over.remove(purse)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._renew_s)
            try:
                await self.renew()
            except StoreUnavailable as error:
                if self.store.trouble is not None:  # which is told once
                    continue
                logger.warning("slices could not be renewed and may lapse: %s", error.message)
            except Exception:  # without renewal every slice would lapse
                logger.exception("slices could not be renewed and may lapse")

    def _open(self, account_id: int) -> Purse:
        purse = self.purses[account_id] = self._purse(Fund(account_id))
        return purse

    def _purse(self, fund: Fund) -> Purse:
        if self._is_closed:
            raise StoreUnavailable("the server is stopping")
        return Purse(fund, self.store, self.spawn)

    def _limit(self, account_id: int, budget: KeyBudget) -> Purse:
        """Return the purse of a key's limit in the period that is running."""
        now_ms = self._clock.now_ms()
        purse = self.limits.get(budget.key_id)
        if purse is not None:
            period, begins_ms, ends_ms = self._periods[budget.key_id]
            if period == budget.period and begins_ms <= now_ms < ends_ms:
                return purse
        since_day, until_day = period_days(budget.period, now_ms)
        until_day = NEVER if until_day is None else until_day
        opened = self._purse(Fund(account_id, budget.key_id, since_day, until_day))
        if purse is not None:
            self._over.append(purse)
        self.limits[budget.key_id] = opened
        self._periods[budget.key_id] = (budget.period, since_day * _DAY_MS, until_day * _DAY_MS)
        return opened

    def spawn(self, work: Coroutine[object, object, T]) -> asyncio.Task[T]:
        """Do something that must finish even if nobody waits for it."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s: %s", type(error).__name__, error)
