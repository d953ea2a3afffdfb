"""The teller on PostgreSQL: a group of calls is two round trips, whatever its size.

Locks are taken in one order everywhere: balances of customers by id, then limited keys by id, then slices. Whoever has
the lock of a balance or key may end slices of it that have lapsed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import msgspec
from psycopg import Connection, Cursor
from psycopg.errors import UniqueViolation

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
from modelport.storage.tables import requests
from modelport.storage.teller import JOB, granted_of, lent, refused

NOW: LiteralString = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
"""The time on the database's own clock, in milliseconds since 1970."""
_NO_LIMIT = 1 << 60
_TYPES = {"Text": "text", "BigInteger": "bigint", "Integer": "integer", "Boolean": "boolean"}
_NAMES = ", ".join(REQUEST_COLUMNS)
_RECORD = ", ".join(f"{column.name} {_TYPES[type(column.type).__name__]}" for column in requests.columns)
_INSERT_REQUESTS = f"INSERT INTO requests ({_NAMES}) SELECT {_NAMES} FROM json_to_recordset(%s::json) AS r({_RECORD})"
_INSERT_USAGE = (
    "INSERT INTO entries (created_at_ms, kind, from_account, to_account, credits, reference_id, model) "
    f"SELECT %s, 'MODEL_USAGE', v.source, {WORLD_ACCOUNT}, v.credits, v.call, v.model "
    "FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[]) WITH ORDINALITY "
    "AS v(source, credits, call, model, place) ORDER BY v.place"
)
_INSERT_REPAYMENT = (
    "INSERT INTO entries (created_at_ms, kind, from_account, to_account, credits) "
    f"VALUES (%s, 'ADJUSTMENT', %s, {HOUSE_ACCOUNT}, %s)"
)
_LOCK_BALANCES = "SELECT 1 FROM balances WHERE account_id = ANY(%s) ORDER BY account_id FOR UPDATE"
_LOCK_KEYS = "SELECT 1 FROM keys WHERE id = ANY(%s) ORDER BY id FOR UPDATE"
_TAKE_FROM_BALANCES = (
    "UPDATE balances SET credits = balances.credits - v.amount "
    "FROM unnest(%s::bigint[], %s::bigint[]) AS v(id, amount) WHERE balances.account_id = v.id"
)
_REPAY = "UPDATE balances SET credits = credits - %s, owed = owed - %s WHERE account_id = %s"
_ADD_TO_SPEND = (
    "INSERT INTO key_spend (key_id, day, credits) SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) "
    "ON CONFLICT (key_id, day) DO UPDATE SET credits = key_spend.credits + excluded.credits"
)
_ADD_TO_ROLLUPS = (
    "INSERT INTO usage_rollups (key_id, quarter, model, status, account_id, requests, charged, credits, input_tokens, "
    "output_tokens) SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::bigint[], "
    "%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) "
    "ON CONFLICT (key_id, quarter, model, status) DO UPDATE SET "
    "requests = usage_rollups.requests + excluded.requests, charged = usage_rollups.charged + excluded.charged, "
    "credits = usage_rollups.credits + excluded.credits, "
    "input_tokens = usage_rollups.input_tokens + excluded.input_tokens, "
    "output_tokens = usage_rollups.output_tokens + excluded.output_tokens"
)
_SETTLED = (
    "SELECT inference_id, charged_credits, house_credits, billing_status FROM requests WHERE inference_id = ANY(%s)"
)
_BALANCE = "SELECT credits, owed FROM balances WHERE account_id = %s FOR UPDATE"
_THRESHOLD = (
    "SELECT COALESCE(limit_credits, %s) - (SELECT COALESCE(SUM(credits), 0) FROM key_spend "
    "WHERE key_id = %s AND day >= %s AND day < %s)::bigint, 0 FROM keys WHERE id = %s"
)


