"""All that is written of money at one moment, of a vault or of a database, in one form."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, select

from modelport.ledger.records import HOUSE_ACCOUNT
from modelport.ledger.store import Slice
from modelport.storage.database import Database
from modelport.storage.tables import allotments, balances, entries, key_allotments, key_spend, requests
from tests.twins.ledger import Vault

Paid = tuple[int, int]
"""What the account and what the house paid for a call."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a request row says of money."""

    account_id: int
    key_id: int
    cost: int
    paid: Paid


@dataclass(slots=True)
class Survey:
    """What there is; balances are sums of entries, and slices are those that live."""

    rows: dict[str, Row] = field(default_factory=dict[str, Row])
    entered: dict[str, Paid] = field(default_factory=dict[str, Paid])
    """By call: what left accounts and the house for it."""
    balances: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    kept: dict[int, int] = field(default_factory=dict[int, int])
    """Balances as they are kept beside the entries, where they are."""
    owed: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    slices: dict[Slice, int] = field(default_factory=dict[Slice, int])
    lent: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    """By account."""
    lent_of_keys: defaultdict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    """By key and first day of the period."""
    spent: defaultdict[int, defaultdict[int, int]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(int))
    )
    """By key and day."""

    def free(self, account_id: int) -> int:
        """Say what of an account's money is lent to nobody."""
        return self.balances[account_id] - self.lent[account_id]

    def used_of(self, key_id: int, since_day: int, until_day: int | None) -> int:
        """Say what a key spent in a period, and what of its limit is lent."""
        days = self.spent[key_id].items()
        spent = sum(amount for day, amount in days if since_day <= day and (until_day is None or day < until_day))
        return spent + self.lent_of_keys[key_id, since_day]

    def enter(self, moves: Iterable[tuple[str, int, int, int, str]]) -> None:
        """Add entries up: kind, from, to, credits, reference."""
        for kind, source, target, amount, call in moves:
            self.balances[source] -= amount
            self.balances[target] += amount
            if kind == "MODEL_USAGE":
                charged, house = self.entered.get(call, (0, 0))
                of_house = source == HOUSE_ACCOUNT
                self.entered[call] = (charged, house + amount) if of_house else (charged + amount, house)


def survey_vault(vault: Vault) -> Survey:
    """Look at a vault, which does not say for which call an entry is: their rows tell."""
    found = Survey(owed=defaultdict(int, vault.owed))
    found.enter((kind, *move, "") for kind, *move in vault.entries)  # type: ignore[misc]
    found.entered.clear()
    for call, (record, paid) in vault.requests.items():
        of_row = (paid.charged, paid.on_house)
        found.rows[call] = Row(record.account_id, record.key_id, record.cost_credits, of_row)
        if of_row != (0, 0):
            found.entered[call] = of_row
    for (key_id, day), amount in vault.key_spend.items():
        found.spent[key_id][day] += amount
    for (fund, _), allotment in vault.allotments.items():
        if allotment.expires_at_ms <= vault.clock.at_ms:
            continue
        found.slices[allotment.slice] = allotment.credits
        if fund.key_id is None:
            found.lent[fund.account_id] += allotment.credits
        else:
            found.lent_of_keys[fund.key_id, fund.since_day] += allotment.credits
    return found


def survey_database(database: Database) -> Survey:
    """Look at a database."""
    found = Survey()
    with database.read() as connection:
        _money(connection, found)
        _slices(connection, found, database.now_ms())
    return found


def _money(connection: Connection, found: Survey) -> None:
    moves = entries.c["kind", "from_account", "to_account", "credits", "reference_id"]
    found.enter(tuple(row) for row in connection.execute(select(*moves)))
    told = requests.c["account_id", "key_id", "cost_credits", "charged_credits", "house_credits"]
    for call, account_id, key_id, cost, *paid in connection.execute(select(requests.c.inference_id, *told)):
        found.rows[call] = Row(account_id, key_id, cost, (paid[0], paid[1]))
    for account_id, has, owed in connection.execute(select(*balances.c["account_id", "credits", "owed"])):
        found.kept[account_id] = has
        found.owed[account_id] = owed
    for key_id, day, amount in connection.execute(select(*key_spend.c["key_id", "day", "credits"])):
        found.spent[key_id][day] = amount


def _slices(connection: Connection, found: Survey, now_ms: int) -> None:
    def living(expires: ColumnElement[int]) -> ColumnElement[bool]:
        return expires > now_ms

    own = select(*allotments.c["id", "epoch", "credits", "account_id"]).where(living(allotments.c.expires_at_ms))
    for number, epoch, amount, account_id in connection.execute(own):
        found.slices[Slice(number, epoch)] = amount
        found.lent[account_id] += amount
    columns = key_allotments.c["id", "epoch", "credits", "key_id", "since_day"]
    of_keys = select(*columns).where(living(key_allotments.c.expires_at_ms))
    for number, epoch, amount, key_id, since_day in connection.execute(of_keys):
        found.slices[Slice(number, epoch, is_of_key=True)] = amount
        found.lent_of_keys[key_id, since_day] += amount
