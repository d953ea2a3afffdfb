"""The vendors that the fake plays: their paths, models, fields, and the form of their errors.

Nothing here was tried against the live services. It follows their documentation, and what their users report of answers
to requests that were refused. Read on 2026-11-22:

- OpenAI: fields from the official SDK's request type; an unknown field, `https://github.com/nashsu/llm_wiki/issues/336`;
  `reasoning_effort` refused by models that do not reason, `https://github.com/davidmigloz/langchain_dart/issues/712`;
  `max_tokens` refused by those that do, `https://github.com/microsoft/vscode-copilot-release/issues/9954`;
  `stream_options` without `stream`, `https://github.com/BerriAI/litellm/issues/5803`; tool messages out of place,
  `https://github.com/Haervwe/open-webui-tools/issues/12`; a wrong key, `https://github.com/devchat-ai/devchat/issues/154`;
  an unknown model, `https://github.com/Aider-AI/aider/issues/2030`.
- OpenRouter: `https://openrouter.ai/docs/api/reference/errors-and-debugging` (errors, Retry-After),
  `https://openrouter.ai/docs/api_reference/streaming` (comments, errors within a stream, usage in the last chunk);
  an unknown model, `https://github.com/OpenRouterTeam/openrouter-examples/issues/74`; no key,
  `https://github.com/musistudio/claude-code-router/issues/227`; a wrong key,
  `https://github.com/continuedev/continue/issues/10532`.
- Groq: `https://console.groq.com/docs/openai` (refuses logprobs, logit_bias, top_logprobs, messages[].name, n
  above 1); an unknown field, `https://github.com/fanenr/chatbot/issues/21`; in a message,
  `https://github.com/chatboxai/chatbox/issues/2081`; a wrong key, `https://github.com/ag5826000/resume-commentor/issues/4`.
- DashScope: `https://www.alibabacloud.com/help/model-studio/error-code`; the form of errors, and thinking without
  a stream, `https://github.com/infiniflow/ragflow/issues/8972`; a temperature of 2 refused,
  `https://github.com/mnfst/modelparams.dev/pull/232`; a wrong key, `https://github.com/Aider-AI/aider/issues/4712`.
- Google: errors are a list; unknown fields, `https://github.com/MinLL/SkyrimNet-GamePlugin/issues/77`,
  `https://github.com/Vali-98/ChatterUI/issues/227` (seed), `https://github.com/liliMozi/openhanako/issues/394`
  (store); Gemma takes no system message, `https://github.com/microsoft/vscode/issues/258088`.
- An engine of one's own (vLLM): ignores unknown fields; errors, `https://github.com/vllm-project/vllm/issues/12886`.
- Anthropic, Gemini, OpenAI's Responses: `messages/`, `gemini/`, `responses/`; more vendors of chat: `vendors_chat.py`.
"""

from collections.abc import Mapping
from typing import Any

from tests.fake.vendor import Refusal, Vendor, error_body, hides_thoughts, phrase, thinks, words
from tests.fake.vendor_errors import (
    anthropic_error,
    dashscope_error,
    engine_error,
    gemini_error,
    google_error,
    groq_error,
    openai_error,
    openrouter_error,
)
from tests.fake.vendors_chat import CHAT_VENDORS
from tests.fake.vendors_models import ANTHROPIC_MODELS, GEMINI_FAMILIES, MAKERS, OPENAI_MODELS

__all__ = ["VENDORS", "Refusal", "Vendor", "error_body", "hides_thoughts", "phrase", "thinks"]

OPENAI_FIELDS = words(
    """
    messages model audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens
    max_tokens metadata modalities moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key
    prompt_cache_options prompt_cache_retention reasoning_effort response_format safety_identifier seed
    service_tier stop store stream stream_options temperature tool_choice tools top_logprobs top_p user verbosity
    web_search_options
    """
)

_GROQ_FIELDS = words(
    """
    messages model citation_options compound_custom disable_tool_validation documents exclude_domains
    frequency_penalty function_call functions include_domains include_reasoning logit_bias logprobs
    max_completion_tokens max_tokens metadata n parallel_tool_calls presence_penalty reasoning_effort
    reasoning_format response_format search_settings seed service_tier stop store stream stream_options
    temperature tool_choice tools top_logprobs top_p user
    """
)