@dataclass(frozen=True, slots=True)
class _Slices:
    """The statements of one table of slices; `{now}` is the time."""

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
    of_fund = " AND ".join(f"{column} = %s" for column in place)
    named = "FROM unnest(%s::bigint[], %s::bigint[]) AS v(id, amount)"
    return _Slices(
        living=f"SELECT id, epoch, credits FROM {table} WHERE id = ANY(%s) AND expires_at_ms > {{now}}",
        of_fund=f"SELECT id, owner, epoch, credits, expires_at_ms > {{now}} FROM {table} WHERE {of_fund}",
        add=f"UPDATE {table} SET credits = credits + %s, expires_at_ms = {{now}} + %s WHERE id = %s",
        revive=f"UPDATE {table} SET epoch = epoch + 1, credits = %s, expires_at_ms = {{now}} + %s WHERE id = %s",
        insert=f"INSERT INTO {table} ({', '.join(place)}, owner, epoch, credits, expires_at_ms) "
        f"VALUES ({', '.join(['%s'] * len(place))}, %s, 1, %s, {{now}} + %s) RETURNING id",
        drop=f"DELETE FROM {table} WHERE id = ANY(%s)",
        take=f"UPDATE {table} SET credits = {table}.credits - v.amount {named} WHERE {table}.id = v.id",
        shorten=f"UPDATE {table} SET expires_at_ms = {{now}} + %s WHERE {of_fund} AND expires_at_ms > {{now}} + %s "
        f"AND NOT starts_with(owner, '{JOB}')",
        renew=f"UPDATE {table} SET expires_at_ms = {{now}} + %s, credits = {table}.credits - v.amount "
        "FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS v(id, epoch, amount) "
        f"WHERE {table}.id = v.id AND {table}.epoch = v.epoch AND expires_at_ms > {{now}} "
        f"AND {table}.credits >= v.amount RETURNING {table}.id, {table}.epoch",
        give_back=f"DELETE FROM {table} USING unnest(%s::bigint[], %s::bigint[]) AS v(id, epoch) "
        f"WHERE {table}.id = v.id AND {table}.epoch = v.epoch",
    )


_OF_ACCOUNTS = _slices("allotments", "account_id")
_OF_KEYS = _slices("key_allotments", "key_id", "since_day")

_SliceRow = tuple[int, str, int, int, bool]


def _statements(is_of_key: bool) -> _Slices:
    return _OF_KEYS if is_of_key else _OF_ACCOUNTS


def _place(fund: Fund) -> tuple[int, ...]:
    return (fund.account_id,) if fund.key_id is None else (fund.key_id, fund.since_day)


def _by_id(one: Slice) -> int:
    return one.id


def _split(slices: Sequence[Slice]) -> list[tuple[bool, list[Slice]]]:
    """Part slices by their table."""
    parts = [(of_key, [one for one in slices if one.is_of_key == of_key]) for of_key in (False, True)]
    return [(of_key, part) for of_key, part in parts if part]


