"""What the secrets of webhooks are derived from, in the database; none can be derived from that alone."""

from collections.abc import Sequence

from sqlalchemy import Connection, Select, delete, insert, or_, select, update

from modelport.jobs.signing import Seed
from modelport.storage.database import Database
from modelport.storage.tables import accounts, webhook_seeds

_COLUMNS = webhook_seeds.c["version", "seed", "created_at_ms", "until_ms"]


class StoredSeeds:
    """The `SeedStore` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def seeds(self, account_id: int, now_ms: int) -> Sequence[Seed]:
        """Return the seeds of an account that sign, newest first."""
        signs = or_(webhook_seeds.c.until_ms.is_(None), webhook_seeds.c.until_ms > now_ms)
        with self._database.read() as connection:
            return [Seed(*row) for row in connection.execute(_of(account_id).where(signs))]

    def first(self, account_id: int, seed: Seed) -> Sequence[Seed]:
        """Keep the seed if the account has none; return those that it has then."""
        with self._database.write() as connection:
            _lock(connection, account_id)
            if connection.execute(_of(account_id).limit(1)).first() is None:
                _keep(connection, account_id, seed)
        return self.seeds(account_id, seed.created_at_ms)

    def replace(self, account_id: int, seed: Seed, until_ms: int, most_old: int) -> Sequence[Seed]:
        """Put a seed in the place of the newest, which signs until a moment; return those that sign then."""
        mine = webhook_seeds.c.account_id == account_id
        with self._database.write() as connection:
            _lock(connection, account_id)
            newest = update(webhook_seeds).where(mine, webhook_seeds.c.until_ms.is_(None))
            connection.execute(newest.values(until_ms=until_ms))
            _keep(connection, account_id, seed)
            kept = list(
                connection.scalars(
                    select(webhook_seeds.c.id).where(mine).order_by(webhook_seeds.c.id.desc()).limit(most_old + 1)
                )
            )
            over = (webhook_seeds.c.until_ms <= seed.created_at_ms) | webhook_seeds.c.id.not_in(kept)
            connection.execute(delete(webhook_seeds).where(mine, over))
        return self.seeds(account_id, seed.created_at_ms)


def _of(account_id: int) -> Select[tuple[int, bytes, int, int | None]]:
    newest_first = webhook_seeds.c.id.desc()
    return select(*_COLUMNS).where(webhook_seeds.c.account_id == account_id).order_by(newest_first)


def _lock(connection: Connection, account_id: int) -> None:
    """Have one process at a time look and write; calls of the account do not wait for it."""
    connection.execute(select(accounts.c.id).where(accounts.c.id == account_id).with_for_update(key_share=True))


def _keep(connection: Connection, account_id: int, seed: Seed) -> None:
    connection.execute(
        insert(webhook_seeds).values(
            account_id=account_id,
            version=seed.version,
            seed=seed.seed,
            created_at_ms=seed.created_at_ms,
            until_ms=seed.until_ms,
        )
    )
