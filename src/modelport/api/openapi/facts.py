"""What the table of routes does not say about its operations: what each is for, takes and answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import msgspec

from modelport.api.openapi import answers, fields
from modelport.api.openapi.parts import CLIENT_REQUEST_ID, json_body
from modelport.api.openapi.schemas import Json, object_schema
from modelport.api.v1.key_bodies import ChangeBody, CreateBody
from modelport.api.v1.report_queries import Grouping
from modelport.catalogue.parameters import Parameter, Parameters
from modelport.ledger.records import CallStatus, EntryKind
from modelport.reports.traffic import PERCENTILES, Measure
from modelport.reports.transactions import Direction


@dataclass(frozen=True, slots=True)
class Facts:
    """One operation."""

    tag: str
    summary: str
    answers: Json
    """The content of its successful answer, by type."""
    takes: Sequence[Json] = ()
    """Parameters of the query and headers."""
    body: Json | None = None
    """The content of the request's body, by type."""
    tail: str = ""
    """The name of what follows the route's fixed part."""
    behind: str = ""
    """What follows that, in the canonical path."""
    is_call: bool = False
    """Whether it calls a model."""
    more: Sequence[int] = ()
    """Errors that it has beside those of its access."""


def query(name: str, schema: Json, description: str, *, required: bool = False) -> Json:
    """Describe a parameter of a query."""
    return {"name": name, "in": "query", "required": required, "description": description, "schema": schema}


