"""What a call of Gemini may hold: written by hand, held to the official SDK's own types by a test.

From the types of `google-genai` 3.4 (`types.py`, and what its converters send to the Gemini API rather than to the
Enterprise platform), read on 2026-11-22. Names are taken in camelCase and in snake_case, since the SDK sends the
latter for what it was given as a plain object.
"""

import re
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from tests.fake.vendor import words


class Blob(Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Bytes in the call."""

    data: str
    mime_type: str
    display_name: str | None = None


class FileData(Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """A file elsewhere."""

    file_uri: str
    mime_type: str | None = None
    display_name: str | None = None


class FunctionCall(Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """A call of a function by the model."""

    name: str = ""
    args: dict[str, Any] = {}
    id: str | None = None


class FunctionResponsePart(Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """An image or file that a function answered."""

    inline_data: Blob | None = None
    file_data: FileData | None = None


class FunctionResponse(Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """What a function answered."""

    name: str = ""
    response: dict[str, Any] = {}
    id: str | None = None
    parts: list[FunctionResponsePart] | None = None
    will_continue: bool | None = None
    scheduling: str | None = None


class Part(Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """One part of a turn; exactly one kind of data."""

    text: str | UnsetType = UNSET
    inline_data: Blob | UnsetType = UNSET
    file_data: FileData | UnsetType = UNSET
    function_call: FunctionCall | UnsetType = UNSET
    function_response: FunctionResponse | UnsetType = UNSET
    executable_code: dict[str, Any] | UnsetType = UNSET
    code_execution_result: dict[str, Any] | UnsetType = UNSET
    tool_call: dict[str, Any] | UnsetType = UNSET
    tool_response: dict[str, Any] | UnsetType = UNSET
    thought: bool | None = None
    thought_signature: str | None = None
    video_metadata: dict[str, Any] | None = None
    media_resolution: dict[str, Any] | None = None
    media_processing: dict[str, Any] | None = None
    part_metadata: dict[str, Any] | None = None


DATA = (
    "text",
    "inline_data",
    "file_data",
    "function_call",
    "function_response",
    "executable_code",
    "code_execution_result",
    "tool_call",
    "tool_response",
)
"""The members of a part that are data."""


class Content(Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """One turn."""

    parts: list[Part] = []
    role: str = ""


class ThinkingConfig(Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """How to think."""

    include_thoughts: bool = False
    thinking_budget: int | None = None
    thinking_level: Literal["THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH"] | str | None = None


class GenerationConfig(Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """How to answer."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    candidate_count: int | None = None
    max_output_tokens: int | None = None
    stop_sequences: list[str] | None = None
    response_logprobs: bool | None = None
    logprobs: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    response_mime_type: str | None = None
    response_schema: dict[str, Any] | None = None
    response_json_schema: Any = None
    response_modalities: list[str] | None = None
    media_resolution: str | None = None
    speech_config: dict[str, Any] | None = None
    thinking_config: ThinkingConfig | None = None
    image_config: dict[str, Any] | None = None
    enable_enhanced_civic_answers: bool | None = None


class FunctionDeclaration(Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """A function that the model may call."""

    name: str
    description: str = ""
    parameters: dict[str, Any] | None = None
    parameters_json_schema: Any = None
    response: dict[str, Any] | None = None
    response_json_schema: Any = None
    behavior: str | None = None


class Tool(Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Functions, or something that the vendor runs."""

    function_declarations: list[FunctionDeclaration] | None = None
    google_search: dict[str, Any] | None = None
    google_search_retrieval: dict[str, Any] | None = None
    code_execution: dict[str, Any] | None = None
    url_context: dict[str, Any] | None = None
    computer_use: dict[str, Any] | None = None
    file_search: dict[str, Any] | None = None
    google_maps: dict[str, Any] | None = None
    mcp_servers: list[dict[str, Any]] | None = None


class FunctionCallingConfig(Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Which functions may or must be called."""

    mode: Literal["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"] = "AUTO"
    allowed_function_names: list[str] | None = None


class ToolConfig(Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """How to use tools."""

    function_calling_config: FunctionCallingConfig | None = None
    retrieval_config: dict[str, Any] | None = None
    include_server_side_tool_invocations: bool | None = None


class SafetySetting(Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """When to refuse."""

    category: str
    threshold: str


class GenerateCall(Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """A call of `generateContent` or `streamGenerateContent`."""

    contents: list[Content] = []
    model: str | None = None
    system_instruction: Content | None = None
    tools: list[Tool] | None = None
    tool_config: ToolConfig | None = None
    safety_settings: list[SafetySetting] | None = None
    generation_config: GenerationConfig = GenerationConfig()
    cached_content: str | None = None
    labels: dict[str, str] | None = None
    service_tier: str | None = None
    store: bool | None = None


class EmbedCall(Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """A call of `embedContent`, or one of the calls of `batchEmbedContents`."""

    content: Content
    model: str | None = None
    task_type: str | None = None
    title: str | None = None
    output_dimensionality: int | None = None
    embed_content_config: dict[str, Any] | None = None


class BatchEmbedCall(Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """A call of `batchEmbedContents`."""

    requests: list[EmbedCall]


_FREE = words(
    """
    args response parameters parametersJsonSchema responseJsonSchema responseSchema labels partMetadata
    """
)
"""Members whose own members are the caller's."""


def camel_case(value: Any) -> Any:
    """Spell the names of a body in camelCase, outside of what is the caller's own."""
    if isinstance(value, list):
        return [camel_case(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    spelled = {re.sub(r"_([a-z])", lambda found: found[1].upper(), name): inner for name, inner in value.items()}
    return {name: inner if name in _FREE else camel_case(inner) for name, inner in spelled.items()}
