"""What every test can count on: parts that are missing are left out by name, or fail the run that must have all."""

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.packages import COMMANDS, apt_line, missing

LEFT_OUT = pytest.StashKey[dict[str, list[str]]]()  # test by its id: the packages it lacks


def pytest_configure(config: pytest.Config) -> None:
    """Start the list of what is left out; no property depends on how fast its examples are drawn on a busy machine."""
    config.stash[LEFT_OUT] = {}
    settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("any machine")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out a test whose Debian packages are missing; under MODELPORT_TEST_ALL=1 it fails instead."""
    packages = {package for marker in item.iter_markers("debian") for package in marker.args}
    if unknown := packages - COMMANDS.keys():
        pytest.fail(f"no command is known for {', '.join(sorted(unknown))}: add it to tests/packages.py", pytrace=False)
    lacking = missing(packages)
    if not lacking:
        return
    if os.environ.get("MODELPORT_TEST_ALL") == "1":
        pytest.fail(f"MODELPORT_TEST_ALL is set and this is missing: {apt_line(lacking)}", pytrace=False)
    item.config.stash[LEFT_OUT][item.nodeid] = lacking
    pytest.skip(f"needs {', '.join(lacking)}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name what was left out and the one line that brings it in."""
    left_out = config.stash[LEFT_OUT]
    if left_out:
        packages = {package for lacking in left_out.values() for package in lacking}
        tests = f"{len(left_out)} test{'s' if len(left_out) > 1 else ''}"
        terminalreporter.section("left out")
        terminalreporter.write_line(f"{tests} need Debian packages that are missing here; to run them too:")
        terminalreporter.write_line(f"    {apt_line(packages)}")
