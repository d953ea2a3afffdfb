"""Writing how much to think, in the form that a model takes, and what may be sent beside it.

Shapes: https://github.com/anthropics/anthropic-sdk-python 2.12.0. Rules, as refusals are reported: no forced tool
(https://github.com/run-llama/llama_index/issues/19641), reasoning before the last tools
(https://github.com/pydantic/pydantic-ai/issues/2075), no sampling
(https://qiita.com/yureki_lab/items/71290ff34d4160124d96); all read 2026-11-22.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from modelport.catalogue.facts import Quirks
from modelport.dialects.anthropic_messages.shapes import DIALECT, LEAST_BUDGET
from modelport.operations.conversation import Conversation, Reasoning

BUDGETS = {"minimal": 1024, "low": 1024, "medium": 4096, "high": 16384, "xhigh": 32768, "max": 65536}
"""Tokens of thinking for each effort, where a model takes a budget."""
_DEFAULT_EFFORT = "medium"
_EFFORTS = {"minimal": "low"}
"""Efforts that Anthropic has no word for."""
_MODEST, _MIDDLING = 2048, 8192
"""Up to which budgets the effort is low and medium, where a model takes no budget."""


class Thought(Struct, frozen=True):
    """What is written about thinking."""

    thinking: Mapping[str, object] | None = None
    effort: str = ""
    is_left_out: bool = False
    """Whether what was asked for cannot be had, which is reported."""
    is_budget_left_out: bool = False

    @property
    def is_on(self) -> bool:
        """Whether the model will think."""
        return self.thinking is not None and self.thinking["type"] in ("enabled", "adaptive")


NOTHING = Thought()
_LEFT_OUT = Thought(is_left_out=True)


def wanted_budget(talk: Conversation, quirks: Quirks) -> int:
    """Return the tokens of thinking that a call asks for where they come out of a bound; 0 for none."""
    reasoning = talk.reasoning
    if reasoning is None or quirks.reasoning not in ("", "budget") or not _is_asked(talk, reasoning):
        return 0
    return _budget(reasoning)


def thought_of(talk: Conversation, quirks: Quirks, max_tokens: int) -> Thought:
    """Decide what to send."""
    reasoning = talk.reasoning
    if reasoning is None:
        return NOTHING
    if quirks.reasoning == "none":
        return _LEFT_OUT if _is_asked(talk, reasoning) or reasoning.effort else NOTHING
    if quirks.reasoning == "effort":
        return Thought(effort=_effort(reasoning))
    if reasoning.is_on is False or reasoning.effort == "none":
        return Thought({"type": "disabled"}, "" if reasoning.effort == "none" else _own_effort(talk, reasoning))
    if not _is_asked(talk, reasoning):
        return Thought(effort=_own_effort(talk, reasoning))
    if quirks.reasoning == "adaptive":
        return _adaptive(talk, reasoning)
    return _enabled(reasoning, max_tokens)


def _is_asked(talk: Conversation, reasoning: Reasoning) -> bool:
    """Whether thinking itself is asked for: in this format an effort alone is about the answer as a whole."""
    if reasoning.is_on is False or reasoning.effort == "none":
        return False
    if reasoning.is_on or reasoning.is_adaptive or reasoning.budget_tokens is not None:
        return True
    return bool(reasoning.effort) and talk.dialect != DIALECT


def _own_effort(talk: Conversation, reasoning: Reasoning) -> str:
    return reasoning.effort if talk.dialect == DIALECT else ""


def _enabled(reasoning: Reasoning, max_tokens: int) -> Thought:
    budget = min(_budget(reasoning), max_tokens - 1)
    if budget < LEAST_BUDGET:
        return _LEFT_OUT
    return Thought({"type": "enabled", "budget_tokens": budget, **_display(reasoning)})


def _budget(reasoning: Reasoning) -> int:
    asked = reasoning.budget_tokens
    return max(asked if asked is not None else BUDGETS.get(reasoning.effort or _DEFAULT_EFFORT, 4096), LEAST_BUDGET)


def _adaptive(talk: Conversation, reasoning: Reasoning) -> Thought:
    display = _display(reasoning)
    if not display and talk.dialect != DIALECT:
        display = {
            "display": "summarized"
        }  # Newer models show nothing unless told to; other formats' callers expect it.
    return Thought(
        {"type": "adaptive", **display},
        _effort(reasoning),
        is_budget_left_out=reasoning.budget_tokens is not None,
    )


def _display(reasoning: Reasoning) -> dict[str, str]:
    if reasoning.is_hidden:
        return {"display": "omitted"}
    return {"display": "summarized"} if reasoning.summary else {}


def _effort(reasoning: Reasoning) -> str:
    if reasoning.effort:
        return _EFFORTS.get(reasoning.effort, reasoning.effort)
    budget = reasoning.budget_tokens
    if budget is None:
        return ""
    return "low" if budget <= _MODEST else "medium" if budget <= _MIDDLING else "high"


def lowered(thinking: bytes, bound: int) -> bytes | None:
    """Fit a caller's own `thinking` below a bound that was lowered; None where there is no room to think."""
    told = msgspec.json.decode(thinking, type=dict[str, msgspec.Raw])
    budget = bytes(told.get("budget_tokens", b""))
    if not budget or float(budget) < bound:
        return thinking
    if bound <= LEAST_BUDGET:
        return None
    return msgspec.json.encode({**told, "budget_tokens": bound - 1})


def adapted(thinking: bytes) -> tuple[bytes, str]:
    """Have a model that decides by itself how much to think do so, with the effort that a caller's budget stands for.

    Returns what to send as `thinking`, and the effort; none where no budget was given.
    """
    told = msgspec.json.decode(thinking, type=dict[str, msgspec.Raw])
    if bytes(told.get("type", b"")) != b'"enabled"':
        return thinking, ""
    budget = bytes(told.pop("budget_tokens", b""))
    effort = _effort(Reasoning(budget_tokens=int(budget))) if budget.isdigit() else ""
    return msgspec.json.encode({**told, "type": "adaptive"}), effort
