"""Sound in the formats that callers ask for, as it is made. Only child processes import it."""

import importlib
import io
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from modelport.engines.speech_calls import Format

Samples = NDArray[np.float32]
KINDS: Mapping[Format, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
"""The media type of each format."""
UNKNOWN_BYTES = 0xFFFFFFFF
"""What a WAV file says of its size where that is not known when it begins."""
_LOUDEST = 32767


class Encoder(Protocol):
    """Takes samples as they come, and gives bytes."""

    def add(self, samples: Samples) -> bytes:
        """Encode some more; there may be no bytes yet."""
        ...

    def finish(self) -> bytes:
        """Give what is left."""
        ...


def encoder(wanted: Format, rate: int) -> Encoder:
    """Make the encoder of a format."""
    return _MADE[wanted](rate)


def wav_header(rate: int, size_bytes: int) -> bytes:
    """Write the head of a WAV file with so many bytes of 16-bit mono sound."""
    whole = UNKNOWN_BYTES if size_bytes == UNKNOWN_BYTES else size_bytes + 36
    layout = struct.pack("<HHIIHH", 1, 1, rate, 2 * rate, 2, 16)
    head = struct.pack("<4sI8sI", b"RIFF", whole, b"WAVEfmt ", len(layout))
    return head + layout + struct.pack("<4sI", b"data", size_bytes)


def sixteen_bits(samples: Samples) -> NDArray[np.int16]:
    """Round to whole numbers; what is too loud is cut."""
    return np.round(np.clip(samples, -1, 1) * _LOUDEST).astype("<i2")


class _Stream(Protocol):
    layout: str
    bit_rate: int

    def encode(self, frame: object) -> object: ...


class _Container(Protocol):
    def add_stream(self, codec: str, rate: int) -> _Stream: ...
    def mux(self, packets: object) -> None: ...
    def close(self) -> None: ...


@dataclass(slots=True)
class _Plain:
    head: bytes

    def add(self, samples: Samples) -> bytes:
        head, self.head = self.head, b""
        return head + sixteen_bits(samples).tobytes()

    def finish(self) -> bytes:
        return self.head


class _Packed:
    """A format of FFmpeg's, written to memory that is emptied as it fills."""

    def __init__(self, container: str, codec: str, rate: int, bit_rate: int | None) -> None:
        native = importlib.import_module("av")
        self._out = _Forward()
        self._container = cast("_Container", native.open(self._out, "w", format=container))
        self._stream = self._container.add_stream(codec, rate)
        self._stream.layout = "mono"
        if bit_rate is not None:
            self._stream.bit_rate = bit_rate
        self._frame = native.AudioFrame.from_ndarray
        self._rate = rate
        self._at = 0

    def add(self, samples: Samples) -> bytes:
        frame = self._frame(sixteen_bits(samples).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = self._rate
        frame.pts = self._at
        self._at += samples.size
        self._container.mux(self._stream.encode(frame))
        return self._out.taken()

    def finish(self) -> bytes:
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._out.taken()


class _Forward(io.RawIOBase):
    """Bytes on their way out; there is no going back."""

    def __init__(self) -> None:
        super().__init__()
        self._bytes = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._bytes += piece
        return len(piece)

    def taken(self) -> bytes:
        taken = bytes(self._bytes)
        self._bytes.clear()
        return taken


_MADE: Mapping[Format, Callable[[int], Encoder]] = {
    "mp3": lambda rate: _Packed("mp3", "libmp3lame", rate, 64_000),
    "opus": lambda rate: _Packed("ogg", "libopus", rate, 32_000),
    "aac": lambda rate: _Packed("adts", "aac", rate, 64_000),
    "flac": lambda rate: _Packed("flac", "flac", rate, None),
    "wav": lambda rate: _Plain(wav_header(rate, UNKNOWN_BYTES)),
    "pcm": lambda rate: _Plain(b""),
}
