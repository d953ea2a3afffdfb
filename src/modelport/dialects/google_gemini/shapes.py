"""What Google's answers look like on the wire, as far as the gateway reads them.

Shapes: https://ai.google.dev/api/generate-content (read 2026-11-22).
"""

from msgspec import Raw, Struct

NULL = Raw(b"null")


class Blob(Struct, rename="camel"):
    """Bytes inside a part."""

    mime_type: str | None = None
    data: str | None = None


class FunctionCall(Struct, rename="camel"):
    """A tool that the model wants run."""

    name: str
    id: str | None = None
    args: Raw = NULL


class Part(Struct, rename="camel"):
    """A part of an answer; one with none of these members is of a kind of its own."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    inline_data: Blob | None = None
    function_call: FunctionCall | None = None


class Content(Struct, rename="camel"):
    """What a candidate says."""

    parts: list[Raw] | None = None


class Segment(Struct, rename="camel"):
    """A piece of a text, in bytes of UTF-8."""

    start_index: int | None = None
    end_index: int | None = None
    text: str | None = None


class Support(Struct, rename="camel"):
    """Which sources a piece of the text rests on."""

    segment: Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class Web(Struct, rename="camel"):
    """A page, a place on a map, or a piece of a document of one's own."""

    uri: str | None = None
    title: str | None = None


class Grounding(Struct, rename="camel"):
    """What an answer was found in."""

    grounding_chunks: list[Raw] | None = None
    grounding_supports: list[Support] | None = None
    web_search_queries: list[str] | None = None


class Chunk(Struct, rename="camel"):
    """A source."""

    web: Web | None = None
    maps: Web | None = None
    retrieved_context: Web | None = None


class CitationSource(Struct, rename="camel"):
    """A source that a text repeats at length."""

    start_index: int | None = None
    end_index: int | None = None
    uri: str | None = None
    title: str | None = None


class CitationMetadata(Struct, rename="camel"):
    """Sources that a text repeats; Vertex has another name for the list."""

    citation_sources: list[CitationSource] | None = None
    citations: list[CitationSource] | None = None


class Token(Struct, rename="camel"):
    """A token and how likely it was."""

    token: str = ""
    log_probability: float | None = None


class TopTokens(Struct, rename="camel"):
    """The likeliest tokens at one place."""

    candidates: list[Token] | None = None


class Logprobs(Struct, rename="camel"):
    """How likely each token was."""

    chosen_candidates: list[Token] | None = None
    top_candidates: list[TopTokens] | None = None


class Candidate(Struct, rename="camel"):
    """One of the answers."""

    content: Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    index: int | None = None
    grounding_metadata: Grounding | None = None
    citation_metadata: CitationMetadata | None = None
    logprobs_result: Logprobs | None = None


class Feedback(Struct, rename="camel"):
    """Why a prompt was not answered."""

    block_reason: str | None = None


class ModalityCount(Struct, rename="camel"):
    """Tokens of one kind."""

    modality: str | None = None
    token_count: int | None = None


class UsageMetadata(Struct, rename="camel"):
    """What a call used; thoughts are counted beside the candidates, cached content inside the prompt."""

    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    total_token_count: int | None = None
    prompt_tokens_details: list[ModalityCount] | None = None
    cache_tokens_details: list[ModalityCount] | None = None
    candidates_tokens_details: list[ModalityCount] | None = None


class Response(Struct, rename="camel"):
    """A whole answer, or one piece of a stream."""

    candidates: list[Candidate] | None = None
    prompt_feedback: Feedback | None = None
    usage_metadata: Raw = NULL
    model_version: str | None = None
    response_id: str | None = None
    error: Raw = NULL
