"""The types written by hand agree with those of the official SDKs, and answers validate against theirs."""

from collections.abc import AsyncIterator, Iterable
from typing import Any, get_args, get_type_hints

import anthropic.types as anthropic_types
import msgspec
import openai.types.responses as openai_types
import pydantic
import pytest
from anthropic.types import message_count_tokens_params, message_create_params
from google.genai import types as google_types
from openai.types import embedding_create_params
from openai.types.responses import response_create_params

from tests.fake import FakeUpstream
from tests.fake.embeddings import openai as embeddings
from tests.fake.gemini import types as gemini
from tests.fake.messages import types as messages
from tests.fake.responses import types as responses
from tests.fake.vendors_models import ANTHROPIC_MODELS, OPENAI_MODELS
from tests.test_fake.calling import FORMS, call
from tests.test_fake.test_fake_faults_in_forms import events


def names(kind: Any) -> set[str]:
    """The members of a type written by hand, as they are spelled on the wire."""
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    tag = {"type"} if info.tag_field else set[str]()
    return {field.encode_name for field in info.fields} | tag


@pytest.mark.parametrize(
    ("ours", "theirs", "more"),
    [
        (messages.MessagesCall, message_create_params.MessageCreateParamsStreaming, set(messages.SAMPLING)),
        (messages.CountCall, message_count_tokens_params.MessageCountTokensParams, set()),
        (messages.TextBlock, anthropic_types.TextBlockParam, set()),
        (messages.ImageBlock, anthropic_types.ImageBlockParam, set()),
        (messages.DocumentBlock, anthropic_types.DocumentBlockParam, set()),
        (messages.SearchResultBlock, anthropic_types.SearchResultBlockParam, set()),
        (messages.ThinkingBlock, anthropic_types.ThinkingBlockParam, set()),
        (messages.RedactedThinkingBlock, anthropic_types.RedactedThinkingBlockParam, set()),
        (messages.ToolUseBlock, anthropic_types.ToolUseBlockParam, set()),
        (messages.ToolResultBlock, anthropic_types.ToolResultBlockParam, set()),
        (messages.ServerToolUseBlock, anthropic_types.ServerToolUseBlockParam, set()),
        (messages.WebSearchResultBlock, anthropic_types.WebSearchToolResultBlockParam, set()),
        (messages.CacheControl, anthropic_types.CacheControlEphemeralParam, set()),
        (messages.CustomTool, anthropic_types.ToolParam, set()),
        (messages.WebSearchTool, anthropic_types.WebSearchTool20260318Param, set()),
        (messages.ThinkingEnabled, anthropic_types.ThinkingConfigEnabledParam, set()),
        (messages.ThinkingAdaptive, anthropic_types.ThinkingConfigAdaptiveParam, set()),
        (messages.OutputConfig, anthropic_types.OutputConfigParam, set()),
        (messages.Metadata, anthropic_types.MetadataParam, set()),
        (responses.ResponsesCall, response_create_params.ResponseCreateParamsStreaming, set()),
        (responses.FunctionTool, openai_types.FunctionToolParam, {"-async"}),
        (responses.CustomTool, openai_types.CustomToolParam, {"-async"}),
        (responses.WebSearchTool, openai_types.WebSearchToolParam, set()),
        (responses.InputText, openai_types.ResponseInputTextParam, set()),
        (responses.InputImage, openai_types.ResponseInputImageParam, set()),
        (responses.InputFile, openai_types.ResponseInputFileParam, set()),
        (responses.FunctionCall, openai_types.ResponseFunctionToolCallParam, {"-async"}),
        (responses.ReasoningItem, openai_types.ResponseReasoningItemParam, set()),
        (responses.JsonSchema, openai_types.ResponseFormatTextJSONSchemaConfigParam, set()),
        (responses.Text, openai_types.ResponseTextConfigParam, set()),
    ],
)
def test_requests_have_the_members_that_the_sdks_send(ours: Any, theirs: Any, more: Iterable[str]) -> None:
    expected = set(get_type_hints(theirs))
    for name in more:
        expected = expected - {name[1:]} if name.startswith("-") else expected | {name}
    assert names(ours) == expected


