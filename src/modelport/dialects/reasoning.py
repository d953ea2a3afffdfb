"""How much a model shall think: the controls that callers know, and the form that a provider takes.

Five controls are read (`reasoning_effort`; `reasoning`; `enable_thinking` with `thinking_budget`; Claude's and GLM's
`thinking`) and each provider is written its own. Where one knows only efforts and the other only budgets of tokens,
`EFFORTS` says which stands for which; what has no equivalent is left out and named.
"""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from modelport.catalogue.facts import Quirks, ReasoningForm
from modelport.dialects.chat_node import Node, text_of
from modelport.operations.conversation import Reasoning

WORDS = frozenset({"reasoning_effort", "reasoning", "enable_thinking", "thinking_budget", "thinking"})
"""The fields of chat that control reasoning."""

EFFORTS: tuple[tuple[str, int, int], ...] = (
    ("low", 2048, 1024),
    ("medium", 8192, 4096),
    ("high", 1 << 62, 16384),
)
"""Each effort with the largest budget that it stands for, and the budget that stands for it."""
_OFF = "none"
_LEVEL = {"minimal": "low", "xhigh": "high", "max": "high"}
Written = tuple[dict[str, bytes], bool]
"""The fields of a provider's form, and whether they say all that was asked."""


def effort_for(budget_tokens: int) -> str:
    """Return the effort nearest to a budget."""
    return next(effort for effort, most, _ in EFFORTS if budget_tokens <= most)


def budget_for(effort: str) -> int:
    """Return the budget that an effort stands for."""
    level = _LEVEL.get(effort, effort)
    return next(budget for name, _, budget in EFFORTS if name == level)


def read(fields: Mapping[str, bytes]) -> Reasoning | None:
    """Read every control among the fields of a chat call; None when there is none."""
    told = Reasoning()
    if raw := fields.get("reasoning_effort"):
        told = _with_effort(told, text_of(raw, "reasoning_effort"))
    if raw := fields.get("reasoning"):
        told = _with_object(told, Node.of(raw, "reasoning"))
    if raw := fields.get("thinking"):
        told = _with_thinking(told, Node.of(raw, "thinking"))
    if raw := fields.get("enable_thinking"):
        told = replace(told, is_on=raw == b"true")
    if raw := fields.get("thinking_budget"):
        told = replace(told, budget_tokens=int(raw))
    return None if told == Reasoning() else told


def _with_effort(told: Reasoning, effort: str) -> Reasoning:
    return replace(told, effort=effort, is_on=False if effort == _OFF else told.is_on)


def _with_object(told: Reasoning, node: Node) -> Reasoning:
    if effort := node.text("effort"):
        told = _with_effort(told, effort)
    if (budget := node.whole("max_tokens")) is not None:
        told = replace(told, budget_tokens=budget)
    if (enabled := node.flag("enabled")) is not None:
        told = replace(told, is_on=enabled)
    summary = node.text("summary")
    return replace(told, is_hidden=node.flag("exclude") is True, summary=summary or told.summary)


def _with_thinking(told: Reasoning, node: Node) -> Reasoning:
    kind = node.needed("type")
    if (budget := node.whole("budget_tokens")) is not None:
        told = replace(told, budget_tokens=budget)
    if node.text("display") == "omitted":
        told = replace(told, is_hidden=True)
    return replace(told, is_on=kind != "disabled", is_adaptive=kind == "adaptive")


def form_of(quirks: Quirks) -> ReasoningForm:
    """Return the form in which a provider of chat is asked."""
    if quirks.reasoning in ("", "level", "adaptive"):
        return "none" if "reasoning_effort" in quirks.drop else "effort"
    return quirks.reasoning


_NATIVE: Mapping[str, frozenset[str]] = {
    "effort": frozenset({"reasoning_effort"}),
    "reasoning": frozenset({"reasoning"}),
    "enable_thinking": frozenset({"enable_thinking", "thinking_budget"}),
    "thinking": frozenset({"thinking"}),
    "budget": frozenset({"thinking"}),
    "none": frozenset(),
}


