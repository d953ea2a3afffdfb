"""Recurring work that one process at a time does for all: whoever has the duty, until its turn runs out."""

from collections.abc import Sequence

from sqlalchemy import select, text

from modelport.storage.database import Database
from modelport.storage.tables import duties

_TAKE = text(
    "INSERT INTO duties (name, owner, until_ms) VALUES (:name, :owner, :until) ON CONFLICT (name) DO UPDATE "
    "SET owner = excluded.owner, until_ms = excluded.until_ms "
    "WHERE duties.owner = excluded.owner OR duties.until_ms <= :now OR duties.until_ms > :until"
)


def take_duty(database: Database, name: str, owner: str, lease_s: float) -> bool:
    """Take or keep a duty for a while on the database's clock; False while another process has it.

    Nothing is written while another has it, nor by its owner during the first half of his turn. A turn that ends later
    than one taken now was taken before the clock was put back: it is over.
    """
    now, lease = database.now_ms(), int(lease_s * 1000)
    with database.read() as connection:
        row = connection.execute(select(duties.c.owner, duties.c.until_ms).where(duties.c.name == name)).first()
    if row is not None and now < row.until_ms <= now + lease:
        if row.owner != owner:
            return False
        if row.until_ms > now + lease // 2:
            return True
    with database.write() as connection:
        values = {"name": name, "owner": owner, "until": now + lease, "now": now}
        return connection.execute(_TAKE, values).rowcount == 1


def drop_duty(database: Database, name: str, owner: str) -> None:
    """Give a duty back, so that another process need not wait for the turn to run out."""
    with database.write() as connection:
        connection.execute(duties.delete().where(duties.c.name == name, duties.c.owner == owner))


def lapsed_duties(database: Database, prefix: str) -> Sequence[str]:
    """Take away duties whose names begin so and whose turn has run out, each from one owner by one process; list them.

    Whoever takes one away does what is to be done about it.
    """
    now = database.now_ms()
    over = duties.c.name.startswith(prefix), duties.c.until_ms <= now
    with database.read() as connection:
        if connection.scalar(select(duties.c.name).where(*over).limit(1)) is None:
            return ()
    with database.write() as connection:
        return list(connection.scalars(duties.delete().where(*over).returning(duties.c.name)))
