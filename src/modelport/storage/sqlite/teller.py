"""The teller on SQLite: the driver's cursor, `executemany` with constant text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from sqlite3 import Cursor, IntegrityError
from typing import cast

from modelport.core.credits import Credits
from modelport.ledger.problems import AlreadySettled
from modelport.ledger.records import HOUSE_ACCOUNT, WORLD_ACCOUNT, Receipt
from modelport.ledger.store import Fund, Loan, Renewal, Settlement, Slice
from modelport.storage.settlement import (
    REQUEST_COLUMNS,
    Takings,
    entry_rows,
    request_row,
    rollup_rows,
    spend_rows,
    take_money,
)
from modelport.storage.teller import JOB, granted_of, lent, refused

_INSERT_REQUEST = (
    f"INSERT INTO requests ({', '.join(REQUEST_COLUMNS)}) VALUES ({', '.join('?' * len(REQUEST_COLUMNS))})"
)
_INSERT_USAGE = (
    f"INSERT INTO entries (created_at_ms, kind, from_account, to_account, credits, reference_id, model) "
    f"VALUES (?, 'MODEL_USAGE', ?, {WORLD_ACCOUNT}, ?, ?, ?)"
)
_INSERT_REPAYMENT = (
    f"INSERT INTO entries (created_at_ms, kind, from_account, to_account, credits) "
    f"VALUES (?, 'ADJUSTMENT', ?, {HOUSE_ACCOUNT}, ?)"
)
_TAKE_FROM_BALANCE = "UPDATE balances SET credits = credits - ? WHERE account_id = ?"
_REPAY = "UPDATE balances SET credits = credits - ?, owed = owed - ? WHERE account_id = ?"
_ADD_TO_SPEND = (
    "INSERT INTO key_spend (key_id, day, credits) VALUES (?, ?, ?) "
    "ON CONFLICT (key_id, day) DO UPDATE SET credits = key_spend.credits + excluded.credits"
)
_ADD_TO_ROLLUP = (
    "INSERT INTO usage_rollups (key_id, quarter, model, status, account_id, requests, charged, credits, input_tokens, "
    "output_tokens) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key_id, quarter, model, status) DO UPDATE SET "
    "requests = usage_rollups.requests + excluded.requests, charged = usage_rollups.charged + excluded.charged, "
    "credits = usage_rollups.credits + excluded.credits, "
    "input_tokens = usage_rollups.input_tokens + excluded.input_tokens, "
    "output_tokens = usage_rollups.output_tokens + excluded.output_tokens"
)
_SETTLED = "SELECT charged_credits, house_credits, billing_status FROM requests WHERE inference_id = ?"
_BALANCE = "SELECT credits, owed FROM balances WHERE account_id = ?"
_THRESHOLD = "SELECT limit_credits FROM keys WHERE id = ?"
_SPENT = "SELECT COALESCE(SUM(credits), 0) FROM key_spend WHERE key_id = ? AND day >= ? AND day < ?"
_NO_LIMIT = 1 << 60
"""What a key may spend whose limit was taken away while a call of it was under way."""


NOT_OF_JOBS = f"owner NOT LIKE '{JOB}%'"


@dataclass(frozen=True, slots=True)
class _Slices:
    """The statements of one table of slices."""

    living: str
    of_fund: str
    add: str
    revive: str
    insert: str
    drop: str
    take: str
    shorten: str
    """Ends a lease that lasts longer than any given now: it was given before the clock was put back."""
    renew: str
    give_back: str


def _slices(table: str, *place: str) -> _Slices:
    of_fund = " AND ".join(f"{column} = ?" for column in place)
    return _Slices(
        living=f"SELECT credits FROM {table} WHERE id = ? AND epoch = ? AND expires_at_ms > ?",
        of_fund=f"SELECT id, owner, epoch, credits, expires_at_ms FROM {table} WHERE {of_fund}",
        add=f"UPDATE {table} SET credits = credits + ?, expires_at_ms = ? WHERE id = ?",
        revive=f"UPDATE {table} SET epoch = epoch + 1, credits = ?, expires_at_ms = ? WHERE id = ?",
        insert=f"INSERT INTO {table} ({', '.join(place)}, owner, epoch, credits, expires_at_ms) "
        f"VALUES ({', '.join('?' * len(place))}, ?, 1, ?, ?) RETURNING id",
        drop=f"DELETE FROM {table} WHERE id = ?",
        take=f"UPDATE {table} SET credits = credits - ? WHERE id = ?",
        shorten=f"UPDATE {table} SET expires_at_ms = ? WHERE {of_fund} AND expires_at_ms > ? AND {NOT_OF_JOBS}",
        renew=f"UPDATE {table} SET expires_at_ms = ?, credits = credits - ? "
        "WHERE id = ? AND epoch = ? AND expires_at_ms > ? AND credits >= ?",
        give_back=f"DELETE FROM {table} WHERE id = ? AND epoch = ?",
    )


_OF_ACCOUNTS = _slices("allotments", "account_id")
_OF_KEYS = _slices("key_allotments", "key_id", "since_day")

_SliceRow = tuple[int, str, int, int, int]


@dataclass(frozen=True, slots=True)
class SqliteTeller:
    """The `Teller` on a connection of SQLite, whose transaction keeps all others from writing."""

    cursor: Cursor
    now_ms: Callable[[], int]
    lease_now_ms: Callable[[], int]
    """The time by which slices lapse."""

    def settle(self, settlements: Sequence[Settlement]) -> list[Receipt]:
        """Settle calls; raises `AlreadySettled` (and settles none) when the only one is a repetition."""
        now = self.now_ms()
        takings = take_money(_Till(self.cursor, self.lease_now_ms()), settlements)
        receipts = takings.receipts
        self._take(takings)
        cursor = self.cursor
        try:
            rows = [request_row(*pair) for pair in zip(settlements, receipts, strict=True)]
            cursor.executemany(_INSERT_REQUEST, rows)
        except IntegrityError as error:
            inference_id = settlements[0].record.inference_id
            if len(settlements) == 1 and self.settled([inference_id]):
                raise AlreadySettled(inference_id) from error
            raise
        cursor.executemany(_INSERT_USAGE, [(now, *row) for row in entry_rows(settlements, receipts)])
        cursor.executemany(_ADD_TO_SPEND, spend_rows(settlements, receipts))
        cursor.executemany(_ADD_TO_ROLLUP, rollup_rows(settlements, receipts))
        return receipts

    def _take(self, takings: Takings) -> None:
        cursor = self.cursor
        for lent_to, amount in takings.by_slice.items():
            cursor.execute(_statements(lent_to.is_of_key).take, (amount, lent_to.id))
        cursor.executemany(
            _TAKE_FROM_BALANCE, [(amount, account_id) for account_id, amount in takings.by_account.items() if amount]
        )

    def settled(self, inference_ids: Sequence[str]) -> dict[str, Receipt]:
        """Return what came of those calls that are settled already."""
        found: dict[str, Receipt] = {}
        for inference_id in inference_ids:
            row = self.cursor.execute(_SETTLED, (inference_id,)).fetchone()
            if row is not None:
                found[inference_id] = Receipt(*row)
        return found

    def borrow(self, owner: str, fund: Fund, least: int, want: int, lease_ms: int) -> Loan:
        """Add between `least` and `want` of what is free in the fund to the owner's slice, or nothing."""
        now = self.lease_now_ms()
        statements, place = _statements(fund.key_id is not None), _place(fund)
        slices = _Fund(self.cursor, fund, now)
        elsewhere = sum(row[3] for row in slices.living if row[1] != owner)
        row = next((row for row in slices.rows if row[1] == owner), None)
        mine = Slice(row[0], row[2], fund.key_id is not None) if row is not None and row[4] > now else None
        free, owed = slices.free, slices.owed
        if owed:
            free, owed = self._repay(fund.account_id, free, owed)
        if elsewhere:
            self.cursor.execute(statements.shorten, (now + lease_ms, *place, now + lease_ms))
        granted = 0 if owed else granted_of(free, least, want)
        if not granted:
            return refused(mine, 0 if owed else free, elsewhere, owed)
        until = now + lease_ms
        slices.end_lapsed(but_for=owner)
        if row is None:
            made = self.cursor.execute(statements.insert, (*place, owner, granted, until)).fetchone()[0]
            return lent(Slice(made, 1, fund.key_id is not None), granted, free, elsewhere)
        if mine is not None:
            self.cursor.execute(statements.add, (granted, until, row[0]))
        else:
            self.cursor.execute(statements.revive, (granted, until, row[0]))
            mine = Slice(row[0], row[2] + 1, fund.key_id is not None)
        return lent(mine, granted, free, elsewhere)

    def _repay(self, account_id: int, free: int, owed: int) -> tuple[int, int]:
        """Pay what is owed from what is free; return what is left of both."""
        paid = min(free, owed)
        if paid > 0:
            self.cursor.execute(_REPAY, (paid, paid, account_id))
            self.cursor.execute(_INSERT_REPAYMENT, (self.now_ms(), account_id, paid))
        return free - paid, owed - paid

    def renew(self, renewals: Sequence[Renewal], returned: Sequence[Slice], lease_ms: int) -> list[Slice]:
        """Extend the expiry of slices and return whole others to their funds; say which had lapsed."""
        for whole in returned:
            self.cursor.execute(_statements(whole.is_of_key).give_back, (whole.id, whole.epoch))
        now = self.lease_now_ms()
        return [renewal.slice for renewal in renewals if not self._renewed(renewal, now, now + lease_ms)]

    def _renewed(self, renewal: Renewal, now: int, until: int) -> bool:
        kept, given = renewal.slice, renewal.give_back
        statement = _statements(kept.is_of_key).renew
        return self.cursor.execute(statement, (until, given, kept.id, kept.epoch, now, given)).rowcount == 1


