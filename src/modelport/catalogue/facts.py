"""The facts of the catalogue as the rest of the product sees them: models, providers, offers and their dated rates."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal, get_args

Operation = Literal[
    "chat", "embeddings", "images", "video", "music", "speech", "transcription", "ocr", "3d", "moderation"
]
Category = Literal[
    "text",
    "image",
    "video",
    "speech-to-text",
    "text-to-speech",
    "voice-chat",
    "music",
    "ocr",
    "3d",
    "embedding",
    "moderation",
]
"""The shelves on which users look for a model."""
CATEGORIES: Mapping[Operation, Category] = {
    "chat": "text",
    "embeddings": "embedding",
    "images": "image",
    "video": "video",
    "music": "music",
    "speech": "text-to-speech",
    "transcription": "speech-to-text",
    "ocr": "ocr",
    "3d": "3d",
    "moderation": "moderation",
}
"""Where a model stands that does not say otherwise."""
ENDPOINTS: Mapping[Operation, tuple[str, ...]] = {
    "chat": ("/v1/chat/completions", "/v1/responses", "/v1/messages"),
    "embeddings": ("/v1/embeddings",),
    "images": ("/v1/images/generations",),
    "video": ("/v2/video/generations",),
    "music": ("/v2/generate/audio",),
    "speech": ("/v1/tts",),
    "transcription": ("/v1/stt/create",),
    "ocr": ("/v1/ocr",),
    "3d": ("/v1/images/generations",),
    "moderation": ("/v1/moderations",),
}
"""The paths that serve a model that does not say otherwise; every chat model answers on each of the three."""
SpokenDialect = Literal[
    "openai_chat",
    "openai_responses",
    "anthropic_messages",
    "google_gemini",
    "openai_embeddings",
    "google_embeddings",
    "fal_queue",
    "openai_audio",
    "openai_images",
    "deepgram",
    "elevenlabs",
    "mistral_ocr",
    "assemblyai",
    "minimax_speech",
    "inworld",
    "zhipu_ocr",
    "google_documentai",
    "azure_speech",
    "dashscope_speech",
    "google_gemini_image",
    "bfl",
    "xai_images",
    "ark_images",
    "dashscope_images",
    "recraft",
    "stability",
    "luma_images",
    "google_imagen",
    "kling",
    "topaz",
    "openai_moderations",
]
"""The wire formats that this version calls."""
Dialect = Literal[
    SpokenDialect,
    "ark_video",
    "dashscope_video",
    "google_lyria",
    "google_veo",
    "luma",
    "minimax_images",
    "minimax_music",
    "minimax_video",
    "openai_video",
    "pixverse",
    "runway",
    "voyage_embeddings",
    "xai_video",
]
"""Those and the ones that are known by name."""
SPOKEN: frozenset[Dialect] = frozenset(get_args(SpokenDialect))
MADE: frozenset[Operation] = frozenset({"chat", "embeddings", "images", "speech", "transcription", "ocr", "moderation"})
"""What this version calls models for: some formats are used for more."""
AuthScheme = Literal[
    "none",
    "bearer",
    "jwt",
    "basic",
    "key",
    "token",
    "authorization",
    "api-key",
    "ocp-apim-subscription-key",
    "x-api-key",
    "x-goog-api-key",
    "x-hume-api-key",
    "x-key",
    "xi-api-key",
]
"""How a credential is sent: in `Authorization` after a word (`Bearer`, `Basic`, `Key`, `Token`) or alone, or alone in
the header of that name; with `jwt` a token that is signed with it (HS256) goes after `Bearer`."""

ReasoningForm = Literal["", "effort", "reasoning", "enable_thinking", "thinking", "budget", "adaptive", "level", "none"]
"""`reasoning_effort` · OpenRouter's `reasoning` object · `enable_thinking` with `thinking_budget` · `thinking.type` ·
a budget of tokens (`thinking.budget_tokens`, `thinkingBudget`) · Anthropic's adaptive thinking with an effort ·
Gemini's `thinkingLevel` · cannot be asked for."""
SearchForm = Literal["", "options", "always", "enable_search", "builtin", "web_search_tool", "native"]
"""`web_search_options` · the model searches by itself, options are `{}` · DashScope's `enable_search` · Moonshot's
`$web_search` · Zhipu's tool `web_search` · the dialect's own search tool (Messages, Responses, Gemini)."""
SchemaForm = Literal["", "json_object", "prompt"]
ToolSchemas = Literal["", "gemini", "plain"]
"""Google's subset · no `$ref`, no combinations."""

