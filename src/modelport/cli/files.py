"""Writing files that a running server reads: whole or not at all."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click


def write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files below a folder, each at once."""
    for name, data in files.items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise click.ClickException(f"'{name}' lies outside of {folder}: nothing more was written")
        write_whole(folder / name, data)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that whoever reads it meanwhile finds the old or the new one; its folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
