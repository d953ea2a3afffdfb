"""Bills computed again from the command line."""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from modelport.cli import main
from tests.twins.booked import RATE, Booked, open_booked

ACME = """
name = "Acme"
base_url = "https://acme.example/v1"
auth = { scheme = "none" }
speaks = { chat = "openai_chat" }

[[models]]
id = "acme/large"
name = "Large"
maker = "acme"
operation = "chat"
description = "Talks."

[[offers]]
model = "acme/large"
upstream = "large"
rates = [{ from = 2020-01-01, input = "1", output = "2" }]
"""


@pytest.fixture
async def booked(tmp_path: Path) -> AsyncIterator[Booked]:
    async with open_booked("sqlite", tmp_path) as opened:
        yield opened


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--data-dir", str(folder), "bill", *arguments])


async def test_a_replay_says_in_numbers_that_every_credit_is_reproduced(booked: Booked, tmp_path: Path) -> None:
    ann, bob = booked.key(booked.account("ann")), booked.key(booked.account("bob"))
    await booked.calls(booked.record(ann, 7), booked.record(ann, 5, is_on_house=True), booked.record(bob, 30))
    done = run(tmp_path, "replay")
    assert done.exit_code == 0, done.output
    assert "Calls     3 of 2 accounts" in done.stdout
    assert "Stored    42 credits: 37 charged, 5 on the house" in done.stdout
    assert "Entered   42 credits by 3 entries" in done.stdout
    assert done.stdout.endswith("Every credit is reproduced: 3 calls, 42 credits, no difference.\n")
    alone = json.loads(run(tmp_path, "replay", "--account", "bob", "--json").stdout)
    assert (alone["calls"], alone["credits"]["charged"], alone["reproduced"]) == (1, 30, True)


async def test_a_difference_is_named_and_ends_with_status_one(booked: Booked, tmp_path: Path) -> None:
    await booked.calls(booked.record(booked.key(booked.account("ann")), 7))
    booked.execute("UPDATE requests SET cost_credits = 6, charged_credits = 6")
    done = run(tmp_path, "replay")
    assert done.exit_code == 1
    assert "its usage at its rates costs 7 credits, its row says 6" in done.stderr
    assert "differences." in done.stderr
    facts = json.loads(run(tmp_path, "replay", "--json").stdout)
    assert facts["reproduced"] is False
    assert facts["differences"]["count"] == len(facts["differences"]["shown"]) > 1


async def test_rates_that_are_not_the_catalogue_s_are_listed_and_are_no_error(booked: Booked, tmp_path: Path) -> None:
    overlay = tmp_path / "catalogue"
    overlay.mkdir()
    (overlay / "catalogue.toml").write_text('markup = "1.5"\n')
    (overlay / "acme.toml").write_text(ACME)
    key = booked.key(booked.account("ann"))
    as_priced = {"input": 3 * RATE, "output": 6 * RATE}
    await booked.calls(
        booked.record(key, 6, usage={"output": 1}, rates={"output": as_priced["output"]}),
        booked.record(key, 4, usage={"output": 1}, rates={"output": 4 * RATE}),
        booked.record(key, 4, usage={"output": 1}, rates={"output": 4 * RATE}),
        booked.record(key, 1, usage={"output": 1}, rates={"output": RATE}, provider="gone"),
    )
    done = run(tmp_path, "replay", "--against-catalogue")
    assert done.exit_code == 0, done.output
    assert "3 calls were charged at other rates" in done.stdout
    assert "acme/large at acme, output: charged at 2, there it is 3: 2 calls" in done.stdout
    assert "acme/large at gone has no price there: 1 calls" in done.stdout
    facts = json.loads(run(tmp_path, "replay", "--against-catalogue", "--json").stdout)
    assert facts["against_catalogue"]["calls"] == 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--from", "yesterday"), "'yesterday' is not a time"),
        (("--from", "2026-11-02", "--to", "2026-11-02"), "--to is not after --from"),
        (("--account", "nobody"), "no account named 'nobody'"),
    ],
)
async def test_what_cannot_be_replayed_is_refused(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    done = run(tmp_path, "replay", *arguments)
    assert done.exit_code != 0
    assert told in done.stderr


async def test_drift_shows_each_day_and_provider_before_markup(booked: Booked, tmp_path: Path) -> None:
    overlay = tmp_path / "catalogue"
    overlay.mkdir()
    (overlay / "catalogue.toml").write_text('markup = "2"\n')
    (overlay / "acme.toml").write_text(ACME)
    booked.clock.at_ms = time.time_ns() // 1_000_000
    key = booked.key(booked.account("ann"))
    await booked.calls(
        booked.record(key, 4000, provider_nano_usd=900_000), booked.record(key, 8, provider="gone", provider_nano_usd=0)
    )
    done = run(tmp_path, "drift")
    assert done.exit_code == 0, done.output
    header, acme, gone, _, all_acme, _ = done.stdout.splitlines()
    assert header.split() == ["Day", "Provider", "Calls", "Ours,", "USD", "Theirs,", "USD", "Difference,", "USD", "%"]
    assert acme.split()[1:] == ["acme", "1", "0.001000000", "0.000900000", "+0.000100000", "+11.11"]
    assert gone.split() == ["gone", "1", "0.000004000", "0.000000000", "+0.000004000", "-"]
    assert all_acme.split()[0] == "All"
    facts = json.loads(run(tmp_path, "drift", "--days", "1", "--json").stdout)
    assert facts["providers"][0]["billed"] == {"usd": "0.0020000", "credits": 4000}
    assert facts["days"][0]["difference_percent"] == "11.11"


async def test_without_a_told_cost_drift_says_where_to_read_on(booked: Booked, tmp_path: Path) -> None:
    await booked.calls(booked.record(booked.key(booked.account("ann")), 7))
    assert "No provider told what a call costs within 30 days" in run(tmp_path, "drift").stdout
