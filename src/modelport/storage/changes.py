"""What changed: written with the change itself, followed by every process that keeps copies in memory."""

from dataclasses import dataclass
from typing import Literal, Protocol

from sqlalchemy import Connection, insert, text

from modelport.storage.database import Database
from modelport.storage.tables import changes

ChangeKind = Literal["account", "key", "credits", "catalogue", "everything"]
"""`everything` is never written: a follower says so that has missed some."""

CHANNEL = "modelport_changes"
AT_ONCE = 10_000
"""How many changes are read in one go."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is no longer what a process may remember."""

    id: int
    kind: ChangeKind
    subject: str
    """The id of the account (`account`, `credits`), of the key (`key`), or of what was applied (`catalogue`)."""


def note_change(connection: Connection, kind: ChangeKind, subject: str, at_ms: int) -> None:
    """Tell the other processes, when the caller's transaction commits."""
    connection.execute(insert(changes).values(kind=kind, subject=subject, at_ms=at_ms))
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"NOTIFY {CHANNEL}"))


class Changes(Protocol):
    """Follows the changes from the moment it is opened; may be used from any thread."""

    @property
    def is_quick(self) -> bool:
        """Whether a look takes microseconds, so that the event loop may take it itself."""
        ...

    def wait(self, within_s: float) -> None:
        """Return when something may have changed, or when that time has passed."""
        ...

    def poll(self) -> list[Change]:
        """Return what changed since the last look."""
        ...

    def close(self) -> None:
        """Close the follower's connection."""
        ...


def open_changes(database: Database) -> Changes:
    """Follow the changes of a database from now on."""
    if database.is_shared:
        from modelport.storage.postgres.changes import PostgresChanges

        return PostgresChanges(database)
    from modelport.storage.sqlite.changes import SqliteChanges

    return SqliteChanges(database)
