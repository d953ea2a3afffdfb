"""What one key may still spend in its period, and who waits for it."""

from modelport.core.clock import utc_day
from modelport.core.credits import Credits
from modelport.ledger.budget import KeyBudget, period_days
from modelport.ledger.gate import Asker, Extension, Gate
from modelport.ledger.problems import KeyLimitReached, StoreUnavailable
from modelport.ledger.store import LedgerStore

_DAY_MS = 86_400_000


class Allowance(Gate):
    """Keeps `spent + open holds` of a key at or below its threshold."""

    __slots__ = ("_budget", "_is_loaded", "_until_ms", "has_failed", "held", "open", "round", "since_day", "spent")

    def __init__(self, budget: KeyBudget, now_ms: int) -> None:
        super().__init__()
        self.held = 0
        self.open = 0
        """Holds, until their settlement is committed."""
        self.round = 0
        """Counts how often `spent` was counted afresh."""
        self._begin(budget, now_ms)

    def _begin(self, budget: KeyBudget, now_ms: int) -> None:
        self._budget = budget
        self.since_day, until_day = period_days(budget.period, now_ms)
        self._until_ms = None if until_day is None else until_day * _DAY_MS
        self.spent = 0
        self._is_loaded = False
        self.has_failed = False
        """Whether what was spent could not be learnt, so that it must be tried afresh."""

    @property
    def room(self) -> int:
        """What may still be held; negative when the threshold was lowered below what was spent."""
        return self._budget.threshold - self.spent - self.held

    def follow(self, budget: KeyBudget, now_ms: int) -> bool:
        """Take over the key's terms and the date; return whether `load` must be started."""
        is_over = self._until_ms is not None and now_ms >= self._until_ms
        if is_over or self.has_failed or budget.period != self._budget.period:
            self._begin(budget, now_ms)
            return True
        is_raised = budget.threshold > self._budget.threshold
        self._budget = budget
        if is_raised and self.line:
            self.serve()
        return False

    async def load(self, store: LedgerStore) -> None:
        """Learn what was charged before; what is settled from now on is counted as it happens."""
        self.spent = 0
        self.round += 1
        started = self.round
        try:
            spent = await store.spent(self._budget.key_id, self.since_day)
        except Exception as error:  # noqa: BLE001  whatever it was, those who wait are told
            if started == self.round:
                self.has_failed = True
                self.fail_all(error)
            return
        if started == self.round:
            self.spent += spent
            self._is_loaded = True
            self.serve()

    def take(self, ask: int) -> bool:
        """Hold `ask` if there is room and nobody waits."""
        if not self._is_loaded or self.line or ask > self.room:
            return False
        self.held += ask
        self.open += 1
        return True

    def take_extra(self, extra: int) -> int:
        """Hold up to `extra` more, for a call that cost more than it held."""
        taken = max(0, min(extra, self.room))
        self.held += taken
        return taken

    def extend(self, terms: Extension) -> int:
        """Hold more for an open call, whoever waits, or nothing."""
        added = terms.of(self.room) if self._is_loaded else 0
        self.held += added
        return added

    def close(self) -> None:
        """Turn away who waits."""
        self.fail_all(StoreUnavailable("the server is stopping"))

    def put_back(self, amount: int) -> None:
        """Free what a call held and did not use."""
        self.held -= amount

    def charge(self, amount: int, created_at_ms: int) -> None:
        """Count money as spent, if the call began in this period."""
        if utc_day(created_at_ms) >= self.since_day:
            self.spent += amount

    def uncharge(self, amount: int, counted_in: int) -> None:
        """Take back what was counted in that round and not charged after all."""
        if counted_in == self.round:
            self.spent -= amount

    def end(self) -> None:
        """Count a hold as over."""
        self.open -= 1
        if self.line:
            self.serve()

    def serve(self) -> None:
        """Let through who fits; refuse who does not when nothing is open."""
        while self._is_loaded and (head := self.head()) is not None:
            room = self.room
            if head.ask > room and self.open and not head.is_late:
                return
            if head.least > room or (head.ask > room and self.open):
                self.refuse(head, self.refusal(head.least))
                continue
            amount = min(head.ask, room)
            self.held += amount
            self.open += 1
            self.admit(head, Credits(amount))

    @property
    def is_asking(self) -> bool:
        """Whether what was spent is being learnt."""
        return not self._is_loaded

    def refusal(self, needed: Credits) -> KeyLimitReached:
        """Say what is missing."""
        return KeyLimitReached(self._budget.key_id, needed, Credits(max(0, self.room)))

    def undo(self, asker: Asker) -> None:
        """Take back what was granted to a call that has gone."""
        self.put_back(asker.grant.result())
        self.end()