def _statements(is_of_key: bool) -> _Slices:
    return _OF_KEYS if is_of_key else _OF_ACCOUNTS


def _place(fund: Fund) -> tuple[int, ...]:
    return (fund.account_id,) if fund.key_id is None else (fund.key_id, fund.since_day)


class _Fund:
    """What is in a fund, and who has slices of it."""

    def __init__(self, cursor: Cursor, fund: Fund, now: int) -> None:
        self._cursor = cursor
        self._statements = _statements(fund.key_id is not None)
        self.owed = 0
        if fund.key_id is None:
            total, self.owed = cursor.execute(_BALANCE, _place(fund)).fetchone() or (0, 0)
        else:
            found = cursor.execute(_THRESHOLD, (fund.key_id,)).fetchone()
            threshold = _NO_LIMIT if found is None or found[0] is None else found[0]
            total = threshold - cursor.execute(_SPENT, (fund.key_id, fund.since_day, fund.until_day)).fetchone()[0]
        self.rows = cast(list[_SliceRow], cursor.execute(self._statements.of_fund, _place(fund)).fetchall())
        self.living = [row for row in self.rows if row[4] > now]
        self._now = now
        self.free: int = total - sum(row[3] for row in self.living)

    def end_lapsed(self, but_for: str = "") -> None:
        """End what has lapsed: nobody may settle on it from now on, whatever the clock says."""
        for row in self.rows:
            if row[4] <= self._now and row[1] != but_for:
                self._cursor.execute(self._statements.drop, (row[0],))


@dataclass(frozen=True, slots=True)
class _Till:
    """The till of one settlement."""

    cursor: Cursor
    now: int

    def living(self, slices: Sequence[Slice]) -> dict[Slice, int]:
        """Return what is in those of the slices that have not lapsed."""
        found: dict[Slice, int] = {}
        for one in slices:
            row = self.cursor.execute(_statements(one.is_of_key).living, (one.id, one.epoch, self.now)).fetchone()
            if row is not None:
                found[one] = row[0]
        return found

    def free(self, account_id: int) -> int:
        """Return what of an account's money is lent to nobody; ends the slices that have lapsed."""
        return self.room(Fund(account_id))

    def room(self, limit: Fund) -> int:
        """Return what is free in a fund; ends the slices that have lapsed."""
        fund = _Fund(self.cursor, limit, self.now)
        fund.end_lapsed()
        return Credits(fund.free)
