"""`modelport webhooks`: the secret of an account, what became of deliveries, and sending one again."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from modelport.cli import main
from modelport.core.credits import Credits
from modelport.jobs.deliveries import Delivery, Outcome, followed
from modelport.jobs.store import Ending
from modelport.keys.store import KeyTerms, NewKey
from modelport.ledger.hold import Entrusted
from modelport.storage.accounts import Accounts
from modelport.storage.database import Database
from modelport.storage.deliveries import StoredDeliveries
from modelport.storage.jobs import StoredJobs
from modelport.storage.keys import Keys
from tests.jobs.made import NOW_MS, job_of, row_of
from tests.twins.database import fresh_database

HOOK = "https://hooks.example.org/jobs"


@dataclass
class Shelf:
    """A data folder with jobs that have ended."""

    folder: Path
    database: Database
    jobs: StoredJobs

    def ended(self, job_id: str, *statuses: int | None) -> None:
        job = job_of(3, job_id, delivery=Delivery(url=HOOK))
        self.jobs.add(job, Entrusted(0))
        self.jobs.end(job_id, Ending(row_of(job, 0, created_at_ms=NOW_MS, duration_ms=0), b"{}"))
        kept = StoredDeliveries(self.database)
        for number, status in enumerate(statuses):
            found = self.jobs.find(job_id)
            assert found is not None
            assert found.delivery is not None
            is_fine = status is not None and status < 300
            outcome = Outcome(NOW_MS + number, 20, status, None if is_fine else f"it failed with {status}")
            kept.record(job_id, number, outcome, followed(found.delivery, outcome, 0))

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["--data-dir", str(self.folder), "webhooks", *arguments])

    def told(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.exit_code == 0, done.output
        return done.stdout


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    database = fresh_database(tmp_path)
    Accounts(database).create("ann", "", Credits(0), 0)
    Keys(database).add(NewKey(3, "0123abcd", b"digest", False, KeyTerms()), 0)
    jobs = StoredJobs(database)
    yield Shelf(tmp_path, database, jobs)
    jobs.close()
    database.close()


def test_the_secret_of_an_account_is_shown_and_replaced(shelf: Shelf) -> None:
    first = shelf.told("secret", "ann").strip()
    assert first.startswith("whsec_")
    assert shelf.told("secret", "ann").strip() == first
    done = shelf.run("secret", "ann", "--rotate")
    second = done.stdout.strip()
    assert second != first
    assert f"{first} signs beside it until 20" in done.stderr
    told = json.loads(shelf.told("secret", "ann", "--json"))
    assert (told["secret"], [one["secret"] for one in told["older"]]) == (second, [first])


def test_an_account_that_is_not_there_has_no_secret(shelf: Shelf) -> None:
    done = shelf.run("secret", "bob")
    assert done.exit_code == 1
    assert "bob" in done.output


def test_deliveries_are_listed_with_what_went_wrong_and_what_comes_next(shelf: Shelf) -> None:
    shelf.ended("job-1", 204)
    shelf.ended("job-2", 500)
    shelf.ended("job-3", None, 410)
    about = f"ann  acme/scribe  {HOOK}"
    assert shelf.told("list").splitlines() == [
        f"job-3  {about}  failed after 2 attempts  it failed with 410",
        f"job-2  {about}  pending after 1 attempt  it failed with 500  next at 2026-09-21T14:13:25.020Z",
        f"job-1  {about}  delivered after 1 attempt",
    ]
    [line] = shelf.told("list", "--failed").splitlines()
    assert line.startswith("job-3")
    [failed] = json.loads(shelf.told("list", "--failed", "--json"))["data"]
    assert (failed["job"], failed["status"], failed["attempts"], failed["last_status"]) == ("job-3", "failed", 2, 410)


def test_where_nothing_is_to_be_listed_that_is_said(shelf: Shelf) -> None:
    assert shelf.told("list") == "None: no job that has ended has a webhook.\n"
    assert shelf.told("list", "--failed") == "None was given up.\n"


def test_each_attempt_is_shown(shelf: Shelf) -> None:
    shelf.ended("job-1", None, 204)
    shelf.ended("job-2")
    assert shelf.told("show", "job-1").splitlines() == [
        "2026-09-21T14:13:20.000Z  20 ms  it failed with None",
        "2026-09-21T14:13:20.001Z  20 ms  taken with status 204",
    ]
    assert [one["status"] for one in json.loads(shelf.told("show", "job-1", "--json"))["data"]] == [None, 204]
    assert shelf.told("show", "job-2") == "It was not called yet.\n"


def test_an_id_that_begins_with_a_dash_is_no_option(shelf: Shelf) -> None:
    job_id = "-P7hoixp3YQr7JQ14gEcP"
    shelf.ended(job_id, 204)
    assert "taken with status 204" in shelf.told("show", job_id)
    assert json.loads(shelf.told("show", job_id, "--json"))["data"][0]["status"] == 204
    assert shelf.told("resend", job_id) == f"{job_id} is sent to {HOOK}\n"
    assert shelf.run("resend", "--nothing").exit_code == 2


def test_an_event_is_sent_again_on_request(shelf: Shelf) -> None:
    shelf.ended("job-1", 410)
    assert shelf.told("resend", "job-1") == f"job-1 is sent to {HOOK}\n"
    assert "pending after 1 attempt" in shelf.told("list")
    refused = shelf.run("resend", "job-9")
    assert refused.exit_code == 1
    assert "no job 'job-9' has a webhook" in refused.output
