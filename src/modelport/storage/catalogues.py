"""What operators applied to the catalogue of every replica, in the database."""

from collections.abc import Sequence

from sqlalchemy import delete, func, insert, select

from modelport.catalogue.applied import NOTHING_APPLIED, Applied, packed, unpacked
from modelport.catalogue.sources import Source
from modelport.storage.changes import note_change
from modelport.storage.database import Database
from modelport.storage.tables import catalogues

SINCE = "0004"
"""The revision that has the table."""
KEPT = 20
"""How many are remembered, the one in force among them."""
_COLUMNS = catalogues.c["id", "applied_at_ms", "applied_by", "note", "files"]


class AppliedCatalogues:
    """Applies files, and knows what was applied."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def number(self) -> int:
        """Return the number of what is in force; 0 when nothing was ever applied."""
        with self._database.read() as connection:
            return connection.scalar(select(func.coalesce(func.max(catalogues.c.id), 0))) or 0

    def newest(self) -> Applied:
        """Return what is in force."""
        return next(iter(self.all(1)), NOTHING_APPLIED)

    def all(self, most: int = KEPT) -> list[Applied]:
        """Return what is remembered, the newest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(*_COLUMNS).order_by(catalogues.c.id.desc()).limit(most)).all()
        return [Applied(row.id, row.applied_at_ms, row.applied_by, row.note, unpacked(row.files)) for row in rows]

    def apply(self, sources: Sequence[Source], by: str, note: str = "") -> int:
        """Put files in the place of what is in force, for every process, and return their number.

        They are taken as they are: whoever calls has checked them. Raises `CatalogueInvalid` when they are too large.
        """
        files, now_ms = packed(sources), self._database.now_ms()
        with self._database.write() as connection:
            values = {"applied_at_ms": now_ms, "applied_by": by, "note": note, "files": files}
            number = connection.scalars(insert(catalogues).values(values).returning(catalogues.c.id)).one()
            connection.execute(delete(catalogues).where(catalogues.c.id <= number - KEPT))
            note_change(connection, "catalogue", str(number), now_ms)
        return number
