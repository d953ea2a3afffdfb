"""Embeddings as Google has them, on its models' own methods.

What `google-genai` 3.4 sends (`models.py`, `batchEmbedContents`); read on 2026-11-22.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import UNSET

from tests.fake.calls import Call, Ready, told
from tests.fake.completions import Completion, Spent
from tests.fake.embeddings.form import DataForm
from tests.fake.embeddings.vectors import vector
from tests.fake.gemini.reading import said_in
from tests.fake.gemini.types import BatchEmbedCall, EmbedCall
from tests.fake.vendor import Refusal, words

_SIZE = 3072
_BATCH = 100
_TASKS = words(
    """
    TASK_TYPE_UNSPECIFIED RETRIEVAL_QUERY RETRIEVAL_DOCUMENT SEMANTIC_SIMILARITY CLASSIFICATION CLUSTERING
    QUESTION_ANSWERING FACT_VERIFICATION CODE_RETRIEVAL_QUERY
    """
)


def embed(call: Call, model: str, wanted: EmbedCall) -> Ready | Refusal:
    """Embed one content."""
    problem = next(_problems("EmbedContentRequest", model, wanted), None)
    if problem is not None:
        return Refusal(400, problem)
    return _embedded(call, model, [wanted], lambda vectors: {"embedding": vectors[0]})


def embed_batch(call: Call, model: str, wanted: BatchEmbedCall) -> Ready | Refusal:
    """Embed up to a hundred contents."""
    if not wanted.requests:
        return Refusal(400, "* BatchEmbedContentsRequest.requests: requests is not specified")
    if len(wanted.requests) > _BATCH:
        text = f"at most {_BATCH} requests can be in one batch"
        return Refusal(400, f"* BatchEmbedContentsRequest.requests: {text}")
    for index, request in enumerate(wanted.requests):
        place = f"BatchEmbedContentsRequest.requests[{index}]"
        problem = next(_problems(place, model, request, is_named=True), None)
        if problem is not None:
            return Refusal(400, problem)
    return _embedded(call, model, wanted.requests, lambda vectors: {"embeddings": vectors})


def _problems(place: str, model: str, wanted: EmbedCall, *, is_named: bool = False) -> Iterator[str]:
    if (wanted.model is not None or is_named) and wanted.model != f"models/{model}":
        yield f"* {place}.model: unexpected model name format"
    if not wanted.content.parts or any(part.text is UNSET for part in wanted.content.parts):
        yield f"* {place}.content: content is empty"
    if wanted.task_type is not None and wanted.task_type not in _TASKS:
        yield f"Invalid value at 'task_type', \"{wanted.task_type}\""
    if wanted.title is not None and wanted.task_type != "RETRIEVAL_DOCUMENT":
        yield f"* {place}.title: title is only valid when task_type is RETRIEVAL_DOCUMENT"
    if wanted.output_dimensionality is not None and not 1 <= wanted.output_dimensionality <= _SIZE:
        yield f"* {place}.output_dimensionality: must be in the range [1, {_SIZE}]"


def _embedded(call: Call, model: str, wanted: Sequence[EmbedCall], shape: Any) -> Ready:
    texts = [said_in(request.content) for request in wanted]
    sizes = [request.output_dimensionality or _SIZE for request in wanted]
    tokens = sum(len(said.text.split()) for said in texts)

    def body() -> dict[str, Any]:
        pairs = zip(texts, sizes, strict=True)
        return shape([{"values": vector(said.text, size)} for said, size in pairs])

    form = DataForm("google_embeddings", body, "usageMetadata", {"promptTokenCount": tokens})
    return told(call, form, Completion(call.number, model, 1, (), (), (), "stop", Spent(tokens, 0), None))
