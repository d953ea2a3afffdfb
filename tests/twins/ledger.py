"""Money in memory: the twin of `storage.ledger`, for one event loop."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from modelport.core.clock import utc_day
from modelport.core.credits import Credits
from modelport.ledger.problems import AlreadySettled, InsufficientFunds, StoreUnavailable
from modelport.ledger.records import HOUSE_ACCOUNT, WORLD_ACCOUNT, CallRecord, EntryKind, Receipt, receipt
from modelport.ledger.store import Ended, FreeHour, Fund, Loan, Renewal, Settlement, Slice
from tests.twins.clock import StoppedClock

HOUR_MS = 3_600_000


@dataclass(slots=True)
class Allotment:
    """One slice."""

    slice: Slice
    credits: int
    expires_at_ms: int


@dataclass(slots=True)
class Promo:
    """Credit that expires."""

    account_id: int
    remaining: int
    expires_at_ms: int


@dataclass(slots=True)
class Vault:
    """What all processes share."""

    clock: StoppedClock = field(default_factory=StoppedClock)
    entries: list[tuple[EntryKind, int, int, int]] = field(default_factory=list)
    requests: dict[str, tuple[CallRecord, Receipt]] = field(default_factory=dict)
    allotments: dict[tuple[Fund, str], Allotment] = field(default_factory=dict)
    thresholds: dict[int, int] = field(default_factory=dict)
    key_spend: defaultdict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    owed: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    promos: list[Promo] = field(default_factory=list)
    free_hours: set[tuple[int, int]] = field(default_factory=set)
    free_per_hour: int = 0
    slices_made: int = 0

    def balance(self, account_id: int) -> int:
        """Sum the entries of an account."""
        came = sum(amount for _, _, target, amount in self.entries if target == account_id)
        return came - sum(amount for _, source, _, amount in self.entries if source == account_id)

    def spent(self, limit: Fund) -> int:
        """Sum what a key was charged in a period."""
        return sum(
            amount
            for (key_id, day), amount in self.key_spend.items()
            if key_id == limit.key_id and limit.since_day <= day < limit.until_day
        )

    def lent(self, fund: Fund, but_for: str = "") -> int:
        """Sum the living slices of a fund."""
        return sum(
            allotment.credits
            for (of_fund, owner), allotment in self.allotments.items()
            if of_fund == fund and owner != but_for and allotment.expires_at_ms > self.clock.at_ms
        )

    def free(self, fund: Fund) -> int:
        """Say what is lent to nobody."""
        if fund.key_id is None:
            return self.balance(fund.account_id) - self.lent(fund)
        return self.thresholds[fund.key_id] - self.spent(fund) - self.lent(fund)

    def take_back(self, account_id: int, amount: int) -> None:
        """Return money to the world; what the account lacks is advanced by the house and owed."""
        advanced = max(0, amount - max(0, self.free(Fund(account_id))))
        if advanced:
            self.entries.append(("ADJUSTMENT", HOUSE_ACCOUNT, account_id, advanced))
            self.owed[account_id] += advanced
        self.entries.append(("ADJUSTMENT", account_id, WORLD_ACCOUNT, amount))

    def top_up(self, account_id: int, amount: int, kind: EntryKind = "PAYMENT") -> int:
        """Bring money in; what is owed is paid first."""
        self.entries.append((kind, WORLD_ACCOUNT, account_id, amount))
        return amount - self.repay(account_id, amount)

    def repay(self, account_id: int, most: int) -> int:
        """Pay what is owed."""
        paid = max(0, min(most, self.owed[account_id]))
        if paid:
            self.entries.append(("ADJUSTMENT", account_id, HOUSE_ACCOUNT, paid))
            self.owed[account_id] -= paid
        return paid

    def shorten(self, fund: Fund, lease_ms: int) -> None:
        """Let no slice of a fund live longer than one that is lent now."""
        for (of_fund, _), allotment in self.allotments.items():
            if of_fund == fund:
                allotment.expires_at_ms = min(allotment.expires_at_ms, self.clock.at_ms + lease_ms)

    def end_lapsed(self, fund: Fund, but_for: str = "") -> None:
        """End slices that have lapsed."""
        for place, allotment in list(self.allotments.items()):
            if place[0] == fund and place[1] != but_for and allotment.expires_at_ms <= self.clock.at_ms:
                del self.allotments[place]


class VaultLedger:
    """The `LedgerStore` of one process on a vault."""

    def __init__(self, vault: Vault, owner: str, lease_s: float = 5.0) -> None:
        self._vault = vault
        self._owner = owner
        self._lease_ms = int(lease_s * 1000)
        self.trouble: StoreUnavailable | None = None

    async def borrow(self, fund: Fund, least: Credits, want: Credits) -> Loan:
        await asyncio.sleep(0)
        vault = self._vault
        mine = vault.allotments.get((fund, self._owner))
        is_alive = mine is not None and mine.expires_at_ms > vault.clock.at_ms
        if fund.key_id is None:
            vault.repay(fund.account_id, vault.free(fund))
        free, owed = vault.free(fund), vault.owed[fund.account_id] if fund.key_id is None else 0
        elsewhere = Credits(vault.lent(fund, but_for=self._owner))
        vault.shorten(fund, self._lease_ms)
        if owed or free < least or free <= 0:
            held = mine.slice if mine and is_alive else None
            return Loan(held, Credits(0), Credits(0 if owed else max(0, free)), elsewhere, Credits(owed))
        granted = min(want, max(least, free // 4))
        vault.end_lapsed(fund, but_for=self._owner)
        if mine is None or not is_alive:
            vault.slices_made += 1
            made = Slice(vault.slices_made, 1, fund.key_id is not None)
            mine = vault.allotments[fund, self._owner] = Allotment(made, 0, 0)
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

    async def free_hour(self, account_id: int) -> FreeHour:
        vault = self._vault
        await asyncio.sleep(0)
        paid = any(kind == "PAYMENT" and target == account_id for kind, _, target, _ in vault.entries)
        if not vault.free_per_hour or paid:
            return "none"
        hour = vault.clock.at_ms // HOUR_MS
        if (account_id, hour) in vault.free_hours:
            return "used_up"
        vault.free_hours.add((account_id, hour))
        vault.top_up(account_id, vault.free_per_hour, "BONUS")
        return "granted"

    async def balance(self, account_id: int) -> Credits:
        return Credits(self._vault.balance(account_id))

    async def move(
        self, source: int, target: int, amount: Credits, kind: EntryKind, reference_id: str | None, at_ms: int
    ) -> None:
        del reference_id, at_ms
        free = self._vault.free(Fund(source))
        if source not in (WORLD_ACCOUNT, HOUSE_ACCOUNT) and free < amount:
            raise InsufficientFunds(source, amount, Credits(max(0, free)))
        self._vault.entries.append((kind, source, target, amount))

    def _find(self, lent: Slice | None) -> tuple[Fund, str] | None:
        for place, allotment in self._vault.allotments.items():
            if allotment.slice == lent and allotment.expires_at_ms > self._vault.clock.at_ms:
                return place
        return None

    def _settled(self, settlement: Settlement) -> Receipt | AlreadySettled:
        vault, record = self._vault, settlement.record
        if record.inference_id in vault.requests:
            return AlreadySettled(record.inference_id)
        sources = [(settlement.slice, Fund(record.account_id))]
        if settlement.limit is not None:
            sources.append((settlement.limit_slice, settlement.limit))
        charged = min(self._most(lent, fund, settlement.charged) for lent, fund in sources)
        for lent, fund in sources:
            place = self._find(lent)
            if place is not None and vault.allotments[place].credits >= charged:
                vault.allotments[place].credits -= charged
            elif charged:
                vault.end_lapsed(fund)
        paid = receipt(record, charged, settlement.on_house + settlement.charged - charged)
        for source, amount in ((record.account_id, paid.charged), (HOUSE_ACCOUNT, paid.on_house)):
            if amount:
                vault.entries.append(("MODEL_USAGE", source, WORLD_ACCOUNT, amount))
        vault.key_spend[record.key_id, utc_day(record.created_at_ms)] += paid.charged
        vault.requests[record.inference_id] = (record, paid)
        return paid

    def _most(self, lent: Slice | None, fund: Fund, wanted: int) -> int:
        place = self._find(lent)
        if place is not None and self._vault.allotments[place].credits >= wanted:
            return wanted
        return min(wanted, max(0, self._vault.free(fund)))
