"""Asking Google's models to think: a level from Gemini 3 on, a budget of tokens before.

Levels, budgets and how efforts map to them: https://ai.google.dev/gemini-api/docs/thinking and
https://ai.google.dev/gemini-api/docs/openai#thinking (read 2026-11-22).
"""

from modelport.catalogue.facts import Quirks
from modelport.operations.conversation import Reasoning

NEVER_OFF = "reasoning.none"
"""In the `drop` of an offer: its model cannot stop thinking, and knows no level below `low`."""
LEAST_BUDGET = 128
"""The smallest that a model takes which cannot stop thinking (Gemini 2.5 Pro)."""
DYNAMIC = -1

BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
_LEVELS = {"none": "minimal", "xhigh": "high", "max": "high"}


def thinking(asked: Reasoning, quirks: Quirks) -> tuple[dict[str, object], bool]:
    """Return the `thinkingConfig` for what a caller asked, and whether it is just that."""
    is_off = asked.is_on is False or asked.effort == "none" or asked.budget_tokens == 0
    config = _level(asked, quirks, is_off=is_off) if quirks.reasoning == "level" else _budget(asked, quirks, is_off)
    if not (is_off or asked.is_hidden):
        config["includeThoughts"] = True
    return config, not (is_off and NEVER_OFF in quirks.drop)


def _level(asked: Reasoning, quirks: Quirks, *, is_off: bool) -> dict[str, object]:
    effort = "none" if is_off else asked.effort or _effort_of(asked.budget_tokens)
    if not effort:
        return {}
    level = effort if effort in quirks.accept else _LEVELS.get(effort, effort)
    return {"thinkingLevel": "low" if level == "minimal" and NEVER_OFF in quirks.drop else level}


def _effort_of(budget: int | None) -> str:
    if budget is None:
        return ""
    return next((effort for effort in ("low", "medium") if budget <= BUDGETS[effort]), "high")


def _budget(asked: Reasoning, quirks: Quirks, is_off: bool) -> dict[str, object]:
    budget = asked.budget_tokens
    if is_off:
        budget = LEAST_BUDGET if NEVER_OFF in quirks.drop else 0
    elif budget is None and asked.effort:
        budget = BUDGETS.get(asked.effort, BUDGETS["high"])
    elif budget is None and (asked.is_on or asked.is_adaptive):
        budget = DYNAMIC
    if budget is None:
        return {}
    most = quirks.clamp.get("thinking_budget")
    return {"thinkingBudget": budget if most is None else min(budget, int(float(most)))}