Unit = Literal["image", "megapixel", "second", "minute", "character", "page", "song", "request"]
"""What media is paid by."""

RATE_UNITS = 1_000_000_000_000
"""Rates are whole credits per this many units, so that every decimal of a price list is exact."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth knowing about a model, and since when."""

    on: date
    text: str


@dataclass(frozen=True, slots=True)
class Model:
    """What is sold: facts that do not depend on who sells it."""

    id: str
    name: str
    maker: str
    operation: Operation
    description: str
    aliases: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ("text",)
    outputs: tuple[str, ...] = ("text",)
    capabilities: frozenset[str] = frozenset()
    """Of: streaming, system, tools, parallel_tools, json_object, json_schema, reasoning, vision, logprobs, seed, …"""
    context_tokens: int | None = None
    output_tokens: int | None = None
    released_on: date | None = None
    cutoff_on: date | None = None
    documentation: str = ""
    weights: str = ""
    """Where open weights are published; empty when they are not open."""
    notes: tuple[Note, ...] = ()
    refuses_roles: frozenset[str] = frozenset()
    category: Category = "text"
    paths: tuple[str, ...] = ()
    """The versioned paths that serve it, the main one first; empty for those of its operation."""
    parameters: bytes = b""
    """What a request to its main endpoint may hold, for `parameters.decoded`."""
    own_parameters: bytes = b""
    """Those of them in which a text model differs from others of its operation, for requests to be checked by."""
    retires_on: date | None = None
    """The day from which its maker no longer serves it, where one has been named."""
    unsold: str = ""
    """Why no provider is known that sells it, where none is."""
    maintenance: str = ""
    """What callers are told instead of being served, while the operator says so."""
    former: str = ""
    """The id that it has in the files, where the operator gave it another; one of its aliases."""
    only_providers: tuple[str, ...] = ()
    """Those whom the operator lets serve it; empty for all."""
    most_output_tokens: int | None = None
    """The most output for which the operator lets anybody ask, per choice."""

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The versioned paths that serve it, the main one first."""
        return self.paths or ENDPOINTS[self.operation]

    @property
    def families(self) -> frozenset[str]:
        """The `maker/*` that stand for it among others: what its id and aliases begin with."""
        return frozenset(name for name in self.names if is_family(name))

    @property
    def names(self) -> frozenset[str]:
        """Everything under which it can be allowed or hidden: its id, its aliases and its families."""
        return names_of(self.id, self.aliases)


def family_of(name: str) -> str | None:
    """Return the `maker/*` that a model's name falls under; None where it names no maker."""
    maker, slash, _ = name.partition("/")
    return f"{maker}/*" if slash else None


def names_of(model_id: str, aliases: Iterable[str]) -> frozenset[str]:
    """Return a model's names, and the `maker/*` that they begin with."""
    names = (model_id, *aliases)
    return frozenset((*names, *(family for name in names if (family := family_of(name)))))


def is_family(name: str) -> bool:
    """Whether this is no model but all of a maker's."""
    return name.endswith("/*")


@dataclass(frozen=True, slots=True)
class Retired:
    """An id that is no longer served, and what to use instead."""

    id: str
    replacement: str | None


