"""`modelport migrate`: bring the database to what this version needs, ahead of the servers."""

import click

from modelport.bootstrap.office import database_url, office
from modelport.settings import Settings
from modelport.storage.database import Database
from modelport.storage.migrate import HEAD, Standing, standing


@click.command()
@click.pass_obj
def migrate(settings: Settings) -> None:
    """Bring the database to what this version needs.

    Every start does that too; run it ahead where several replicas are upgraded one after another. Ends with status 1,
    and changes nothing, where it cannot.
    """
    before = _standing(settings)
    with office(settings) as desk:
        after = standing(desk.database)
    click.echo(_told(before, after))


def _standing(settings: Settings) -> Standing:
    if settings.database_url is None and not settings.data_dir.exists():
        return Standing(None)
    database = Database(database_url(settings), settings.storage.durability)
    try:
        return standing(database)
    finally:
        database.close()


def _told(before: Standing, after: Standing) -> str:
    if before.revision is None:
        return f"made, at revision {after.revision}"
    if before.revision != after.revision:
        return f"brought from revision {before.revision} to {after.revision}"
    if after.revision != HEAD:
        return f"at revision {after.revision}, newer than this version's {HEAD}, which it still serves"
    return f"at revision {after.revision} already"
