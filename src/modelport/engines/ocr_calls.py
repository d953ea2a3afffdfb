"""What the engine of OCR is asked and answers, in the shape of Mistral's. Pure."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from modelport.engines.refusals import wrong

MOST_PAGES = 200
"""Of one call."""
_DATA = re.compile(r"data:[^,]*?;base64,", re.IGNORECASE)
_RANGE = re.compile(r"\s*(\d{1,6})(?:\s*-\s*(\d{1,6}))?\s*")

Size = Annotated[int, msgspec.Meta(ge=0)]


@dataclass(frozen=True, slots=True)
class OcrCall:
    """A call that holds, whatever the model."""

    document: bytes
    pages: tuple[int, ...] | None
    """From 0; None for all."""
    wants_pictures: bool
    most_pictures: int | None
    least_picture: int


_NOTHING = msgspec.Raw(b"null")


class _Url(msgspec.Struct):
    url: str


class _DocumentUrl(msgspec.Struct, tag="document_url"):
    document_url: str
    document_name: str | None = None


class _ImageUrl(msgspec.Struct, tag="image_url"):
    image_url: str | _Url


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    document: _DocumentUrl | _ImageUrl
    model: str = ""
    id: str | None = None
    pages: str | int | list[int] | None = None
    include_image_base64: bool | None = None
    image_limit: Size | None = None
    image_min_size: Size | None = None
    bbox_annotation_format: msgspec.Raw = _NOTHING
    document_annotation_format: msgspec.Raw = _NOTHING
    document_annotation_prompt: str | None = None


class Picture(msgspec.Struct):
    """A picture on a page."""

    id: str
    top_left_x: int
    top_left_y: int
    bottom_right_x: int
    bottom_right_y: int
    image_base64: str | None = None


class Dimensions(msgspec.Struct):
    """The page as it was read."""

    dpi: int
    height: int
    width: int


class Page(msgspec.Struct):
    """What a page says."""

    index: int
    markdown: str
    images: list[Picture]
    dimensions: Dimensions


class _Usage(msgspec.Struct):
    pages_processed: int
    doc_size_bytes: int


class _Answer(msgspec.Struct):
    pages: Sequence[Page]
    model: str
    usage_info: _Usage
    document_annotation: None = None


def read_ocr_call(body: bytes) -> OcrCall:
    """Read a call; raises `Refusal` naming what does not fit."""
    try:
        asked = msgspec.json.decode(body, type=_Asked)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise wrong(f"The body is not a call for OCR: {problem}.") from problem
    for name in ("bbox_annotation_format", "document_annotation_format", "document_annotation_prompt"):
        if getattr(asked, name) not in (None, _NOTHING):
            raise wrong(f"'{name}' needs a model that understands what it reads; this one only reads.", name)
    return OcrCall(
        document=_document(asked.document),
        pages=_pages(asked.pages),
        wants_pictures=bool(asked.include_image_base64),
        most_pictures=asked.image_limit,
        least_picture=asked.image_min_size or 0,
    )


def _document(given: _DocumentUrl | _ImageUrl) -> bytes:
    if isinstance(given, _DocumentUrl):
        name, url = "document.document_url", given.document_url
    else:
        url = given.image_url if isinstance(given.image_url, str) else given.image_url.url
        name = "document.image_url"
    head = _DATA.match(url)
    if head is None:
        raise wrong(f"'{name}' must be a data URL (data:application/pdf;base64,…) when it gets here.", name)
    try:
        return base64.b64decode(url[head.end() :], validate=True)
    except binascii.Error as problem:
        raise wrong(f"'{name}' is not proper base64 ({problem}).", name) from problem


def _pages(given: str | int | list[int] | None) -> tuple[int, ...] | None:
    """Read page numbers: a list, a number, or a text such as `0-2,5`."""
    if given is None or given in ([], ""):
        return None
    numbers: set[int] = set()
    for part in given.split(",") if isinstance(given, str) else [given] if isinstance(given, int) else given:
        found = _RANGE.fullmatch(str(part))
        if found is None or int(found[2] or found[1]) < int(found[1]):
            raise wrong(f"'pages' has '{part}'; write numbers from 0 on, or a range such as \"0-2\".", "pages")
        first, last = int(found[1]), int(found[2] or found[1])
        numbers.update(range(first, min(last, first + MOST_PAGES) + 1))
    return tuple(sorted(numbers))


def chosen(call: OcrCall, count: int) -> tuple[int, ...]:
    """Return the pages to read of a document that has `count`; raises `Refusal`."""
    pages = tuple(range(count)) if call.pages is None else call.pages
    if pages and pages[-1] >= count:
        raise wrong(f"'pages' asks for page {pages[-1]}, and the document has {count}, counted from 0.", "pages")
    if len(pages) > MOST_PAGES:
        raise wrong(
            f"{len(pages)} pages are more than the {MOST_PAGES} that one call reads: choose some with 'pages'.",
            "pages",
            "too_many_pages",
        )
    return pages


def ocr_body(call: OcrCall, model: str, pages: Sequence[Page]) -> bytes:
    """Write the answer."""
    return msgspec.json.encode(_Answer(pages, model, _Usage(len(pages), len(call.document))))
