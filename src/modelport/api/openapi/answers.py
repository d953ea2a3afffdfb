"""What successful calls of models answer: the members that programs go by; there may be more."""

from modelport.api.openapi.parts import META
from modelport.api.openapi.schemas import Json
from modelport.catalogue.facts import Operation

_TEXT: Json = {"type": "string"}
_WHOLE: Json = {"type": "integer"}
_ID: Json = {"type": "string", "description": "The id of the answer."}


def _object(members: Json, required: list[str] | None = None) -> Json:
    return {"type": "object", "properties": members, "required": list(members) if required is None else required}


def _list(item: Json) -> Json:
    return {"type": "array", "items": item}


_MESSAGE = _object(
    {"role": _TEXT, "content": {"type": ["string", "null"]}, "tool_calls": _list({"type": "object"})}, ["role"]
)
CHAT = _object(
    {
        "id": _ID,
        "object": {"const": "chat.completion"},
        "created": _WHOLE,
        "model": _TEXT,
        "choices": _list(
            _object({"index": _WHOLE, "message": _MESSAGE, "finish_reason": {"type": ["string", "null"]}}, ["message"])
        ),
        "usage": _object({"prompt_tokens": _WHOLE, "completion_tokens": _WHOLE, "total_tokens": _WHOLE}),
        "meta": META,
    },
    ["id", "object", "created", "model", "choices"],
)
COMPLETION = _object(
    {
        "id": _ID,
        "object": {"const": "text_completion"},
        "created": _WHOLE,
        "model": _TEXT,
        "choices": _list(_object({"index": _WHOLE, "text": _TEXT}, ["text"])),
        "meta": META,
    },
    ["id", "object", "choices"],
)
RESPONSE = _object(
    {
        "id": _ID,
        "object": {"const": "response"},
        "created_at": _WHOLE,
        "status": {"type": "string", "enum": ["completed", "incomplete", "failed", "in_progress"]},
        "model": _TEXT,
        "output": _list({"type": "object"}),
        "usage": {"type": ["object", "null"]},
        "meta": META,
    },
    ["id", "object", "status", "model", "output"],
)
MESSAGE = _object(
    {
        "id": _ID,
        "type": {"const": "message"},
        "role": {"const": "assistant"},
        "model": _TEXT,
        "content": _list({"type": "object"}),
        "stop_reason": {"type": ["string", "null"]},
        "usage": _object({"input_tokens": _WHOLE, "output_tokens": _WHOLE}),
        "meta": META,
    },
    ["id", "type", "role", "model", "content", "usage"],
)
EMBEDDINGS = _object(
    {
        "object": {"const": "list"},
        "data": _list(
            _object(
                {
                    "object": {"const": "embedding"},
                    "index": _WHOLE,
                    "embedding": {
                        "anyOf": [_list({"type": "number"}), _TEXT],
                        "description": "Numbers, or little-endian float32 in base64, as asked for.",
                    },
                }
            )
        ),
        "model": _TEXT,
        "usage": _object({"prompt_tokens": _WHOLE, "total_tokens": _WHOLE}),
        "meta": META,
    },
    ["object", "data", "model"],
)
_PICTURE = _object({"url": {"type": ["string", "null"]}, "b64_json": {"type": ["string", "null"]}}, [])
IMAGES = _object({"created": _WHOLE, "data": _list(_PICTURE), "images": _list(_PICTURE), "meta": META}, ["data"])
_FILE = _object({"url": _TEXT, "content_type": _TEXT, "file_name": _TEXT, "file_size": _WHOLE}, ["url"])
_FAULT = {**_object({"name": _TEXT, "message": _TEXT}), "type": ["object", "null"]}
_STATUS: Json = {"type": "string", "enum": ["queued", "generating", "completed", "error"]}


def _job(**result: Json) -> Json:
    members: Json = {"id": _ID, "generation_id": _ID, "status": _STATUS, **result, "error": _FAULT, "meta": META}
    return _object(members, ["id", "status"])


VIDEO = _job(video={"anyOf": [_FILE, _list(_FILE), {"type": "null"}], "description": "Once it is completed."})
MUSIC = _job(audio_file={"anyOf": [_FILE, {"type": "null"}], "description": "Once it is completed."})
SPEECH = _object({"audio": _object({"url": _TEXT}, ["url"]), "audio_url": _TEXT, "meta": META}, ["audio"])
_TRANSCRIPT: Json = {"type": ["object", "null"], "properties": {"text": _TEXT}}
TRANSCRIPTION = _object(
    {
        "generation_id": _ID,
        "status": {"type": "string", "enum": ["queued", "completed", "error"]},
        "result": _TRANSCRIPT,
        "output": _TRANSCRIPT,
        "error": _FAULT,
        "meta": META,
    },
    ["generation_id", "status"],
)
MESHES = _object(
    {
        "model_mesh": _FILE,
        "segmented_mesh": {**_FILE, "description": "Of models that cut an object into its parts."},
        "meta": META,
    },
    [],
)
OCR = _object(
    {"pages": _list(_object({"index": _WHOLE, "markdown": _TEXT}, ["index"])), "model": _TEXT, "meta": META}, ["pages"]
)
_VERDICT = _object(
    {
        "flagged": {"type": "boolean"},
        "categories": {"type": "object", "additionalProperties": {"type": "boolean"}},
        "category_scores": {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}},
        "category_applied_input_types": {"type": "object", "additionalProperties": _list(_TEXT)},
    },
    ["flagged", "categories", "category_scores"],
)
MODERATION = _object({"id": _ID, "model": _TEXT, "results": _list(_VERDICT), "meta": META}, ["id", "model", "results"])

BY_ENDPOINT: dict[str, tuple[str, Json]] = {
    "/v1/chat/completions": ("ChatCompletion", CHAT),
    "/v1/responses": ("Response", RESPONSE),
    "/v1/messages": ("Message", MESSAGE),
}
"""Where the path decides what is answered."""
BY_OPERATION: dict[Operation, tuple[str, Json]] = {
    "chat": ("ChatCompletion", CHAT),
    "embeddings": ("Embeddings", EMBEDDINGS),
    "images": ("Images", IMAGES),
    "video": ("VideoJob", VIDEO),
    "music": ("MusicJob", MUSIC),
    "speech": ("Speech", SPEECH),
    "transcription": ("Transcription", TRANSCRIPTION),
    "ocr": ("Document", OCR),
    "3d": ("Meshes", MESHES),
    "moderation": ("Moderation", MODERATION),
}
EVENTS: Json = {
    "text/event-stream": {
        "schema": {"type": "string", "description": "Server-sent events; the last one tells usage and cost."}
    }
}
SOUND: Json = {"audio/*": {"schema": {"type": "string", "contentMediaType": "audio/*"}}}
