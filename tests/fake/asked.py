"""What a call asks for, whatever the wire format that it came in."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_PIECE = re.compile(r"\S+\s*|\s+")
_IMAGE_TOKENS = 85


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a conversation: who said what, with how many images."""

    role: str
    """`system`, `user`, `assistant` or `tool`."""
    text: str
    images: int = 0


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model may call."""

    name: str
    schema: Mapping[str, Any] | None
    """The schema of its arguments; None for a tool whose input is plain text."""
    is_builtin: bool = False
    """Whether it is one of the vendor's own, which is used whenever it is given."""


@dataclass(frozen=True, slots=True)
class CacheUse:
    """How the prompt met the cache of prompts, in tokens."""

    read: int = 0
    written_5m: int = 0
    written_1h: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that was not refused."""

    model: str
    said: tuple[Said, ...]
    limit: int | None = None
    """The most tokens of output."""
    stops: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    choice: str = "auto"
    """`auto`, `none`, `required`, or the name of the tool that must be called."""
    is_parallel: bool = True
    """Whether several tools may be called at once."""
    thinks: bool = False
    hides_thoughts: bool = False
    redacts_thoughts: bool = False
    form: Mapping[str, Any] | None = None
    """The schema of the answer, `{}` for any JSON object; None for text."""
    choices: int = 1
    logprobs: int | None = None
    """How many alternatives to list with each token; None for no list."""
    searches: bool = False
    """Whether the model searches the web before it answers."""
    cache: CacheUse = field(default_factory=CacheUse)
    continues: str = ""
    """The start of the answer that the caller wrote, or what comes before the gap to fill."""

    @property
    def heard(self) -> str:
        """What the user said last."""
        return next((said.text for said in reversed(self.said) if said.role == "user"), "")

    @property
    def prompt_tokens(self) -> int:
        """Count the prompt: its words, three more for each message, and a flat number for each image."""
        return sum(tokens_of(said) for said in self.said)


def cut(text: str) -> tuple[str, ...]:
    """Cut text into pieces, which is also how tokens are counted."""
    return tuple(_PIECE.findall(text))


def tokens_of(said: Said) -> int:
    """Count the tokens of one message."""
    return 3 + len(cut(said.text)) + _IMAGE_TOKENS * said.images


def joined(texts: Iterable[str]) -> str:
    """Join the texts of the parts of a message."""
    return " ".join(texts)
