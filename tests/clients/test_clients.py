"""The clients that people use work unmodified: base URL and key are exchanged, and nothing else.

Each family runs once, in an environment of its own, and every scenario that it reports is a test here.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.clients.conftest import Report
from tests.clients.expected import check, kinds
from tests.clients.families import FAMILIES

OFFICIAL = ("openai_python_2", "openai_python_3", "anthropic_python", "openai_node", "anthropic_node", "aimlapi")

ReportOf = Callable[[str], Report]


def marks(family: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.debian("nodejs", "npm")] if FAMILIES[family].is_node else []


def scenarios() -> Iterator[object]:
    for family, about in FAMILIES.items():
        for scenario in about.scenarios():
            yield pytest.param(family, scenario, marks=marks(family), id=f"{family}-{scenario}")


@pytest.mark.parametrize(("family", "scenario"), list(scenarios()))
def test_a_client_gets_what_it_expects(report_of: ReportOf, family: str, scenario: str) -> None:
    outcome = report_of(family)[scenario]
    assert outcome["ok"], outcome["detail"]
    check(scenario, outcome["detail"])


@pytest.mark.parametrize("family", [pytest.param(name, marks=marks(name)) for name in OFFICIAL])
def test_each_problem_is_the_exception_that_callers_of_the_official_clients_catch(
    report_of: ReportOf, family: str
) -> None:
    told = [outcome for name, outcome in report_of(family).items() if name.endswith("errors")]
    assert told
    for outcome in told:
        kinds(outcome["detail"])


@pytest.mark.parametrize("family", [pytest.param(name, marks=marks(name)) for name in FAMILIES])
def test_nothing_that_a_program_runs_goes_unchecked(report_of: ReportOf, family: str) -> None:
    assert set(report_of(family)) == set(FAMILIES[family].scenarios())
