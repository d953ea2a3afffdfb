"""The money of the calls in this process: held in memory, settled in the store."""

import asyncio
import logging
from collections.abc import Coroutine
from types import TracebackType
from typing import Self, TypeVar

from modelport.core.clock import Clock, SystemClock
from modelport.core.credits import Credits
from modelport.ledger.allowance import Allowance
from modelport.ledger.budget import KeyBudget
from modelport.ledger.gate import Extension
from modelport.ledger.problems import HoldEnded, StoreUnavailable
from modelport.ledger.purse import Purse
from modelport.ledger.records import CallRecord, Receipt
from modelport.ledger.store import LedgerStore, Settlement, Slice

logger = logging.getLogger(__name__)

T = TypeVar("T")

HOLD_WAIT_S = 10.0
RENEW_S = 1.0
_ALLOWANCES = 10_000
"""How many keys' sums are remembered while nothing of theirs is open."""


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
        self.allowances: dict[int, Allowance] = {}
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
        for gate in (*self.allowances.values(), *self.purses.values()):
            gate.close()
        await asyncio.wait([self._keeper, *self._tasks])
        slices = [purse.slice for purse in self.purses.values() if purse.slice is not None]
        self.purses.clear()
        if slices:
            try:
                await self.store.renew([], slices)
            except StoreUnavailable as problem:
                logger.warning("slices could not be returned and lapse instead: %s", problem.message)

    async def hold(self, account_id: int, key: KeyBudget | None, ask: Credits, least: Credits) -> "Hold":
        """Reserve `ask` of the account's money (or, when nothing else is open, what is left, but at least `least`).

        Raises `InsufficientFunds`, `KeyLimitReached`, and `StoreUnavailable` when the store cannot be asked.
        """
        if ask <= 0:
            return Hold(self, None, None, None, 0)
        until_s = self.loop.time() + self._hold_wait_s
        allowance = None
        if key is not None:
            allowance = self._allowance(key)
            if not allowance.take(ask):
                ask = (await allowance.wait(ask, least, until_s)).grant.result()
        purse = self.purses.get(account_id) or self._open(account_id)
        lent = purse.slice
        if not purse.take(ask):
            try:
                asker = await purse.wait(ask, least, until_s)
            except BaseException:
                if allowance is not None:
                    allowance.put_back(ask)
                    allowance.end()
                raise
            granted, lent = asker.grant.result(), asker.slice
            if allowance is not None and granted < ask:
                allowance.put_back(ask - granted)
            ask = granted
        return Hold(self, purse, lent, allowance, ask)

    async def record(self, record: CallRecord) -> Receipt:
        """Write the row of a call that held nothing: one that failed, or whose cost the house bears."""
        if record.cost_credits and not record.is_on_house:
            raise ValueError(f"the call '{record.inference_id}' has a cost: settle it through a hold")
        return await Hold(self, None, None, None, 0).settle(record)

    def money_came(self, account_id: int) -> None:
        """Look again for the money of an account whose balance was changed by others."""
        purse = self.purses.get(account_id)
        if purse is not None and purse.line:
            purse.money_came()

    async def renew(self) -> None:
        """Keep the slices in use for another while, return those that are not; called every `renew_s`."""
        quiet = [purse for purse in self.purses.values() if purse.is_quiet()]
        for purse in quiet:
            del self.purses[purse.account_id]
        kept = [(purse, purse.slice) for purse in self.purses.values() if purse.slice is not None]
        renewals = [purse.renewal(lent) for purse, lent in kept]
        if len(self.allowances) > _ALLOWANCES:
            self.allowances = {key: one for key, one in self.allowances.items() if one.open or one.line}
        returned = [purse.slice for purse in quiet if purse.slice is not None]
        if returned or renewals:  # in one request: what is given back in memory must be so in the store's next answer
            lapsed = frozenset(await self.store.renew(renewals, returned))
            for purse, lent in kept:
                if lent in lapsed and purse.slice is lent:
                    purse.forget()

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._renew_s)
            try:
                await self.renew()
            except StoreUnavailable as error:
                logger.warning("slices could not be renewed and may lapse: %s", error.message)
            except Exception:  # without renewal every slice would lapse
                logger.exception("slices could not be renewed and may lapse")

    def _open(self, account_id: int) -> Purse:
        if self._is_closed:
            raise StoreUnavailable("the server is stopping")
        purse = self.purses[account_id] = Purse(account_id, self.store, self.spawn)
        return purse

    def _allowance(self, budget: KeyBudget) -> Allowance:
        now_ms = self._clock.now_ms()
        allowance = self.allowances.get(budget.key_id)
        if allowance is None:
            allowance = self.allowances[budget.key_id] = Allowance(budget, now_ms)
            self.spawn(allowance.load(self.store))
        elif allowance.follow(budget, now_ms):
            self.spawn(allowance.load(self.store))
        return allowance

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


