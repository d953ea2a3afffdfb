"""What a message is made of, in the one form between all wire formats."""

from typing import Literal

from msgspec import Struct

Role = Literal["system", "developer", "user", "assistant", "tool"]
ToolKind = Literal["function", "custom"]


class CacheMark(Struct, frozen=True):
    """Asks the provider to remember everything up to the end of the part that carries it."""

    ttl: Literal["", "5m", "1h"] = ""
    """Empty when the caller named none."""


class Source(Struct, frozen=True):
    """Where the bytes of an attachment are: exactly one of `url`, `data` and `file_id` is set."""

    url: str = ""
    """An http(s) address, as the caller wrote it."""
    data: str = ""
    """Base64, without the head of a data URL."""
    media_type: str = ""
    """As in `image/png`; empty when the caller did not say."""
    file_id: str = ""


class Citation(Struct, frozen=True):
    """Where something that was said comes from."""

    url: str = ""
    title: str = ""
    start: int | None = None
    """Where in the text it begins, in characters; None when the provider does not say."""
    end: int | None = None
    quote: str = ""
    """The words that are cited."""
    raw: bytes = b""
    """The provider's own JSON, for callers of the same format and for what is no address on the web."""


class Text(Struct, frozen=True, tag=True):
    """Something said."""

    text: str
    citations: tuple[Citation, ...] = ()
    cache: CacheMark | None = None


class Image(Struct, frozen=True, tag=True):
    """A picture."""

    source: Source
    detail: str = ""
    """Of: low, high, auto; empty when the caller named none."""
    cache: CacheMark | None = None


class Document(Struct, frozen=True, tag=True):
    """A file to be read: a PDF, or plain text in `text`."""

    source: Source = Source()
    name: str = ""
    """Its title or file name."""
    context: str = ""
    text: str | None = None
    with_citations: bool = False
    cache: CacheMark | None = None


class Audio(Struct, frozen=True, tag=True):
    """A recording; in an answer, also what was said in it."""

    source: Source = Source()
    format: str = ""
    id: str = ""
    """By which a later call refers to an answer's recording."""
    transcript: str = ""
    expires_at: int | None = None
    """Unix seconds."""


class Video(Struct, frozen=True, tag=True):
    """A film."""

    source: Source


class Refusal(Struct, frozen=True, tag=True):
    """What a model says instead of an answer that it will not give."""

    text: str


class Thinking(Struct, frozen=True, tag=True):
    """Reasoning, with what its provider wants back untouched in a later call."""

    text: str = ""
    signature: str = ""
    """Opaque proof that goes with the text (Anthropic, Gemini)."""
    encrypted: str = ""
    """Opaque reasoning that cannot be read (Anthropic's redacted blocks, OpenAI's encrypted content)."""
    id: str = ""
    is_summary: bool = False
    """Whether the text is a summary that the provider wrote, not the reasoning itself."""
    origin: str = ""
    """The dialect whose provider made `signature` or `encrypted`; only such a provider is given them."""


class ToolUse(Struct, frozen=True, tag=True):
    """The model asks the caller to run a tool."""

    id: str
    name: str
    arguments: str
    """The bytes that the model wrote: JSON text for a function, free text for a custom tool. Never re-encoded."""
    kind: ToolKind = "function"
    signature: str = ""
    """Opaque proof that its provider wants back with it (Gemini)."""
    origin: str = ""
    """The dialect whose provider made `signature`."""
    item_id: str = ""
    """The id of the item itself where a format has one beside the call's (Responses)."""
    cache: CacheMark | None = None


class ToolResult(Struct, frozen=True, tag=True):
    """What a tool gave back; always alone in a turn of role `tool`."""

    call_id: str
    parts: "tuple[Part, ...]" = ()
    """Text, images and documents."""
    is_error: bool = False
    name: str = ""
    kind: ToolKind = "function"
    cache: CacheMark | None = None


class Foreign(Struct, frozen=True, tag=True):
    """A part that only one wire format knows, such as the record of a search that the provider ran itself."""

    dialect: str
    kind: str
    """Its type, as in `server_tool_use`."""
    raw: bytes
    """Its JSON, untouched."""


Part = Text | Image | Document | Audio | Video | Refusal | Thinking | ToolUse | ToolResult | Foreign


class Turn(Struct, frozen=True):
    """One message."""

    role: Role
    parts: tuple[Part, ...]
    name: str = ""
    is_prefix: bool = False
    """Whether the answer is to continue this message, the last one."""
    id: str = ""
