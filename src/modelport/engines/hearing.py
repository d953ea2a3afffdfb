"""Sound out of a file, in pieces that fit into memory. Only child processes import it."""

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from modelport.engines.refusals import Refusal, wrong
from modelport.engines.uploads import Slice

RATE = 16_000
SHORTEST_S, LONGEST_S = 18, 29
"""A piece is cut where it is quietest between these; the model hears thirty seconds at once."""
MOST_S = 6 * 3600
_QUIET_S = 0.2

Samples = NDArray[np.float32]


class _Frame(Protocol):
    def to_ndarray(self) -> NDArray[np.int16]: ...


class _Resampler(Protocol):
    def resample(self, frame: object) -> Iterable[_Frame]: ...


@dataclass(frozen=True, slots=True)
class Piece:
    """Some seconds of sound."""

    start_s: float
    samples: Samples

    @property
    def end_s(self) -> float:
        """When it is over."""
        return self.start_s + self.samples.size / RATE


def pieces(file: Slice, most_s: int = MOST_S) -> Iterator[Piece]:
    """Decode a file and cut it; raises `Refusal` for what is not sound, or is longer than `most_s`."""
    held: list[Samples] = []
    size = start = 0
    for block in _decoded(file):
        held.append(block)
        size += block.size
        if size < LONGEST_S * RATE:
            continue
        whole = np.concatenate(held)
        while whole.size >= LONGEST_S * RATE:
            place = quietest(whole[: LONGEST_S * RATE], SHORTEST_S * RATE)
            yield Piece(start / RATE, whole[:place])
            start += place
            whole = whole[place:]
        held, size = [whole.copy()], whole.size
        if start > most_s * RATE:
            raise Refusal(413, f"The sound is longer than {most_s // 60} minutes: send it in parts.", "audio_too_long")
    if size or not start:
        yield Piece(start / RATE, np.concatenate(held) if held else np.zeros(0, np.float32))


def quietest(samples: Samples, earliest: int) -> int:
    """Return the middle of the quietest moment after `earliest`."""
    width = int(_QUIET_S * RATE)
    energy = np.convolve(np.square(samples[earliest:]), np.ones(width, np.float32), "valid")
    return earliest + int(np.argmin(energy)) + width // 2


def _decoded(file: Slice) -> Iterator[Samples]:
    """Yield mono samples at `RATE`."""
    native = importlib.import_module("av")
    try:
        with native.open(file, mode="r", metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise wrong("'file' holds no sound.", "file", "invalid_audio")
            resampler: _Resampler = native.AudioResampler(format="s16", layout="mono", rate=RATE)
            decoding = iter(container.decode(audio=0))
            while (frame := _next(decoding, native.error.InvalidDataError)) is not None:
                yield from _floats(resampler.resample(frame))
            yield from _floats(resampler.resample(None))
    except native.error.FFmpegError as problem:
        raise wrong(f"'file' is not sound that can be read ({problem.strerror}).", "file", "invalid_audio") from problem


def _next(decoding: Iterator[object], broken: type[Exception]) -> object | None:
    """Return the next frame, passing over a few that are broken."""
    for _ in range(100):
        try:
            return next(decoding, None)
        except broken:
            continue
    return None


def _floats(frames: Iterable[_Frame]) -> Iterator[Samples]:
    for frame in frames:
        yield frame.to_ndarray().reshape(-1).astype(np.float32) / np.float32(32768)
