"""Moderation: which kinds of harm a text or a picture has in it, in OpenAI's categories."""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

Category = Literal[
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
]
InputType = Literal["text", "image"]

TEXT_ONLY: Sequence[InputType] = ("text",)
BOTH: Sequence[InputType] = ("text", "image")
CATEGORIES: Mapping[Category, Sequence[InputType]] = {
    "harassment": TEXT_ONLY,
    "harassment/threatening": TEXT_ONLY,
    "hate": TEXT_ONLY,
    "hate/threatening": TEXT_ONLY,
    "illicit": TEXT_ONLY,
    "illicit/violent": TEXT_ONLY,
    "self-harm": BOTH,
    "self-harm/instructions": BOTH,
    "self-harm/intent": BOTH,
    "sexual": BOTH,
    "sexual/minors": TEXT_ONLY,
    "violence": BOTH,
    "violence/graphic": BOTH,
}
"""Every category, and what it can be seen in, as https://developers.openai.com/api/docs/guides/moderation has it.

Read on 2026-11-29.
"""


class Verdict(Struct, frozen=True):
    """What was found in one input."""

    flagged: bool
    """Whether any category is."""
    categories: Mapping[str, bool]
    category_scores: Mapping[str, float]
    """From 0 to 1."""
    category_applied_input_types: Mapping[str, Sequence[str]]
    """What each score is about."""
