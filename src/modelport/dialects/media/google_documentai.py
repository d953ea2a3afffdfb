"""Google's Document AI: a document goes in as base64, and its text comes with the places of each page in it.

Shapes: https://cloud.google.com/document-ai/docs/reference/rest/v1/projects.locations.processors.processorVersions/process,
https://cloud.google.com/document-ai/docs/reference/rest/v1/Document (read 2026-11-29). The version of the processor is
the upstream name; the base address ends in `/processorVersions`. Pages count from 1 there.
"""

from typing import cast

from modelport.dialects.media.asked import asked
from modelport.dialects.media.reading_json import Json, listed, members, packed, post, text
from modelport.dialects.media.transcripts import inner, rows
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, Ticket, Told
from modelport.dialects.wire import MalformedReply, NotExpressible, UpstreamRequest
from modelport.operations.made import Made, Pages
from modelport.operations.media import Upload
from modelport.operations.usage import Usage

FIELDS = "text,pages.pageNumber,pages.dimension,pages.layout"
"""What of a document is answered: without it each page comes with its picture."""
MAX_PAGES = 15
"""So many pages can be chosen in one call."""


class GoogleDocumentAi(Usual):
    """The wire format of `documentai.googleapis.com`."""

    takes: frozenset[Carriage] = frozenset({"inline"})

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Write a call."""
        del ticket
        fields, dropped = asked(order)
        document = fields.get("document")
        assert isinstance(document, Upload), "links are fetched for this format"
        kind = fields.get("mimeType") or document.content_type
        body: dict[str, object] = {
            "rawDocument": {"content": packed(document), "mimeType": kind},
            "fieldMask": FIELDS,
        }
        if options := _options(order, inner(fields, "pages")):
            body["processOptions"] = options
        return post(f"/{order.target.offer.upstream}:process", body, dropped)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read the pages."""
        del ticket
        document = inner(members(told.body, "a document"), "document")
        whole = text(document, "text")
        pages = [_page(whole, one, number) for number, one in enumerate(listed(document, "pages", "pages"))]
        usage = Usage({"page": len(pages)}, "provider") if pages else None
        return Pages(pages=pages, model=order.call.model, usage=usage)


def _options(order: Order, pages: Json) -> Json:
    """Say which pages are wanted: the first, the last, or some by their numbers."""
    kind = text(pages, "type")
    if kind == "start":
        return {"fromStart": pages.get("start")}
    if kind == "end":
        return {"fromEnd": pages.get("end")}
    numbers: object = pages.get("indices")
    if kind == "range":
        first, last = cast("int", pages.get("start")), cast("int", pages.get("end"))
        if not first <= last < first + MAX_PAGES:
            name = order.target.offer.provider.name
            raise NotExpressible("pages", name, f"reads a range of 1 to {MAX_PAGES} pages in one call")
        numbers = list(range(first, last + 1))
    return {"individualPageSelector": {"pages": numbers}} if kind in ("range", "indices") else {}


def _page(whole: str, page: Json, place: int) -> Json:
    number, size = page.get("pageNumber"), inner(page, "dimension")
    width, height = size.get("width"), size.get("height")
    dimensions = None
    if isinstance(width, int | float) and isinstance(height, int | float) and text(size, "unit") in ("", "pixels"):
        dimensions = {"dpi": None, "height": round(height), "width": round(width)}
    return {
        "index": number - 1 if isinstance(number, int) else place,
        "markdown": _said(whole, inner(inner(page, "layout"), "textAnchor")),
        "images": [],
        "dimensions": dimensions,
    }


def _said(whole: str, anchor: Json) -> str:
    """Cut what an anchor names out of the text; its places are numbers written as text, 0 where none is."""
    return "".join(
        whole[_place(one.get("startIndex")) : _place(one.get("endIndex"))] for one in rows(anchor.get("textSegments"))
    )


def _place(index: object) -> int:
    if index is None:
        return 0
    if isinstance(index, int) or (isinstance(index, str) and index.isdigit()):
        return int(index)
    raise MalformedReply("the provider's answer has a place in the text that is no number")


CALLED = GoogleDocumentAi()
