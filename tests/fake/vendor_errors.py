"""The form of each vendor's errors."""

from typing import Any

from tests.fake.vendor import Refusal

_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_GOOGLE_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


def openai_error(refusal: Refusal) -> Any:
    """OpenAI's, and that of most who are compatible with it."""
    return {
        "error": {
            "message": refusal.message,
            "type": refusal.type,
            "param": refusal.param,
            "code": refusal.code,
        }
    }


def groq_error(refusal: Refusal) -> Any:
    """Groq's: members without a value are left out."""
    error: dict[str, Any] = {"message": refusal.message, "type": refusal.type}
    if refusal.code:
        error["code"] = refusal.code
    return {"error": error}


def openrouter_error(refusal: Refusal) -> Any:
    """OpenRouter's: the code is the status."""
    error: dict[str, Any] = {"message": refusal.message, "code": refusal.status}
    if refusal.status >= 429:
        error["metadata"] = {"provider_name": "Fake", "raw": refusal.message}
    return {"error": error, "user_id": "user_fake"}


def dashscope_error(refusal: Refusal) -> Any:
    """DashScope's, with an id of the request."""
    code = refusal.code or ("invalid_parameter_error" if refusal.status == 400 else "internal_error")
    error = {"code": code, "message": refusal.message, "param": None, "type": refusal.type}
    return {"error": error, "request_id": "00000000-0000-4000-8000-000000000000"}


def gemini_error(refusal: Refusal) -> Any:
    """Google's, on Gemini's own paths."""
    status = _GOOGLE_STATUS.get(refusal.status, "UNKNOWN")
    return {"error": {"code": refusal.status, "message": refusal.message, "status": status}}


def google_error(refusal: Refusal) -> Any:
    """Google's, on the paths that are compatible with OpenAI's: a list."""
    return [gemini_error(refusal)]


def engine_error(refusal: Refusal) -> Any:
    """That of vLLM."""
    types = {400: "BadRequestError", 404: "NotFoundError", 500: "InternalServerError"}
    kind = types.get(refusal.status, "Error")
    return {"error": {"message": refusal.message, "type": kind, "param": refusal.param, "code": refusal.status}}


def anthropic_error(refusal: Refusal) -> Any:
    """Anthropic's: the type follows the status."""
    kind = _ANTHROPIC_TYPES.get(refusal.status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": refusal.message}, "request_id": "req_fake"}


def xai_error(refusal: Refusal) -> Any:
    """That of xAI: two strings."""
    return {"code": refusal.code or "Client specified an invalid argument", "error": refusal.message}


def mistral_error(refusal: Refusal) -> Any:
    """Mistral's: a list of details for what is not valid, else an object without nesting."""
    if refusal.status == 401:
        return {"detail": refusal.message}
    if refusal.status == 422:
        where = ["body", *(refusal.param or "").split(".")]
        return {"detail": [{"type": refusal.code or "value_error", "loc": where, "msg": refusal.message}]}
    about = {"message": refusal.message, "type": refusal.code or refusal.type, "param": refusal.param, "code": None}
    return {"object": "error", **about}


def zhipu_error(refusal: Refusal) -> Any:
    """Zhipu's: a number as a string, and a message."""
    codes = {401: "1000", 400: "1210", 404: "1211", 429: "1302", 500: "500"}
    return {"error": {"code": refusal.code or codes.get(refusal.status, "500"), "message": refusal.message}}


def minimax_error(refusal: Refusal) -> Any:
    """MiniMax's, on its path that is compatible with OpenAI's."""
    error = {"type": refusal.type, "message": refusal.message, "http_code": str(refusal.status)}
    return {"type": "error", "error": error, "request_id": "req_fake"}