@pytest.mark.parametrize(
    ("ours", "theirs", "elsewhere"),
    [
        (gemini.Blob, google_types.Blob, ""),
        (gemini.FileData, google_types.FileData, ""),
        (gemini.FunctionResponse, google_types.FunctionResponse, ""),
        (gemini.FunctionCall, google_types.FunctionCall, "partialArgs willContinue"),
        (gemini.ThinkingConfig, google_types.ThinkingConfig, ""),
        (gemini.Content, google_types.Content, ""),
        (gemini.FunctionDeclaration, google_types.FunctionDeclaration, ""),
        (
            gemini.Tool,
            google_types.Tool,
            "retrieval enterpriseWebSearch parallelAiSearch exaAiSearch",
        ),
        (
            gemini.FunctionCallingConfig,
            google_types.FunctionCallingConfig,
            "streamFunctionCallArguments",
        ),
        (gemini.ToolConfig, google_types.ToolConfig, ""),
        (
            gemini.Part,
            google_types.Part,
            "audioTranscription speechMetadata documentMetadata spreadsheetMetadata audioMetadata",
        ),
    ],
)
def test_requests_have_the_members_that_googles_sdk_sends(
    ours: Any, theirs: type[pydantic.BaseModel], elsewhere: str
) -> None:
    """`elsewhere` is what goes to the Enterprise platform, or is of media that the fake does not play."""
    expected = {field.alias or name for name, field in theirs.model_fields.items()} - set(elsewhere.split())
    assert names(ours) == expected


def test_the_configuration_of_generation_is_known_to_googles_sdk() -> None:
    settings = google_types.GenerateContentConfig.model_fields | google_types.GenerationConfig.model_fields
    assert names(gemini.GenerationConfig) <= {field.alias or name for name, field in settings.items()}


def test_what_an_embedding_may_hold_is_what_the_sdk_sends() -> None:
    assert set(embeddings.FIELDS) == set(get_type_hints(embedding_create_params.EmbeddingCreateParams))


def test_the_models_of_the_sdks_are_known() -> None:
    literal, _ = get_args(anthropic_types.Model)
    assert set(get_args(literal)) <= ANTHROPIC_MODELS
    assert "text-embedding-3-small" in OPENAI_MODELS


MODELS = ["echo", "thinker", "redacted", "refuser", "searcher", "cached", "meter"]
ASKED: dict[str, dict[str, Any]] = {
    "messages": {"tools": [{"name": "weather", "input_schema": {"type": "object"}}]},
    "responses": {"tools": [{"type": "function", "name": "weather", "parameters": {}, "strict": False}]},
    "gemini": {"tools": [{"functionDeclarations": [{"name": "weather"}]}]},
}
CALLING: dict[str, dict[str, Any]] = {
    "messages": {"messages": [{"role": "user", "content": "weather"}]},
    "responses": {"input": "weather"},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "weather"}]}]},
}
ANSWERS: dict[str, tuple[Any, Any]] = {
    "messages": (anthropic_types.Message, anthropic_types.RawMessageStreamEvent),
    "responses": (openai_types.Response, openai_types.ResponseStreamEvent),
    "gemini": (google_types.GenerateContentResponse, google_types.GenerateContentResponse),
}


@pytest.fixture
async def fake() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as upstream:
        yield upstream


@pytest.mark.parametrize("form", ANSWERS)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("calls", [False, True])
async def test_answers_validate_against_the_sdks_types(fake: FakeUpstream, form: str, model: str, calls: bool) -> None:
    fields = ASKED[form] | (CALLING[form] if calls else {})
    whole, event = (pydantic.TypeAdapter(kind) for kind in ANSWERS[form])
    answer = await call(fake, form, model, **fields)
    assert answer.status_code == 200, answer.text
    whole.validate_python(answer.json())
    for told in events((await call(fake, form, model, stream=True, **fields)).text):
        if told.get("type") != "ping":
            event.validate_python(told)


async def test_chat_answers_validate_against_the_sdks_types(fake: FakeUpstream) -> None:
    from openai.types.chat import ChatCompletion, ChatCompletionChunk

    for model in MODELS:
        ChatCompletion.model_validate((await call(fake, "chat", model)).json())
        streamed = (await call(fake, "chat", model, stream=True)).text.replace("data: [DONE]", "")
        for told in events(streamed):
            ChatCompletionChunk.model_validate(told)
    assert set(FORMS) == {"chat", *ANSWERS}