def is_native(fields: Mapping[str, bytes], quirks: Quirks) -> bool:
    """Whether a provider takes the controls among the fields of a call as they are."""
    form = form_of(quirks)
    native = _NATIVE[form]
    for name in WORDS & fields.keys():
        if name == "thinking" and name in native:
            has_budget = b'"budget_tokens"' in fields[name]
            if has_budget != (form == "budget") and b'"disabled"' not in fields[name]:
                return False
        elif name not in native and name not in quirks.accept and not quirks.accept_unknown:
            return False
    return True


def written(told: Reasoning, form: ReasoningForm) -> Written:
    """Write what was asked in a provider's form."""
    match form:
        case "reasoning":
            return _as_object(told)
        case "enable_thinking":
            return _as_switch(told)
        case "thinking":
            is_on = _is_on(told)
            is_all = not _amount(told) and not told.is_adaptive and not told.summary
            return ({} if is_on is None else {"thinking": _switch(is_on)}), is_all
        case "budget":
            return _as_budget(told)
        case "none":
            return {}, _is_on(told) is None and not told.summary
        case _:
            return _as_effort(told)


def _is_on(told: Reasoning) -> bool | None:
    """Whether to think at all; None when nothing says so."""
    if told.effort == _OFF:
        return False
    return True if told.is_on is None and (_amount(told) or told.is_adaptive) else told.is_on


def _amount(told: Reasoning) -> bool:
    return told.budget_tokens is not None or told.effort not in ("", _OFF)


def _budget(told: Reasoning) -> int | None:
    if told.budget_tokens is not None:
        return told.budget_tokens
    return budget_for(told.effort) if told.effort not in ("", _OFF) else None


def _switch(is_on: bool) -> bytes:
    return b'{"type":"enabled"}' if is_on else b'{"type":"disabled"}'


def _as_effort(told: Reasoning) -> Written:
    if _is_on(told) is False:
        return {"reasoning_effort": b'"none"'}, True
    effort = told.effort or (effort_for(told.budget_tokens) if told.budget_tokens is not None else "")
    if not effort and told.is_on and not told.is_adaptive:
        effort = "medium"
    if effort:
        return {"reasoning_effort": msgspec.json.encode(effort)}, not told.summary
    return {}, _is_on(told) is None and not told.summary


def _as_object(told: Reasoning) -> Written:
    members: dict[str, object] = {}
    if _is_on(told) is False:
        members["effort"] = _OFF
    elif told.budget_tokens is not None:
        members["max_tokens"] = told.budget_tokens
    elif told.effort:
        members["effort"] = told.effort
    elif told.is_on:
        members["enabled"] = True
    if told.is_hidden:
        members["exclude"] = True
    if told.summary:
        members["summary"] = told.summary
    return ({"reasoning": msgspec.json.encode(members)} if members else {}), True


def _as_switch(told: Reasoning) -> Written:
    is_on, budget = _is_on(told), _budget(told)
    if is_on is None:
        return {}, not told.summary
    fields = {"enable_thinking": b"true" if is_on else b"false"}
    if is_on and budget is not None:
        fields["thinking_budget"] = b"%d" % budget
    return fields, not told.summary


def _as_budget(told: Reasoning) -> Written:
    is_on, budget = _is_on(told), _budget(told)
    if is_on is None:
        return {}, not told.summary
    if not is_on:
        return {"thinking": _switch(False)}, True
    amount = budget_for("medium") if budget is None else max(budget, budget_for("low"))
    return {"thinking": b'{"type":"enabled","budget_tokens":%d}' % amount}, not told.summary


def words_of(form: ReasoningForm) -> frozenset[str]:
    """Return the fields that a form has."""
    return _NATIVE[form]
