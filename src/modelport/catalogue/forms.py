"""The words that catalogue files may use, and the forms of names in them."""

from typing import get_args

from modelport.catalogue.facts import (
    AuthScheme,
    Category,
    Operation,
    ReasoningForm,
    SchemaForm,
    SearchForm,
    ToolSchemas,
)

OPERATIONS: tuple[Operation, ...] = get_args(Operation)
CATEGORIES: tuple[Category, ...] = get_args(Category)
DIALECTS: dict[Operation, tuple[str, ...]] = {
    "chat": ("openai_chat", "openai_responses", "anthropic_messages", "google_gemini"),
    "embeddings": ("openai_embeddings", "google_embeddings"),
}
"""The wire formats of each operation."""
SCHEMES: tuple[str, ...] = get_args(AuthScheme)
MODALITIES = ("audio", "file", "image", "text", "video")
ROLES = ("assistant", "developer", "function", "system", "tool")
CAPABILITIES = (
    "choices",
    "developer",
    "dimensions",
    "json_object",
    "json_schema",
    "logprobs",
    "parallel_tools",
    "prediction",
    "reasoning",
    "seed",
    "stop",
    "streaming",
    "system",
    "tools",
    "web_search",
)
REASONING: tuple[str, ...] = get_args(ReasoningForm)
SEARCH: tuple[str, ...] = get_args(SearchForm)
SCHEMA_AS: tuple[str, ...] = get_args(SchemaForm)
TOOL_SCHEMAS: tuple[str, ...] = get_args(ToolSchemas)
CHECKS = ("json_object", "json_schema", "tools")

MODEL_ID = r"#?[A-Za-z0-9][A-Za-z0-9._:@-]*(/[A-Za-z0-9][A-Za-z0-9._:@-]*){0,5}"
MODEL_ID_FORM = "a model id (letters, digits and . _ : @ -, in parts joined by /)"
PROVIDER_ID = r"[a-z0-9][a-z0-9_-]{0,63}"
PROVIDER_ID_FORM = "a provider id (small letters, digits, - and _)"
FIELD = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
FIELD_FORM = "the name of a top-level field of a request"
MEMBER_FORM = "the name of a member of a message"
PARAMETERS = r"[a-z0-9][a-z0-9.-]{0,63}"
PARAMETERS_FORM = "the name of a file in parameters/, without its ending"
ENDPOINT = r"/v[0-9]+(/[a-z0-9_.{}-]+)+"
ENDPOINT_FORM = "a path of this API, as in /v1/chat/completions"
LINK = r"https?://[^\s]+"
LINK_FORM = "a link that starts with https://"
VARIABLE = r"[A-Z][A-Z0-9_]{0,127}"
VARIABLE_FORM = "the name of an environment variable, as in ACME_API_KEY"