DRAFT_METER = "partial_image"
"""Pictures that were sent before they were finished; the one meter beside the unit of media."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices that hold from a date on: credits per `RATE_UNITS` units of each meter, markup included."""

    since_ms: int
    by_meter: Mapping[str, int]
    source: str = ""
    read_on: date | None = None
    tiers: tuple["Tier", ...] = ()
    """What holds instead for calls with much input; smallest bound first."""
    per: Unit | None = None
    """The unit of media that is paid for, the only meter then; None where tokens are."""
    variants: tuple["Variant", ...] = ()
    """What a unit costs in calls of some kind, where that differs; the first that fits holds."""
    drafts: int | None = None
    """What a picture that is not finished costs where its provider sends them; None where it does not."""

    @property
    def every(self) -> tuple[int, ...]:
        """Every rate that is not of a tier, those of variants last."""
        return (*self.by_meter.values(), *(variant.rate for variant in self.variants))

    @property
    def usual(self) -> int:
        """What orders offers of one model by price: input and output together, or the dearest unit of media."""
        if self.per is None:
            return self.by_meter["input"] + self.by_meter["output"]
        return max(self.every)

    def at(self, input_tokens: int) -> Mapping[str, int]:
        """Return the rates for a call with so much input, cached tokens included."""
        for tier in reversed(self.tiers):
            if input_tokens > tier.above_tokens:
                return tier.by_meter
        return self.by_meter


@dataclass(frozen=True, slots=True)
class Variant:
    """What a unit costs, in credits per `RATE_UNITS`, where a call's parameters have these values."""

    when: Mapping[str, str]
    rate: int


@dataclass(frozen=True, slots=True)
class Tier:
    """Rates of calls whose input, cached tokens included, exceeds `above_tokens`; they hold for all of the call."""

    above_tokens: int
    by_meter: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Quirks:
    """How a provider's form of a dialect differs: small things, as data."""

    rename: Mapping[str, str] = field(default_factory=dict[str, str])
    drop: frozenset[str] = frozenset()
    accept: frozenset[str] = frozenset()
    """Fields beyond the dialect's own that this provider understands."""
    accept_unknown: bool = False
    """Whether fields that nobody documented are sent on (engines that one runs oneself)."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    stream_usage: bool = True
    """Whether `stream_options.include_usage` may be sent."""
    developer_role: bool = False
    """Whether messages of role `developer` are understood; elsewhere they are sent as `system`."""
    cancel_on_disconnect: bool = False
    """Whether a call whose caller has left is stopped at once (local engines: frees the slot, nobody is owed)."""
    choices: bool = True
    """Whether an `n` above 1 is taken; offers without it are passed over for such calls."""
    message_names: bool = True
    """Whether messages may carry a `name`; elsewhere it is left out."""
    prefix: str = ""
    """The member of a final assistant message that says to continue it; empty where that cannot be asked."""
    clamp: Mapping[str, str] = field(default_factory=dict[str, str])
    """The most that some numeric fields may be, as JSON numbers; what is above is lowered to it."""
    reasoning_field: str = ""
    """The member of a message or delta that holds the reasoning; empty where it is `reasoning_content` or nothing."""
    reasoning: ReasoningForm = ""
    """The form in which reasoning is asked for; empty for the dialect's own (`reasoning_effort` in `openai_chat`)."""
    search: SearchForm = ""
    """The form in which a search of the web is asked for; empty where the model cannot search."""
    checks: frozenset[str] = frozenset()
    """Of: tools, json_object, json_schema. What the provider does not enforce, so that the gateway checks it."""
    schema_as: SchemaForm = ""
    """What a `json_schema` is sent as where the provider does not know it; the schema then goes into the prompt."""
    stream_only: Mapping[str, str] = field(default_factory=dict[str, str])
    """Fields and the JSON values with which the provider only streams; `always` stands for any call."""
    set: Mapping[str, str] = field(default_factory=dict[str, str])
    """Fields and the JSON values that are sent where the caller sent none, since the provider's default differs."""
    tool_schemas: ToolSchemas = ""
    """The part of JSON Schema that tools are rewritten into, always; empty to send them as they came."""
    fill_path: str = ""
    """The path for filling in the middle, below the base URL or absolute on its host; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a provider may take, in seconds."""

    connect_s: float = 10.0
    first_byte_s: float = 300.0
    idle_s: float = 120.0


