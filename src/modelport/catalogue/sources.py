"""The files a catalogue is made of: found, read and hashed, not yet understood."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import FileIO
from os import fstat
from pathlib import Path
from typing import Literal

from modelport.catalogue.problems import Fault

Layer = Literal["package", "applied", "overlay"]
"""Ours, the operator's in the database, the operator's in the folder; each lies on those before it."""

SETTINGS_FILE = "catalogue.toml"
MAX_FILES = 5_000
MAX_FILE_BYTES = 1_000_000


_SHOWN: dict[Layer, str] = {"package": "", "applied": "applied/", "overlay": "catalogue/"}


@dataclass(frozen=True, slots=True)
class Source:
    """One TOML file, as bytes, under its name below the folder that it came from."""

    layer: Layer
    name: str
    data: bytes

    @property
    def shown(self) -> str:
        """The name that a message uses for this file."""
        return _SHOWN[self.layer] + self.name

    @property
    def stem(self) -> str:
        """The file's name without folder and ending."""
        return self.name.rsplit("/", 1)[-1].removesuffix(".toml")

    @property
    def holds_models(self) -> bool:
        """Whether the file lies under `models/`, and so states facts of a model."""
        return self.name.startswith("models/")

    @property
    def holds_parameters(self) -> bool:
        """Whether the file lies under `parameters/`, and so describes what requests to many models may hold."""
        return self.name.startswith("parameters/")

    @property
    def holds_settings(self) -> bool:
        """Whether this is the operator's file of settings for the whole catalogue."""
        return self.layer != "package" and self.name == SETTINGS_FILE


def gather(folder: Path, layer: Layer, faults: list[Fault]) -> list[Source]:
    """Read every `*.toml` below `folder` in the order of names; what cannot be read becomes a fault."""
    sources: list[Source] = []
    for name in sorted(_names(folder)):
        if len(sources) == MAX_FILES:
            faults.append(Fault(str(folder), "", f"holds more than {MAX_FILES:,} files", "remove some"))
            break
        try:
            data = _read(f"{folder}/{name}")
        except OSError as error:
            faults.append(Fault(name, "", f"cannot be read ({error.strerror})", "make it a readable file or remove it"))
            continue
        if len(data) > MAX_FILE_BYTES:
            faults.append(Fault(name, "", f"is larger than {MAX_FILE_BYTES:,} bytes", "split it into several files"))
            continue
        sources.append(Source(layer, name, data))
    return sources


def _names(folder: Path) -> Iterator[str]:
    """List the files below a folder; with plain strings, since paths make a thousand files four times as slow."""
    cut = len(str(folder)) + 1
    for place, inner, names in os.walk(folder):
        inner[:] = [name for name in inner if not name.startswith(".")]
        below = f"{place[cut:]}/" if len(place) > cut else ""
        yield from (below + name for name in names if name.endswith(".toml") and not name.startswith("."))


def _read(path: str) -> bytes:
    with FileIO(path) as file:
        if fstat(file.fileno()).st_size > MAX_FILE_BYTES:
            return bytes(MAX_FILE_BYTES + 1)
        return file.readall()


def digest(sources: Sequence[Source], compiler: str) -> str:
    """Hash what a catalogue is made of: the same files and compiler give the same text, anything else another."""
    total = hashlib.sha256(compiler.encode())
    for source in sources:
        total.update(f"\n{source.layer} {len(source.name)} {source.name} {len(source.data)} ".encode() + source.data)
    return total.hexdigest()