_GOOGLE_FIELDS = words(
    """
    messages model max_completion_tokens max_tokens n parallel_tool_calls reasoning_effort response_format stop
    stream stream_options temperature tool_choice tools top_p extra_body
    """
)


def _groq_usage(usage: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"queue_time": 0.01, "prompt_time": 0.001, "completion_time": 0.002, "total_time": 0.013}


def _openrouter_usage(usage: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"cost": 0.00001, "is_byok": False}


OPENAI = Vendor(
    id="openai",
    prefix="/openai/v1",
    models=frozenset(
        {
            "gpt-4o",
            "gpt-4o-mini",
            "gpt-4o-2024-05-13",
            "gpt-4o-2024-08-06",
            "gpt-4o-mini-2024-07-18",
            "gpt-4.1",
            "gpt-4.1-mini",
            "gpt-5",
            "gpt-5-mini",
            "o1",
            "o3",
            "o3-mini",
        }
        | {"o4-mini"}
        | OPENAI_MODELS
    ),
    serves=frozenset({"/chat/completions", "/responses", "/embeddings"}),
    error=openai_error,
    fields=OPENAI_FIELDS,
    phrases={
        "unknown_field": "Unrecognized request argument supplied: {name}",
        "unknown_model": "The model `{model}` does not exist or you do not have access to it.",
        "no_key": "You didn't provide an API key. Send it as 'Authorization: Bearer'.",
        "wrong_key": "Incorrect API key provided: {key}.",
    },
)

GROQ = Vendor(
    id="groq",
    prefix="/groq/openai/v1",
    families=r"(llama|openai/|qwen/|moonshotai/|meta-llama/|groq/|deepseek)[A-Za-z0-9./-]*",
    more_usage=_groq_usage,
    models=frozenset(
        {
            "llama-3.3-70b-versatile",
            "llama-3.1-8b-instant",
            "openai/gpt-oss-20b",
            "openai/gpt-oss-120b",
            "qwen/qwen3-32b",
        }
        | {"moonshotai/kimi-k2-instruct-0905"}
    ),
    error=groq_error,
    fields=_GROQ_FIELDS,
    message_fields=frozenset({"role", "content", "tool_calls", "tool_call_id", "reasoning", "function_call"}),
    refuses=frozenset({"logprobs", "top_logprobs", "logit_bias"}),
    phrases={
        "unknown_field": "property '{name}' is unsupported",
        "unknown_message_field": "'messages.{index}' : property '{name}' is unsupported",
        "refused_field": "`{name}` is not supported",
        "unknown_model": "The model `{model}` does not exist or you do not have access to it.",
        "no_key": "Invalid API Key",
        "wrong_key": "Invalid API Key",
    },
    max_choices=1,
    reasoning_field="reasoning",
)

OPENROUTER = Vendor(
    id="openrouter",
    prefix="/openrouter/api/v1",
    serves=frozenset({"/chat/completions", "/embeddings"}),
    families=rf"~?({MAKERS})/[A-Za-z0-9.:_-]+",
    more_usage=_openrouter_usage,
    models=frozenset(
        {"deepseek/deepseek-v3.2-speciale", "deepseek/deepseek-v3.2", "openai/gpt-4o", "openai/gpt-4o-mini"}
        | {"openai/gpt-4o-2024-05-13", "openai/gpt-oss-120b", "openai/gpt-oss-20b"}
        | {"google/gemma-3-4b-it", "qwen/qwen3-vl-32b-thinking", "qwen/qwen3-vl-32b-instruct"}
        | {"meta-llama/llama-3.3-70b-instruct"}
    ),
    error=openrouter_error,
    phrases={
        "unknown_model": "{model} is not a valid model ID",
        "no_key": "No auth credentials found",
        "wrong_key": "User not found.",
    },
    statuses={"unknown_model": 400},
    reasoning_field="reasoning",
    always_sends_usage=True,
    sends_comments=True,
)

