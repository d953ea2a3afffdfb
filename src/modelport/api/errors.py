"""The one table from problems to answers: status, type, code, whose fault it is, and what to do next."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

import msgspec

from modelport.api import problems as http
from modelport.assets import links
from modelport.assets.store import AssetsUnavailable, TooLarge
from modelport.catalogue.problems import RetiredModel, UnknownModel
from modelport.core.clock import iso_ms
from modelport.core.errors import InvalidBody, Problem
from modelport.dialects.fill import CannotFill
from modelport.dialects.wire import MalformedReply, UpstreamFault
from modelport.egress.guard import AddressRefused
from modelport.jobs import problems as jobs
from modelport.jobs.signing import SigningSecretLost
from modelport.keys import key as keys
from modelport.keys.grants import GrantsTooMuch
from modelport.keys.ring import KeysBusy
from modelport.ledger import payments
from modelport.ledger import problems as money
from modelport.limits import problems as limits
from modelport.pricing.charge import UnpricedUsage
from modelport.reports.days import UnknownZone
from modelport.reports.transactions import InvalidCursor
from modelport.routing import problems as routing
from modelport.serving import ports
from modelport.serving.exchange import CallerLeft
from modelport.serving.inputs import InputRefused, InputUnreachable
from modelport.serving.jobs.webhooks import WebhookRefused
from modelport.serving.remembered import UnknownResponse

ErrorOrigin = Literal["gateway", "provider"]

MESSAGE_MAX = 16_384
RETRY_AFTER_MAX_S = 120
RETRY_AFTER_DEFAULT_S = 1
UNEXPECTED = "Internal server error"
UPSTREAM_FAILED = "Something wrong with the server. Please, try again later."


@dataclass(frozen=True, slots=True)
class Rule:
    """How one kind of problem is told; `text` may name `{message}`, `{root}`, `{keys_url}` and `{billing_url}`."""

    status: int
    code: str
    origin: ErrorOrigin = "gateway"
    text: str = "{message}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A problem as a caller sees it."""

    status: int
    code: str
    origin: ErrorOrigin
    message: str
    param: str | None = None
    retry_after_s: int | None = None
    allowed: tuple[str, ...] = ()


_UNEXPECTED = Rule(500, "internal_error", text=UNEXPECTED)

