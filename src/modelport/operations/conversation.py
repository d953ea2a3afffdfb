"""A call to a language model in the one form between all wire formats, which every dialect reads into or writes."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from modelport.operations.chat import said_in
from modelport.operations.content import CacheMark, ToolKind, Turn


class Tool(Struct, frozen=True):
    """A tool that the caller runs."""

    name: str
    description: str = ""
    kind: ToolKind = "function"
    parameters: bytes = b""
    """The JSON schema of a function's arguments, as the caller wrote it; empty when none was given."""
    strict: bool | None = None
    format: bytes = b""
    """The `format` of a custom tool, as JSON: free text or a grammar."""
    cache: CacheMark | None = None


class ForeignTool(Struct, frozen=True):
    """A tool that runs at the provider and that only one wire format knows."""

    dialect: str
    kind: str
    raw: bytes


class ToolChoice(Struct, frozen=True):
    """Which tool is to be used."""

    mode: Literal["none", "auto", "required", "named", "allowed"]
    name: str = ""
    """For `named`."""
    kind: ToolKind = "function"
    allowed: tuple[str, ...] = ()
    """For `allowed`: the names among which to choose."""
    is_required: bool = False
    """For `allowed`: whether one of them must be used."""


class AnswerFormat(Struct, frozen=True):
    """The form that the answer must have."""

    kind: Literal["text", "json_object", "json_schema"]
    name: str = ""
    schema: bytes = b""
    strict: bool | None = None
    description: str = ""


class Reasoning(Struct, frozen=True):
    """How much to think, and how much of it to show."""

    is_on: bool | None = None
    """None when neither switched on nor off by name."""
    effort: str = ""
    """Of: none, minimal, low, medium, high, xhigh, max; empty when not given."""
    budget_tokens: int | None = None
    is_adaptive: bool = False
    """Whether the model itself shall decide how much (Anthropic's `adaptive`)."""
    is_hidden: bool = False
    """Whether the caller does not want to see it."""
    summary: str = ""
    """Of: auto, concise, detailed; empty when not given."""


class Place(Struct, frozen=True):
    """Roughly where the user is."""

    city: str = ""
    country: str = ""
    region: str = ""
    timezone: str = ""


class WebSearch(Struct, frozen=True):
    """The model may (or must) search the web."""

    context_size: str = ""
    """Of: low, medium, high."""
    place: Place | None = None
    allowed_domains: tuple[str, ...] = ()
    blocked_domains: tuple[str, ...] = ()
    max_uses: int | None = None
    is_forced: bool = False
    is_asked_by_tool: bool = False
    """Whether it was asked for by `$web_search`, in whose protocol the caller echoes the call's arguments."""


class Conversation(Struct, frozen=True, kw_only=True):
    """One call. What the caller did not send is None or empty, so that nothing is injected on the way."""

    turns: tuple[Turn, ...]
    """In order; instructions are turns of role `system` or `developer`. Each `tool` turn holds one `ToolResult`."""
    max_tokens: int | None = None
    """Bound on output, reasoning included."""
    choices: int = 1
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    min_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: bytes = b""
    logprobs: bool | None = None
    top_logprobs: int | None = None
    tools: tuple[Tool, ...] = ()
    foreign_tools: tuple[ForeignTool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    format: AnswerFormat | None = None
    reasoning: Reasoning | None = None
    search: WebSearch | None = None
    modalities: tuple[str, ...] = ()
    audio: bytes = b""
    """`{"voice": …, "format": …}` of OpenAI's form."""
    prediction: bytes = b""
    user: str = ""
    metadata: bytes = b""
    service_tier: str = ""
    verbosity: str = ""
    prompt_cache_key: str = ""
    safety_identifier: str = ""
    truncation: str = ""
    extra: Mapping[str, bytes] = {}
    """Every other top-level member, as JSON, under the caller's name; carried only to a provider that accepts it."""
    spelled: Mapping[str, str] = {}
    """The caller's name of a field where it differs from the one here, as in stop → `stop_sequences`, and where a turn
    stands in the call, as in messages[3] → `input[5]`."""
    dialect: str = "openai_chat"
    """The wire format that the caller speaks."""

    def spelling(self, field: str) -> str:
        """Return the caller's name for a field."""
        return self.spelled.get(field, field)

    def place(self, index: int) -> str:
        """Return where a turn stands in the caller's call."""
        return self.spelled.get(f"messages[{index}]") or f"{said_in(self.dialect)}[{index}]"

    def lost(self, carried: frozenset[str]) -> tuple[str, ...]:
        """Name, as the caller spelled them, the optional fields that were sent and that are not among those carried."""
        given = (name for name in OPTIONAL if name not in carried and getattr(self, name) not in _UNSAID)
        return (*(self.spelling(name) for name in given), *self.extra)


OPTIONAL = (
    "temperature", "top_p", "top_k", "min_p", "stop", "seed", "frequency_penalty", "presence_penalty", "logit_bias",
    "logprobs", "top_logprobs", "parallel_tools", "modalities", "audio", "prediction", "user", "metadata",
    "service_tier", "verbosity", "prompt_cache_key", "safety_identifier", "truncation", "reasoning", "search", "format",
    "tool_choice", "tools", "foreign_tools",
)  # fmt: skip
"""Fields that `lost` looks at. A dialect that cannot carry one of the last six refuses or says so itself."""

_UNSAID = (None, "", b"", ())
