"""The vendors of chat completions that are compatible with OpenAI, as data: prefix, names of models, errors, refusals.

None was tried against the live service. What they refuse, and in which words, is what their users report, and their
own documentation; read on 2026-11-22. Where nothing is cited, only the path, the key and the names of models differ
from OpenAI, unknown fields are ignored, and the form of errors is taken to be OpenAI's.

- DeepSeek: no json_schema, `https://github.com/UKGovernmentBEIS/inspect_ai/issues/4916`; thinking by default, which
  takes no forced tool, `https://github.com/deepseek-ai/DeepSeek-V3/issues/1376`, and wants its `reasoning_content`
  back, `https://github.com/JohnnyZ93/oai-compatible-copilot/issues/202`; fill in the middle below `/beta`,
  `https://share.apidog.com/apidoc/docs-site/747793/fim-completion-beta-835847m0`.
- Moonshot: `$web_search` as a `builtin_function`, `https://platform.moonshot.cn/docs/guide/use-web-search`;
  sampling that cannot be set, `https://github.com/HKUDS/nanobot/pull/202`,
  `https://github.com/HKUDS/nanobot/pull/4967`.
- xAI: penalties and stop refused by models that reason, `https://github.com/n8n-io/n8n/issues/14581`; the form of
  errors, `https://github.com/neavo/LinguaGacha/issues/159`.
- Mistral: unknown fields are 422, `https://github.com/editor-code-assistant/eca/issues/231`
  (max_completion_tokens), `https://github.com/Gitlawb/openclaude/issues/739` (store),
  `https://github.com/charmbracelet/crush/issues/1590` (reasoning_content in a message); fields and tools from
  `mistralai` 3.7 (`models/chatcompletionrequest.py`).
- Perplexity: users and assistants alternate, `https://github.com/iamsrikanthnani/pluely/issues/71`; an unknown
  model, `https://github.com/FerroxLabs/wayland/issues/603`; no tools,
  `https://github.com/BerriAI/litellm/issues/11665`.
- Zhipu: error 1214, `https://github.com/continuedev/continue/issues/13261`; the statuses,
  `https://docs.z.ai/api-reference/api-code`; the sentence on models is ours.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tests.fake.vendor import Refusal, Vendor, words
from tests.fake.vendor_errors import minimax_error, mistral_error, openai_error, xai_error, zhipu_error
from tests.fake.vendors_models import MAKERS

_MANY = rf"({MAKERS})/[0-9A-Za-z._-]+"
_CHAT_AND_EMBEDDINGS = frozenset({"/chat/completions", "/embeddings"})


def _deepseek_usage(usage: Mapping[str, Any]) -> Mapping[str, Any]:
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    return {"prompt_cache_hit_tokens": cached, "prompt_cache_miss_tokens": usage["prompt_tokens"] - cached}


def _moonshot_usage(usage: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"cached_tokens": usage["prompt_tokens_details"]["cached_tokens"]}


def _perplexity_usage(usage: Mapping[str, Any]) -> Mapping[str, Any]:
    cost = {"input_tokens_cost": 1e-05, "output_tokens_cost": 1e-05, "request_cost": 0.005, "total_cost": 0.00502}
    return {"search_context_size": "low", "num_search_queries": 1, "cost": cost}


def _xai_usage(usage: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"num_sources_used": 0, "cost_in_usd_ticks": 37_756_000}


def _generic(
    name: str,
    path: str,
    families: str,
    *,
    error: Callable[[Refusal], Any] = openai_error,
    serves: frozenset[str] = frozenset({"/chat/completions"}),
    key_header: str = "authorization",
    needs_key: bool = True,
) -> Vendor:
    """A vendor of which only the path, the key, the models and the form of errors are known to differ."""
    return Vendor(
        id=name,
        prefix=f"/{name}{path}",
        models=frozenset(),
        error=error,
        serves=serves,
        families=families,
        key_header=key_header,
        needs_key=needs_key,
    )


DEEPSEEK = Vendor(
    id="deepseek",
    prefix="/deepseek",
    models=frozenset({"deepseek-chat", "deepseek-reasoner"}),
    families=r"deepseek-v\d[0-9a-z.-]*",
    serves=frozenset(
        {"/chat/completions", "/v1/chat/completions", "/beta/chat/completions", "/completions", "/beta/completions"}
    ),
    aliases=("/beta",),
    error=openai_error,
    schemas=frozenset({"text", "json_object"}),
    tool_kinds=frozenset({"function"}),
    thinkers=frozenset({"deepseek-reasoner", "deepseek-v4-pro", "deepseek-v4-flash", "deepseek-v4.1-flash"}),
    more_usage=_deepseek_usage,
    phrases={
        "unknown_model": "Model Not Exist",
        "wrong_key": "Authentication Fails, Your api key: {key} is invalid",
        "no_key": "Authentication Fails (auth header format should be Bearer sk-...)",
        "refused_format": "This response_format type is unavailable now",
    },
    statuses={"unknown_model": 400},
)

MOONSHOT = Vendor(
    id="moonshot",
    prefix="/moonshot/v1",
    models=frozenset(),
    families=r"(kimi|moonshot)-[0-9a-z.-]+",
    error=openai_error,
    tool_kinds=frozenset({"function", "builtin_function"}),
    thinkers=frozenset({"kimi-k2.5", "kimi-k2.6", "kimi-k2.7-code", "kimi-k3", "kimi-k3.1-pro"}),
    more_usage=_moonshot_usage,
    max_choices=5,
    temperature_limit=1,
    phrases={
        "unknown_model": "Not found the model {model} or Permission denied",
        "wrong_key": "Invalid Authentication",
        "no_key": "Invalid Authentication",
    },
)

XAI = Vendor(
    id="xai",
    prefix="/xai/v1",
    models=frozenset(),
    families=r"grok-[0-9a-z.-]+",
    serves=frozenset({"/chat/completions", "/responses"}),
    error=xai_error,
    tool_kinds=frozenset({"function"}),
    refuses=frozenset({"presence_penalty", "frequency_penalty", "stop", "logit_bias"}),
    more_usage=_xai_usage,
    phrases={
        "unknown_model": "The model {model} does not exist or your team does not have access to it.",
        "refused_field": "Argument not supported on this model: {name}",
        "wrong_key": "Incorrect API key provided: {key}.",
        "no_key": "No API key provided.",
    },
    statuses={"wrong_key": 400},
)

MISTRAL = Vendor(
    id="mistral",
    prefix="/mistral/v1",
    models=frozenset(),
    families=r"(mistral|ministral|codestral|devstral|magistral|pixtral|voxtral|open-m|labs-)[0-9a-z.-]*",
    serves=frozenset({"/chat/completions", "/fim/completions", "/embeddings"}),
    error=mistral_error,
    fields=words(
        """
        messages model temperature top_p top_k max_tokens min_tokens stream stop random_seed metadata response_format
        tools tool_choice presence_penalty frequency_penalty repetition_penalty n prediction parallel_tool_calls
        logprobs top_logprobs prompt_logprobs top_prompt_logprobs prompt_mode reasoning_effort guardrails safe_prompt
        prompt_cache_key service_tier
        """
    ),
    message_fields=frozenset({"role", "content", "tool_calls", "tool_call_id", "name", "prefix"}),
    tool_kinds=frozenset({"function"}),
    always_sends_usage=True,
    phrases={
        "unknown_field": "Extra inputs are not permitted",
        "unknown_message_field": "Extra inputs are not permitted",
        "unknown_model": "Invalid model: {model}",
        "no_key": "Unauthorized",
        "wrong_key": "Unauthorized",
    },
    statuses={"unknown_field": 422, "unknown_model": 400},
    unknown_code="extra_forbidden",
    temperature_limit=1.5,
)

PERPLEXITY = Vendor(
    id="perplexity",
    prefix="/perplexity",
    models=frozenset({"sonar", "sonar-pro", "sonar-reasoning", "sonar-reasoning-pro", "sonar-deep-research"}),
    error=openai_error,
    schemas=frozenset({"text", "json_schema", "regex"}),
    refuses=frozenset({"tools", "tool_choice", "n", "logprobs", "logit_bias"}),
    always_searches=True,
    more_usage=_perplexity_usage,
    phrases={
        "unknown_model": "Invalid model '{model}'. Permitted models can be found in the documentation at "
        "https://docs.perplexity.ai/docs/getting-started/models.",
    },
    statuses={"unknown_model": 400},
    aliases=("/perplexity/v1",),
)

ZHIPU = Vendor(
    id="zhipu",
    prefix="/zhipu/api/paas/v4",
    models=frozenset(),
    families=r"(glm|charglm|codegeex|embedding)-[0-9a-z.-]+",
    serves=_CHAT_AND_EMBEDDINGS,
    error=zhipu_error,
    schemas=frozenset({"text", "json_object"}),
    tool_kinds=frozenset({"function", "web_search", "retrieval"}),
    thinkers=frozenset({"glm-4.5", "glm-4.6", "glm-4.7", "glm-5", "glm-5.1", "glm-5.2"}),
    temperature_limit=1,
    phrases={
        "unknown_model": "Unknown Model, please check the model code.",
        "no_key": "Authentication parameter not received in Header, unable to authenticate",
        "wrong_key": "Authentication Failed",
    },
    statuses={"unknown_model": 400},
)

MINIMAX = _generic("minimax", "/v1", r"(MiniMax|minimax|abab)[0-9A-Za-z.-]*", error=minimax_error)

CHAT_VENDORS: tuple[Vendor, ...] = (
    DEEPSEEK,
    MOONSHOT,
    XAI,
    MISTRAL,
    PERPLEXITY,
    ZHIPU,
    MINIMAX,
    _generic("nvidia", "/v1", _MANY, serves=_CHAT_AND_EMBEDDINGS),
    _generic("baidu", "/v2", r"(ernie|deepseek|qwen|kimi|glm|bge|embedding)[0-9a-z._-]*", serves=_CHAT_AND_EMBEDDINGS),
    _generic(
        "ark",
        "/api/v3",
        r"(doubao|seed|deepseek|kimi|glm|ep-|gpt-oss)[0-9a-z.-]*",
        serves=frozenset({"/chat/completions", "/responses", "/embeddings"}),
    ),
    _generic("cohere", "/compatibility/v1", r"(command|c4ai|embed|north)-[0-9a-z.-]+", serves=_CHAT_AND_EMBEDDINGS),
    _generic("together", "/v1", _MANY, serves=_CHAT_AND_EMBEDDINGS),
    _generic("fireworks", "/inference/v1", r"accounts/[0-9a-z-]+/(models|routers)/[0-9a-z.-]+|nomic-ai/[0-9a-z.-]+"),
    _generic("deepinfra", "/v1/openai", _MANY, serves=_CHAT_AND_EMBEDDINGS),
    _generic(
        "azure",
        "/openai/v1",
        r"(gpt|o|text-embedding|model-router|grok|DeepSeek|Kimi|Llama|Mistral|mistral|Phi|Cohere|cohere)[0-9A-Za-z.-]*",
        serves=frozenset({"/chat/completions", "/responses", "/embeddings"}),
        key_header="api-key",
    ),
    _generic("bedrock", "/openai/v1", r"(us\.|eu\.|global\.)?[0-9a-z]+\.[0-9a-z.:-]+"),
    _generic("huggingface", "/v1", _MANY + r"(:[a-z-]+)?"),
)
