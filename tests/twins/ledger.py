"""Money in memory: the twin of `storage.ledger`, for one event loop."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from modelport.core.clock import utc_day
from modelport.core.credits import Credits
from modelport.ledger.problems import AlreadySettled, InsufficientFunds
from modelport.ledger.records import HOUSE_ACCOUNT, WORLD_ACCOUNT, CallRecord, EntryKind, Receipt, receipt
from modelport.ledger.store import Ended, Loan, Renewal, Settlement, Slice
from tests.twins.clock import StoppedClock


@dataclass(slots=True)
class Allotment:
    """One slice."""

    slice: Slice
    credits: int
    expires_at_ms: int


@dataclass(slots=True)
class Vault:
    """What all processes share."""

    clock: StoppedClock = field(default_factory=StoppedClock)
    entries: list[tuple[EntryKind, int, int, int]] = field(default_factory=list)
    requests: dict[str, tuple[CallRecord, Receipt]] = field(default_factory=dict)
    allotments: dict[tuple[int, str], Allotment] = field(default_factory=dict)
    key_spend: defaultdict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    slices_made: int = 0

    def balance(self, account_id: int) -> int:
        """Sum the entries of an account."""
        came = sum(amount for _, _, target, amount in self.entries if target == account_id)
        return came - sum(amount for _, source, _, amount in self.entries if source == account_id)

    def lent(self, account_id: int, but_for: str = "") -> int:
        """Sum the living slices of an account."""
        return sum(
            allotment.credits
            for (of_account, owner), allotment in self.allotments.items()
            if of_account == account_id and owner != but_for and allotment.expires_at_ms > self.clock.at_ms
        )

    def free(self, account_id: int) -> int:
        """Say what is lent to nobody."""
        return self.balance(account_id) - self.lent(account_id)


class VaultLedger:
    """The `LedgerStore` of one process on a vault."""

    def __init__(self, vault: Vault, owner: str, lease_s: float = 5.0) -> None:
        self._vault = vault
        self._owner = owner
        self._lease_ms = int(lease_s * 1000)

    async def borrow(self, account_id: int, least: Credits, want: Credits) -> Loan:
        await asyncio.sleep(0)
        vault = self._vault
        mine = vault.allotments.get((account_id, self._owner))
        is_alive = mine is not None and mine.expires_at_ms > vault.clock.at_ms
        free = vault.free(account_id)
        elsewhere = Credits(vault.lent(account_id, but_for=self._owner))
        if free < least or free <= 0:
            return Loan(mine.slice if mine and is_alive else None, Credits(0), Credits(max(0, free)), elsewhere)
        granted = min(want, max(least, free // 4))
        if mine is None or not is_alive:
            vault.slices_made += 1
            mine = vault.allotments[account_id, self._owner] = Allotment(Slice(vault.slices_made, 1), 0, 0)
        mine.credits += granted
        mine.expires_at_ms = vault.clock.at_ms + self._lease_ms
        return Loan(mine.slice, Credits(granted), Credits(free - granted), elsewhere)

    async def renew(self, renewals: Sequence[Renewal], returned: Sequence[Slice] = ()) -> Sequence[Slice]:
        for lent in returned:
            if (place := self._find(lent)) is not None:
                del self._vault.allotments[place]
        lapsed: list[Slice] = []
        for renewal in renewals:
            found = self._find(renewal.slice)
            if found is None:
                lapsed.append(renewal.slice)
                continue
            allotment = self._vault.allotments[found]
            allotment.credits -= renewal.give_back
            allotment.expires_at_ms = self._vault.clock.at_ms + self._lease_ms
        await asyncio.sleep(0)
        return lapsed

    def settle(self, settlement: Settlement, ended: Ended) -> None:
        asyncio.get_running_loop().call_soon(ended, self._settled(settlement))

    async def spent(self, key_id: int, since_day: int) -> Credits:
        sums = self._vault.key_spend.items()
        spent = sum(amount for (key, day), amount in sums if key == key_id and day >= since_day)
        await asyncio.sleep(0)
        return Credits(spent)

    async def balance(self, account_id: int) -> Credits:
        return Credits(self._vault.balance(account_id))

    async def move(
        self, source: int, target: int, amount: Credits, kind: EntryKind, reference_id: str | None, at_ms: int
    ) -> None:
        del reference_id, at_ms
        free = self._vault.free(source)
        if source not in (WORLD_ACCOUNT, HOUSE_ACCOUNT) and free < amount:
            raise InsufficientFunds(source, amount, Credits(max(0, free)))
        self._vault.entries.append((kind, source, target, amount))

    def _find(self, lent: Slice) -> tuple[int, str] | None:
        for place, allotment in self._vault.allotments.items():
            if allotment.slice == lent and allotment.expires_at_ms > self._vault.clock.at_ms:
                return place
        return None

    def _settled(self, settlement: Settlement) -> Receipt | AlreadySettled:
        vault, record = self._vault, settlement.record
        if record.inference_id in vault.requests:
            return AlreadySettled(record.inference_id)
        charged = settlement.charged
        place = self._find(settlement.slice) if settlement.slice is not None else None
        if place is not None and vault.allotments[place].credits >= charged:
            vault.allotments[place].credits -= charged
        else:
            charged = Credits(min(charged, max(0, vault.free(record.account_id))))
        paid = receipt(record, charged, settlement.on_house + settlement.charged - charged)
        for source, amount in ((record.account_id, paid.charged), (HOUSE_ACCOUNT, paid.on_house)):
            if amount:
                vault.entries.append(("MODEL_USAGE", source, WORLD_ACCOUNT, amount))
        vault.key_spend[record.key_id, utc_day(record.created_at_ms)] += paid.charged
        vault.requests[record.inference_id] = (record, paid)
        return paid
