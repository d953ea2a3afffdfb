"""The money of one fund in one process: a slice that is borrowed, held against, settled and given back."""

import asyncio
from collections.abc import Callable, Coroutine

from modelport.core.credits import Credits
from modelport.ledger.gate import Asker, Extension, Gate
from modelport.ledger.problems import InsufficientFunds, KeyLimitReached, StoreUnavailable
from modelport.ledger.store import Fund, LedgerStore, Loan, Renewal, Slice

Spawn = Callable[[Coroutine[object, object, None]], object]

_GENEROUS = 64
"""A borrower asks for so many calls like the one that needs money."""
_LOOK_AGAIN_S = 1.0
_LOOK_AGAIN_ELSEWHERE_S = 0.1
"""How soon the database is asked again while calls wait: often when other processes may return money."""
_QUIET_ROUNDS = 2


class Purse(Gate):
    """Holds against the slice in memory; borrows more when it is short, one request at a time."""

    __slots__ = (
        "_elsewhere",
        "_is_borrowing",
        "_knows",
        "_low",
        "_owed",
        "_quiet_rounds",
        "_retry",
        "_spawn",
        "_store",
        "_unlent",
        "_was_used",
        "free",
        "fund",
        "open",
        "slice",
    )

    def __init__(self, fund: Fund, store: LedgerStore, spawn: Spawn) -> None:
        super().__init__()
        self.fund = fund
        self.slice: Slice | None = None
        self.free = 0
        """The slice's money that no call holds."""
        self.open = 0
        """Holds, until their settlement is committed."""
        self._store = store
        self._spawn = spawn
        self._is_borrowing = False
        self._knows = False
        """Whether what the database last said about the fund still binds; true only while calls wait."""
        self._unlent = 0
        self._elsewhere = 0
        self._owed = 0
        self._retry: asyncio.TimerHandle | None = None
        self._low = 0
        self._was_used = True
        self._quiet_rounds = 0

    def take(self, ask: int) -> bool:
        """Hold `ask` if the slice has it and nobody waits."""
        left = self.free - ask
        if left < 0 or self.line:
            return False
        self._hold(left)
        return True

    def take_extra(self, extra: int, lent: Slice | None) -> int:
        """Hand out up to `extra` of what is free in that slice, for a call that cost more than it held."""
        if lent is None or lent is not self.slice:
            return 0
        taken = max(0, min(extra, self.free))
        self.free -= taken
        self._low = min(self._low, self.free)
        return taken

    async def take_more(self, extra: int, lent: Slice | None) -> int:
        """Hand out `extra` in that slice, or what there is of it; what the slice lacks is borrowed."""
        taken = self.take_extra(extra, lent)
        if taken < extra:
            try:
                await self._borrow_up_to(extra - taken, extra - taken)
            except StoreUnavailable:
                return taken
            taken += self.take_extra(extra - taken, lent)
        return taken

    def extend(self, terms: Extension, held: int, lent: Slice | None) -> int:
        """Hold more for an open call, whoever waits, or nothing; if its slice is gone, what it held comes from here."""
        anew = 0 if lent is self.slice else held
        added = terms.of(self.free - anew)
        if added:
            self.free -= anew + added
            self._low = min(self._low, self.free)
        return added

    async def borrow_for(self, terms: Extension, held: int, lent: Slice | None) -> None:
        """Borrow what an extension lacks, or what there is of it; once more if that showed that the slice was gone."""
        for _ in range(2):
            before = self.slice
            lacking = terms.most * terms.share + (0 if lent is before else held) - self.free
            if lacking <= 0:
                return
            await self._borrow_up_to(lacking, max(lacking, terms.most * _GENEROUS))
            if self.slice is before:
                return

    def put_back(self, amount: int, lent: Slice | None) -> None:
        """Free what a call held and did not use, unless its slice is gone."""
        if lent is self.slice:
            self.free += amount
            if self.line:
                self.serve()

    def end(self) -> None:
        """Count a hold as over."""
        self.open -= 1
        if self.line:
            self.serve()

    def serve(self) -> None:
        """Let through who can be, borrow for who is first, refuse who cannot pay when nothing is open."""
        self._serve(is_fresh=False)

    def look_anew(self) -> None:
        """Ask the database again, for those who wait."""
        self._knows = False
        self.serve()

    @property
    def is_asking(self) -> bool:
        """Whether money is being borrowed."""
        return self._is_borrowing

    def refusal(self, needed: Credits) -> InsufficientFunds | KeyLimitReached:
        """Say what is missing."""
        left = Credits(max(0, self.free + self._unlent))
        if self.fund.key_id is not None:
            return KeyLimitReached(self.fund.key_id, needed, left)
        return InsufficientFunds(self.fund.account_id, needed, left, Credits(self._owed))

    def undo(self, asker: Asker) -> None:
        """Take back what was granted to a call that has gone."""
        self.put_back(asker.grant.result(), asker.slice)
        self.end()

    def forget(self) -> None:
        """Treat the slice as lapsed: its money is the fund's again."""
        self.slice = None
        self.free = 0
        self._low = 0
        self.look_anew()

    def close(self) -> None:
        """Stop looking for money."""
        self.fail_all(StoreUnavailable("the server is stopping"))
        self._stop_looking()

    def is_quiet(self) -> bool:
        """Say, once each round, whether nothing was held for a few rounds, so that the slice can be returned."""
        if self.open or self.line or self._is_borrowing or self._was_used:
            self._quiet_rounds = 0
        else:
            self._quiet_rounds += 1
        self._was_used = False
        return self._quiet_rounds >= _QUIET_ROUNDS

    def renewal(self, lent: Slice, *, is_recalled: bool = False) -> Renewal:
        """Ask for another while, and give back half of what was not needed lately, or all when it is recalled."""
        spare = self.free if is_recalled else self._low if self.line else self._low // 2
        self.free -= spare
        self._low = self.free
        return Renewal(lent, Credits(spare))

    def _hold(self, left: int) -> None:
        self.free = left
        if left < self._low:
            self._low = left
        self.open += 1
        self._was_used = True

    def _serve(self, *, is_fresh: bool) -> None:
        while (head := self.head()) is not None:
            if head.ask <= self.free:
                self._admit(head, head.ask)
            elif self._is_borrowing or self._borrows_for(head):
                return
            elif head.is_late and (self.open or self._elsewhere):
                self.refuse(head, self.refusal(head.least))
            elif self.open or self._elsewhere:
                self._look_later()
                return
            elif not is_fresh:
                self._borrow_for(head)
                return
            elif head.least > self.free + self._unlent:
                self.refuse(head, self.refusal(head.least))
            elif self._unlent:
                self._start(self._unlent, self._unlent)
                return
            else:
                self._admit(head, self.free)
        self._knows = False
        self._stop_looking()

    def _admit(self, head: Asker, amount: int) -> None:
        self._hold(self.free - amount)
        self.admit(head, Credits(amount), self.slice)

    def _borrows_for(self, head: Asker) -> bool:
        if self._knows and head.ask > self.free + self._unlent:
            return False
        self._borrow_for(head)
        return True

    def _borrow_for(self, head: Asker) -> None:
        self._start(head.ask - self.free, head.ask * max(_GENEROUS, len(self.line)))

    def _start(self, least: int, want: int) -> None:
        self._is_borrowing = True
        self._spawn(self._borrow(Credits(least), Credits(want)))

    async def _borrow(self, least: Credits, want: Credits) -> None:
        try:
            loan = await self._store.borrow(self.fund, least, want)
        except Exception as error:  # noqa: BLE001  whatever it was, those who wait are told
            self._is_borrowing = False
            self.fail_all(error)
            return
        self._is_borrowing = False
        self._take_in(loan)
        self._serve(is_fresh=True)

    def _take_in(self, loan: Loan) -> None:
        if loan.slice != self.slice:
            self.slice = loan.slice
            self.free = 0
        self.free += loan.granted
        self._low = min(self._low, self.free)
        self._unlent = loan.unlent
        self._elsewhere = loan.lent_elsewhere
        self._owed = loan.owed
        self._knows = bool(self.line)

    async def _borrow_up_to(self, least: int, want: int) -> None:
        loan = await self._store.borrow(self.fund, Credits(least), Credits(want))
        self._take_in(loan)
        if not loan.granted and loan.unlent:
            self._take_in(await self._store.borrow(self.fund, loan.unlent, loan.unlent))

    def _look_later(self) -> None:
        if self._retry is None:
            delay_s = _LOOK_AGAIN_ELSEWHERE_S if self._elsewhere else _LOOK_AGAIN_S
            self._retry = asyncio.get_running_loop().call_later(delay_s, self._look_again)

    def _look_again(self) -> None:
        self._retry = None
        self.look_anew()

    def _stop_looking(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
