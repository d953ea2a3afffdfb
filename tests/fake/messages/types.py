"""What a call of Anthropic Messages may hold: written by hand, held to the official SDK's own types by a test.

From the types of `anthropic` 2.12 (`types/message_create_params.py` and what it imports), read on 2026-11-22.
`temperature`, `top_p` and `top_k` are of API version 2023-06-01 only:
`https://platform.claude.com/docs/en/api/versioning`, read on 2026-11-22.
"""

from typing import Any, Literal

from msgspec import Struct

Ttl = Literal["5m", "1h"]


class CacheControl(Struct, tag="ephemeral", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """Where the cache of prompts may cut."""

    ttl: Ttl = "5m"


class CitationsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether a document is cited."""

    enabled: bool = False


class TextBlock(Struct, tag="text", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """Text."""

    text: str
    cache_control: CacheControl | None = None
    citations: list[dict[str, Any]] | None = None


class Base64Image(Struct, tag="base64", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """An image in the call."""

    data: str
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]


class UrlSource(Struct, tag="url", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """An image or PDF elsewhere."""

    url: str


class FileSource(Struct, tag="file", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """An image or document that was uploaded."""

    file_id: str


class Transformations(Struct, frozen=True, forbid_unknown_fields=True):
    """What may be done to an image."""

    oversized_image: Literal["downsize", "error"] = "downsize"


class ImageBlock(Struct, tag="image", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """An image."""

    source: Base64Image | UrlSource | FileSource
    cache_control: CacheControl | None = None
    transformations: Transformations | None = None


class Base64Document(Struct, tag="base64", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """A PDF in the call."""

    data: str
    media_type: Literal["application/pdf"]


class PlainText(Struct, tag="text", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """A text in the call."""

    data: str
    media_type: Literal["text/plain"]


class ContentSource(Struct, tag="content", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """A document made of blocks."""

    content: str | list[TextBlock | ImageBlock]


class DocumentBlock(Struct, tag="document", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """A document."""

    source: Base64Document | PlainText | ContentSource | UrlSource | FileSource
    cache_control: CacheControl | None = None
    citations: CitationsConfig | None = None
    context: str | None = None
    title: str | None = None


class SearchResultBlock(Struct, tag="search_result", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """What the caller's own search found."""

    content: list[TextBlock]
    source: str
    title: str
    cache_control: CacheControl | None = None
    citations: CitationsConfig = CitationsConfig()


class ThinkingBlock(Struct, tag="thinking", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """Thoughts, signed."""

    signature: str
    thinking: str


class RedactedThinkingBlock(Struct, tag="redacted_thinking", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """Thoughts that cannot be read."""

    data: str


class ToolUseBlock(Struct, tag="tool_use", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """A call of a tool."""

    id: str
    input: dict[str, Any]
    name: str
    cache_control: CacheControl | None = None
    caller: dict[str, Any] | None = None
    toolset_name: str | None = None


class ToolReference(Struct, tag="tool_reference", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """A tool that was found."""

    tool_name: str
    cache_control: CacheControl | None = None


class ToolResultBlock(Struct, tag="tool_result", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """What a tool answered."""

    tool_use_id: str
    cache_control: CacheControl | None = None
    content: str | list[TextBlock | ImageBlock | SearchResultBlock | DocumentBlock | ToolReference] = ""
    is_error: bool = False
    toolset_name: str | None = None


class ServerToolUseBlock(Struct, tag="server_tool_use", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """A call of a tool that the vendor runs."""

    id: str
    input: dict[str, Any]
    name: str
    cache_control: CacheControl | None = None
    caller: dict[str, Any] | None = None


class WebSearchResultBlock(
    Struct, tag="web_search_tool_result", tag_field="type", frozen=True, forbid_unknown_fields=True
):
    """What a search of the web found."""

    content: list[dict[str, Any]] | dict[str, Any]
    tool_use_id: str
    cache_control: CacheControl | None = None
    caller: dict[str, Any] | None = None


Block = (
    TextBlock
    | ImageBlock
    | DocumentBlock
    | SearchResultBlock
    | ThinkingBlock
    | RedactedThinkingBlock
    | ToolUseBlock
    | ToolResultBlock
    | ServerToolUseBlock
    | WebSearchResultBlock
)


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    """One turn."""

    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class ThinkingEnabled(Struct, tag="enabled", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """Think, within a budget."""

    budget_tokens: int
    display: Literal["summarized", "omitted"] | None = None


class ThinkingAdaptive(Struct, tag="adaptive", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """Think as much as is needed."""

    display: Literal["summarized", "omitted"] | None = None


class ThinkingDisabled(Struct, tag="disabled", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """Do not think."""


class ThinkingBetweenTools(Struct, tag="between_tools", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """Think between the calls of tools only."""


class ChoiceAuto(Struct, tag="auto", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """Tools as the model sees fit."""

    disable_parallel_tool_use: bool = False


class ChoiceAny(Struct, tag="any", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """Some tool."""

    disable_parallel_tool_use: bool = False


class ChoiceTool(Struct, tag="tool", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """This tool."""

    name: str
    disable_parallel_tool_use: bool = False


class ChoiceNone(Struct, tag="none", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """No tool."""


class JsonFormat(Struct, tag="json_schema", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """JSON of a schema."""

    schema: dict[str, Any]


class OutputConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Effort, and the form of the answer."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: JsonFormat | None = None


class Metadata(Struct, frozen=True, forbid_unknown_fields=True):
    """About the request."""

    user_id: str | None = None


class CustomTool(Struct, frozen=True, forbid_unknown_fields=True):
    """A tool that the caller runs."""

    name: str
    input_schema: dict[str, Any]
    type: Literal["custom"] | None = None
    description: str = ""
    cache_control: CacheControl | None = None
    strict: bool = False
    allowed_callers: list[str] = []
    defer_loading: bool = False
    eager_input_streaming: bool | None = None
    input_examples: list[dict[str, Any]] = []


class UserLocation(Struct, tag="approximate", tag_field="type", frozen=True, forbid_unknown_fields=True):
    """Where the user is."""

    city: str | None = None
    country: str | None = None
    region: str | None = None
    timezone: str | None = None


class WebSearchTool(Struct, frozen=True, forbid_unknown_fields=True):
    """The vendor's own search of the web."""

    name: Literal["web_search"]
    type: Literal["web_search_20250305", "web_search_20260209", "web_search_20260318"]
    allowed_callers: list[str] = []
    allowed_domains: list[str] | None = None
    blocked_domains: list[str] | None = None
    cache_control: CacheControl | None = None
    defer_loading: bool = False
    max_uses: int | None = None
    strict: bool = False
    user_location: UserLocation | None = None
    response_inclusion: str | None = None


class MessagesCall(Struct, frozen=True, forbid_unknown_fields=True):
    """A call of Messages; tools are read one by one."""

    model: str
    messages: list[Message]
    max_tokens: int
    cache_control: CacheControl | None = None
    container: Any = None
    diagnostics: dict[str, Any] | None = None
    inference_geo: str | None = None
    metadata: Metadata = Metadata()
    output_config: OutputConfig = OutputConfig()
    service_tier: Literal["auto", "standard_only"] = "auto"
    speed: Literal["standard", "fast"] | None = None
    stop_sequences: list[str] = []
    stream: bool = False
    system: str | list[TextBlock] = ""
    thinking: ThinkingEnabled | ThinkingAdaptive | ThinkingDisabled | ThinkingBetweenTools | None = None
    tool_choice: ChoiceAuto | ChoiceAny | ChoiceTool | ChoiceNone | None = None
    tools: list[dict[str, Any]] = []
    user_profile_id: str = ""
    workspace_id: str = ""
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None


class CountCall(Struct, frozen=True, forbid_unknown_fields=True):
    """A call that only counts tokens."""

    model: str
    messages: list[Message]
    cache_control: CacheControl | None = None
    output_config: OutputConfig = OutputConfig()
    speed: Literal["standard", "fast"] | None = None
    system: str | list[TextBlock] = ""
    thinking: ThinkingEnabled | ThinkingAdaptive | ThinkingDisabled | ThinkingBetweenTools | None = None
    tool_choice: ChoiceAuto | ChoiceAny | ChoiceTool | ChoiceNone | None = None
    tools: list[dict[str, Any]] = []
    user_profile_id: str = ""
    workspace_id: str = ""


OLD_VERSION = "2023-06-01"
NEW_VERSION = "2026-10-21"
VERSIONS = frozenset({OLD_VERSION, NEW_VERSION})
SAMPLING = ("temperature", "top_p", "top_k")
"""What API version 2026-10-21 no longer takes."""
