"""What every description has in common: credentials, errors, headers, and the bill at the end of an answer."""

from collections.abc import Iterable, Mapping

from modelport.api.access import Access
from modelport.api.openapi.schemas import Json

VERSION = "3.1.0"

SECURITY: list[Json] = [{"access-token": []}, {"x-api-key": []}, {"api-key": []}]
SCHEMES: Json = {
    "access-token": {"type": "http", "scheme": "bearer", "description": "A key of this gateway."},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same key."},
    "api-key": {"type": "apiKey", "in": "header", "name": "api-key", "description": "The same key."},
}
_METRICS: Json = {"metrics-token": {"type": "http", "scheme": "bearer", "description": "The token of its setting."}}

ERROR: Json = {
    "type": "object",
    "properties": {
        "message": {"type": "string", "description": "What was wrong and what to do next."},
        "path": {"type": "string", "description": "The path of the request."},
        "requestId": {"type": "string", "format": "uuid", "description": "The id of this request."},
        "statusCode": {"type": "integer", "description": "The HTTP status."},
        "timestamp": {"type": "string", "format": "date-time"},
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "code": {"type": "string", "description": "A word for each kind of problem."},
                "param": {"type": ["string", "null"], "description": "The field that it is about."},
                "origin": {"type": "string", "enum": ["gateway", "provider"]},
            },
            "required": ["message", "type", "code", "param", "origin"],
        },
        "type": {"type": "string", "const": "error", "description": "On the paths of Messages."},
    },
    "required": ["message", "path", "requestId", "statusCode", "timestamp", "error"],
}
"""The one form of everything that goes wrong, as `api/errors.py` renders it."""

META: Json = {
    "type": ["object", "null"],
    "properties": {
        "usage": {
            "type": ["object", "null"],
            "properties": {
                "credits_used": {"type": "number", "description": "Credits, of which a dollar has 2,000,000."},
                "usd_spent": {"type": "number"},
            },
        }
    },
    "description": "What the call cost.",
}

_REFUSALS: Mapping[int, str] = {
    400: "The request is not what this operation takes; the message names each field.",
    401: "The key is missing, unknown, disabled or expired.",
    403: "The key may not do this, or its credit or limit is used up.",
    404: "There is no such thing; of a model that is retired the message names the replacement.",
    410: "The link has ended.",
    413: "The body is too large.",
    415: "The body's type is not one that this operation reads.",
    416: "The part that was asked for lies behind the end.",
    429: "Too many requests.",
    500: "It failed unexpectedly, or the provider did.",
    501: "It is documented, and this version cannot do it.",
    502: "The provider's answer was cut short or made no sense.",
    503: "It cannot be served now; the message says what is missing.",
    504: "The provider took too long.",
}
_CALLS = (400, 401, 403, 404, 413, 415, 429, 500, 501, 502, 503, 504)
_RETRY_AFTER: Json = {
    "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait before the next try."}
}

CALL_HEADERS: Json = {
    "x-inference-id": {"schema": {"type": "string"}, "description": "The id of this call in logs and ledger."},
    "x-client-request-id": {"schema": {"type": "string"}, "description": "The caller's own id, when it sent one."},
    "x-aimlapi-credits-used": {"schema": {"type": "integer"}, "description": "The cost in credits; not of streams."},
    "x-aimlapi-usd-spent": {"schema": {"type": "string"}, "description": "The cost in dollars; not of streams."},
    "x-modelport-dropped-params": {
        "schema": {"type": "string"},
        "description": "Fields that the provider does not take and that were left out.",
    },
}
CLIENT_REQUEST_ID: Json = {
    "name": "X-Client-Request-Id",
    "in": "header",
    "required": False,
    "description": "An id of your own: 1 to 128 letters, digits and '_.:-'. It comes back, and is in the logs.",
    "schema": {"type": "string"},
}


def refusals(statuses: Iterable[int]) -> Json:
    """Describe the errors of an operation by status."""
    return {str(status): _refusal(status) for status in statuses}


def call_refusals() -> Json:
    """Describe the errors of a call of a model."""
    return refusals(_CALLS)


def security_of(access: Access) -> list[Json]:
    """Name the credentials of which an operation asks for one."""
    if access.has_own_token:
        return [{"metrics-token": []}]
    return [] if access.audience == "anyone" else SECURITY


def components(schemas: Json, *, has_metrics: bool = False) -> Json:
    """Gather what the rest refers to."""
    schemes = SCHEMES | _METRICS if has_metrics else SCHEMES
    return {"schemas": {"Error": ERROR, **schemas}, "securitySchemes": schemes}


def json_body(schema: Json, example: object = None) -> Json:
    """Describe content that is JSON."""
    return {"application/json": {"schema": schema, **({} if example is None else {"example": example})}}


def _refusal(status: int) -> Json:
    shown: Json = {"description": _REFUSALS[status], "content": json_body({"$ref": "#/components/schemas/Error"})}
    return shown | {"headers": _RETRY_AFTER} if status in (429, 503) else shown
