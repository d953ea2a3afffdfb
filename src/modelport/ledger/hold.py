"""Money reserved for one call."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Protocol, Self, TypeVar

from msgspec import Struct

from modelport.core.credits import Credits
from modelport.ledger.gate import Extension
from modelport.ledger.problems import HoldEnded, StoreAway, StoreUnavailable
from modelport.ledger.purse import Purse
from modelport.ledger.records import CallRecord, Receipt
from modelport.ledger.store import Fund, LedgerStore, Settlement, Slice

T = TypeVar("T")


class Entrusted(Struct, frozen=True):
    """Money that a hold hands over: so much of each of the slices that it is in."""

    amount: int
    slice: Slice | None = None
    limit: Fund | None = None
    """What of a limited key it counts against, if the key is limited."""
    limit_slice: Slice | None = None


class Keeper(Protocol):
    """What a hold needs of the book that it is in."""

    store: LedgerStore
    loop: asyncio.AbstractEventLoop

    def spawn(self, work: Coroutine[object, object, T]) -> asyncio.Task[T]:
        """Do something that must finish even if nobody waits for it."""
        ...


class Hold:
    """Money reserved for one call. Ends exactly once: settled, or released; as a context it releases what is left.

    Of a limited key as much is reserved in what the key may still spend, and freed and spent alike.
    """

    __slots__ = (
        "_book",
        "_charged",
        "_limit",
        "_limit_slice",
        "_purse",
        "_slice",
        "_waiter",
        "amount",
        "is_ended",
    )
    _charged: int
    _waiter: asyncio.Future[Receipt]

    def __init__(
        self,
        book: Keeper,
        purse: Purse | None,
        lent: Slice | None,
        amount: int,
        limit: Purse | None = None,
        limit_slice: Slice | None = None,
    ) -> None:
        self._book = book
        self._purse = purse
        self._slice = lent
        self._limit = limit
        self._limit_slice = limit_slice
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
        self._put_back(self.amount)
        self._leave()

    async def entrust(self, take: Callable[[Entrusted], Awaitable[None]]) -> None:
        """End by handing the money to `take`, which moves it out of the slices; goes on if the caller is cancelled.

        What `take` raises is raised; then the hold is as if released, unless nobody knows what the store has done.
        """
        if self.is_ended:
            raise HoldEnded("a hold that has ended cannot be handed over")
        self.is_ended = True
        await asyncio.shield(self._book.spawn(self._entrust(take)))

    async def _entrust(self, take: Callable[[Entrusted], Awaitable[None]]) -> None:
        fund = None if self._limit is None else self._limit.fund
        try:
            await take(Entrusted(self.amount, self._slice, fund, self._limit_slice))
        except StoreAway:  # what may have been moved is not lent again from here; it returns with the slice
            raise
        except BaseException:
            self._put_back(self.amount)
            raise
        finally:
            self._leave()

    async def extend(self, extra: Credits, least: Credits = Credits(1), share: int = 1) -> Credits:  # noqa: B008 - an int
        """Hold up to `extra` more, at most the `share`-th part of what is free; return what was added.

        That is 0 when it would be less than `least`. Waits for no other call: one that has begun came before all that
        wait, and takes what is free now. Raises `StoreUnavailable` when the store had to be asked and could not be.
        """
        if self.is_ended:
            raise HoldEnded("a hold that has ended cannot be extended")
        purse, limit = self._purse, self._limit
        if purse is None or extra <= 0:
            return extra
        if self._extended(purse, limit, Extension(extra, extra, share)):
            return extra
        purse.open += 1  # what is on its way is not missing for good: whoever needs it waits
        if limit is not None:
            limit.open += 1
        return await asyncio.shield(self._book.spawn(self._extend(purse, limit, Extension(least, extra, share))))

    async def _extend(self, purse: Purse, limit: Purse | None, terms: Extension) -> Credits:
        """Borrow what is missing, of the key's limit first, and hold what there is of both."""
        try:
            if limit is not None:
                await limit.borrow_for(terms, self.amount, self._limit_slice)
                most = limit.extend(terms, self.amount, self._limit_slice)
                if not most:
                    return Credits(0)
                self._limit_slice = limit.slice
                limit.put_back(most, limit.slice)  # held again below, together with the account's
                terms = Extension(min(terms.least, most), most, terms.share)
            await purse.borrow_for(terms, self.amount, self._slice)
            if self.is_ended:  # its call may have been cut while money was borrowed
                return Credits(0)
            return Credits(self._extended(purse, limit, terms))
        finally:
            if limit is not None:
                limit.end()
            purse.end()

    def _extended(self, purse: Purse, limit: Purse | None, terms: Extension) -> int:
        """Hold more of both, as much as both have; 0 and unchanged when that is too little."""
        if limit is not None:
            most = limit.extend(terms, self.amount, self._limit_slice)
            if not most:
                return 0
            self._limit_slice = limit.slice
            added = purse.extend(Extension(min(terms.least, most), most, terms.share), self.amount, self._slice)
            limit.put_back(most - added, limit.slice)
        else:
            added = purse.extend(terms, self.amount, self._slice)
        if added:
            self.amount = Credits(self.amount + added)
            self._slice = purse.slice
        return added

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
            return await self._commit(record, 0)
        if cost <= self.amount:
            return await self._commit(record, cost)
        return await asyncio.shield(self._book.spawn(self._settle_above(record)))

    async def _settle_above(self, record: CallRecord) -> Receipt:
        extra = record.cost_credits - self.amount
        allowed = extra
        if self._limit is not None:
            allowed = await self._limit.take_more(extra, self._limit_slice)
        paid = 0
        if self._purse is not None:
            paid = await self._purse.take_more(allowed, self._slice)
        if self._limit is not None:
            self._limit.put_back(allowed - paid, self._limit_slice)
        self.amount = Credits(self.amount + paid)
        return await self._commit(record, self.amount)

    def _commit(self, record: CallRecord, charged: int) -> asyncio.Future[Receipt]:
        """Hand the settlement over."""
        book = self._book
        self._charged = charged
        self._put_back(self.amount - charged)
        self._waiter = book.loop.create_future()
        fund = None if self._limit is None else self._limit.fund
        settlement = Settlement(
            record, self._slice, Credits(charged), Credits(record.cost_credits - charged), fund, self._limit_slice
        )
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
            if not waiter.done():
                waiter.set_exception(outcome)
        if lost:
            self._put_back(lost)
        self._leave()

    def _put_back(self, unspent: int) -> None:
        """Free what is not spent, in the slices that it came from."""
        if unspent <= 0:
            return
        if self._limit is not None:
            self._limit.put_back(unspent, self._limit_slice)
        if self._purse is not None:
            self._purse.put_back(unspent, self._slice)

    def _leave(self) -> None:
        if self._limit is not None:
            self._limit.end()
        if self._purse is not None:
            self._purse.end()
