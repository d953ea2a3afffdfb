"""Forms with a file: kept on disk while they come, read in place, gone afterwards."""

import io
import re
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import Message as Headers
from typing import IO

from modelport.engines.asgi import Message, Receive
from modelport.engines.refusals import Refusal, wrong

MOST_PARTS = 64
MOST_HEAD_BYTES = 8 * 1024
MOST_FIELD_BYTES = 64 * 1024
_BLOCK_BYTES = 1 << 20
_NAME = re.compile(r'\bname="?([^";]*)"?')
_IS_FILE = re.compile(r"\bfilename\*?=")


class Slice(io.RawIOBase):
    """A part of a file on disk, read like a file."""

    def __init__(self, whole: IO[bytes], start: int, end: int) -> None:
        super().__init__()
        self._whole = whole
        self._start = start
        self._at = start
        self._end = end

    @property
    def size_bytes(self) -> int:
        """How long it is."""
        return self._end - self._start

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Read on."""
        left = self._end - self._at
        self._whole.seek(self._at)
        data = self._whole.read(left if size < 0 else min(size, left))
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go elsewhere in it."""
        base = {io.SEEK_SET: self._start, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence]
        self._at = min(max(base + offset, self._start), self._end)
        return self._at - self._start


@dataclass(frozen=True, slots=True)
class Form:
    """What a form holds."""

    fields: tuple[tuple[str, str], ...]
    file: Slice | None

    def last(self, name: str) -> str | None:
        """Return the value of a field; of several, the last."""
        return next((value for key, value in reversed(self.fields) if key == name), None)

    def all(self, name: str) -> tuple[str, ...]:
        """Return the values of a field that may be there often, with or without `[]`."""
        return tuple(value for key, value in self.fields if key in (name, f"{name}[]"))


@asynccontextmanager
async def uploaded(scope: Message, receive: Receive, most_bytes: int) -> AsyncGenerator[Form]:
    """Read a form whose file is in the field `file`; raises `Refusal`."""
    boundary = _boundary(scope)
    with tempfile.TemporaryFile() as kept:
        size = 0
        while True:
            message = await receive()
            piece: bytes = message.get("body", b"")
            size += len(piece)
            if size > most_bytes:
                raise Refusal(413, f"The body is larger than {most_bytes // (1 << 20)} MiB.", "body_too_large")
            kept.write(piece)
            if not message.get("more_body"):
                break
        kept.flush()
        yield _read(kept, size, boundary)


def _boundary(scope: Message) -> bytes:
    kind = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"content-type"), "")
    headers = Headers()
    headers["content-type"] = kind
    boundary = headers.get_boundary()
    if headers.get_content_type() != "multipart/form-data" or not boundary:
        raise wrong("The body is not a form: send multipart/form-data with the sound in the field 'file'.", "file")
    return b"--" + boundary.encode("latin-1")


def _read(kept: IO[bytes], size: int, boundary: bytes) -> Form:
    fields: list[tuple[str, str]] = []
    file: Slice | None = None
    if size == 0:
        raise wrong("The form is empty; send the sound in the field 'file'.", "file")
    at = _find(kept, boundary, 0, size)
    while at >= 0:
        at += len(boundary)
        if _bytes(kept, at, at + 2) == b"--":
            return Form(tuple(fields), file)
        head_end = _find(kept, b"\r\n\r\n", at, min(at + MOST_HEAD_BYTES, size))
        end = -1 if head_end < 0 else _find(kept, b"\r\n" + boundary, head_end + 2, size)
        if end < 0 or len(fields) >= MOST_PARTS:
            break
        head = _bytes(kept, at, head_end).decode("utf-8", "replace")
        name = found[1] if (found := _NAME.search(head)) else ""
        if _IS_FILE.search(head) and name == "file":
            file = Slice(kept, head_end + 4, end)
        elif end - head_end > MOST_FIELD_BYTES:
            raise wrong(f"'{name}' is longer than {MOST_FIELD_BYTES} bytes.", name)
        else:
            fields.append((name, _bytes(kept, head_end + 4, end).decode("utf-8", "replace")))
        at = end + 2
    raise wrong("The form is broken: a part has no end, or there are too many parts.")


def _bytes(kept: IO[bytes], start: int, end: int) -> bytes:
    kept.seek(start)
    return kept.read(max(0, end - start))


def _find(kept: IO[bytes], wanted: bytes, start: int, end: int) -> int:
    """Return where something is between two places, or -1; holds a block at a time."""
    while start < end:
        block = _bytes(kept, start, min(start + _BLOCK_BYTES, end))
        if (place := block.find(wanted)) >= 0:
            return start + place
        if start + len(block) >= end:
            return -1
        start += len(block) - len(wanted) + 1
    return -1
