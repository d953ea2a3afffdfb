"""Erasing an account from the command line."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from modelport.bootstrap.office import office
from modelport.cli import main
from modelport.settings import load


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run(tmp_path, "accounts", "create", "alice", "--credit", "1.25", "--email", "alice@example.org")
    run(tmp_path, "keys", "create", "--account", "alice")
    return tmp_path


def run(folder: Path, *arguments: str, said: str = "") -> Result:
    return CliRunner().invoke(main, ["--data-dir", str(folder), *arguments], input=said)


def test_it_asks_and_says_what_was_done(folder: Path) -> None:
    done = run(folder, "accounts", "erase", "alice", "--forfeit", said="y\n")
    assert done.exit_code == 0, done.output
    assert "Erase the account 'alice' for good? Its keys stop working at once. [y/N]" in done.stderr
    assert done.stdout == (
        "erased the account, which is called erased-3 now: 1 keys, 0 files, 0 kept responses, the ids of 0 calls; "
        "1.2500000 USD were given up\n"
    )
    assert "alice" not in run(folder, "accounts", "list").stdout
    assert run(folder, "accounts", "create", "alice").exit_code == 0


@pytest.mark.parametrize("said", ["n\n", "\n", ""])
def test_nothing_happens_without_a_yes(folder: Path, said: str) -> None:
    done = run(folder, "accounts", "erase", "alice", "--forfeit", said=said)
    assert done.exit_code == 1
    assert "alice" in run(folder, "accounts", "list").stdout
    assert "enabled" in run(folder, "keys", "list", "--account", "alice").stdout


def test_money_that_is_left_has_to_be_given_up_in_so_many_words(folder: Path) -> None:
    done = run(folder, "accounts", "erase", "alice", "--yes")
    assert done.exit_code == 1
    assert "still has 1.2500000 USD: use it up first, or give it up with --forfeit" in done.stderr
    assert "enabled" in run(folder, "keys", "list", "--account", "alice").stdout
    assert run(folder, "accounts", "erase", "alice", "--yes", "--forfeit").exit_code == 0
    again = run(folder, "accounts", "erase", "erased-3", "--yes")
    assert (again.exit_code, "called erased-3 now" in again.stdout) == (0, True)


def test_an_account_that_is_not_there_is_told_before_anything_is_asked(folder: Path) -> None:
    done = run(folder, "accounts", "erase", "carl")
    assert done.exit_code == 1
    assert done.stderr == "Error: no account named 'carl': see `modelport accounts list`\n"


def test_the_files_of_the_account_go_with_it(folder: Path) -> None:
    async def keep() -> None:
        with office(load({}, given={"data_dir": folder})) as desk:
            for name in ("alice", "dev"):
                await desk.archive.keep(desk.accounts.by_name(name).id, b"a text")

    run(folder, "accounts", "create", "dev")
    asyncio.run(keep())
    done = run(folder, "accounts", "erase", "alice", "--yes", "--forfeit")
    assert "1 keys, 1 files," in done.stdout
    assert len([path for path in (folder / "assets").rglob("*") if path.is_file()]) == 1
