"""Records of searches in a conversation: what they found is in the messages after them, and only OpenAI wants them."""

from msgspec.structs import replace

from modelport.dialects.openai_responses.items_in import NAME
from modelport.operations.content import Foreign, Part, Turn
from modelport.operations.conversation import Conversation

_SEARCH = "web_search_call"
LEFT_OUT = f"input.{_SEARCH}"
"""How it is told that records were left out."""


def without_searches(talk: Conversation) -> Conversation:
    """Leave out the records of searches beside which something else was said; the same object when there are none."""
    turns = tuple(_without(turn) for turn in talk.turns)
    is_same = all(new is old for new, old in zip(turns, talk.turns, strict=True))
    return talk if is_same else replace(talk, turns=turns)


def _without(turn: Turn) -> Turn:
    parts = tuple(part for part in turn.parts if not _is_search(part))
    return replace(turn, parts=parts) if parts and len(parts) < len(turn.parts) else turn


def _is_search(part: Part) -> bool:
    return isinstance(part, Foreign) and (part.dialect, part.kind) == (NAME, _SEARCH)