DASHSCOPE = Vendor(
    id="dashscope",
    prefix="/dashscope/compatible-mode/v1",
    serves=frozenset({"/chat/completions", "/embeddings"}),
    families=r"(qwen|qwq|qvq|deepseek|kimi|glm|text-embedding)[A-Za-z0-9.-]*",
    thinkers=frozenset({"qwen3-32b"}),
    models=frozenset(
        {
            "qwen3-vl-32b-thinking",
            "qwen3-vl-32b-instruct",
            "qwen3-32b",
            "qwen-plus",
            "qwen-turbo",
            "qwen-max",
            "deepseek-v3.2",
        }
    ),
    error=dashscope_error,
    phrases={
        "unknown_model": "The model `{model}` does not exist or you do not have access to it.",
        "no_key": "You didn't provide an API key.",
        "wrong_key": "Incorrect API key provided.",
    },
    max_choices=4,
    temperature_below_two=True,
)

GOOGLE = Vendor(
    id="google",
    prefix="/google/v1beta/openai",
    serves=frozenset({"/chat/completions", "/embeddings"}),
    families=GEMINI_FAMILIES,
    models=frozenset(
        {
            "gemma-3-1b-it",
            "gemma-3-4b-it",
            "gemma-3-12b-it",
            "gemma-3-27b-it",
            "gemini-2.5-flash",
            "gemini-2.5-flash-lite",
        }
        | {"gemini-2.5-pro"}
    ),
    error=google_error,
    fields=_GOOGLE_FIELDS,
    phrases={
        "unknown_field": 'Invalid JSON payload received. Unknown name "{name}": Cannot find field.',
        "unknown_model": "models/{model} is not found for API version v1main, or is not supported for generateContent.",
        "no_key": "Missing or invalid Authorization header.",
        "wrong_key": "API key not valid. Please pass a valid API key.",
    },
    statuses={"no_key": 400, "wrong_key": 400},
    max_choices=8,
)

ENGINE = Vendor(
    id="engine",
    prefix="/engine/v1",
    serves=frozenset({"/chat/completions", "/responses", "/embeddings", "/completions"}),
    models=frozenset(
        {
            "deepseek-ai/DeepSeek-V3.2-Speciale",
            "deepseek-v3.2-speciale",
            "Qwen/Qwen2.5-0.5B-Instruct",
            "llama3.2",
            "default",
        }
    ),
    error=engine_error,
    phrases={
        "unknown_model": "The model `{model}` does not exist.",
        "wrong_key": "Unauthorized",
    },
    needs_key=False,
)

ANTHROPIC = Vendor(
    id="anthropic",
    prefix="/anthropic/v1",
    models=ANTHROPIC_MODELS,
    serves=frozenset({"/messages", "/messages/count_tokens"}),
    key_header="x-api-key",
    error=anthropic_error,
    phrases={
        "unknown_model": "model: {model}",
        "no_key": "x-api-key header is required",
        "wrong_key": "invalid x-api-key",
    },
)

GEMINI = Vendor(
    id="gemini",
    prefix="/google/v1beta",
    models=frozenset({"gemini-embedding-001", "text-embedding-004"}),
    families=GEMINI_FAMILIES,
    serves=frozenset({"/models/"}),
    key_header="x-goog-api-key",
    error=gemini_error,
    phrases={
        "unknown_model": "models/{model} is not found for API version v1beta, or is not supported for {method}. Call "
        "ListModels to see the list of available models and their supported methods.",
        "no_key": "Method doesn't allow unregistered callers (callers without established identity). Please use API "
        "Key or other form of API consumer identity to call this API.",
        "wrong_key": "API key not valid. Please pass a valid API key.",
    },
    statuses={"no_key": 403, "wrong_key": 400},
)

_NATIVE = (OPENAI, OPENROUTER, GROQ, DASHSCOPE, GOOGLE, ENGINE, ANTHROPIC, GEMINI)
VENDORS: dict[str, Vendor] = {v.id: v for v in (*_NATIVE, *CHAT_VENDORS)}
