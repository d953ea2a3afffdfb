"""Responses in the database."""

from sqlalchemy import ColumnElement, and_, delete, insert, select

from modelport.serving.remembered import MAX_REMEMBERED_BYTES, Remembered
from modelport.storage.database import Database
from modelport.storage.tables import responses

_COLUMNS = responses.c["id", "account_id", "created_at_ms", "expires_at_ms", "input", "output", "response"]


class StoredResponses:
    """The `Responses` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, remembered: Remembered) -> bool:
        """Keep a response; False when it is too large, and so is not kept."""
        if remembered.size_bytes > MAX_REMEMBERED_BYTES:
            return False
        values = {name: getattr(remembered, name) for name in Remembered.__struct_fields__}
        with self._database.write() as connection:
            connection.execute(insert(responses).values(**values))
        return True

    def find(self, response_id: str, account_id: int, now_ms: int) -> Remembered | None:
        """Return a response of the account; None when there is none or it has expired."""
        with self._database.read() as connection:
            row = connection.execute(select(*_COLUMNS).where(_is(response_id, account_id, now_ms))).first()
        return None if row is None else Remembered(*row)

    def delete(self, response_id: str, account_id: int, now_ms: int) -> bool:
        """Forget a response of the account; False when there was none or it had expired."""
        with self._database.write() as connection:
            gone = connection.execute(delete(responses).where(_is(response_id, account_id, now_ms)))
        return gone.rowcount > 0

    def sweep(self, now_ms: int, limit: int) -> int:
        """Forget at most so many responses that have expired, and return how many they were."""
        expired = (
            select(responses.c.id)
            .where(responses.c.expires_at_ms <= now_ms)
            .order_by(responses.c.expires_at_ms)
            .limit(limit)
        )
        with self._database.write() as connection:
            gone = connection.execute(delete(responses).where(responses.c.id.in_(expired)))
        return gone.rowcount


def _is(response_id: str, account_id: int, now_ms: int) -> ColumnElement[bool]:
    return and_(responses.c.id == response_id, responses.c.account_id == account_id, responses.c.expires_at_ms > now_ms)
