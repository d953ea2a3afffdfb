"""Credit by hand: with an end, corrected, expired, and on a statement that adds up."""

import json
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner, Result

from modelport.cli import main
from modelport.core.credits import Credits
from modelport.ledger.payments import CardSaved
from modelport.ledger.records import WORLD_ACCOUNT, EntryKind
from modelport.storage.database import Database, sqlite_url
from modelport.storage.moves import enter
from modelport.storage.payments import StoredPayments


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run(tmp_path / "data", "accounts", "create", "alice", "--credit", "5")
    return tmp_path / "data"


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--data-dir", str(folder), *arguments])


def told(folder: Path, *arguments: str) -> Any:
    done = run(folder, "credits", *arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_credit_with_an_end_is_shown_with_it(folder: Path) -> None:
    granted = told(folder, "grant", "alice", "2", "--expires", "30d", "--note", "welcome")
    shown = told(folder, "show", "alice")
    assert shown["balance"]["usd"] == "7.0000000"
    assert shown["owed"]["credits"] == 0
    (promo,) = shown["promos"]
    assert promo == {
        "granted": {"usd": "2.0000000", "credits": 4_000_000},
        "remaining": {"usd": "2.0000000", "credits": 4_000_000},
        "expires_at": granted["expires_at"],
        "note": "welcome",
    }
    text = run(folder, "credits", "show", "alice").stdout
    assert f"of it 2.0000000 USD until {granted['expires_at']}  welcome" in text


def test_credit_that_ends_on_a_date_ends_with_its_first_moment(folder: Path) -> None:
    assert told(folder, "grant", "alice", "2", "--expires", "2099-01-02")["expires_at"] == "2099-01-02T00:00:00.000Z"
    assert run(folder, "credits", "expire", "alice").stdout == "nothing has expired\n"


@pytest.mark.parametrize("expiry", ["0d", "soon", "2020-01-01", "30", "99999999d", "2026-13-01"])
def test_an_end_that_is_none_or_over_is_a_usage_error(expiry: str, folder: Path) -> None:
    refused = run(folder, "credits", "grant", "alice", "2", "--expires", expiry)
    assert refused.exit_code == 2
    assert told(folder, "show", "alice")["balance"]["usd"] == "5.0000000"


def test_a_balance_is_corrected_up_and_down(folder: Path) -> None:
    assert told(folder, "adjust", "alice", "1.5", "--reason", "goodwill")["balance"]["usd"] == "6.5000000"
    assert told(folder, "adjust", "alice", "-6.5", "--reason", "closing")["balance"]["usd"] == "0.0000000"


def test_more_than_is_free_cannot_be_taken(folder: Path) -> None:
    refused = run(folder, "credits", "adjust", "alice", "-5.0000005", "--reason", "closing")
    assert refused.exit_code == 1
    assert "5.0000005 USD cannot be taken: 5.0000000 USD is free; take at most what is free" in refused.stderr
    assert told(folder, "show", "alice")["balance"]["usd"] == "5.0000000"


@pytest.mark.parametrize(
    "arguments", [["0", "--reason", "x"], ["1"], ["1", "--reason", " "], ["1", "--reason", "a\nb"]]
)
def test_a_correction_needs_an_amount_and_a_reason(arguments: list[str], folder: Path) -> None:
    assert run(folder, "credits", "adjust", "alice", *arguments).exit_code == 2


def save_card(folder: Path) -> None:
    with closing(Database(sqlite_url(folder))) as database:
        store = StoredPayments(database)
        store.keep_customer(3, "cus_1")
        store.begin("o" * 21, 3, Credits(10_000_000))
        store.settle(CardSaved("o" * 21, "cus_1", "pm_1", 0))


def test_automatic_top_ups_are_set_shown_and_ended(folder: Path) -> None:
    assert "no card is saved for it" in run(folder, "credits", "auto-top-up", "alice").stdout
    refused = run(folder, "credits", "auto-top-up", "alice", "--threshold", "5", "--amount", "20")
    assert (refused.exit_code, "pay once with POST /v1/billing/checkout" in refused.stderr) == (1, True)
    save_card(folder)
    assert told(folder, "auto-top-up", "alice", "--threshold", "5", "--amount", "20") == {
        "is_enabled": True,
        "threshold": {"usd": "5.0000000", "credits": 10_000_000},
        "amount": {"usd": "20.0000000", "credits": 40_000_000},
        "has_card": True,
        "paused_until": None,
        "last_error": None,
    }
    assert told(folder, "auto-top-up", "alice", "--amount", "30")["threshold"]["usd"] == "5.0000000"
    text = run(folder, "credits", "auto-top-up", "alice").stdout
    assert text == "alice is charged 30.0000000 USD when its balance is below 5.0000000 USD\n"
    assert told(folder, "auto-top-up", "alice", "--off")["is_enabled"] is False


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--threshold", "5", "--amount", "4"], "--amount: Expected from 5 to 2000 USD"),
        (["--threshold", "50", "--amount", "20"], "--amount: Expected at least the threshold, 50 USD"),
        (["--amount", "20"], "--threshold: it was never set; give it too"),
        (["--threshold", "5"], "--amount: it was never set; give it too"),
        (["--threshold", "-5", "--amount", "20"], "'--threshold': '-5' is negative: give an amount above 0"),
        (["--threshold", "5", "--amount", "20.001"], "--amount: Expected whole cents"),
        (["--off", "--amount", "20"], "--off takes neither"),
    ],
)
def test_automatic_top_ups_that_cannot_be_are_usage_errors(arguments: list[str], fault: str, folder: Path) -> None:
    save_card(folder)
    refused = run(folder, "credits", "auto-top-up", "alice", *arguments)
    assert refused.exit_code == 2
    assert fault in refused.stderr


