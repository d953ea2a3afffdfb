"""Google's errors: what went wrong, and whether another offer is worth trying.

Codes: https://ai.google.dev/gemini-api/docs/troubleshooting; the body is google.rpc.Status:
https://cloud.google.com/apis/design/errors (read 2026-11-22).
"""

import re
from math import ceil

import msgspec
from msgspec import Raw, Struct

from modelport.dialects.wire import UpstreamFault

_RETRYABLE = frozenset({401, 403, 404, 408, 409, 425, 429})
_OURS = ("API_KEY_INVALID", "FAILED_PRECONDITION", "API key", "User location")
"""In a 400: the credential or its region is at fault, not the call."""
_SECONDS = re.compile(r"(\d{1,6}(?:\.\d{1,9})?)s")
MAX_SHOWN = 2000


class _Detail(Struct, rename="camel"):
    retry_delay: str | None = None
    reason: str | None = None


class _Error(Struct):
    code: int | None = None
    message: str | None = None
    status: str | None = None
    details: list[_Detail] | None = None


class _Body(Struct):
    error: _Error


_BODY = msgspec.json.Decoder(_Body)
_BODIES = msgspec.json.Decoder(list[_Body])
_ERROR = msgspec.json.Decoder(_Error)


def fault(status: int, retry_after: bytes | None, body: bytes) -> UpstreamFault:
    """Say what went wrong from a refusal."""
    error = _read(body)
    told = _told(error) if error is not None else _shown(body)
    wait = int(retry_after) if retry_after is not None and retry_after.strip().isdigit() else _delay(error)
    is_ours = status == 400 and any(word in _shown(body) for word in _OURS)
    retryable = status >= 500 or status in _RETRYABLE or is_ours
    return UpstreamFault(status, f"{status} {told}", retryable=retryable, retry_after_s=wait)


def fault_inside(body: bytes) -> UpstreamFault | None:
    """Return the fault of a body that is an error, alone or in a list, although its status said success."""
    error = _read(body)
    if error is None:
        return None
    return UpstreamFault(200, f"200 {_told(error)}", retryable=True, retry_after_s=_delay(error))


def fault_of(raw: Raw) -> UpstreamFault:
    """Return the fault that the member `error` of an answer tells of."""
    try:
        error = _ERROR.decode(raw)
    except msgspec.DecodeError:
        return UpstreamFault(200, f"200 {_shown(bytes(raw))}", retryable=True)
    return UpstreamFault(200, f"200 {_told(error)}", retryable=True, retry_after_s=_delay(error))


def _read(body: bytes) -> _Error | None:
    try:
        if body.lstrip().startswith(b"["):
            listed = _BODIES.decode(body)
            return listed[0].error if listed else None
        return _BODY.decode(body).error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _told(error: _Error) -> str:
    return _short(" ".join(word for word in (error.status, error.message) if word) or "an error without a message")


def _delay(error: _Error | None) -> int | None:
    """Return the seconds of its `RetryInfo`, rounded up."""
    for detail in (error.details if error is not None else None) or ():
        found = _SECONDS.fullmatch(detail.retry_delay or "")
        if found is not None:
            return ceil(float(found[1]))
    return None


def _shown(body: bytes) -> str:
    return _short(body.decode("utf-8", "replace").strip())


def _short(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