RULES: dict[type[Problem], Rule] = {
    http.MalformedRequest: Rule(400, "malformed_request"),
    http.MalformedBody: Rule(400, "malformed_body"),
    InvalidBody: Rule(400, "invalid_body"),
    InputRefused: Rule(400, "invalid_input"),
    InputUnreachable: Rule(400, "input_unreachable"),
    http.InvalidQuery: Rule(400, "invalid_query"),
    InvalidCursor: Rule(400, "invalid_cursor"),
    UnknownZone: Rule(400, "unknown_time_zone"),
    keys.MissingKey: Rule(401, "missing_api_key", text="{message}: make one at {keys_url}"),
    keys.UnknownKey: Rule(401, "invalid_api_key", text="{message}: make one at {keys_url}"),
    keys.DisabledKey: Rule(401, "disabled_api_key", text="{message}: enable it, or make another, at {keys_url}"),
    keys.ExpiredKey: Rule(401, "expired_api_key", text="{message}: make another at {keys_url}"),
    keys.KeyProblem: Rule(401, "invalid_api_key", text="{message}: make one at {keys_url}"),
    http.WrongMetricsToken: Rule(401, "wrong_metrics_token"),
    keys.KeyNotAllowed: Rule(403, "key_not_allowed"),
    keys.AddressNotAllowed: Rule(403, "address_not_allowed"),
    keys.ModelNotAllowed: Rule(403, "model_not_allowed"),
    keys.ProviderNotAllowed: Rule(403, "provider_not_allowed"),
    GrantsTooMuch: Rule(403, "grants_too_much"),
    money.InsufficientFunds: Rule(
        403, "insufficient_funds", text="You have run out of credits: {message}. See {billing_url}"
    ),
    money.KeyLimitReached: Rule(403, "key_limit_reached", text="{message}. See {keys_url}"),
    money.FreeAllowanceUsedUp: Rule(
        429, "free_allowance_used_up", text="Too Many Requests: {message}. See {billing_url}"
    ),
    payments.InvalidSignature: Rule(400, "invalid_signature"),
    payments.PaymentMismatch: Rule(400, "payment_mismatch"),
    payments.NoSavedCard: Rule(400, "no_saved_card"),
    payments.TooManyCheckouts: Rule(429, "too_many_checkouts", text="Too Many Requests: {message}"),
    payments.PaymentRefused: Rule(502, "payment_refused"),
    payments.PaymentsUnavailable: Rule(503, "payments_unavailable", text="Service unavailable: {message}"),
    AddressRefused: Rule(400, "address_refused"),
    http.UnknownRoute: Rule(404, "unknown_route", text="{message}: {root}/ says where to start"),
    http.UnknownPage: Rule(404, "not_found"),
    keys.UnknownPrefix: Rule(404, "unknown_key_prefix"),
    UnknownModel: Rule(404, "model_not_found"),
    RetiredModel: Rule(404, "model_retired"),
    links.UnknownAsset: Rule(404, "asset_not_found"),
    links.LinkInvalid: Rule(403, "asset_link_invalid"),
    links.LinkExpired: Rule(410, "asset_link_expired"),
    http.RangeUnsatisfiable: Rule(416, "range_not_satisfiable"),
    AssetsUnavailable: Rule(503, "assets_unavailable", text="Service unavailable: {message}"),
    TooLarge: Rule(502, "asset_too_large", text="Bad Gateway: {message}"),
    http.WrongMethod: Rule(405, "method_not_allowed"),
    http.RequestTimeout: Rule(408, "request_timeout"),
    http.BodyTooLarge: Rule(413, "body_too_large"),
    http.UrlTooLong: Rule(414, "url_too_long"),
    http.UnsupportedContent: Rule(415, "unsupported_content"),
    limits.LimiterUnreachable: Rule(429, "rate_limiter_unreachable"),
    limits.RateLimited: Rule(429, "rate_limit_exceeded"),
    http.HeadersTooLarge: Rule(431, "headers_too_large"),
    http.NotBuilt: Rule(501, "not_implemented"),
    http.Overloaded: Rule(503, "overloaded"),
    http.NotReady: Rule(503, "not_ready"),
    KeysBusy: Rule(503, "overloaded"),
    money.StoreUnavailable: Rule(503, "store_unavailable"),
    money.StoreAway: Rule(
        503,
        "store_unavailable",
        text="Service unavailable: this gateway's database cannot be reached; calls work again as soon as it can",
    ),
    money.StoreFull: Rule(
        503,
        "store_unavailable",
        text="Service unavailable: the disk of this gateway's data folder or database is full; calls work again as "
        "soon as there is room",
    ),
    CallerLeft: Rule(499, "caller_left"),
    routing.WrongOperation: Rule(400, "wrong_operation"),
    CannotFill: Rule(404, "cannot_fill"),
    UnknownResponse: Rule(404, "response_not_found"),
    jobs.UnknownJob: Rule(404, "job_not_found"),
    WebhookRefused: Rule(400, "webhook_refused"),
    SigningSecretLost: Rule(503, "webhook_secret_lost", text="Service unavailable: {message}"),
    jobs.SubmissionUnknown: Rule(502, "submission_unknown", "provider"),
    jobs.DeadlineExceeded: Rule(504, "deadline_exceeded", "provider"),
    jobs.Cancelled: Rule(499, "cancelled"),
    jobs.InternalError: _UNEXPECTED,
    jobs.NoOffer: Rule(503, "provider_unavailable"),
    routing.UnknownProvider: Rule(400, "unknown_provider"),
    routing.Unserved: Rule(503, "model_not_served"),
    routing.UnderMaintenance: Rule(503, "model_in_maintenance", text="Service unavailable: {message}"),
    routing.Unspoken: Rule(501, "not_implemented"),
    routing.Unpriced: Rule(503, "model_not_priced"),
    UnpricedUsage: Rule(503, "model_not_priced"),
    ports.ProviderBusy: Rule(503, "provider_busy", text="Service unavailable: {message}"),
    ports.ProviderUnavailable: Rule(503, "provider_unavailable", text="Service unavailable: {message}"),
    ports.ConnectFailed: Rule(503, "provider_unreachable", "provider", "Service unavailable: {message}"),
    ports.FirstByteTimeout: Rule(504, "provider_timeout", "provider", "Generation timeout: {message}"),
    ports.IdleTimeout: Rule(504, "provider_stalled", "provider", "Generation timeout: {message}"),
    ports.CutShort: Rule(502, "provider_cut_short", "provider", "Bad Gateway: {message}"),
    ports.MalformedAnswer: Rule(502, "provider_malformed_answer", "provider", "Bad Gateway: {message}"),
    MalformedReply: Rule(502, "provider_malformed_answer", "provider", "Bad Gateway: {message}"),
    ports.AnswerTooLarge: Rule(502, "provider_answer_too_large", "provider", "Bad Gateway: {message}"),
    ports.AnswerBroken: Rule(502, "answer_broken", "provider", "Bad Gateway: {message}"),
    ports.UpstreamProblem: Rule(502, "provider_failed", "provider", "Bad Gateway: {message}"),
}
"""Every problem that may reach a caller; what is not here, nor below something that is, is told as unexpected."""