def test_a_statement_adds_up(folder: Path) -> None:
    told(folder, "grant", "alice", "2")
    told(folder, "grant", "alice", "1", "--expires", "1h")
    told(folder, "adjust", "alice", "-0.5", "--reason", "oops")
    statement = told(folder, "statement", "alice", "--list")
    assert statement["opening_balance"]["credits"] == 0
    assert statement["closing_balance"] == told(folder, "show", "alice")["balance"]
    assert [(one["type"], one["direction"], one["entries"], one["amount"]["usd"]) for one in statement["totals"]] == [
        ("BONUS", "TOPUP", 2, "3.0000000"),
        ("INIT", "TOPUP", 1, "5.0000000"),
        ("ADJUSTMENT", "CHARGE", 1, "0.5000000"),
    ]
    assert [one["amount"]["usd"] for one in statement["entries"]] == [
        "5.0000000",
        "2.0000000",
        "1.0000000",
        "0.5000000",
    ]
    text = run(folder, "credits", "statement", "alice", "--list").stdout
    assert "ADJUSTMENT              -0.5000000 USD  oops" in text
    assert text.splitlines()[-1].endswith("closing balance          7.5000000 USD")


def test_a_statement_of_a_time_before_is_empty_and_one_after_opens_with_all(folder: Path) -> None:
    before = told(folder, "statement", "alice", "--to", "2020-01-01")
    assert (before["opening_balance"]["credits"], before["totals"], before["closing_balance"]["credits"]) == (0, [], 0)
    after = told(folder, "statement", "alice", "--from", "2090-01-01", "--to", "2091-01-01T00:00+01:00")
    assert (after["opening_balance"]["usd"], after["closing_balance"]["usd"]) == ("5.0000000", "5.0000000")
    assert after["to"] == "2090-12-31T23:00:00.000Z"


def test_a_statement_that_ends_before_it_begins_is_a_usage_error(folder: Path) -> None:
    refused = run(folder, "credits", "statement", "alice", "--from", "2026-02-01", "--to", "2026-01-01")
    assert (refused.exit_code, "--to: 2026-01-01T00:00:00.000Z is not after 2026-02-01" in refused.stderr) == (2, True)
    refused = run(folder, "credits", "statement", "alice", "--from", "2091-01-01")
    assert (refused.exit_code, "--from: 2091-01-01T00:00:00.000Z is still to come" in refused.stderr) == (2, True)


def dollars(line: str) -> Decimal:
    return Decimal(line.partition(" USD")[0].split()[-1])


def test_a_statement_names_every_kind_of_entry_in_columns_and_adds_up(folder: Path) -> None:
    with closing(Database(sqlite_url(folder))) as database, database.write() as connection:
        for number, kind in enumerate(get_args(EntryKind)):
            enter(connection, WORLD_ACCOUNT, 3, 1_000_001 + number, kind, "in", 1_790_000_000_000 + number)
            enter(connection, 3, WORLD_ACCOUNT, 500_000 + number, kind, None, 1_790_000_000_000 + number)
    entries, _, summary = run(folder, "credits", "statement", "alice", "--list").stdout.partition("\n\n")
    listed, (opening, *totals, end) = entries.splitlines(), summary.splitlines()
    assert sorted(line.split()[1] for line in listed) == sorted([*get_args(EntryKind) * 2, "INIT"])
    assert sorted(line.split()[2] for line in totals) == sorted(get_args(EntryKind) * 2)
    assert sum(map(dollars, listed)) == sum(map(dollars, totals)) == dollars(end) - dollars(opening)
    columns = {line.index(" USD") for line in (*listed, opening, *totals, end)}
    assert len(columns) == 1, "amounts stand below each other"
    assert all(line == line.rstrip() for line in listed)


@pytest.mark.parametrize(
    ("amount", "fault"),
    [
        ("-5", "'-5' is negative: give an amount above 0"),
        ("five", "'five' is not an amount in US dollars, such as 5 or 0.25"),
        ("1.00000001", "is not a whole number of credits: use a multiple of 0.0000005 USD"),
        ("0", "the amount is 0: give more than that"),
        ("1000000000.5", "is more than 1000000000 US dollars"),
    ],
)
def test_an_amount_that_cannot_be_given_is_named_with_what_to_give(amount: str, fault: str, folder: Path) -> None:
    refused = run(folder, "credits", "grant", "alice", amount)
    assert (refused.exit_code, "Invalid value for 'USD'" in refused.stderr, fault in refused.stderr) == (2, True, True)


@pytest.mark.parametrize(
    "arguments",
    [["grant", "bob", "1"], ["adjust", "bob", "1", "--reason", "x"], ["expire", "bob"], ["statement", "bob"],
     ["show", "bob"], ["auto-top-up", "bob"]],
)  # fmt: skip
def test_an_account_that_is_unknown_is_named_with_where_to_look(arguments: list[str], folder: Path) -> None:
    refused = run(folder, "credits", *arguments)
    assert refused.exit_code == 1
    assert refused.stderr == "Error: no account named 'bob': see `modelport accounts list`\n"
