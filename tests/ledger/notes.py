"""What someone would note who watches the same calls from outside: what was served, what came in, who holds what."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from modelport.core.clock import utc_day
from modelport.ledger.book import Book
from modelport.ledger.budget import KeyBudget, period_days
from modelport.ledger.hold import Hold
from modelport.ledger.purse import Purse
from modelport.ledger.records import HOUSE_ACCOUNT, WORLD_ACCOUNT, CallRecord
from modelport.ledger.store import Slice
from tests.twins.surveys import Row, Survey


@dataclass(slots=True)
class Open:
    """A call that holds money, and where that came from."""

    book: Book
    hold: Hold
    account_id: int
    key_id: int
    began_ms: int
    purse: Purse
    limit: Purse | None
    inference_id: str

    @property
    def lent(self) -> Slice | None:
        """The slice that pays for it."""
        return self.hold._slice

    @property
    def limit_lent(self) -> Slice | None:
        """The slice of its key's limit that it counts against."""
        return self.hold._limit_slice

    def is_promised(self, survey: Survey) -> bool:
        """Whether what it holds can still be paid out of it."""
        return self.lent in survey.slices and (self.limit is None or self.limit_lent in survey.slices)


@dataclass(slots=True)
class Limit:
    """A key's limit, and the most that it was in each of its periods."""

    budget: KeyBudget
    account_id: int
    threshold: int
    most: defaultdict[tuple[int, int | None], int] = field(default_factory=lambda: defaultdict(int))

    def note(self, at_ms: int) -> None:
        """Note what the limit is in the period of that moment."""
        days = period_days(self.budget.period, at_ms)
        self.most[days] = max(self.most[days], self.threshold)


@dataclass(slots=True)
class Upstream:
    """The provider: what it served, each call whole, and what became of the answer."""

    ended: dict[str, CallRecord] = field(default_factory=dict[str, CallRecord])
    """Answers that reached their end at the gateway, which committed them."""
    lost: dict[str, CallRecord] = field(default_factory=dict[str, CallRecord])
    """Answers whose gateway died before it committed them: nobody received their end."""
    served: int = 0
    """The price of all that was served."""

    def serve(self, record: CallRecord, *, is_lost: bool = False) -> None:
        """Count an answer."""
        (self.lost if is_lost else self.ended)[record.inference_id] = record
        self.served += record.cost_credits


@dataclass(slots=True)
class Notes:
    """All of it."""

    upstream: Upstream = field(default_factory=Upstream)
    given: dict[int, int] = field(default_factory=dict[int, int])
    """By account: what came from outside less what went back there."""
    limits: dict[int, Limit] = field(default_factory=dict[int, Limit])
    """By key."""
    open: list[Open] = field(default_factory=list[Open])
    over: list[Open] = field(default_factory=list[Open])
    """Calls that have ended, of processes that live."""

    def note_limits(self, now_ms: int) -> None:
        """Note what each limit is, in the period that is running and in those in which open calls began."""
        for limit in self.limits.values():
            limit.note(now_ms)
        for one in self.open:
            if one.key_id in self.limits:
                self.limits[one.key_id].note(one.began_ms)

    def check(self, survey: Survey) -> None:
        """See that what is written is what was noted."""
        self._check_rows(survey)
        self._check_accounts(survey)
        self._check_house(survey)
        self._check_limits(survey)

    def _check_rows(self, survey: Survey) -> None:
        ended = self.upstream.ended
        told = {
            name: Row(one.account_id, one.key_id, one.cost_credits, _paid(survey, name)) for name, one in ended.items()
        }
        assert survey.rows == told, "the rows are not the answers that ended"
        charged = {name: row.paid for name, row in survey.rows.items() if row.paid != (0, 0)}
        assert survey.entered == charged, "the entries are not the rows"
        for name, row in survey.rows.items():
            assert sum(row.paid) == row.cost, f"{name}: {row.paid} is not its cost {row.cost}"
            assert not (ended[name].is_on_house and row.paid[0]), f"{name}: charged although the house bears it"
        lost = sum(one.cost_credits for one in self.upstream.lost.values())
        assert sum(row.cost for row in survey.rows.values()) == self.upstream.served - lost
        spent: defaultdict[int, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
        for name, one in ended.items():
            spent[one.key_id][utc_day(one.created_at_ms)] += survey.rows[name].paid[0]
        for key_id in spent.keys() | survey.spent.keys():
            assert _without_zeros(spent[key_id]) == _without_zeros(survey.spent[key_id]), f"spent by key {key_id}"

    def _check_accounts(self, survey: Survey) -> None:
        paid: Counter[int] = Counter()
        for row in survey.rows.values():
            paid[row.account_id] += row.paid[0]
        for account_id, given in self.given.items():
            balance, owed = survey.balances[account_id], survey.owed[account_id]
            assert survey.kept.get(account_id, balance) == balance, "the balance that is kept is not the sum of entries"
            assert balance == given + owed - paid[account_id], f"account {account_id} has {balance}"
            assert min(balance, owed, survey.free(account_id)) >= 0

    def _check_house(self, survey: Survey) -> None:
        borne = sum(row.paid[1] for row in survey.rows.values())
        assert survey.balances[HOUSE_ACCOUNT] == -borne - sum(survey.owed.values())
        assert survey.balances[WORLD_ACCOUNT] == -sum(
            survey.balances[account_id] for account_id in (HOUSE_ACCOUNT, *self.given)
        )

    def _check_limits(self, survey: Survey) -> None:
        for key_id, limit in self.limits.items():
            for days, most in limit.most.items():
                used = survey.used_of(key_id, *days)
                assert used <= most, f"key {key_id} used {used} of {most} in the days {days}"

    def check_purses(self, survey: Survey, books: Iterable[Book]) -> None:
        """See that each slice is what its process has of it, free or held, and that each hold ended once."""
        purses = {id(purse): purse for book in books for purse in (*book.purses.values(), *book.limits.values())}
        held: Counter[tuple[int, Slice | None]] = Counter()
        count: Counter[int] = Counter()
        for one in self.open:
            for purse, lent in ((one.purse, one.lent), (one.limit, one.limit_lent)):
                if purse is not None:
                    purses[id(purse)] = purse
                    held[id(purse), lent] += one.hold.amount
                    count[id(purse)] += 1
        for number, purse in purses.items():
            assert purse.open == count[number], f"{purse.fund} has {purse.open} open holds, not {count[number]}"
            assert purse.free >= 0
            if purse.slice is not None and purse.slice in survey.slices:
                has = survey.slices[purse.slice]
                assert purse.free + held[number, purse.slice] == has, f"{purse.fund}: not all of its slice of {has}"


def _paid(survey: Survey, name: str) -> tuple[int, int]:
    return survey.rows[name].paid if name in survey.rows else (0, 0)


def _without_zeros(sums: dict[int, int]) -> dict[int, int]:
    return {day: amount for day, amount in sums.items() if amount}
