"""The desk that commands work at, over the data folder or the database that replicas share."""

import contextlib
import errno
import os
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from modelport.assets.archive import Archive
from modelport.bootstrap.parts import archive_of
from modelport.core.credits import Credits
from modelport.core.errors import Problem
from modelport.jobs.signing import WebhookSecrets
from modelport.keys.issue import KeyHasher, KeyIssuer
from modelport.reports.transactions import Cursors
from modelport.settings import Settings, SettingsInvalid
from modelport.storage.accounts import Accounts
from modelport.storage.database import Database, sqlite_url
from modelport.storage.folder import locked_folder
from modelport.storage.keys import Keys
from modelport.storage.ledger import reclaim_all
from modelport.storage.migrate import has_older_schema, migrate, migrate_apart
from modelport.storage.moves import balance_of as stored_balance
from modelport.storage.secret import server_secrets
from modelport.storage.webhook_seeds import StoredSeeds


@dataclass(frozen=True, slots=True)
class Office:
    """What commands work with, beside a running server."""

    database: Database
    accounts: Accounts
    keys: Keys
    issuer: KeyIssuer
    cursors: Cursors
    archive: Archive
    webhook_secrets: WebhookSecrets

    def now_ms(self) -> int:
        """Tell the time on the database's clock."""
        return self.database.now_ms()

    def balance(self, account_id: int) -> Credits:
        """Return the sum of an account's entries."""
        with self.database.read() as connection:
            return stored_balance(connection, account_id)


class FolderUnusable(Problem):
    """The data folder, or a file in it, cannot be made, read or written."""

    def __init__(self, folder: Path, error: OSError) -> None:
        where = f" ({error.filename})" if error.filename and str(error.filename) != str(folder) else ""
        super().__init__(
            f"the data folder '{folder}' cannot be used: {error.strerror or error}{where}; let this user write there, "
            "or choose another folder with --data-dir"
        )


@contextlib.contextmanager
def usable_folder(folder: Path) -> Generator[None]:
    """Make the folder if it is missing; what the system refuses there is told as `FolderUnusable`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        yield
    except OSError as error:
        raise FolderUnusable(folder, error) from error


class SecretMissing(SettingsInvalid):
    """The database is shared, and the secret under which its keys are hashed is not."""

    def __init__(self) -> None:
        super().__init__(
            "MODELPORT_DATABASE_URL is set and MODELPORT_SECRET is not: every process that uses this database has to "
            "hash keys alike; give all of them the same secret, such as the output of `openssl rand -hex 32`"
        )


def database_url(settings: Settings) -> str:
    """Name the database: the one that replicas share, else the file in the data folder."""
    return sqlite_url(settings.data_dir) if settings.database_url is None else settings.database_url.reveal()


@contextlib.contextmanager
def office(settings: Settings, *, is_held: bool = False) -> Generator[Office]:
    """Open the database for a command, or for who holds the data folder; the schema is brought up to date first.

    Raises `FolderUnusable`, `SecretMissing`, `FolderInUse`, `MigrationFailed`.
    """
    if settings.database_url is not None and settings.secret is None:
        raise SecretMissing
    with usable_folder(settings.data_dir):
        server = server_secrets(settings.data_dir, settings.secret)
    url = database_url(settings)
    if is_held:
        migrate_apart(url)
    else:
        with _alone_to_migrate(settings):
            migrate(url)
    database = Database(url, settings.storage.durability)
    try:
        keys = Keys(database)
        hasher = KeyHasher(server)
        yield Office(
            database,
            Accounts(database),
            keys,
            KeyIssuer(keys, hasher),
            Cursors(server),
            archive_of(settings, server),
            WebhookSecrets(StoredSeeds(database), server),
        )
    finally:
        database.close()


@contextlib.contextmanager
def _alone_to_migrate(settings: Settings) -> Generator[None]:
    """Hold the data folder where its schema is older than this version's: a server that runs there is older too.

    A schema without a server waits for nothing, and one that replicas share is migrated beside them.
    """
    with contextlib.ExitStack() as stack:
        if settings.database_url is None and has_older_schema(database_url(settings)):
            stack.enter_context(locked_folder(settings.data_dir))
        yield


@contextlib.contextmanager
def held_office(settings: Settings) -> Generator[tuple[Office, int]]:
    """Open the data folder for a server, which holds it alone, and end the slices of those that held it before.

    Yields with it the descriptor that holds the folder. Raises `FolderUnusable`, `FolderInUse`, `MigrationFailed`.
    """
    with contextlib.ExitStack() as stack:
        with usable_folder(settings.data_dir):
            lock = stack.enter_context(locked_folder(settings.data_dir))
        desk = stack.enter_context(office(settings, is_held=True))
        if not desk.database.is_shared:  # elsewhere other machines may be using theirs: those of the dead lapse
            reclaim_all(desk.database)
        yield desk, lock