@dataclass(frozen=True, slots=True)
class PostgresTeller:
    """The `Teller` on a connection of PostgreSQL that is in no pipeline and, at will, in a transaction."""

    connection: Connection[Any]
    fixed_now_ms: Callable[[], int] | None = None
    """A clock that tests set, in place of the database's."""

    def ask(self, statement: str, parameters: Sequence[object] = ()) -> Cursor[Any]:
        """Send a statement; in a pipeline its rows are there once it is synchronised."""
        now = NOW if self.fixed_now_ms is None else str(self.fixed_now_ms())
        return self.connection.execute(statement.replace("{now}", now).encode(), parameters)

    def settle(self, settlements: Sequence[Settlement]) -> list[Receipt]:
        """Settle calls; raises `AlreadySettled` (and settles none) when the only one is a repetition."""
        till = _Till(self)
        now = till.open(settlements)
        takings = take_money(till, settlements)
        receipts = takings.receipts
        rows = [request_row(*pair) for pair in zip(settlements, receipts, strict=True)]
        try:
            with self.connection.pipeline():
                self._take(takings)
                named = [dict(zip(REQUEST_COLUMNS, row, strict=True)) for row in rows]
                self.ask(_INSERT_REQUESTS, (msgspec.json.encode(named).decode(),))
                self._add(_INSERT_USAGE, entry_rows(settlements, receipts), now)
                self._add(_ADD_TO_SPEND, spend_rows(settlements, receipts))
                self._add(_ADD_TO_ROLLUPS, rollup_rows(settlements, receipts))
        except UniqueViolation as error:
            if len(settlements) == 1:
                raise AlreadySettled(settlements[0].record.inference_id) from error
            raise
        return receipts

    def _add(self, statement: str, rows: Sequence[Sequence[object]], *before: object) -> None:
        if rows:
            self.ask(statement, (*before, *(list(column) for column in zip(*rows, strict=True))))

    def _take(self, takings: Takings) -> None:
        for of_key, part in _split(sorted(takings.by_slice.keys(), key=_by_id)):
            amounts = [takings.by_slice[one] for one in part]
            self.ask(_statements(of_key).take, ([one.id for one in part], amounts))
        self._add(_TAKE_FROM_BALANCES, [row for row in sorted(takings.by_account.items()) if row[1]])

    def settled(self, inference_ids: Sequence[str]) -> dict[str, Receipt]:
        """Return what came of those calls that are settled already."""
        return {row[0]: Receipt(*row[1:]) for row in self.ask(_SETTLED, (list(inference_ids),)).fetchall()}

    def borrow(self, owner: str, fund: Fund, least: int, want: int, lease_ms: int) -> Loan:
        """Add between `least` and `want` of what is free in the fund to the owner's slice, or nothing."""
        statements, of_key = _statements(fund.key_id is not None), fund.key_id is not None
        found = FundRows(self, fund)
        elsewhere = sum(row[3] for row in found.living if row[1] != owner)
        row = next((row for row in found.rows if row[1] == owner), None)
        mine = Slice(row[0], row[2], of_key) if row is not None and row[4] else None
        free, owed = self._repay(fund.account_id, found.free, found.owed)
        if elsewhere:
            self.ask(statements.shorten, (lease_ms, *_place(fund), lease_ms))
        granted = 0 if owed else granted_of(free, least, want)
        if not granted:
            return refused(mine, 0 if owed else free, elsewhere, owed)
        found.end_lapsed(but_for=owner)
        if row is None:
            made = self.ask(statements.insert, (*_place(fund), owner, granted, lease_ms)).fetchone()
            assert made is not None, "an insert returns its row"
            return lent(Slice(made[0], 1, of_key), granted, free, elsewhere)
        if mine is not None:
            self.ask(statements.add, (granted, lease_ms, row[0]))
        else:
            self.ask(statements.revive, (granted, lease_ms, row[0]))
            mine = Slice(row[0], row[2] + 1, of_key)
        return lent(mine, granted, free, elsewhere)

    def _repay(self, account_id: int, free: int, owed: int) -> tuple[int, int]:
        """Pay what is owed from what is free; return what is left of both."""
        paid = min(free, owed)
        if paid > 0:
            self.ask(_REPAY, (paid, paid, account_id))
            self.ask(_INSERT_REPAYMENT, (self.now_ms(), account_id, paid))
            return free - paid, owed - paid
        return free, owed

    def now_ms(self) -> int:
        """Tell the time on the database's clock."""
        found = self.ask("SELECT {now}").fetchone()
        assert found is not None, "the clock always answers"
        return found[0]

    def renew(self, renewals: Sequence[Renewal], returned: Sequence[Slice], lease_ms: int) -> list[Slice]:
        """Extend the expiry of slices and return whole others to their funds; say which had lapsed."""
        by_slice = {renewal.slice: renewal.give_back for renewal in renewals}
        kept: list[tuple[bool, Cursor[Any]]] = []
        with self.connection.pipeline():
            for of_key, part in _split(sorted(returned, key=_by_id)):
                self.ask(_statements(of_key).give_back, ([one.id for one in part], [one.epoch for one in part]))
            for of_key, part in _split(sorted(by_slice, key=_by_id)):
                columns = ([one.id for one in part], [one.epoch for one in part], [by_slice[one] for one in part])
                kept.append((of_key, self.ask(_statements(of_key).renew, (lease_ms, *columns))))
        alive = {Slice(row[0], row[1], of_key) for of_key, cursor in kept for row in cursor.fetchall()}
        return [renewal.slice for renewal in renewals if renewal.slice not in alive]


