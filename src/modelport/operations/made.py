"""What comes of a call for media, in no wire format."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from modelport.operations.moderation import Verdict
from modelport.operations.usage import Usage


class File(Struct, frozen=True, kw_only=True):
    """A picture, a sound, a mesh: its bytes, or where its provider keeps it for a while."""

    data: bytes = b""
    link: str = ""
    """Set where there are no bytes yet."""
    content_type: str = ""
    """As the provider says; empty where it does not."""
    facts: Mapping[str, object] = {}
    """What is told of it beside: `revised_prompt`, `width`, `height`, …"""


class Pictures(Struct, frozen=True, kw_only=True):
    """What was drawn."""

    files: Sequence[File]
    facts: Mapping[str, object] = {}
    """What is told of all of them: `seed`, `timings`, `size`, …"""
    usage: Usage | None = None


class Sound(Struct, frozen=True, kw_only=True):
    """What was spoken."""

    file: File
    facts: Mapping[str, object] = {}
    usage: Usage | None = None


class Word(Struct, frozen=True, kw_only=True):
    """One word, and when it is said, in seconds."""

    word: str
    start: float
    end: float


class Segment(Struct, frozen=True, kw_only=True):
    """A part of a transcript, and when it is said, in seconds."""

    start: float
    end: float
    text: str


class Transcript(Struct, frozen=True, kw_only=True):
    """What was said."""

    text: str
    language: str = ""
    duration_s: float | None = None
    segments: Sequence[Segment] = ()
    words: Sequence[Word] = ()
    told: Mapping[str, object] = {}
    """The provider's own answer, for callers who want what only it has."""
    usage: Usage | None = None


class Pages(Struct, frozen=True, kw_only=True):
    """What stands on the pages of a document, in the form of `/v1/ocr`."""

    pages: Sequence[Mapping[str, object]]
    model: str = ""
    annotation: str | None = None
    size_bytes: int | None = None
    usage: Usage | None = None


class Verdicts(Struct, frozen=True, kw_only=True):
    """What was found harmful: one verdict for each text, or one for all parts together."""

    results: Sequence[Verdict]
    id: str
    model: str
    usage: Usage | None = None


Made = Pictures | Sound | Transcript | Pages | Verdicts


class Draft(Struct, frozen=True, kw_only=True):
    """A picture that is not finished."""

    file: File
    number: int
    """Which one it is of the same picture, from 0."""


class Heard(Struct, frozen=True):
    """What was heard since the last of these."""

    text: str


Piece = Draft | Heard
"""What is told of something while it is made."""
