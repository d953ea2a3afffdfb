"""Keys at the command line: every term given, shown to people and to programs, lifted and refused."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from modelport.cli import main

ALL_TERMS = (
    *("--name", "ci runner", "--scope", "model:chat", "--scope", "model:embeddings", "--limit", "5/day"),
    *("--expires", "2035-12-31T01:00+01:00", "--model", "openai/gpt-4o", "--model", "Anthropic/*"),
    *("--provider", "openai", "--ip", "10.1.2.3/8", "--ip", "2001:db8::/32"),
    *("--on-disconnect", "cancel_and_bill_delivered"),
    *("--requests-per-minute", "60", "--tokens-per-minute", "90000", "--concurrent", "4"),
    *("--webhook-url", "https://93.184.215.14/jobs"),
)
SHOWN = {
    "name": "ci runner",
    "kind": "regular",
    "disabled": False,
    "scopes": ["model:chat", "model:embeddings"],
    "limit": {"retention": "day", "threshold": {"usd": "5.0000000", "credits": 10_000_000}},
    "expires_at": "2035-12-31T00:00:00.000Z",
    "models": ["anthropic/*", "gpt-4o"],
    "providers": ["openai"],
    "ip_ranges": ["10.0.0.0/8", "2001:db8::/32"],
    "on_disconnect": "cancel_and_bill_delivered",
    "rate_limits": {"requests_per_minute": 60, "tokens_per_minute": 90_000, "concurrent_calls": 4},
    "webhook_url": "https://93.184.215.14/jobs",
}
LIFTED = (
    *("--name", "", "--scope", "all", "--limit", "none", "--expires", "never", "--model", "all", "--provider", "all"),
    *("--ip", "all", "--on-disconnect", "drain_and_bill"),
    *("--requests-per-minute", "none", "--tokens-per-minute", "none", "--concurrent", "none"),
    *("--webhook-url", "none"),
)
BARE = dict.fromkeys(SHOWN) | {
    "kind": "regular",
    "disabled": False,
    "on_disconnect": "drain_and_bill",
    "rate_limits": {"requests_per_minute": None, "tokens_per_minute": None, "concurrent_calls": None},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    run(data, "accounts", "create", "ann")
    return data


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--data-dir", str(folder), *arguments])


def keys(folder: Path, *arguments: str) -> Result:
    return run(folder, "keys", *arguments, "--account", "ann")


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_every_term_is_taken_and_shown_as_json(folder: Path) -> None:
    made = told(keys(folder, "create", *ALL_TERMS, "--json"))
    assert made | SHOWN == made
    assert made["key"].startswith(made["prefix"])
    [listed] = told(keys(folder, "list", "--json"))
    assert listed == {name: value for name, value in made.items() if name != "key"}


def test_every_term_can_be_lifted_and_set_again(folder: Path) -> None:
    prefix = told(keys(folder, "create", *ALL_TERMS, "--json"))["prefix"]
    lifted = told(keys(folder, "change", prefix, *LIFTED, "--json"))
    assert lifted | BARE == lifted
    again = told(keys(folder, "change", prefix, *ALL_TERMS, "--json"))
    assert again | SHOWN == again


def test_what_is_not_named_stays_as_it_is(folder: Path) -> None:
    prefix = told(keys(folder, "create", *ALL_TERMS, "--json"))["prefix"]
    changed = told(keys(folder, "change", prefix, "--concurrent", "9", "--limit", "2.5", "--json"))
    limits = {**SHOWN["rate_limits"], "concurrent_calls": 9}  # type: ignore[dict-item]
    limit = {"retention": "no_reset", "threshold": {"usd": "2.5000000", "credits": 5_000_000}}
    assert changed | SHOWN | {"rate_limits": limits, "limit": limit} == changed
    for command in ("disable", "enable"):
        assert keys(folder, command, prefix).exit_code == 0
    [listed] = told(keys(folder, "list", "--json"))
    assert listed == changed


def test_terms_are_readable_in_the_terminal(folder: Path) -> None:
    keys(folder, "create", "--name", "plain")
    made = told(keys(folder, "create", *ALL_TERMS, *(f"--ip=192.0.2.{n}" for n in range(5)), "--json"))
    lines = keys(folder, "list").stdout.splitlines()
    about, *terms = lines[lines.index(next(line for line in lines if line.startswith(made["prefix"]))) :]
    assert about == f"{made['prefix']}  regular     enabled   {made['created_at']}  ci runner"
    ranges = "10.0.0.0/8, 192.0.2.0/32, 192.0.2.1/32, 192.0.2.2/32, 192.0.2.3/32, … (7 in all)"
    assert terms[:9] == [
        "          scopes      model:chat, model:embeddings",
        "          limit       5 USD a day",
        "          expires     2035-12-31T00:00:00.000Z",
        "          models      anthropic/*, gpt-4o",
        "          providers   openai",
        f"          from        {ranges}",
        "          pace        60 requests a minute, 90000 tokens a minute, 4 at once",
        "          on leaving  cancel_and_bill_delivered",
        "          webhook     https://93.184.215.14/jobs",
    ]
    assert max(map(len, lines)) <= 110


@pytest.mark.parametrize(("given", "seconds"), [("30d", 2_592_000), ("12h", 43_200)])
def test_an_expiry_may_be_given_from_now_on(folder: Path, given: str, seconds: int) -> None:
    made = told(keys(folder, "create", "--expires", given, "--json"))
    created, expires = (datetime.fromisoformat(made[name]) for name in ("created_at", "expires_at"))
    assert abs((expires - created).total_seconds() - seconds) < 30


def test_a_management_key_may_be_bounded_too(folder: Path) -> None:
    made = told(keys(folder, "create", "--management", *ALL_TERMS, "--json"))
    assert made | SHOWN | {"kind": "management"} == made


REFUSED = [
    (("--webhook-url", "http://127.0.0.1/"), "'--webhook-url': The address '127.0.0.1' is refused"),
    (("--webhook-url", "hooks.example.org"), "it is not an http or https URL"),
    (("--limit", "5/year"), "'--limit': 'year' is no period: use day, week, month, or leave it out"),
    (("--limit", "-5"), "'--limit': '-5' is negative"),
    (("--limit", "0"), "'--limit': the amount is 0"),
    (("--limit", "much"), "'--limit': 'much' is not an amount"),
    (("--expires", "yesterday"), "'--expires': Expected ISO-8601 with an offset or Z, such as"),
    (("--expires", "2035-12-31"), "30d, 12h and never will do too"),
    (("--expires", "2020-01-01T00:00Z"), "'--expires': Expected a moment in the future"),
    (("--expires", "0d"), "'--expires': Expected ISO-8601"),
    (("--model", "openai/gpt-4oo"), "'--model': Unknown model, received 'openai/gpt-4oo': did you mean"),
    (("--model", "opnai/*"), "'--model': Unknown maker, received 'opnai/*': did you mean openai/*"),
    (("--provider", "opena"), "'--provider': Unknown provider, received 'opena': did you mean openai"),
    (("--ip", "10.0.0.0/33"), "'--ip': Expected an address or a range"),
    (("--scope", "model:all"), "'--scope': 'model:all' is not one of"),
    (("--scope", "all", "--scope", "model:chat"), "'--scope': 'all' stands alone"),
    (("--on-disconnect", "stop"), "'--on-disconnect': 'stop' is not one of"),
    (("--requests-per-minute", "0"), "'--requests-per-minute': Expected integer from 1 to 1000000000, or none"),
    (("--tokens-per-minute", "-1"), "'--tokens-per-minute': '-1' is not a whole number, nor none"),
    (("--concurrent", "1e3"), "'--concurrent': '1e3' is not a whole number, nor none"),
    (("--name", "a\nb"), "'--name': Expected printable characters"),
]


def test_a_term_that_cannot_be_names_its_option_and_makes_no_key(folder: Path) -> None:
    prefix = told(keys(folder, "create", "--json"))["prefix"]
    for given, message in REFUSED:
        for command in (("create",), ("change", prefix)):
            refused = keys(folder, *command, *given)
            assert refused.exit_code == 2
            assert message in refused.stderr
    [left] = told(keys(folder, "list", "--json"))
    assert left | BARE == left


def test_changing_nothing_says_what_to_name(folder: Path) -> None:
    prefix = told(keys(folder, "create", "--json"))["prefix"]
    refused = keys(folder, "change", prefix)
    assert refused.exit_code == 2
    assert "nothing is to be changed: name at least one term, such as --limit 5/day" in refused.stderr
    unknown = keys(folder, "change", "00000000", "--limit", "5")
    assert unknown.exit_code == 1
    assert "`modelport keys list --account NAME`" in unknown.stderr
