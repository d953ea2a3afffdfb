"""`modelport catalogue apply`, `applied`, `diff` and `unapply`: files for every replica."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from modelport.catalogue.load import load
from modelport.cli import main
from tests.catalogue.written import write

RENAME = {"catalogue.toml": 'rename = { "gpt-4o" = "house/large" }\nhide = ["gpt-4"]'}
CLOSED = {"models/closed.toml": '[[models]]\nid = "gpt-4o"\nmaintenance = "Back at noon."\n'}


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What our own files were read to, so that not every command reads them."""
    cache = tmp_path_factory.mktemp("cache")
    load(cache=cache)
    return cache


@pytest.fixture
def data_dir(tmp_path: Path, read: Path) -> Path:
    shutil.copytree(read, tmp_path / "data/cache")
    return tmp_path / "data"


def run(data_dir: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["catalogue", *arguments, "--data-dir", str(data_dir)], catch_exceptions=False)


def apply(data_dir: Path, files: Mapping[str, str], *arguments: str, name: str = "files") -> Result:
    return run(data_dir, "apply", str(write(data_dir.parent / name, files)), *arguments)


def test_what_was_applied_is_in_force_for_commands_and_listed_with_who_and_when(data_dir: Path) -> None:
    told = apply(data_dir, RENAME, "--by", "ann", "--note", "the big one")
    assert told.exit_code == 0, told.stderr
    assert told.stdout.splitlines() == [
        "- gpt-4",
        "~ gpt-4o: is called house/large",
        "Applied number 1: 1 file. Every replica takes it within a second.",
    ]
    assert "id            house/large\n" in run(data_dir, "show", "gpt-4o").stdout
    (one,) = json.loads(run(data_dir, "applied", "--json").stdout)["applied"]
    assert (one["number"], one["applied_by"], one["note"], one["in_force"]) == (1, "ann", "the big one", True)
    assert one["files"] == ["catalogue.toml"]
    listed = run(data_dir, "applied").stdout
    assert "in force  ann: 1 files, " in listed
    assert "the big one" in listed


def test_what_is_broken_is_not_applied_and_what_was_stays(data_dir: Path) -> None:
    assert apply(data_dir, CLOSED).exit_code == 0
    told = apply(data_dir, {"catalogue.toml": 'markup = 2\nhide = ["gpt-4oo"]'}, name="broken")
    assert told.exit_code == 1
    assert told.stderr.splitlines()[-1] == "2 faults: nothing was applied"
    assert "applied/catalogue.toml: markup: is a number" in told.stderr
    assert len(json.loads(run(data_dir, "applied", "--json").stdout)["applied"]) == 1
    assert "maintenance   Back at noon." in run(data_dir, "show", "gpt-4o").stdout


def test_a_folder_without_files_is_refused(data_dir: Path) -> None:
    told = apply(data_dir, {})
    assert told.exit_code == 1
    assert "has no TOML files" in told.stderr


def test_a_dry_run_and_diff_show_what_would_change_and_change_nothing(data_dir: Path) -> None:
    told = apply(data_dir, CLOSED, "--dry-run")
    assert told.stdout.splitlines() == [
        "~ gpt-4o: maintenance nothing becomes 'Back at noon.'",
        "Nothing was applied: this was a dry run.",
    ]
    assert run(data_dir, "diff", str(data_dir.parent / "files")).stdout.splitlines() == told.stdout.splitlines()[:1]
    assert run(data_dir, "applied").stdout == "Nothing was ever applied.\n"


def test_the_same_files_are_not_applied_twice(data_dir: Path) -> None:
    apply(data_dir, CLOSED)
    assert apply(data_dir, CLOSED).stdout.splitlines() == [
        "Nothing changes for callers.",
        "These files are in force already.",
    ]
    assert len(json.loads(run(data_dir, "applied", "--json").stdout)["applied"]) == 1


def test_what_was_applied_can_be_taken_out_of_force_and_got_back(data_dir: Path) -> None:
    apply(data_dir, CLOSED)
    assert run(data_dir, "unapply").stdout == "Number 1 is out of force. Every replica takes that within a second.\n"
    assert "maintenance" not in run(data_dir, "show", "gpt-4o").stdout
    assert run(data_dir, "unapply").stdout == "Nothing is applied.\n"
    again = data_dir.parent / "again"
    assert run(data_dir, "applied", "--number", "1", "--export", str(again)).exit_code == 0
    assert (again / "models/closed.toml").read_text() == CLOSED["models/closed.toml"]
    assert run(data_dir, "applied", "--number", "9").exit_code == 2
    assert "Applied number 3" in run(data_dir, "apply", str(again)).stdout


def test_the_local_folder_lies_on_what_was_applied(data_dir: Path) -> None:
    apply(data_dir, CLOSED)
    write(data_dir / "catalogue", {"models/closed.toml": '[[models]]\nid = "gpt-4o"\nmaintenance = ""'})
    assert "maintenance" not in run(data_dir, "show", "gpt-4o").stdout
    write(data_dir / "catalogue", {"models/closed.toml": '[[models]]\nid = "gpt-4oo"'})
    assert "catalogue/models/closed.toml" in run(data_dir, "check").stderr
