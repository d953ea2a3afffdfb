"""The same of media, plans and pages."""

from collections.abc import Mapping

from modelport.api.openapi.facts import FACTS, Facts, query
from modelport.api.openapi.fields import ORDERED
from modelport.api.openapi.parts import CLIENT_REQUEST_ID, json_body
from modelport.api.openapi.schemas import Json, schema_of

_TEXT: Json = {"type": "string"}
_HTML: Json = {"text/html": {"schema": _TEXT}}
_PLAIN = json_body({"type": "object"})
_MODEL: Json = {"model": {"type": "string", "description": "The model; /docs-json has all that one takes."}}
_ASKED = json_body({"type": "object", "properties": _MODEL, "required": ["model"]})
_ORDERED = json_body(
    {
        "type": "object",
        "properties": _MODEL | {name: schema_of(one) for name, one in ORDERED.items()},
        "required": ["model"],
    }
)

_RANGE: Json = {"name": "Range", "in": "header", "description": "One range of bytes.", "schema": _TEXT}


def _media(summary: str, tail: str = "", body: Json = _ASKED) -> Facts:
    return Facts("Media", summary, _PLAIN, (CLIENT_REQUEST_ID,), body, tail, is_call=True, more=(501,))


ALL_FACTS: Mapping[str, Facts] = {
    **FACTS,
    "images": _media("Make pictures"),
    "images.links": _media("Make pictures and get their addresses"),
    "images.edits": _media("Change a picture"),
    "video": _media("Begin to make a video", "maker", _ORDERED),
    "music": _media("Begin to make music", body=_ORDERED),
    "speech": _media("Say a text"),
    "transcription": _media("Write down what is said"),
    "transcription.order": _media("Begin to write down what is said", body=_ORDERED),
    "ocr": _media("Read a document"),
    "moderation": _media("Say what is harmful in texts and pictures"),
    "transcription.show": Facts("Media", "A transcript that was begun", _PLAIN, tail="id", more=(404,)),
    "jobs.list": Facts(
        "Media",
        "What the account has under way, newest first",
        _PLAIN,
        (
            query("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}, "How many."),
            query("cursor", _TEXT, "Where the page before ended."),
        ),
        more=(400,),
    ),
    "job.show": Facts(
        "Media",
        "How far a job is; with /events behind its id, each change of it as a server-sent event",
        _PLAIN,
        tail="id",
        more=(404,),
    ),
    "job.cancel": Facts("Media", "Have a job cancelled", _PLAIN, tail="id", more=(404,)),
    "jobs.show": Facts("Media", "How far something is that was begun", _PLAIN, tail="id", more=(501,)),
    "route.show": Facts(
        "Models",
        "Who would serve a model",
        _PLAIN,
        (query("model", _TEXT, "The id or an alias.", required=True), query("provider", _TEXT, "Only this seller.")),
        more=(400, 404),
    ),
    "route.explain": Facts("Models", "How a call would go", _PLAIN, body=_ASKED, more=(400, 404)),
    "models.page": Facts(
        "Pages", "The page of a model, or the model for programs", _HTML | _PLAIN, tail="id", more=(404,)
    ),
    "assets": Facts(
        "Files",
        "A file by its link, or a part of it",
        {"*/*": {"schema": _TEXT}},
        (_RANGE,),
        tail="link",
        more=(403, 404, 410, 416, 503),
    ),
    "pages": Facts("Pages", "A page, or what belongs to one", _HTML, tail="name", more=(404,)),
}
"""By name, as in `access.ACCESS`."""
