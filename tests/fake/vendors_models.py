"""The names of models of the vendors that are known by their own, as their official SDKs list them.

Read on 2026-11-22 from `anthropic` 2.12 (`types/model.py`) and `openai` 3.54 (`types/shared/chat_model.py`,
`responses_model.py`, `types/embedding_model.py`); Google's follow a pattern.
"""

from tests.fake.vendor import words

ANTHROPIC_MODELS = words(
    """
    claude-fable-5-2 claude-mythos-5-2 claude-haiku-5-5 claude-sonnet-5-5 claude-fable-5-1 claude-opus-5-5
    claude-mythos-5-1 claude-sonnet-5 claude-fable-5 claude-mythos-5 claude-opus-5 claude-opus-4-8 claude-opus-4-7
    claude-mythos-preview claude-opus-4-6 claude-sonnet-4-6 claude-haiku-4-5 claude-haiku-4-5-20251001
    claude-opus-4-5 claude-opus-4-5-20251101 claude-sonnet-4-5 claude-sonnet-4-5-20250929 claude-opus-4-1
    claude-opus-4-1-20250805
    """
)

OPENAI_MODELS = words(
    """
    gpt-6-astra gpt-6.2-astra gpt-6.1-sol gpt-6.2-sol gpt-6.1-terra gpt-6-sol gpt-6-luna gpt-5.6-sol gpt-5.6-terra
    gpt-5.6-luna gpt-5.5 gpt-5.5-2026-04-23 gpt-5.4 gpt-5.4-mini gpt-5.4-nano gpt-5.4-mini-2026-03-17
    gpt-5.4-nano-2026-03-17 gpt-5.3-chat-latest gpt-5.2 gpt-5.2-2025-12-11 gpt-5.2-chat-latest gpt-5.2-pro
    gpt-5.2-pro-2025-12-11 gpt-5.1 gpt-5.1-2025-11-13 gpt-5.1-codex gpt-5.1-mini gpt-5.1-chat-latest gpt-5 gpt-5-mini
    gpt-5-nano gpt-5-2025-08-07 gpt-5-mini-2025-08-07 gpt-5-nano-2025-08-07 gpt-5-chat-latest gpt-4.1 gpt-4.1-mini
    gpt-4.1-nano gpt-4.1-2025-04-14 gpt-4.1-mini-2025-04-14 gpt-4.1-nano-2025-04-14 o4-mini o4-mini-2025-04-16 o3
    o3-2025-04-16 o3-mini o3-mini-2025-01-31 o1 o1-2024-12-17 gpt-4o gpt-4o-2024-11-20 gpt-4o-2024-08-06
    gpt-4o-2024-05-13 gpt-4o-mini gpt-4o-mini-2024-07-18 gpt-audio-mini gpt-4o-audio-preview gpt-4o-mini-audio-preview
    gpt-4o-search-preview gpt-4o-mini-search-preview gpt-4-turbo gpt-4-turbo-2024-04-09 gpt-4 gpt-3.5-turbo
    gpt-3.5-turbo-0125 o1-pro o3-pro gpt-5.5-pro gpt-5-codex gpt-5-pro gpt-5.1-codex-max
    gpt-5.1-codex-mini gpt-5.2-codex gpt-5.3-codex gpt-5.4-pro
    text-embedding-ada-002 text-embedding-3-small text-embedding-3-large
    """
)

RESPONSES_ONLY = words("o1-pro o3-pro gpt-5.5-pro gpt-5-codex gpt-5-pro gpt-5.1-codex-max")
"""Those that the SDK lists for Responses and not for chat completions."""

GEMINI_FAMILIES = (
    r"(gemini-(2\.[05]|3(\.\d)?)-(pro|flash|flash-lite)(-preview|-latest)?([-.0-9a-z]*)?"
    r"|gemini-(pro|flash|flash-lite)-latest|gemma-[34]n?-[0-9a-z-]+|gemini-embedding-[0-9a-z-]+)"
)
"""Google's SDK lists no names; these follow the names in use."""

MAKERS = "|".join(
    words(
        """
        ai21 aion-labs alibaba Alibaba-NLP allenai amazon anthracite-org anthropic arcee-ai baai BAAI baidu bytedance
        bytedance-seed cognitivecomputations cohere CohereLabs deepcogito deepseek deepseek-ai essentialai google
        gryphe ibm ibm-granite inception inclusionai inflection intfloat kwaipilot liquid LiquidAI mancer meituan meta
        meta-llama microsoft minimax MiniMaxAI minimaxai mistral mistralai moonshotai morph nex-agi nomic-ai
        NousResearch nousresearch nvidia openai openrouter perceptron perplexity poolside prime-intellect Qwen qwen
        rekaai relace sakana sao10k sentence-transformers ServiceNow-AI stepfun stepfun-ai switchpoint tencent
        thedrummer thinkingmachines THUDM thudm togethercomputer undi95 upstage utter-project writer x-ai xiaomi
        XiaomiMiMo z-ai zai-org
        """
    )
)
"""Those under whose names models are sold by vendors of many makers, for a regular expression."""