FAULTS: dict[int, Rule] = {
    400: Rule(400, "provider_refused", "provider"),
    401: Rule(
        503,
        "provider_credentials",
        text="Service unavailable: the provider refused this gateway's own credentials; "
        "its operator has to check them (`modelport doctor` says which)",
    ),
    402: Rule(
        503,
        "provider_credit",
        text="Service unavailable: this gateway's own credit at the provider is used up; its operator has to top it up",
    ),
    404: Rule(503, "provider_lacks_model", "provider", "Service unavailable: the provider does not know it: {message}"),
    408: Rule(504, "provider_timeout", "provider", "Generation timeout: {message}"),
    413: Rule(413, "provider_refused_size", "provider"),
    429: Rule(429, "provider_rate_limit", "provider", "Too Many Requests: {message}"),
    500: Rule(500, "provider_error", "provider", f"{UPSTREAM_FAILED} The provider said: {{message}}"),
    503: Rule(503, "provider_overloaded", "provider", "Service unavailable: {message}"),
    504: Rule(504, "provider_timeout", "provider", "Generation timeout: {message}"),
}
"""What a provider's own status becomes; others count as their class's first, see `_fault_rule`."""

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}


def error_type(status: int) -> str:
    """Name the error's kind for stock clients; one of them takes `invalid_request_error` for a 400 wherever it is."""
    return _TYPES.get(status) or ("api_error" if status >= 500 else "request_error")


def status_of(problem: Problem) -> int:
    """Return the HTTP status that a problem is told with."""
    return rule_for(problem).status


def code_of(problem: Problem) -> str:
    """Return the `error.code` that a problem is told with."""
    return rule_for(problem).code


def rule_for(problem: Problem) -> Rule:
    """Find the rule of a problem's class, or of the nearest class above it."""
    if isinstance(problem, UpstreamFault):
        return _fault_rule(problem.status)
    for kind in type(problem).__mro__:
        rule = RULES.get(kind)
        if rule is not None:
            return rule
    return _UNEXPECTED


def _fault_rule(status: int) -> Rule:
    if status in FAULTS:
        return FAULTS[status]
    if status == 403:
        return FAULTS[401]
    if status == 529:
        return FAULTS[503]
    return FAULTS[400] if 400 <= status < 500 else FAULTS[500]


def refusal(problem: Problem, root: str) -> Refusal:
    """Say what a caller is told about a problem; `root` is the public address that links start with."""
    rule = rule_for(problem)
    message = _quoted(problem, rule) if isinstance(problem, UpstreamFault) else problem.message
    text = rule.text.format(message=message, root=root, keys_url=f"{root}/app/keys", billing_url=f"{root}/app/billing")
    return Refusal(
        status=rule.status,
        code=rule.code,
        origin=rule.origin,
        message=text[:MESSAGE_MAX],
        param=_param(problem),
        retry_after_s=_retry_after_s(problem, rule.status),
        allowed=problem.allowed if isinstance(problem, http.WrongMethod) else (),
    )


