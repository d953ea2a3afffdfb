"""No series of calls, payments, lapses and crashes makes, loses or hides money."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.ledger.machine import Money
from tests.ledger.stored_machine import MoneyInFile, StoredMoney


class MoneyInMemory(Money):
    """In memory."""


class MoneyOnServer(StoredMoney):
    """On a server."""

    kind = "postgres"


STEPS = 60
STORES = [
    pytest.param(MoneyInMemory, 100, id="twin"),
    pytest.param(MoneyInFile, 20, id="sqlite"),
    pytest.param(MoneyOnServer, 5, id="postgres", marks=pytest.mark.debian("postgresql")),
]
MORE = 50
"""How many times as many runs the long form has."""


def play(machine: type[Money], runs: int) -> None:
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=runs, stateful_step_count=STEPS, deadline=None, suppress_health_check=slow),
    )


@pytest.mark.parametrize(("machine", "runs"), STORES)
def test_no_series_of_moves_makes_loses_or_hides_money(machine: type[Money], runs: int) -> None:
    play(machine, runs)


@pytest.mark.long
@pytest.mark.parametrize(("machine", "runs"), STORES)
def test_no_long_series_of_moves_makes_loses_or_hides_money(machine: type[Money], runs: int) -> None:
    play(machine, runs * MORE)