class FundRows:
    """What is in a fund, which is locked until the transaction ends, and who has slices of it."""

    def __init__(self, teller: PostgresTeller, fund: Fund) -> None:
        self._teller = teller
        self._statements = _statements(fund.key_id is not None)
        ask = teller.ask
        with teller.connection.pipeline():
            if fund.key_id is None:
                total = ask(_BALANCE, (fund.account_id,))
            else:
                ask(_LOCK_KEYS, ([fund.key_id],))
                total = ask(_THRESHOLD, (_NO_LIMIT, fund.key_id, fund.since_day, fund.until_day, fund.key_id))
            slices = ask(self._statements.of_fund, _place(fund))
        found = total.fetchone()
        credits_, self.owed = found if found is not None else (0 if fund.key_id is None else _NO_LIMIT, 0)
        self.rows: list[_SliceRow] = slices.fetchall()
        self.living = [row for row in self.rows if row[4]]
        self.free: int = credits_ - sum(row[3] for row in self.living)

    def end_lapsed(self, but_for: str = "") -> None:
        """End what has lapsed: nobody may settle on it from now on, whatever the clock says."""
        lapsed = [row[0] for row in self.rows if not row[4] and row[1] != but_for]
        if lapsed:
            self._teller.ask(self._statements.drop, (lapsed,))


class _Till:
    """The till of one settlement."""

    def __init__(self, teller: PostgresTeller) -> None:
        self._teller = teller
        self._living: dict[Slice, int] = {}

    def open(self, settlements: Sequence[Settlement]) -> int:
        """Take every lock and read the slices, in one round trip; return the time."""
        accounts = {one.record.account_id for one in settlements if one.charged}
        keys = {one.limit.key_id for one in settlements if one.charged and one.limit is not None}
        named = {one.slice for one in settlements if one.charged and one.slice is not None}
        named |= {one.limit_slice for one in settlements if one.charged and one.limit_slice is not None}
        ask = self._teller.ask
        found: list[tuple[bool, Cursor[Any]]] = []
        with self._teller.connection.pipeline():
            if accounts:
                ask(_LOCK_BALANCES, (list(accounts),))
            if keys:
                ask(_LOCK_KEYS, (list(keys),))
            for of_key, part in _split(tuple(named)):
                found.append((of_key, ask(_statements(of_key).living, ([one.id for one in part],))))
            now = ask("SELECT {now}")
        rows = {Slice(row[0], row[1], of_key): row[2] for of_key, cursor in found for row in cursor.fetchall()}
        self._living = {one: rows[one] for one in named if one in rows}
        told = now.fetchone()
        assert told is not None, "the clock always answers"
        return told[0]

    def living(self, slices: Sequence[Slice]) -> dict[Slice, int]:
        """Return what is in those of the slices that have not lapsed."""
        return {one: self._living[one] for one in slices if one in self._living}

    def free(self, account_id: int) -> int:
        """Return what of an account's money is lent to nobody; ends the slices that have lapsed."""
        return self.room(Fund(account_id))

    def room(self, limit: Fund) -> int:
        """Return what is free in a fund; ends the slices that have lapsed."""
        fund = FundRows(self._teller, limit)
        fund.end_lapsed()
        return fund.free
