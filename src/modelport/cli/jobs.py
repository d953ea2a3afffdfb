"""`modelport jobs`: what became of jobs, for the operator."""

import click
import msgspec

from modelport.bootstrap.office import office
from modelport.core.clock import iso_ms
from modelport.jobs.job import Job
from modelport.settings import Settings
from modelport.storage.jobs import StoredJobs

SHOWN = 1000


@click.group()
def jobs() -> None:
    """Tell what became of jobs."""


@jobs.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def unknown(settings: Settings, as_json: bool) -> None:
    """List jobs of the last thirty days of which nobody knows whether their provider has made them.

    They were sent, and the answer was lost. They cost their callers nothing; their provider may have charged for them.
    """
    with office(settings) as desk:
        found = [_told(job) for job in StoredJobs(desk.database).unknown(SHOWN)]
    if as_json:
        click.echo(msgspec.json.encode({"data": found}))
        return
    for one in found:
        click.echo(f"{one['sent_at']}  {one['id']}  {one['model']} at {one['provider']}, account {one['account']}")
    if not found:
        click.echo("None: of every job it is known whether its provider took it.")


def _told(job: Job) -> dict[str, object]:
    sent = job.progress.sent
    return {
        "id": job.id,
        "account": job.account_id,
        "model": job.model,
        "provider": None if sent is None else sent.offer.provider,
        "upstream": None if sent is None else sent.offer.upstream,
        "sent_at": iso_ms(job.created_at_ms),
        "ended_at": None if job.ended_at_ms is None else iso_ms(job.ended_at_ms),
    }
