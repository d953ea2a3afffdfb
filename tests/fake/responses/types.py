"""What a call of OpenAI's Responses may hold: written by hand, held to the official SDK's own types by a test.

From the types of `openai` 3.54 (`types/responses/response_create_params.py` and what it imports), read on 2026-11-22.
Items and tools that only the vendor's own machinery can make (computer, shell, MCP, …) are known by name and not
looked into.
"""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from tests.fake.vendor import words

Status = Literal["in_progress", "completed", "incomplete"]


class Part(Struct, tag_field="type", forbid_unknown_fields=True, frozen=True):
    """A part of a message."""

    prompt_cache_breakpoint: dict[str, Any] | UnsetType = UNSET


class InputText(Part, tag="input_text", frozen=True):
    """Text."""

    text: str = ""


class InputImage(Part, tag="input_image", frozen=True):
    """An image: an address, or an uploaded file."""

    detail: Literal["low", "high", "auto", "original"] = "auto"
    file_id: str | None = None
    image_url: str | None = None


class InputFile(Part, tag="input_file", frozen=True):
    """A file: its bytes, an address, or an uploaded one."""

    detail: Literal["auto", "low", "high"] | UnsetType = UNSET
    file_data: str | UnsetType = UNSET
    file_id: str | None = None
    file_url: str | UnsetType = UNSET
    filename: str | UnsetType = UNSET


class OutputText(Struct, tag="output_text", tag_field="type", forbid_unknown_fields=True, frozen=True):
    """Text that the model said."""

    text: str
    annotations: list[dict[str, Any]] = []
    logprobs: list[dict[str, Any]] | None = None


class OutputRefusal(Struct, tag="refusal", tag_field="type", forbid_unknown_fields=True, frozen=True):
    """What the model refused with."""

    refusal: str


class Message(Struct, forbid_unknown_fields=True, frozen=True):
    """A message of any role, with or without `type`."""

    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[InputText | InputImage | InputFile | OutputText | OutputRefusal]
    type: Literal["message"] = "message"
    id: str | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    phase: Literal["commentary", "final_answer"] | None = None


class FunctionCall(Struct, forbid_unknown_fields=True, frozen=True):
    """A call of a function by the model."""

    arguments: str
    call_id: str
    name: str
    type: Literal["function_call"]
    id: str | UnsetType = UNSET
    status: Status | None = None
    caller: dict[str, Any] | None = None
    namespace: str | UnsetType = UNSET


class FunctionCallOutput(Struct, forbid_unknown_fields=True, frozen=True):
    """What a function answered."""

    call_id: str
    output: str | list[InputText | InputImage | InputFile]
    type: Literal["function_call_output"]
    id: str | None = None
    status: Status | None = None
    caller: dict[str, Any] | None = None
    name: str | None = None
    namespace: str | None = None


class CustomCall(Struct, forbid_unknown_fields=True, frozen=True):
    """A call of a custom tool by the model."""

    call_id: str
    input: str
    name: str
    type: Literal["custom_tool_call"]
    id: str | UnsetType = UNSET
    status: Status | None = None
    caller: dict[str, Any] | None = None
    namespace: str | UnsetType = UNSET


class CustomCallOutput(Struct, forbid_unknown_fields=True, frozen=True):
    """What a custom tool answered."""

    call_id: str
    output: str | list[InputText | InputImage | InputFile]
    type: Literal["custom_tool_call_output"]
    id: str | UnsetType = UNSET
    caller: dict[str, Any] | None = None


class ReasoningText(Struct, forbid_unknown_fields=True, frozen=True):
    """A part of what was thought, or of its summary."""

    text: str
    type: Literal["summary_text", "reasoning_text"]


class ReasoningItem(Struct, forbid_unknown_fields=True, frozen=True):
    """What was thought, for the model to go on from."""

    summary: list[ReasoningText]
    type: Literal["reasoning"]
    id: str | UnsetType = UNSET
    content: list[ReasoningText] | None = None
    encrypted_content: str | None = None
    status: Status | None = None


class ItemReference(Struct, forbid_unknown_fields=True, frozen=True):
    """An item that is stored."""

    id: str
    type: Literal["item_reference"] | None = None


class WebSearchCall(Struct, forbid_unknown_fields=True, frozen=True):
    """A search of the web that the vendor made."""

    id: str
    action: dict[str, Any]
    status: str
    type: Literal["web_search_call"]


ITEMS: dict[str, type[Struct]] = {
    "message": Message,
    "function_call": FunctionCall,
    "function_call_output": FunctionCallOutput,
    "custom_tool_call": CustomCall,
    "custom_tool_call_output": CustomCallOutput,
    "reasoning": ReasoningItem,
    "item_reference": ItemReference,
    "web_search_call": WebSearchCall,
}
"""The items that are looked into, by their type."""

