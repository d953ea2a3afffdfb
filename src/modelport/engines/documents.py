"""PDF files and pictures as pages of pixels. Only child processes import it."""

import base64
import importlib
import io
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, ImageSequence

from modelport.engines.refusals import Refusal, wrong

DPI = 200
MOST_PIXELS = 40_000_000
"""Of one page; a PDF's is drawn smaller, a picture is refused."""
MOST_FRAMES = 200
_POINTS = 72
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")
_WHOLE_PAGE = 0.8
"""A picture that covers more is a scan of the page itself."""

Pixels = NDArray[np.uint8]
Box = tuple[int, int, int, int]
"""Left, top, right, bottom."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page."""

    image: Image.Image
    dpi: int
    pictures: tuple[Box, ...] = ()

    @property
    def pixels(self) -> Pixels:
        """Return it as blue, green and red."""
        return np.ascontiguousarray(np.asarray(self.image)[:, :, ::-1])

    def cut(self, box: Box) -> str:
        """Cut out a picture, as a data URL."""
        out = io.BytesIO()
        self.image.crop(box).save(out, "JPEG", quality=85)
        return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode('ascii')}"


class Document(Protocol):
    """Pages that are drawn one at a time."""

    def count(self) -> int:
        """Say how many there are."""
        ...

    def sheet(self, index: int) -> Sheet:
        """Draw one."""
        ...


@contextmanager
def opened(data: bytes) -> Generator[Document]:
    """Open a document of whatever kind; raises `Refusal` for one that cannot be read."""
    if data[:1024].lstrip().startswith(b"%PDF-"):
        with _pdf(data) as document:
            yield document
    else:
        yield _Picture(data)


class _Object(Protocol):
    def get_bounds(self) -> tuple[float, float, float, float]: ...


class _Bitmap(Protocol):
    def to_pil(self) -> Image.Image: ...


class _PdfPage(Protocol):
    def get_size(self) -> tuple[float, float]: ...
    def get_objects(self, filter: Sequence[int]) -> Iterable[_Object]: ...  # noqa: A002
    def render(self, *, scale: float) -> _Bitmap: ...
    def close(self) -> None: ...


class _PdfFile(Protocol):
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> _PdfPage: ...
    def close(self) -> None: ...


@contextmanager
def _pdf(data: bytes) -> Generator[Document]:
    native = importlib.import_module("pypdfium2")
    try:
        file = cast("_PdfFile", native.PdfDocument(data))
    except native.PdfiumError as problem:
        why = "it is protected by a password" if "password" in str(problem).lower() else str(problem)
        raise unreadable(f"the PDF cannot be opened: {why}") from problem
    try:
        yield _Pdf(file, native.raw.FPDF_PAGEOBJ_IMAGE, native.PdfiumError)
    finally:
        file.close()


@dataclass(frozen=True, slots=True)
class _Pdf:
    file: _PdfFile
    picture_kind: int
    broken: type[Exception]

    def count(self) -> int:
        return len(self.file)

    def sheet(self, index: int) -> Sheet:
        try:
            return self._drawn(index)
        except self.broken as problem:
            raise unreadable(f"page {index} is damaged ({problem})") from problem

    def _drawn(self, index: int) -> Sheet:
        page = self.file[index]
        try:
            width, height = page.get_size()
            scale = min(DPI / _POINTS, (MOST_PIXELS / max(width * height, 1)) ** 0.5)
            image = page.render(scale=scale).to_pil().convert("RGB")
            boxes = (_box(one.get_bounds(), height, scale, image.size) for one in page.get_objects([self.picture_kind]))
            return Sheet(image, round(scale * _POINTS), tuple(box for box in boxes if _is_part(box, image.size)))
        finally:
            page.close()


def _box(bounds: tuple[float, float, float, float], height: float, scale: float, size: tuple[int, int]) -> Box:
    """Turn a PDF's points, counted from below, into pixels."""
    left, bottom, right, top = bounds
    corners = (left * scale, (height - top) * scale, right * scale, (height - bottom) * scale)
    edges = (size[0], size[1], size[0], size[1])
    placed = [min(max(round(one), 0), edge) for one, edge in zip(corners, edges, strict=True)]
    return placed[0], placed[1], placed[2], placed[3]


def _is_part(box: Box, size: tuple[int, int]) -> bool:
    area = (box[2] - box[0]) * (box[3] - box[1])
    return 0 < area < _WHOLE_PAGE * size[0] * size[1]


class _Picture:
    def __init__(self, data: bytes) -> None:
        try:
            self._image = Image.open(io.BytesIO(data), formats=_FORMATS)
        except (OSError, ValueError, Image.DecompressionBombError) as problem:
            raise unreadable(f"it is neither a PDF nor a picture ({', '.join(_FORMATS)})") from problem
        width, height = self._image.size
        if width * height > MOST_PIXELS:
            problem = f"The picture has {width}x{height} pixels; at most {MOST_PIXELS:,} are read: make it smaller."
            raise Refusal(413, problem, "document_too_large", "document")
        self._is_several = self._image.format == "TIFF"

    def count(self) -> int:
        return min(getattr(self._image, "n_frames", 1), MOST_FRAMES) if self._is_several else 1

    def sheet(self, index: int) -> Sheet:
        try:
            frame = ImageSequence.Iterator(self._image)[index] if self._is_several else self._image
            upright = ImageOps.exif_transpose(frame).convert("RGBA")
        except (OSError, ValueError, SyntaxError) as problem:
            raise unreadable(f"the picture is damaged ({problem})") from problem
        paper = Image.new("RGB", upright.size, "white")
        paper.paste(upright, mask=upright.getchannel("A"))
        return Sheet(paper, _dpi(self._image))


def _dpi(image: Image.Image) -> int:
    told = cast("tuple[float, float] | None", image.info.get("dpi"))
    return round(float(told[0])) if told and 1 < float(told[0]) < 10_000 else _POINTS


def unreadable(why: str) -> Refusal:
    """Refuse a document."""
    return wrong(f"The document cannot be read: {why}.", "document", "invalid_document")