def _quoted(fault: UpstreamFault, rule: Rule) -> str:
    """Quote a provider: all of a refusal of the request, behind its status; of anything else only what it says."""
    message = fault.message
    if rule.status == 400:
        return message if message.startswith(f"{fault.status} ") else f"{fault.status} {message}"
    said = _STATUS_BEFORE.sub("", message)
    try:
        return _sentence(msgspec.json.decode(said.encode())) or message
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return message


def _sentence(said: object) -> str | None:
    """Find the message in what a provider sent: in `error`, beside it, or in the first of a list."""
    if isinstance(said, list) and said:
        said = cast(list[object], said)[0]
    if not isinstance(said, Mapping):
        return said if isinstance(said, str) else None
    members = cast(Mapping[str, object], said)
    return _sentence(members.get("error")) or _sentence(members.get("message"))


_STATUS_BEFORE = re.compile(r"^[0-9]{3} ")
_BAD_REQUEST = b"invalid_request_error"
_OTHER_WORDS = b"refused request"

UNEXPECTED_REFUSAL = Refusal(500, _UNEXPECTED.code, "gateway", UNEXPECTED)


def _param(problem: Problem) -> str | None:
    if isinstance(problem, InvalidBody | http.InvalidQuery | GrantsTooMuch):
        return problem.param
    return next((param for kind, param in _PARAMS.items() if isinstance(problem, kind)), None)


_PARAMS: dict[type[Problem], str] = {
    UnknownModel: "model",
    RetiredModel: "model",
    keys.ModelNotAllowed: "model",
    routing.WrongOperation: "model",
    routing.UnknownProvider: "provider",
    keys.ProviderNotAllowed: "provider",
    InvalidCursor: "cursor",
    UnknownZone: "tz",
}


def _retry_after_s(problem: Problem, status: int) -> int | None:
    if status not in (429, 503):
        return None
    asked = getattr(problem, "retry_after_s", None)
    if asked is None:
        return RETRY_AFTER_DEFAULT_S if status == 429 else None
    return max(1, min(int(asked), RETRY_AFTER_MAX_S))


@dataclass(frozen=True, slots=True)
class Occasion:
    """Where and when a problem is told."""

    path: str
    request_id: str
    at_ms: int
    is_messages: bool = False
    """Whether clients of this route expect the form of the Messages API as well."""


def error_json(refusal: Refusal, occasion: Occasion) -> bytes:
    """Render the error body: the documented members, and `error` for stock clients.

    One of them takes any body that holds the words of a 400 for one, whoever said them: no other status has them.
    """
    content: dict[str, object] = {
        "message": refusal.message,
        "path": occasion.path,
        "requestId": occasion.request_id,
        "statusCode": refusal.status,
        "timestamp": iso_ms(occasion.at_ms),
        "error": {
            "message": refusal.message,
            "type": error_type(refusal.status),
            "code": refusal.code,
            "param": refusal.param,
            "origin": refusal.origin,
        },
    }
    if occasion.is_messages:
        content = {"type": "error", **content}
    body = msgspec.json.encode(content)
    return body if refusal.status == 400 else body.replace(_BAD_REQUEST, _OTHER_WORDS)


def error_headers(refusal: Refusal) -> list[tuple[bytes, bytes]]:
    """Return the headers that go with an error body, without its length and those for cross-origin use."""
    headers = [(b"content-type", b"application/json")]
    if refusal.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % refusal.retry_after_s))
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if refusal.allowed:
        headers.append((b"allow", ", ".join(refusal.allowed).encode()))
    return headers


def sse_error(problem: Problem, occasion: Occasion, root: str) -> bytes:
    """Render a problem inside a running stream: the same body, as JSON without the `data:` frame."""
    return error_json(refusal(problem, root), occasion)
