"""The server secret, under which keys are hashed: given by a setting, else made once in the data folder."""

import os
import secrets
from pathlib import Path

from modelport.core.errors import Problem, Secret

FILE_NAME = "secret"


class SecretInvalid(Problem):
    """The server secret cannot be read."""


def server_secrets(folder: Path, given: Secret | None) -> list[tuple[int, bytes]]:
    """Return the server's secrets as (version, secret), the newest first; makes `DATA_DIR/secret` (0600) if missing.

    Both the setting and the file hold `VERSION:SECRET`, separated by commas or lines; a bare secret is version 1.
    To rotate, put a new version in front: new keys use it, the old ones still verify. Raises `SecretInvalid`.
    """
    if given is not None:
        return _parsed(given.reveal().replace(",", "\n"), "MODELPORT_SECRET")
    path = folder / FILE_NAME
    try:
        return _parsed(path.read_text(), str(path))
    except FileNotFoundError:
        _make(path)
        return _parsed(path.read_text(), str(path))


def _make(path: Path) -> None:
    """Write a new secret, whole or not at all; a file that another process made first is kept."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{FILE_NAME}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"1:{secrets.token_hex(32)}\n")
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _parsed(text: str, named: str) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        version, colon, secret = line.partition(":")
        if not colon:
            version, secret = "1", line
        if not version.isdigit() or not 0 < int(version) < 256 or len(secret) < 16:
            raise SecretInvalid(
                f"{named}: each secret is VERSION:SECRET with a version from 1 to 255 and 16 characters"
            )
        found.append((int(version), secret.encode()))
    if not found:
        raise SecretInvalid(f"{named} is empty: put a secret of at least 16 characters there, or restore it")
    return found
