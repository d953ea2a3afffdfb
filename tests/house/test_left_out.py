"""Tests whose Debian packages are missing are left out by name, or fail the run that must have them all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import ROOT
from tests.packages import COMMANDS, apt_line

TESTS = """
import pytest

@pytest.mark.debian("nodejs", "npm")
def test_that_needs_node():
    pass

@pytest.mark.debian("nginx")
def test_that_needs_nginx():
    pass

def test_that_needs_nothing():
    pass
"""


def run(folder: Path, present: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the tests above with only the commands `present` on PATH."""
    (folder / "bin").mkdir()
    for command in present:
        (folder / "bin" / command).touch(mode=0o755)
    (folder / "test_parts.py").write_text(TESTS, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    debian\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", str(folder)]
    kept = {name: value for name, value in os.environ.items() if name != "MODELPORT_TEST_ALL"}
    plain = {"PATH": str(folder / "bin"), "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment = {**kept, **plain, **variables}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_what_is_missing_is_named_with_the_line_that_installs_it(tmp_path: Path) -> None:
    done = run(tmp_path, ["node"])
    assert done.returncode == 0
    assert "2 tests need Debian packages" in done.stdout
    assert "apt-get install --no-install-recommends nginx npm\n" in done.stdout
    assert "1 passed, 2 skipped" in done.stdout.splitlines()[-1]


def test_nothing_is_said_when_all_is_there(tmp_path: Path) -> None:
    done = run(tmp_path, ["node", "npm", "nginx"])
    assert "left out" not in done.stdout
    assert "3 passed" in done.stdout.splitlines()[-1]


def test_a_run_that_must_have_all_fails(tmp_path: Path) -> None:
    done = run(tmp_path, ["node", "npm"], MODELPORT_TEST_ALL="1")
    assert done.returncode == 1
    assert "MODELPORT_TEST_ALL is set and this is missing: apt-get install --no-install-recommends nginx" in done.stdout
    assert "2 passed" in done.stdout


@pytest.mark.parametrize("package", COMMANDS)
def test_a_package_is_in_the_line_that_installs_it(package: str) -> None:
    assert package in apt_line([package]).split()
