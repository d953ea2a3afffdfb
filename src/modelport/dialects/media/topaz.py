"""Topaz Labs: a picture is handed in as a form, asked after, and fetched from a link that is asked for at the end.

Shapes: https://developer.topazlabs.com/getting-started/request-parameters/image,
https://developer.topazlabs.com/image-api/available-models (the settings of each model),
https://developer.topazlabs.com/reference/api-endpoints/image/status and …/download (read 2026-11-29). The upstream name
is the address of a kind of work; which of its models does it is the caller's `mode`. What is not said Topaz chooses.
"""

from modelport.dialects.media.asked import written
from modelport.dialects.media.multipart import FormField, form
from modelport.dialects.media.reading_json import get, id_in, members, needed
from modelport.dialects.media.taking import Taking
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, Ticket, Told
from modelport.dialects.wire import UpstreamFault, UpstreamRequest
from modelport.operations.made import File, Made, Pictures
from modelport.operations.media import Upload

STATUS, DOWNLOAD = "status", "download"
FIRST_S, POLL_S = 2.0, 2.0
SETTINGS = (
    "face_enhancement",
    "face_enhancement_creativity",
    "face_enhancement_strength",
    "strength",
    "minor_denoise",
    "focus_boost",
    "seed",
)
KINDS = {"jpg": "jpeg", "tif": "tiff"}
_WAITING = frozenset({"Pending", "Processing"})


class Topaz(Usual):
    """The wire format of `api.topazlabs.com` for pictures."""

    takes: frozenset[Carriage] = frozenset({"inline", "link"})

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Hand a picture in, ask after it, or ask where it is."""
        if ticket.stage in (STATUS, DOWNLOAD):
            return get(f"/{ticket.stage}/{ticket.facts['id']}")
        taking = Taking(order)
        fields: dict[str, object] = {}
        taking.move(fields, {"mode": "model", **{name: name for name in SETTINGS}})
        if subject := taking.text("subject_detection"):
            fields["subject_detection"] = subject.lower()
        if kind := taking.text("output_format"):
            fields["output_format"] = KINDS.get(kind, kind)
        parts: list[FormField] = [(name, written(value)) for name, value in fields.items()]
        parts += [("image" if isinstance(one, Upload) else "source_url", one) for one in taking.pictures()]
        headers, body = form(parts)
        return UpstreamRequest(f"/{order.target.offer.upstream}/async", headers, body, False, taking.dropped)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read a receipt, a status, or where the picture is."""
        del order
        answer = members(told.body, "an answer about a picture")
        if not ticket.stage:
            return Ticket(STATUS, {"id": id_in(answer, "process_id")}, FIRST_S, is_taken=True)
        if ticket.stage == DOWNLOAD:
            return Pictures(files=(File(link=needed(answer, "download_url")),))
        status = needed(answer, "status")
        if status == "Completed":
            return Ticket(DOWNLOAD, ticket.facts, is_taken=True)
        if status not in _WAITING:
            raise UpstreamFault(200, f"the picture ended as {status}", retryable=True)
        return Ticket(STATUS, ticket.facts, POLL_S, is_taken=True)


CALLED = Topaz()
