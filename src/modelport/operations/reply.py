"""An answer of a language model in the one form between all wire formats, whole and as the events of a stream."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from modelport.operations.content import Citation, Part
from modelport.operations.usage import Usage

Finish = Literal["stop", "length", "tool_calls", "content_filter", "pause"]
"""Why a choice ended; `pause` is a provider's own long turn that the caller shall continue by asking again."""


class Choice(Struct, frozen=True):
    """One of the answers to a call."""

    index: int
    parts: tuple[Part, ...]
    finish: Finish
    stop_sequence: str = ""
    """The sequence at which it stopped, where the provider says so."""
    logprobs: bytes = b""
    """OpenAI's `logprobs` object; empty when there is none."""


class Reply(Struct, frozen=True):
    """A whole answer."""

    choices: tuple[Choice, ...]
    usage: Usage | None
    """None when the provider reported none to trust."""
    id: str = ""
    model: str = ""
    """The provider's name for it."""
    created: int = 0
    """Unix seconds; 0 when the provider does not say."""
    service_tier: str = ""
    fingerprint: str = ""
    extra: Mapping[str, bytes] = {}
    """Members that callers of the same format are promised, as JSON: `citations`, `search_results`, …"""


class Began(Struct, frozen=True):
    """The provider named its answer."""

    id: str = ""
    model: str = ""
    created: int = 0
    service_tier: str = ""
    fingerprint: str = ""


class Opened(Struct, frozen=True):
    """A part begins: `block` counts the parts of its choice from 0. What follows is added to it.

    A `ToolUse` comes with its id and name; text, thinking, refusals and arguments come empty or with a first piece.
    Parts that do not grow (images, foreign ones) come whole.
    """

    block: int
    part: Part
    choice: int = 0


class Grew(Struct, frozen=True):
    """More of a part: text, thinking, refusal, arguments, or the base64 of audio."""

    block: int
    text: str
    choice: int = 0
    logprobs: bytes = b""
    """OpenAI's `logprobs` object for these tokens."""


class Signed(Struct, frozen=True):
    """A part got what its provider wants back with it; pieces are joined."""

    block: int
    signature: str = ""
    encrypted: str = ""
    choice: int = 0


class Cited(Struct, frozen=True):
    """A text part got a citation."""

    block: int
    citation: Citation
    choice: int = 0


class Closed(Struct, frozen=True):
    """A part is complete. Its id, transcript and the like, where they come last, are in `part`."""

    block: int
    choice: int = 0
    part: Part | None = None


class Ended(Struct, frozen=True):
    """A choice is complete; all of its parts are closed."""

    finish: Finish
    choice: int = 0
    stop_sequence: str = ""


class Told(Struct, frozen=True):
    """Members of the answer that callers of the same format are promised, as JSON, whenever they come."""

    extra: Mapping[str, bytes]


Event = Began | Opened | Grew | Signed | Cited | Closed | Ended | Told
