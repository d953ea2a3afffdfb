"""The slices of a file lapse by a clock that nobody can put forward or back."""

from dataclasses import dataclass
from pathlib import Path

from modelport.core.credits import Credits
from modelport.ledger.store import Fund, Renewal
from modelport.storage.accounts import Accounts
from modelport.storage.database import Database, sqlite_url
from modelport.storage.ledger import Ledger
from modelport.storage.migrate import migrate
from modelport.storage.moves import free_of
from modelport.storage.owners import end_lapsed
from modelport.storage.writer import Writer

DAY_S = 86_400


@dataclass(slots=True)
class Machine:
    """A clock of which the wall time can be set."""

    wall_s: float = 1_790_000_000
    up_s: float = 1_000_000

    def now_ms(self) -> int:
        return round(self.wall_s * 1000)

    def monotonic_s(self) -> float:
        return self.up_s


def made(folder: Path, machine: Machine) -> tuple[Database, int]:
    migrate(url := sqlite_url(folder))
    database = Database(url, clock=machine)
    return database, Accounts(database).create("someone", "", Credits(100), machine.now_ms()).id


def free(database: Database, account_id: int) -> int:
    with database.write() as connection:
        return free_of(connection, account_id, database.now_ms())


async def test_slices_do_not_notice_that_the_wall_clock_is_set(tmp_path: Path) -> None:
    machine = Machine()
    database, account_id = made(tmp_path, machine)
    async with Writer(database) as writer:
        one, other = Ledger(database, writer, "one"), Ledger(database, writer, "other")
        loan = await one.borrow(Fund(account_id), Credits(100), Credits(100))
        assert loan.slice is not None
        for step_s in (DAY_S, -30 * DAY_S):
            machine.wall_s += step_s
            assert (await other.borrow(Fund(account_id), Credits(1), Credits(1))).lent_elsewhere == 100
            assert await one.renew([Renewal(loan.slice, Credits(0))]) == []
            assert free(database, account_id) == 0
            assert end_lapsed(database) == 0
        machine.up_s += 5
        assert (await other.borrow(Fund(account_id), Credits(100), Credits(100))).granted == 100
    database.close()


async def test_what_was_lent_before_the_machine_last_started_is_free_for_commands(tmp_path: Path) -> None:
    machine = Machine()
    database, account_id = made(tmp_path, machine)
    async with Writer(database) as writer:
        await Ledger(database, writer, "dead").borrow(Fund(account_id), Credits(100), Credits(100))
    machine.up_s = 10
    assert free(database, account_id) == 100
    database.close()