MAKING = Timeouts(first_byte_s=600.0, idle_s=600.0)
"""How long they may take that make pictures and the like, which they often do in silence."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Who sells: where, on which wire format, with which credential."""

    id: str
    name: str
    base_url: str
    """`https://…`, `http://…`, or `unix:NAME` for an engine of our own."""
    speaks: Mapping[Operation, tuple[Dialect, ...]]
    """The wire formats of each operation, best first."""
    auth: AuthScheme = "bearer"
    secret_env: str | None = None
    """The environment variable that holds the credential; None when none is needed."""
    issuer_env: str | None = None
    """The one that holds who issues the tokens, where tokens are signed with the credential."""
    quirks: Quirks = Quirks()
    timeouts: Timeouts = Timeouts()
    making_timeouts: Timeouts = MAKING
    """What holds where something is made in silence; the same as far as the file of the provider says it."""
    priority: int = 100
    """Lower is tried first."""
    concurrency: int | None = None
    documentation: str = ""
    aliases: tuple[str, ...] = ()
    """Other names under which a caller may pin this provider."""
    settings: tuple[str, ...] = ()
    """More environment variables without which it is not configured: those named in `base_url`."""
    maintenance: str = ""
    """Why it is not asked at present, while the operator says so."""

    @property
    def variables(self) -> tuple[str, ...]:
        """Every environment variable without which it is not configured."""
        named = (variable for variable in (self.issuer_env, self.secret_env) if variable is not None)
        return (*named, *self.settings)

    @property
    def is_local(self) -> bool:
        """Whether its calls go to an engine of ours."""
        return self.base_url.startswith("unix:")

    def answers_to(self, name: str) -> bool:
        """Whether a caller who pins `name` (lower-case) means this provider."""
        return name == self.id or name in self.aliases


@dataclass(frozen=True, slots=True)
class Offer:
    """A model at a provider: under which name, at which rates."""

    model_id: str
    provider: Provider
    upstream: str
    """The provider's own name for the model; for an engine of ours, the id of the weights."""
    rates: tuple[Rates, ...] = ()
    """Oldest first; empty when the price is not known, in which case the offer refuses to serve."""
    free: bool = False
    quirks: Quirks = Quirks()
    """The provider's quirks with the offer's own on top."""
    speaks: tuple[Dialect, ...] = ()
    """The wire formats in which this model is sold there, best first; empty for what the provider speaks."""
    markup: Decimal = Decimal(1)
    """What its rates were multiplied by."""

    def spoken(self, operation: Operation) -> tuple[Dialect, ...]:
        """Return the formats in which an operation of this model can be called, best first."""
        return self.speaks or self.provider.speaks[operation]

    def can_be_called(self, operation: Operation) -> bool:
        """Whether this version calls models for this, in any of the formats in which it is sold."""
        return operation in MADE and not SPOKEN.isdisjoint(self.spoken(operation))

    def dialect_for(self, operation: Operation, served: str) -> Dialect:
        """Return the format to call in: the caller's own where it is spoken, else the first that this version calls."""
        spoken: list[Dialect] = [dialect for dialect in self.spoken(operation) if dialect in SPOKEN]
        for dialect in spoken:
            if dialect == served:
                return dialect
        return spoken[0]

    def rates_at(self, at_ms: int) -> Rates | None:
        """Return the rates in force at a moment, or None when no price is known for it."""
        for rates in reversed(self.rates):
            if rates.since_ms <= at_ms:
                return rates
        return None
