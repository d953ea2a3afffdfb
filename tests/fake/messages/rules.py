"""What single models of Anthropic take and refuse.

From the migration guides below `https://platform.claude.com/docs/en/models`, and
`https://openrouter.ai/docs/cookbook/evaluate-and-optimize/model-migrations/claude-5-5`; thinking that cannot be set
by a budget from 4.7 on, `https://github.com/NousResearch/hermes-agent/issues/11137`; sampling that is gone from 4.7
on, `https://github.com/Comfy-Org/ComfyUI/issues/13923`; prefill that is gone from 4.6 on,
`https://github.com/agenticloops-ai/agentic-ai-engineering/issues/43`; both temperature and top_p,
`https://github.com/cloud-apim/otoroshi-llm-extension/issues/140`; all read on 2026-11-22.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """One model's own rules; the defaults are those of models that only the fake has."""

    thinking: frozenset[str] = frozenset({"enabled", "disabled", "adaptive"})
    """The types of thinking that are taken."""
    thinks_by_default: bool = False
    sampling: bool = True
    """Whether temperature, top_p and top_k are taken at all."""
    both_samplings: bool = False
    """Whether temperature and top_p may come together."""
    prefill: bool = True
    system_turns: bool = True
    """Whether `system` messages may stand between the others."""
    forced_tools: bool = True
    efforts: frozenset[str] = frozenset({"low", "medium", "high", "xhigh", "max"})
    output_limit: int = 128_000


_EFFORTS = frozenset({"low", "medium", "high", "max"})
_OLD = Rules(frozenset({"enabled", "disabled"}), system_turns=False, efforts=frozenset(), output_limit=64_000)
_OLD_EFFORT = Rules(frozenset({"enabled", "disabled"}), system_turns=False, efforts=_EFFORTS, output_limit=64_000)
_OPUS_4_1 = Rules(frozenset({"enabled", "disabled"}), system_turns=False, efforts=frozenset(), output_limit=32_000)
_4_6 = Rules(prefill=False, system_turns=False, efforts=_EFFORTS)
_4_7 = Rules(frozenset({"adaptive"}), sampling=False, prefill=False, system_turns=False)
_4_8 = Rules(frozenset({"adaptive", "disabled"}), sampling=False, prefill=False)
_5 = Rules(frozenset({"adaptive", "disabled"}), thinks_by_default=True, sampling=False, prefill=False)
_SONNET_5 = Rules(
    frozenset({"adaptive", "disabled"}), thinks_by_default=True, sampling=False, prefill=False, system_turns=False
)
_ALWAYS = Rules(frozenset({"adaptive"}), thinks_by_default=True, sampling=False, prefill=False)
_ALWAYS_FREE = Rules(frozenset({"adaptive"}), thinks_by_default=True, sampling=False, prefill=False, forced_tools=False)
_SONNET_5_5 = Rules(frozenset({"adaptive", "between_tools"}), thinks_by_default=True, sampling=False, prefill=False)

_BY_START: tuple[tuple[str, Rules], ...] = (
    ("claude-opus-4-1", _OPUS_4_1),
    ("claude-opus-4-5", _OLD_EFFORT),
    ("claude-sonnet-4-5", _OLD),
    ("claude-haiku-4-5", _OLD),
    ("claude-opus-4-6", _4_6),
    ("claude-sonnet-4-6", _4_6),
    ("claude-opus-4-7", _4_7),
    ("claude-opus-4-8", _4_8),
    ("claude-opus-5-5", _ALWAYS_FREE),
    ("claude-fable-5-1", _ALWAYS_FREE),
    ("claude-fable-5-2", _ALWAYS_FREE),
    ("claude-sonnet-5-5", _SONNET_5_5),
    ("claude-haiku-5-5", _5),
    ("claude-opus-5", _5),
    ("claude-sonnet-5", _SONNET_5),
    ("claude-fable", _ALWAYS),
    ("claude-mythos", _ALWAYS),
)
_MADE_UP = Rules()


def rules_of(model: str) -> Rules:
    """Return the rules of a model."""
    return next((rules for start, rules in _BY_START if model.startswith(start)), _MADE_UP)