class Hold:
    """Money reserved for one call. Ends exactly once: settled, or released; as a context it releases what is left."""

    __slots__ = (
        "_allowance",
        "_book",
        "_charged",
        "_counted",
        "_counted_in",
        "_ends",
        "_purse",
        "_slice",
        "_waiter",
        "amount",
        "is_ended",
    )
    _charged: int
    _counted: Allowance | None
    _counted_in: int
    _waiter: asyncio.Future[Receipt]

    def __init__(
        self, book: Book, purse: Purse | None, lent: Slice | None, allowance: Allowance | None, amount: int
    ) -> None:
        self._book = book
        self._purse = purse
        self._slice = lent
        self._allowance = allowance
        self.amount = Credits(amount)
        self.is_ended = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Free the whole hold; does nothing when it has ended."""
        if self.is_ended:
            return
        self.is_ended = True
        self._free(self.amount, self.amount)
        self._leave()

    async def extend(self, extra: Credits, least: Credits = Credits(1), share: int = 1) -> Credits:  # noqa: B008 - an int
        """Hold up to `extra` more, at most the `share`-th part of what is free; return what was added.

        That is 0 when it would be less than `least`. Waits for no other call: one that has begun came before all that
        wait, and takes what is free now. Raises `StoreUnavailable` when the store had to be asked and could not be.
        """
        if self.is_ended:
            raise HoldEnded("a hold that has ended cannot be extended")
        if self._purse is None or extra <= 0:
            return extra
        allowed = extra
        if self._allowance is not None:
            allowed = Credits(self._allowance.extend(Extension(least, extra, share)))
            if not allowed:
                return allowed
        if added := self._purse.extend(Extension(allowed, allowed, share), self.amount, self._slice):
            return self._added(self._purse, added)
        terms = Extension(min(least, allowed), allowed, share)
        self._purse.open += 1  # what is on its way is not missing for good: whoever needs it waits
        if self._allowance is not None:
            self._allowance.open += 1
        return await asyncio.shield(self._book.spawn(self._extend(self._purse, terms)))

    async def _extend(self, purse: Purse, terms: Extension) -> Credits:
        added = 0
        try:
            await purse.borrow_for(terms, self.amount, self._slice)
            if not self.is_ended:  # its call may have been cut while money was borrowed
                added = purse.extend(terms, self.amount, self._slice)
        finally:
            if self._allowance is not None:
                self._allowance.put_back(terms.most - added)
                self._allowance.end()
            purse.end()
        return self._added(purse, added) if added else Credits(0)

    def _added(self, purse: Purse, added: int) -> Credits:
        self.amount = Credits(self.amount + added)
        self._slice = purse.slice
        return Credits(added)

    async def settle(self, record: CallRecord) -> Receipt:
        """Charge the record's cost and return once that is committed; goes on even if the caller is cancelled.

        What the hold does not cover is taken from what is free on the account, the rest from the house. Raises
        `AlreadySettled` and `StoreUnavailable`; then nothing was charged.
        """
        if self.is_ended:
            raise HoldEnded(f"the hold of '{record.inference_id}' has ended already")
        self.is_ended = True
        cost = record.cost_credits
        if record.is_on_house:
            return await self._commit(record, 0, 0)
        if cost <= self.amount:
            return await self._commit(record, cost, 0)
        return await asyncio.shield(self._book.spawn(self._settle_above(record)))

    async def _settle_above(self, record: CallRecord) -> Receipt:
        extra = missing = record.cost_credits - self.amount
        if self._allowance is not None:
            extra = missing = self._allowance.take_extra(missing)
        if self._purse is not None:
            missing -= self._purse.take_extra(missing, self._slice)
            if missing:
                missing -= await self._borrow(self._purse, missing)
        return await self._commit(record, self.amount + extra - missing, extra)

    async def _borrow(self, purse: Purse, missing: int) -> int:
        try:
            return await purse.borrow_extra(missing, self._slice)
        except StoreUnavailable:
            return 0

    def _commit(self, record: CallRecord, charged: int, extra: int) -> asyncio.Future[Receipt]:
        """Hand the settlement over; `extra` is what was held beyond the amount."""
        book = self._book
        self._charged = charged
        self._counted = None
        if book.allowances and (counted := book.allowances.get(record.key_id)) is not None:
            counted.charge(charged, record.created_at_ms)
            self._counted, self._counted_in = counted, counted.round
        self._free(max(0, self.amount - charged), self.amount + extra)
        self._waiter = book.loop.create_future()
        settlement = Settlement(record, self._slice, Credits(charged), Credits(record.cost_credits - charged))
        try:
            book.store.settle(settlement, self._ended)
        except StoreUnavailable as error:
            self._ended(error)
        return self._waiter

    def _ended(self, outcome: Receipt | Exception) -> None:
        waiter = self._waiter
        if isinstance(outcome, Receipt):
            lost = self._charged - outcome.charged
            if not waiter.done():
                waiter.set_result(outcome)
        else:
            lost = self._charged
            if self._purse is not None:
                self._purse.put_back(lost, self._slice)
            if not waiter.done():
                waiter.set_exception(outcome)
        if lost and self._counted is not None:
            self._counted.uncharge(lost, self._counted_in)
        self._leave()

    def _free(self, unspent: int, allowed: int) -> None:
        """Free what is not spent in the slice, and all that was held against the key's limit."""
        if self._allowance is not None:
            self._allowance.put_back(allowed)
            if self._allowance.line:
                self._allowance.serve()
        if self._purse is not None and unspent:
            self._purse.put_back(unspent, self._slice)
            if self._purse.line:
                self._purse.serve()

    def _leave(self) -> None:
        if self._allowance is not None:
            self._allowance.end()
        if self._purse is not None:
            self._purse.end()
