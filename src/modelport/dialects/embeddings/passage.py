"""Opening the way of a call for embeddings to one offer and of its answer back."""

from collections.abc import Callable, Mapping

from modelport.dialects.embeddings import google_embeddings, openai_embeddings
from modelport.dialects.embeddings.answers import EmbeddingsPassage
from modelport.dialects.embeddings.served import DIALECT, read
from modelport.dialects.wire import NewIdentity, Passage, Target, UpstreamFault, UpstreamRequest
from modelport.operations.chat import ChatCall

FAULTS: Mapping[str, Callable[[int, bytes | None, bytes], UpstreamFault]] = {
    "openai_embeddings": openai_embeddings.CALLED.fault,
    "google_embeddings": google_embeddings.CALLED.fault,
}
"""How refusals are read, by the provider's format."""


def open_passage(call: ChatCall, target: Target, identity: NewIdentity) -> tuple[UpstreamRequest, Passage]:
    """Write a call for an offer and open the way of its answer; raises `NotExpressible`."""
    asked = read(call)
    if target.offer.dialect_for("embeddings", DIALECT) == "google_embeddings":
        request = google_embeddings.encode(asked, target)
        return request, EmbeddingsPassage(asked, google_embeddings.decode, identity())
    request = openai_embeddings.encode(call, target)
    return request, EmbeddingsPassage(asked, openai_embeddings.decode, identity())
