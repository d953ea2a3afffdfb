"""`modelport webhooks`: whom the ends of jobs are told, and what signs that."""

import re
from collections.abc import Iterator

import click
import msgspec

from modelport.bootstrap.office import office
from modelport.core.clock import iso_ms
from modelport.jobs.deliveries import Delivery, Outcome, Told
from modelport.jobs.signing import told
from modelport.settings import Settings
from modelport.storage.deliveries import StoredDeliveries

SHOWN = 1000
_DASHED = re.compile(r"-[A-Za-z0-9_][A-Za-z0-9_-]{19}")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class OfJob(click.Command):
    """A command about a job, whose id begins with a dash and is no option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take what is an id for an argument, wherever it stands."""
        ids = [one for one in args if _DASHED.fullmatch(one)]
        others = [one for one in args if one not in ids]
        return super().parse_args(ctx, [*others, "--", *ids] if ids else args)


@click.group()
def webhooks() -> None:
    """Webhooks of jobs: what signs them, what became of them, and sending them again."""


@webhooks.command()
@click.argument("account")
@click.option("--rotate", "is_new", is_flag=True, help="Make another; the one before signs beside it for 24 hours.")
@_JSON
@click.pass_obj
def secret(settings: Settings, account: str, is_new: bool, as_json: bool) -> None:
    """Print the secret that the webhooks of ACCOUNT are signed with; it is made when it is first needed."""
    with office(settings) as desk:
        account_id = desk.accounts.by_name(account).id
        make = desk.webhook_secrets.rotate if is_new else desk.webhook_secrets.of
        found = make(account_id, desk.now_ms())
    if as_json:
        click.echo(msgspec.json.encode(told(found)))
        return
    newest, *older = found
    click.echo(newest.shown.reveal())
    for one in older:
        click.echo(f"{one.shown.reveal()} signs beside it until {iso_ms(one.until_ms or 0)}", err=True)


@webhooks.command("list")
@click.option("--failed", is_flag=True, help="Only those that were given up.")
@_JSON
@click.pass_obj
def list_(settings: Settings, failed: bool, as_json: bool) -> None:
    """List the webhooks of jobs that have ended, newest job first."""
    with office(settings) as desk:
        found = StoredDeliveries(desk.database).page(SHOWN, failed=failed)
    if as_json:
        click.echo(msgspec.json.encode({"data": [_json_of(one) for one in found]}))
        return
    for one in found:
        click.echo(f"{one.job_id}  {one.account}  {one.model}  {_in_words(one.delivery)}")
    if not found:
        click.echo("None was given up." if failed else "None: no job that has ended has a webhook.")


@webhooks.command(cls=OfJob)
@click.argument("job")
@_JSON
@click.pass_obj
def show(settings: Settings, job: str, as_json: bool) -> None:
    """Show every attempt at the webhook of JOB."""
    with office(settings) as desk:
        made = StoredDeliveries(desk.database).outcomes(job)
    if as_json:
        data = [
            {"at": iso_ms(one.at_ms), "duration_ms": one.duration_ms, "status": one.status, "error": one.error}
            for one in made
        ]
        click.echo(msgspec.json.encode({"data": data}))
        return
    for one in made:
        click.echo(_line(one))
    if not made:
        click.echo("It was not called yet.")


@webhooks.command(cls=OfJob)
@click.argument("job")
@click.pass_obj
def resend(settings: Settings, job: str) -> None:
    """Have the webhook of JOB called again, by a server that runs or by the next that starts."""
    with office(settings) as desk:
        delivery = StoredDeliveries(desk.database).resend(job, desk.now_ms())
    click.echo(f"{job} is sent to {delivery.url}")


def _json_of(one: Told) -> dict[str, object]:
    delivery = one.delivery
    return {
        "job": one.job_id,
        "account": one.account,
        "model": one.model,
        "ended_at": _moment(one.ended_at_ms),
        "url": delivery.url,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
        "last_attempt_at": _moment(delivery.last_at_ms),
        "next_attempt_at": _moment(delivery.next_at_ms),
    }


def _in_words(delivery: Delivery) -> str:
    return "  ".join(_parts(delivery))


def _parts(delivery: Delivery) -> Iterator[str]:
    yield delivery.url
    yield f"{delivery.status} after {delivery.attempts} attempt{'' if delivery.attempts == 1 else 's'}"
    if delivery.last_error is not None:
        yield delivery.last_error
    if delivery.next_at_ms is not None:
        yield f"next at {iso_ms(delivery.next_at_ms)}"


def _line(one: Outcome) -> str:
    came = one.error or f"taken with status {one.status}"
    return f"{iso_ms(one.at_ms)}  {one.duration_ms} ms  {came}"


def _moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else iso_ms(at_ms)
