"""Each line of what is promised about outages is held by tests, which are named here."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HELD_BY = {
    "PostgreSQL restarts": ("acceptance/test_postgres_away.py", "calls_wait_while_postgres_restarts"),
    "PostgreSQL is killed": (
        "acceptance/test_postgres_away.py",
        "a_killed_postgres_that_comes_back_has_every_answer_charged_once",
    ),
    "PostgreSQL stays away": (
        "acceptance/test_postgres_away.py",
        "while_postgres_is_away_for_long_calls_are_refused_and_afterwards_all_is_as_before",
    ),
    "a change is made right after PostgreSQL came back": (
        "acceptance/test_postgres_away.py",
        "changes_made_right_after_postgres_came_back_reach_every_worker",
    ),
    "Redis is killed": (
        "acceptance/test_limits.py",
        "while_redis_is_away_each_worker_has_its_part_and_afterwards_all_is_as_before",
    ),
    "the disk is full": (
        "acceptance/test_full_disk.py",
        "while_the_disk_is_full_nobody_is_served_for_nothing_and_afterwards_all_is_as_before",
    ),
    "a start on a full disk": (
        "acceptance/test_full_disk.py",
        "a_start_on_a_full_disk_ends_with_what_is_wrong",
    ),
    "the clock jumps, SQLite": (
        "acceptance/test_clock_jumps.py",
        "money_that_calls_hold_is_not_lent_again_when_the_clock_jumps",
    ),
    "the clock of PostgreSQL jumps ahead": ("storage/test_ledger.py", "no_clock_that_is_put_forward_makes_money"),
    "the clock of PostgreSQL is put back": (
        "storage/test_ledger.py",
        "a_slice_of_the_dead_is_free_a_lease_after_the_clock_was_put_back",
    ),
}


def test_every_line_about_outages_is_held_by_a_test_that_is_there() -> None:
    page = (ROOT / "docs/replicas.md").read_text(encoding="utf-8")
    lines = page.partition("| --- |")[2].splitlines()[1:]
    told = [line.split("|")[1].strip() for line in lines if line.startswith("|")]
    assert told == list(HELD_BY)
    for file, name in HELD_BY.values():
        assert f"def test_{name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")
