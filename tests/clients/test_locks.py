"""The locks of the clients: every file by its hash, and no word of where it comes from."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.families import FAMILIES
from tests.house.source import ROOT

FOLDERS = sorted({ROOT / "tests" / "clients" / family.installed_from for family in FAMILIES.values()})
PYTHON = [folder for folder in FOLDERS if (folder / "requirements.in").exists()]
NODE = [folder for folder in FOLDERS if (folder / "package.json").exists()]


def test_every_family_has_its_own_lock() -> None:
    assert {*PYTHON} | {*NODE} == {*FOLDERS}
    assert not {*PYTHON} & {*NODE}


@pytest.mark.parametrize("folder", PYTHON, ids=lambda folder: folder.name)
def test_every_pin_of_python_has_hashes_and_no_address(folder: Path) -> None:
    text = (folder / "requirements.txt").read_text(encoding="utf-8")
    pins = re.findall(r"^([a-z0-9._-]+)==\S+(.*(?:\n[ ].*)*)", text, flags=re.MULTILINE)
    assert pins
    assert not [name for name, rest in pins if "--hash=sha256:" not in rest]
    assert "://" not in text
    wanted = (folder / "requirements.in").read_text(encoding="utf-8")
    lines = [line for line in wanted.splitlines() if not line.startswith("#")]
    assert {re.split(r"[\[=<>]", line)[0] for line in lines} <= {name for name, _ in pins}


@pytest.mark.parametrize("folder", NODE, ids=lambda folder: folder.name)
def test_every_pin_of_node_has_a_hash_and_no_address(folder: Path) -> None:
    lock = json.loads((folder / "package-lock.json").read_bytes())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    assert all("integrity" in package and "resolved" not in package for package in packages.values())
    wanted = json.loads((folder / "package.json").read_bytes())["dependencies"]
    assert {f"node_modules/{name}" for name in wanted} <= packages.keys()


def test_a_family_that_is_not_there_is_refused_by_name() -> None:
    told = [sys.executable, ROOT / "tools" / "clients.py", "install", "nobody"]
    done = subprocess.run(told, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no clients are called nobody" in done.stderr


def test_an_environment_is_made_again_when_its_lock_changes_and_the_old_one_goes(tmp_path: Path) -> None:
    folder = tmp_path / "family"
    folder.mkdir()
    (folder / "requirements.txt").write_text("", encoding="utf-8")
    first = made(tmp_path, folder)
    assert made(tmp_path, folder) == first
    (folder / "requirements.txt").write_text("# another\n", encoding="utf-8")
    second = made(tmp_path, folder)
    assert second != first
    assert [path.name for path in tmp_path.glob("family-*")] == [second]


MAKE = """
import sys
from pathlib import Path
import clients

clients.INSTALLED, clients.CLIENTS = Path(sys.argv[1]), Path(sys.argv[1])
print(clients.install(["family"])[0].home.name)
"""


def made(installed: Path, folder: Path) -> str:
    """Make the environment of a lock; returns the name of its folder."""
    (folder / "requirements.in").touch()
    told = [sys.executable, "-c", MAKE, installed]
    tools = {**os.environ, "PYTHONPATH": str(ROOT / "tools")}
    return subprocess.run(told, env=tools, capture_output=True, text=True, check=True).stdout.strip()
