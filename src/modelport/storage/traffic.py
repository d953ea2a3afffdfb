"""What processes have measured of their calls in the last minutes: rows that each adds, and that soon are gone."""

import msgspec
from sqlalchemy import delete, insert, select

from modelport.reports.traffic import WINDOW_MS, Series
from modelport.storage.database import Database
from modelport.storage.tables import traffic

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[Series]).decode


class StoredTraffic:
    """The `TrafficStore` on a database; its clock alone says what is too old, so that replicas need not agree."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def publish(self, measured: list[Series]) -> None:
        """Add what this process measured since it last did, and forget what is too old."""
        now_ms = self.database.now_ms()
        with self.database.write() as connection:
            connection.execute(insert(traffic).values(at_ms=now_ms, measured=_encode(measured).decode()))
            connection.execute(delete(traffic).where(traffic.c.at_ms <= now_ms - WINDOW_MS))

    def recent(self) -> list[Series]:
        """Return what every process published within the window; of one model at one path there may be many."""
        since = self.database.now_ms() - WINDOW_MS
        with self.database.read() as connection:
            rows = connection.scalars(select(traffic.c.measured).where(traffic.c.at_ms > since)).all()
        return [series for row in rows for series in _decode(row)]
