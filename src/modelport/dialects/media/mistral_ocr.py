"""Mistral's OCR: a document or a picture in, Markdown of its pages out.

Shapes: https://docs.mistral.ai/api/endpoint/ocr (read 2026-11-29). Pages count from 0, as here; a document is a link or
a data URL.
"""

from modelport.dialects.media.asked import asked
from modelport.dialects.media.reading_json import inlined, listed, members, post, text
from modelport.dialects.media.transcripts import inner
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, Ticket, Told
from modelport.dialects.wire import UpstreamRequest
from modelport.operations.made import Made, Pages
from modelport.operations.usage import Usage

PATH = "/ocr"


class MistralOcr(Usual):
    """The wire format of `/ocr`."""

    takes: frozenset[Carriage] = frozenset({"inline", "link"})

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Write a call."""
        del ticket
        fields, dropped = asked(order)
        sent = {name: inlined(value) for name, value in fields.items()}
        return post(PATH, {"model": order.target.offer.upstream, **sent}, dropped)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read the pages."""
        del ticket
        answer = members(told.body, "a list of pages")
        used = inner(answer, "usage_info")
        count, size = used.get("pages_processed"), used.get("doc_size_bytes")
        annotation = answer.get("document_annotation")
        return Pages(
            pages=listed(answer, "pages", "pages"),
            model=text(answer, "model") or order.target.offer.upstream,
            annotation=annotation if isinstance(annotation, str) else None,
            size_bytes=size if type(size) is int else None,
            usage=Usage({"page": count}, "provider") if type(count) is int and count > 0 else None,
        )


CALLED = MistralOcr()
