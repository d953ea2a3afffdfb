"""Chat: a conversation in, the next message out."""

from collections.abc import Mapping

from msgspec import Struct

from modelport.core.errors import InvalidBody


class ChatCall(Struct, frozen=True):
    """One chat request, validated; its body stays raw slices in the caller's own wire format."""

    model: str
    """The id or alias that was asked for."""
    fields: Mapping[str, bytes]
    """Top-level members as raw JSON, in the caller's order, without nulls and without those meant for the gateway."""
    is_streaming: bool
    wants_usage: bool
    """False only when the caller asked for a stream without usage."""
    max_tokens: int | None
    """The caller's bound on output, reasoning included: the smaller of the two spellings."""
    choices: int
    text_bytes: int
    """Bytes of JSON that a model reads as text (messages, tools, schemas): the base of an estimate of input."""
    attachments: int
    """Parts that are not text: images, files, audio, video."""
    roles: Mapping[str, int]
    """Each role that occurs, with the index of its first message."""
    provider: str | None
    """The provider that the caller pinned, lower-case; None for any."""
    messages: int = 1
    """How many there are; each costs some tokens beside its text."""
    has_names: bool = False
    """Whether some message has a `name`."""
    has_reasoning: bool = False
    """Whether some message brings back the `reasoning_content` of an earlier answer."""
    prefix_at: int | None = None
    """The index of the final assistant message that the answer is to continue; None when there is none."""
    dialect: str = "openai_chat"
    """The wire format of the caller."""
    is_mixed: bool = False
    """Whether a chat call says something in the words of another format, so that it cannot be sent on as it is."""
    suffix: str | None = None
    """What must come after the answer, for filling in the middle."""
    options: Mapping[str, bytes] = {}
    """Members that are for the gateway itself (`store`, `previous_response_id`, …), as JSON."""


def said_in(dialect: str) -> str:
    """Return the member in which callers of a wire format send what was said."""
    return "input" if dialect == "openai_responses" else "messages"


_INSTRUCTIONS = ("instructions", "system")
"""Members beside the messages that have the role of the system, in formats that have one."""


class RoleRefused(InvalidBody):
    """A message has a role that the model does not take."""

    def __init__(self, index: int, role: str, call: ChatCall) -> None:
        place = f"{said_in(call.dialect)}[{index}].role"
        if role == "system" and call.dialect != "openai_chat":
            place = next((name for name in _INSTRUCTIONS if name in call.fields), place)
        super().__init__((f"'{place}': does not support '{role}' with this model",), place)
        self.message = f"Unsupported value: '{place}' does not support '{role}' with this model."