OTHER_ITEMS = words(
    """
    file_search_call computer_call computer_call_output image_generation_call code_interpreter_call local_shell_call
    local_shell_call_output shell_call shell_call_output apply_patch_call apply_patch_call_output mcp_list_tools
    mcp_approval_request mcp_approval_response mcp_call compaction compaction_trigger tool_search_call
    tool_search_output additional_tools configuration_update program program_output
    """
)


class FunctionTool(Struct, forbid_unknown_fields=True, frozen=True):
    """A function that the model may call."""

    name: str
    type: Literal["function"]
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None
    allowed_callers: list[str] | None = None
    defer_loading: bool = False
    output_schema: dict[str, Any] | None = None


class CustomTool(Struct, forbid_unknown_fields=True, frozen=True):
    """A tool that takes plain text."""

    name: str
    type: Literal["custom"]
    description: str = ""
    format: dict[str, Any] | UnsetType = UNSET
    allowed_callers: list[str] | None = None
    defer_loading: bool = False


class Filters(Struct, forbid_unknown_fields=True, frozen=True):
    """Where to search."""

    allowed_domains: list[str] | None = None


class UserLocation(Struct, forbid_unknown_fields=True, frozen=True):
    """Where the user is."""

    type: Literal["approximate"] = "approximate"
    city: str | None = None
    country: str | None = None
    region: str | None = None
    timezone: str | None = None


class WebSearchTool(Struct, forbid_unknown_fields=True, frozen=True):
    """The vendor's search of the web."""

    type: Literal["web_search", "web_search_2025_08_26"]
    external_web_access: bool = True
    filters: Filters | None = None
    search_context_size: Literal["low", "medium", "high"] = "medium"
    user_location: UserLocation | None = None


class OldWebSearchTool(Struct, forbid_unknown_fields=True, frozen=True):
    """The vendor's search of the web, in its first form."""

    type: Literal["web_search_preview", "web_search_preview_2025_03_11"]
    search_content_types: list[str] | UnsetType = UNSET
    search_context_size: Literal["low", "medium", "high"] = "medium"
    user_location: UserLocation | None = None


TOOLS: dict[str, type[Struct]] = {
    "function": FunctionTool,
    "custom": CustomTool,
    "web_search": WebSearchTool,
    "web_search_2025_08_26": WebSearchTool,
    "web_search_preview": OldWebSearchTool,
    "web_search_preview_2025_03_11": OldWebSearchTool,
}
OTHER_TOOLS = words(
    """
    file_search computer computer_use_preview mcp code_interpreter programmatic_tool_calling image_generation
    local_shell shell namespace tool_search apply_patch
    """
)


class Reasoning(Struct, forbid_unknown_fields=True, frozen=True):
    """How to reason."""

    context: Literal["auto", "current_turn", "all_turns"] | None = None
    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None
    mode: str | UnsetType = UNSET
    summary: Literal["auto", "concise", "detailed"] | None = None


class TextFormat(Struct, tag="text", tag_field="type", forbid_unknown_fields=True, frozen=True):
    """Plain text."""


class JsonObject(Struct, tag="json_object", tag_field="type", forbid_unknown_fields=True, frozen=True):
    """Any JSON object."""


class JsonSchema(Struct, tag="json_schema", tag_field="type", forbid_unknown_fields=True, frozen=True):
    """JSON of a schema."""

    name: str
    schema: dict[str, Any]
    description: str | UnsetType = UNSET
    strict: bool | None = None


class Text(Struct, forbid_unknown_fields=True, frozen=True):
    """The form of what is said."""

    format: TextFormat | JsonObject | JsonSchema | UnsetType = UNSET
    verbosity: Literal["low", "medium", "high"] | None = None


Include = Literal[
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
]


class StreamOptions(Struct, forbid_unknown_fields=True, frozen=True):
    """How to stream."""

    include_obfuscation: bool = True


class ResponsesCall(Struct, forbid_unknown_fields=True, frozen=True):
    """A call of Responses; items and tools are read one by one."""

    model: str
    input: str | list[dict[str, Any]] = ""
    access_programs: dict[str, Any] | UnsetType = UNSET
    background: bool | None = None
    background_options: dict[str, Any] | UnsetType = UNSET
    context_management: list[dict[str, Any]] | None = None
    conversation: str | dict[str, Any] | None = None
    image: dict[str, Any] | UnsetType = UNSET
    include: list[Include] | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    metadata: dict[str, str] | None = None
    moderation: dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    previous_response_id: str | None = None
    prompt: dict[str, Any] | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: dict[str, Any] | UnsetType = UNSET
    prompt_cache_retention: Literal["in_memory", "24h"] | None = None
    reasoning: Reasoning | None = None
    safety_identifier: str | None = None
    service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast"] | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: float | None = None
    text: Text = Text()
    tool_choice: str | dict[str, Any] = "auto"
    tools: list[dict[str, Any]] = []
    top_logprobs: int | None = None
    top_p: float | None = None
    truncation: Literal["auto", "disabled"] | None = None
    user: str | UnsetType = UNSET
