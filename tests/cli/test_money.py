"""Accounts and credit by hand: what is accepted, and how the rest is refused."""

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from modelport.cli import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--data-dir", str(folder), *arguments])


def test_credit_is_granted_and_shown_as_json(folder: Path) -> None:
    assert run(folder, "accounts", "create", "alice", "--credit", "5").exit_code == 0
    granted = json.loads(run(folder, "credits", "grant", "alice", "0.25", "--json").stdout)
    shown = json.loads(run(folder, "credits", "show", "alice", "--json").stdout)
    assert granted["granted"] == {"usd": "0.2500000", "credits": 500_000}
    assert granted["balance"] == shown["balance"] == {"usd": "5.2500000", "credits": 10_500_000}


@pytest.mark.parametrize("amount", ["0", "-5", "1e30", "1e9999999", "nan", "inf", "five", "1000000001", "0.00000001"])
def test_an_amount_that_cannot_be_granted_is_a_usage_error(amount: str, folder: Path) -> None:
    run(folder, "accounts", "create", "alice")
    refused = run(folder, "credits", "grant", "alice", amount)
    assert refused.exit_code == 2
    assert "Invalid value for 'USD'" in refused.stderr
    assert json.loads(run(folder, "credits", "show", "alice", "--json").stdout)["balance"]["credits"] == 0


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101])
def test_a_name_that_cannot_be_typed_again_is_refused(name: str, folder: Path) -> None:
    refused = run(folder, "accounts", "create", name)
    assert refused.exit_code == 2
    assert "1 to 100 printable characters" in refused.stderr


def test_an_unknown_key_is_told_in_commands(folder: Path) -> None:
    run(folder, "accounts", "create", "alice")
    refused = run(folder, "keys", "disable", "12345678", "--account", "alice")
    assert refused.exit_code == 1
    assert "`modelport keys list --account NAME`" in refused.stderr


def test_nobody_else_may_read_what_is_kept(folder: Path) -> None:
    run(folder, "accounts", "create", "alice")
    files = [path for path in folder.iterdir() if path.is_file()]
    assert {path.name for path in files} >= {"modelport.db", "secret"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)


def test_a_database_that_others_could_read_is_made_private(folder: Path) -> None:
    run(folder, "accounts", "create", "alice")
    (folder / "modelport.db").chmod(0o644)
    run(folder, "accounts", "list")
    assert stat.S_IMODE((folder / "modelport.db").stat().st_mode) == 0o600


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for command in (["accounts", "list"], ["serve", "--port", "0"], ["serve", "--first-run"]):
        refused = run(tmp_path / "file" / "data", *command)
        assert refused.exit_code == 1
        assert refused.stderr.startswith(f"Error: the data folder '{tmp_path}/file/data' cannot be used: Not a dir")


def test_an_account_is_limited_shown_and_freed_again(folder: Path) -> None:
    run(folder, "accounts", "create", "alice")
    set_to = run(folder, "accounts", "limit", "alice", "--requests-per-minute", "60", "--concurrent", "4")
    assert set_to.stdout == "account alice: 60 requests per minute, 4 concurrent calls\n"
    [shown] = json.loads(run(folder, "accounts", "list", "--json").stdout)
    assert shown["limits"] == {"requests_per_minute": 60, "tokens_per_minute": None, "concurrent_calls": 4}
    changed = run(folder, "accounts", "limit", "alice", "--concurrent", "none", "--tokens-per-minute", "9000", "--json")
    limits = {"requests_per_minute": 60, "tokens_per_minute": 9000, "concurrent_calls": None}
    assert json.loads(changed.stdout)["limits"] == limits
    run(folder, "accounts", "limit", "alice", "--requests-per-minute", "none", "--tokens-per-minute", "none")
    assert run(folder, "accounts", "limit", "alice").stdout == "account alice: no rate limits\n"


@pytest.mark.parametrize("bound", ["0", "-1", "1.5", "many", "1000000001", "9" * 5000, "None", ""])
def test_a_limit_that_is_none_is_a_usage_error(bound: str, folder: Path) -> None:
    run(folder, "accounts", "create", "alice")
    refused = run(folder, "accounts", "limit", "alice", "--requests-per-minute", bound)
    assert refused.exit_code == 2
    assert "a whole number from 1 to 1000000000, or none" in refused.stderr


def test_an_unknown_account_is_not_limited(folder: Path) -> None:
    refused = run(folder, "accounts", "limit", "nobody", "--concurrent", "1")
    assert (refused.exit_code, "no account named 'nobody'" in refused.stderr) == (1, True)