def ref(name: str) -> Json:
    """Refer to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


_TEXT: Json = {"type": "string"}
_MOMENT: Json = {"type": "string", "format": "date-time"}
_MANY: Json = {"type": "array", "items": _TEXT}
_OBJECT: Json = {"type": "object"}


def _each(*names: str) -> Json:
    return {"type": "array", "items": {"type": "string", "enum": list(names)}}


def _data(item: Json, more: Json | None = None) -> Json:
    return {"type": "object", "properties": {"data": item, **(more or {})}, "required": ["data"]}


def _list(item: Json) -> Json:
    return {"type": "array", "items": item}


SCHEMAS: Json = {
    "ChatCompletion": answers.CHAT,
    "Completion": answers.COMPLETION,
    "Response": answers.RESPONSE,
    "Message": answers.MESSAGE,
    "Embeddings": answers.EMBEDDINGS,
    "Model": {
        "type": "object",
        "properties": {
            "id": _TEXT,
            "object": {"const": "model"},
            "created": {"type": "integer"},
            "owned_by": _TEXT,
            "aliases": _MANY,
            "type": _TEXT,
            "info": _OBJECT,
            "tags": _MANY,
            "endpoints": _MANY,
            "modalities": {"type": "object", "properties": {"input": _MANY, "output": _MANY}},
            "capabilities": _MANY,
            "pricing": ref("Pricing"),
        },
        "required": ["id", "object", "created", "owned_by", "aliases", "type", "info", "tags", "endpoints"],
    },
    "Pricing": {
        "type": "object",
        "properties": {
            "kind": {"type": "string", "enum": ["fixed", "variants", "variable"]},
            "currency": {"const": "USD"},
            "units": _list(_OBJECT),
            "tiers": _list(_OBJECT),
            "dimensions": _MANY,
            "variants": _list(_OBJECT),
        },
        "required": ["kind", "currency"],
    },
    "Key": {"type": "object", "properties": {"prefix": _TEXT, "name": {"type": ["string", "null"]}}},
    **msgspec.json.schema_components([CreateBody, ChangeBody], ref_template="#/components/schemas/{name}")[1],
}

_INCLUDE = (
    query("include", _each("pricing", "modalities", "capabilities", "all"), "What to show beside the facts."),
    query("details", {"type": "string", "enum": ["true", "1"]}, "The same as include=all."),
)
_FILTERS = tuple(
    query(name, _MANY, f"Only models with one of these {name.replace('_', ' ')}; also separated by commas.")
    for name in ("id", "type", "tags", "modalities", "input_modalities", "output_modalities", "capabilities")
)
_SHAPE = query("shape", {"type": "string", "enum": ["list"]}, "Answer in the newer shape.")
_MODELS: Json = {
    "type": "object",
    "properties": {"object": {"const": "list"}, "data": _list(ref("Model"))},
    "required": ["object", "data"],
}
_PERIOD = (
    query("period", {"type": "string", "pattern": "^[0-9]{1,4}[hd]$"}, "The last hours or days: 24h, 7d."),
    query("start", _MOMENT, "The beginning, instead of a period."),
    query("end", _MOMENT, "The end, beside a start."),
    query("key_prefix", _TEXT, "Whose calls: the prefix of a key; of other keys for management keys only."),
)
_EXPORT = (
    query("from", _MOMENT, "The beginning."),
    query("to", _MOMENT, "The end, not included."),
    query("format", {"type": "string", "enum": ["jsonl", "csv"]}, "The form; jsonl."),
)
_EXPORTED: Json = {"application/jsonl": {"schema": _TEXT}, "text/csv": {"schema": _TEXT}}
_PLAIN = json_body(_OBJECT)
_CHAT: Parameters = {
    "messages": fields.MESSAGES["messages"],
    "stream": Parameter(type="boolean", default=False),
}


def _called(parameters: Parameters, *, is_closed: bool = False) -> Json:
    schema = object_schema(parameters, (), is_closed=is_closed)
    properties = schema["properties"]
    about = "The model, by its id or any other name; /docs-json has all that one takes."
    if isinstance(properties, dict):
        properties["model"] = {"type": "string", "description": about}
    return json_body(schema)


def _call(summary: str, answer: str, body: Json, *, streams: bool = True, behind: str = "", tail: str = "") -> Facts:
    content = json_body(ref(answer))
    shown = content | answers.EVENTS if streams else content
    return Facts("Calls", summary, shown, (CLIENT_REQUEST_ID,), body, tail, behind, is_call=True)


_AZURE_BODY = json_body({"type": "object", "properties": {"messages": _list(_OBJECT)}})
_METRICS = (
    query("aliases", {**_MANY, "maxItems": 100}, "Only these ids or aliases, exactly; repeat it, commas do not split."),
)
_DOCS_JSON = (
    query("model", _TEXT, "The id or an alias of a model.", required=True),
    query("endpoint", _TEXT, "One of its paths; the main one."),
)
_EMBED: Parameters = {
    "input": Parameter(
        required=True,
        any_of=(
            Parameter(type="string"),
            Parameter(type="array", max_items=2048),
        ),
    ),
    "encoding_format": Parameter(type="string", enum=("float", "base64"), default="float"),
    "dimensions": Parameter(type="integer", minimum=1),
    "input_type": Parameter(type="string", enum=("document", "query")),
    "task_type": Parameter(type="string"),
    "title": Parameter(type="string"),
    "auto_truncate": Parameter(type="boolean"),
    "user": Parameter(type="string"),
    "provider": Parameter(type="string"),
}
_TOP_UP = json_body(
    {
        "type": "object",
        "properties": {
            "is_enabled": {"type": "boolean"},
            "threshold": {"type": "number"},
            "amount": {"type": "number"},
        },
        "required": ["is_enabled"],
    }
)
_CHECKOUT = json_body(
    {
        "type": "object",
        "properties": {
            "amount_usd": {"type": "number"},
            "success_url": {"type": "string", "format": "uri"},
            "cancel_url": {"type": "string", "format": "uri"},
            "save_card": {"type": "boolean"},
        },
        "required": ["amount_usd", "success_url", "cancel_url"],
    }
)
_ONE_KEY = json_body(_data(ref("Key")))
_DELETED = json_body(_data({"type": "object", "properties": {"prefix": _TEXT, "deleted": {"const": True}}}))

_SECRET = json_body(
    _data(
        {
            "type": "object",
            "properties": {
                "secret": {"type": "string", "pattern": "^whsec_"},
                "created_at": _MOMENT,
                "older": _list({"type": "object", "properties": {"secret": _TEXT, "signs_until": _MOMENT}}),
            },
            "required": ["secret", "created_at", "older"],
        }
    )
)
_PERCENTILES: Json = {"type": "object", "properties": {f"p{one}": {"type": "number"} for one in PERCENTILES}}
_SPEEDS: Json = {
    "type": "object",
    "properties": {
        "window_seconds": {"type": "integer"},
        "generated_at": _MOMENT,
        "models": _list(
            {
                "type": "object",
                "properties": {
                    "alias": _TEXT,
                    "endpoint": _TEXT,
                    "metrics": {
                        "type": "object",
                        "properties": dict.fromkeys(get_args(Measure), _PERCENTILES),
                        "required": ["duration_ms"],
                    },
                },
                "required": ["alias", "endpoint", "metrics"],
            }
        ),
        "providers": _list(
            {
                "type": "object",
                "properties": {
                    "id": _TEXT,
                    "attempts": {"type": "integer"},
                    "errors": {"type": "integer"},
                    "error_rate": {"type": "number", "minimum": 0, "maximum": 1},
                },
                "required": ["id", "attempts", "errors", "error_rate"],
            }
        ),
    },
    "required": ["window_seconds", "generated_at", "models", "providers"],
}

FACTS: Mapping[str, Facts] = {
    "about": Facts("Service", "What this is and where to go on", _PLAIN),
    "health": Facts("Service", "Whether the process is alive", _PLAIN),
    "readiness": Facts("Service", "Whether calls can be served", _PLAIN, more=(503,)),
    "metrics": Facts("Service", "Counters for monitoring", {"text/plain": {"schema": _TEXT}}),
    "openapi": Facts("Service", "This document", _PLAIN),
    "docs.model": Facts("Models", "A model at one of its paths as OpenAPI", _PLAIN, _DOCS_JSON, more=(400, 404)),
    "models.array": Facts(
        "Models",
        "Every model in the older shape, or the list",
        json_body({"oneOf": [_list(_OBJECT), _MODELS]}),
        (_SHAPE, *_INCLUDE, *_FILTERS),
    ),
    "models.list": Facts("Models", "Every model", json_body(_MODELS), (*_INCLUDE, *_FILTERS)),
    "models.retrieve": Facts("Models", "One model", json_body(ref("Model")), _INCLUDE, tail="id", more=(404,)),
    "models.show": Facts(
        "Models",
        "One model in an envelope",
        json_body(_data(ref("Model"), {"object": {"const": "model"}})),
        _INCLUDE,
        tail="id",
        more=(404,),
    ),
    "models.metrics": Facts("Models", "How fast models answer now", json_body(_SPEEDS), _METRICS, more=(400, 503)),
    "chat": _call("Chat", "ChatCompletion", _called(_CHAT)),
    "completions": _call("Complete a text", "Completion", _called(fields.COMPLETIONS)),
    "messages": _call("Chat in the form of Messages", "Message", _called(fields.MESSAGES)),
    "messages.count": Facts(
        "Calls",
        "Count the tokens of a call",
        json_body(
            {"type": "object", "properties": {"input_tokens": {"type": "integer"}}, "required": ["input_tokens"]}
        ),
        body=_called({"messages": fields.MESSAGES["messages"]}),
        is_call=True,
    ),
    "deployment": _call(
        "Chat as clients of Azure ask", "ChatCompletion", _AZURE_BODY, behind="/chat/completions", tail="model"
    ),
    "responses": _call("Make a response", "Response", _called(fields.RESPONSES)),
    "responses.show": Facts("Calls", "A kept response", json_body(ref("Response")), tail="id", more=(404,)),
    "responses.delete": Facts("Calls", "Forget a response", _PLAIN, tail="id", more=(404,)),
    "embeddings": _call("Embed texts", "Embeddings", _called(_EMBED, is_closed=True), streams=False),
    "key.show": Facts("Keys", "The key that asks", _ONE_KEY),
    "keys.create": Facts("Keys", "Make a key; its secret is shown once", _ONE_KEY, body=json_body(ref("CreateBody"))),
    "keys.list": Facts("Keys", "The keys of the account", json_body(_data(_list(ref("Key"))))),
    "keys.change": Facts("Keys", "Change a key", _ONE_KEY, body=json_body(ref("ChangeBody")), tail="prefix"),
    "keys.replace": Facts("Keys", "Set a key anew", _ONE_KEY, body=json_body(ref("ChangeBody")), tail="prefix"),
    "keys.delete": Facts("Keys", "Revoke a key", _DELETED, tail="prefix", more=(404,)),
    "webhooks.secret": Facts("Keys", "What signs the webhooks of the account", _SECRET),
    "webhooks.rotate": Facts(
        "Keys", "Sign webhooks with another secret; the old one signs beside it for a day", _SECRET
    ),
    "billing.credits": Facts("Money", "The balance in credits", _PLAIN),
    "billing.balance": Facts("Money", "The balance in dollars", _PLAIN),
    "billing.detail": Facts("Money", "The balance and the account", _PLAIN),
    "billing.transactions": Facts(
        "Money",
        "What moved on the account",
        json_body(_data(_list(_OBJECT), {"pagination": _OBJECT})),
        (
            query("from", _MOMENT, "The beginning."),
            query("to", _MOMENT, "The end."),
            query("direction", {"type": "string", "enum": list(get_args(Direction))}, "Only one direction."),
            query("type", {"type": "string", "enum": list(get_args(EntryKind))}, "Only one kind."),
            query("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}, "How many."),
            query("cursor", _TEXT, "Where the page before ended."),
        ),
        more=(400,),
    ),
    "usage": Facts("Reports", "What a key spent", _PLAIN, _PERIOD, more=(400, 429)),
    "usage.detail": Facts(
        "Reports",
        "What a key spent on which models and days",
        _PLAIN,
        (
            *_PERIOD,
            query("group_by", {"type": "string", "enum": list(get_args(Grouping))}, "Sums of what."),
            query("tz", _TEXT, "The time zone whose days are meant; UTC."),
        ),
        more=(400, 429),
    ),
    "logs": Facts(
        "Reports",
        "Calls, newest first",
        json_body(_data(_list(_OBJECT), {"pagination": _OBJECT})),
        (
            *_PERIOD,
            query("model", _MANY, "Only these models."),
            query("status", _each(*get_args(CallStatus)), "Only calls that ended so."),
            query("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}, "How many."),
            query("offset", {"type": "integer", "minimum": 0, "default": 0}, "How many to pass over."),
        ),
        more=(400, 429),
    ),
    "checkout": Facts("Money", "Begin a payment", _PLAIN, body=_CHECKOUT, more=(429, 502, 503)),
    "auto_top_up.show": Facts("Money", "When the account is topped up by itself", _PLAIN),
    "auto_top_up.change": Facts("Money", "Set that anew", _PLAIN, body=_TOP_UP),
    "stripe.webhook": Facts("Money", "What the payment provider tells", _PLAIN, body=_PLAIN),
    "export.logs": Facts("Reports", "Every call as a file", _EXPORTED, _EXPORT, more=(400,)),
    "export.entries": Facts("Reports", "Every movement of money as a file", _EXPORTED, _EXPORT, more=(400,)),
}
"""By name, as in `access.ACCESS`."""
