"""Compressed answers, unpacked a bounded piece at a time."""

import zlib

_GZIP = 31
_ZLIB = 15
_RAW = -15


class BrokenContent(Exception):
    """What came does not unpack."""


class Inflater:
    """Unpacks gzip or deflate: give it what came, take pieces no larger than asked for."""

    __slots__ = ("_decoder", "_is_gzip", "_packed", "_unpacked_any")

    def __init__(self, encoding: bytes) -> None:
        self._is_gzip = encoding != b"deflate"
        self._decoder = zlib.decompressobj(_GZIP if self._is_gzip else _ZLIB)
        self._packed = b""
        self._unpacked_any = False

    def give(self, data: bytes) -> None:
        """Add packed bytes."""
        self._packed = self._packed + data if self._packed else data

    def take(self, limit_bytes: int) -> bytes:
        """Return the next unpacked bytes, at most so many; empty when more packed bytes are needed."""
        while self._packed:
            if self._decoder.eof:
                self._next_member()
            try:
                data = self._unpack(limit_bytes)
            except zlib.error as error:
                raise BrokenContent("its compressed body is damaged") from error
            if data:
                return data
        return b""

    @property
    def is_finished(self) -> bool:
        """Whether all that was packed came out, to its end."""
        return self._decoder.eof or not self._unpacked_any

    def _unpack(self, limit_bytes: int) -> bytes:
        packed, first = self._packed, not self._unpacked_any
        self._unpacked_any = True
        try:
            data = self._decoder.decompress(packed, limit_bytes)
        except zlib.error:
            if self._is_gzip or not first:
                raise
            self._decoder = zlib.decompressobj(_RAW)  # some servers send bare deflate under this name
            data = self._decoder.decompress(packed, limit_bytes)
        self._packed = self._decoder.unused_data or self._decoder.unconsumed_tail
        return data

    def _next_member(self) -> None:
        if not self._is_gzip:
            raise BrokenContent("bytes follow its compressed body")
        self._decoder = zlib.decompressobj(_GZIP)


def inflater_for(encoding: bytes) -> Inflater | None:
    """Return what unpacks a `content-encoding`, None when nothing is packed; raises `BrokenContent` on others."""
    encoding = encoding.strip().lower()
    if encoding in {b"", b"identity"}:
        return None
    if encoding in {b"gzip", b"x-gzip", b"deflate"}:
        return Inflater(encoding)
    raise BrokenContent("it is in a content encoding that was not asked for")
