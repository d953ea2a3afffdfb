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
# fmt: off
DIALECTS: dict[Operation, tuple[str, ...]] = {
    "chat": ("openai_chat", "openai_responses", "anthropic_messages", "google_gemini"),
    "embeddings": ("openai_embeddings", "google_embeddings", "voyage_embeddings"),
    "images": (
        "openai_images", "google_gemini_image", "google_imagen", "fal_queue", "bfl", "stability", "recraft",
        "ark_images", "dashscope_images", "xai_images", "kling", "luma_images", "minimax_images", "topaz",
    ),
    "video": (
        "openai_video", "google_veo", "fal_queue", "bfl", "kling", "luma", "runway", "minimax_video", "pixverse",
        "ark_video", "dashscope_video", "xai_video",
    ),
    "music": ("elevenlabs", "google_lyria", "minimax_music", "stability", "fal_queue"),
    "speech": (
        "openai_audio", "deepgram", "elevenlabs", "inworld", "minimax_speech", "dashscope_speech",
        "azure_speech", "fal_queue",
    ),
    "transcription": ("openai_audio", "deepgram", "assemblyai", "elevenlabs", "azure_speech", "fal_queue"),
    "ocr": ("mistral_ocr", "google_documentai", "zhipu_ocr"),
    "3d": ("fal_queue",),
    "moderation": ("openai_moderations",),
}
# fmt: on
"""The wire formats of each operation."""
SCHEMES: tuple[str, ...] = get_args(AuthScheme)
MODALITIES = ("audio", "file", "image", "text", "video")
ROLES = ("assistant", "developer", "function", "system", "tool")
CAPABILITIES = (
    "audio_generation",
    "choices",
    "developer",
    "diarization",
    "dimensions",
    "first_last_frame",
    "image_to_3d",
    "image_to_image",
    "image_to_video",
    "inpainting",
    "instrumental",
    "json_object",
    "json_schema",
    "lip_sync",
    "logprobs",
    "lyrics",
    "multi_shot",
    "parallel_tools",
    "prediction",
    "reasoning",
    "reference_images",
    "seed",
    "stop",
    "streaming",
    "system",
    "text_to_3d",
    "text_to_image",
    "text_to_video",
    "timestamps",
    "tools",
    "upscaling",
    "video_to_video",
    "voice_cloning",
    "web_search",
)
REASONING: tuple[str, ...] = get_args(ReasoningForm)
SEARCH: tuple[str, ...] = get_args(SearchForm)
SCHEMA_AS: tuple[str, ...] = get_args(SchemaForm)
TOOL_SCHEMAS: tuple[str, ...] = get_args(ToolSchemas)
CHECKS = ("json_object", "json_schema", "tools")

MODEL_ID = r"#?[A-Za-z0-9][A-Za-z0-9._:@-]*(/[A-Za-z0-9][A-Za-z0-9._:@-]*){0,5}"
MODEL_ID_FORM = "a model id (letters, digits and . _ : @ -, in parts joined by /)"
MODELS = rf"{MODEL_ID}|#?[A-Za-z0-9][A-Za-z0-9._:@-]*/\*"
MODELS_FORM = "a model id, or maker/* for all of a maker's"
PROVIDER_ID = r"[a-z0-9][a-z0-9_-]{0,63}"
PROVIDER_ID_FORM = "a provider id (small letters, digits, - and _)"
FIELD = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
FIELD_FORM = "the name of a top-level field of a request"
MEMBER_FORM = "the name of a member of a message"
PARAMETERS = r"[a-z0-9][a-z0-9.-]{0,63}"
PARAMETERS_FORM = "the name of a file in parameters/, without its ending"
ENDPOINT = r"/v[0-9]+(/[a-z0-9_.{}-]+)+"
ENDPOINT_FORM = "a path of this API, as in /v1/chat/completions"
REASON = r"[^\x00-\x1f\x7f]{0,500}"
REASON_FORM = "one line of at most 500 characters"
LINK = r"https?://[^\s]+"
LINK_FORM = "a link that starts with https://"
VARIABLE = r"[A-Z][A-Z0-9_]{0,127}"
VARIABLE_FORM = "the name of an environment variable, as in ACME_API_KEY"
