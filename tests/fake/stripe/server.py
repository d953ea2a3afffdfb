"""The routes of Stripe's API that the gateway uses, over HTTP, with idempotency keys and faults on demand."""

import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import msgspec
from stripe.params import (
    CustomerCreateParams,
    PaymentIntentCreateParams,
    PaymentIntentListParams,
    PaymentIntentRetrieveParams,
)
from stripe.params.checkout import SessionCreateParams, SessionListParams, SessionRetrieveParams

from tests.fake.stripe.events import Event, signature
from tests.fake.stripe.form import read_form
from tests.fake.stripe.objects import CURRENCIES, LEAST_MINOR, Books, Object, Refused, checked, invalid, shown
from tests.fake.stripe.typed import WrongType, check_params

FaultKind = Literal["error before", "error after", "cut before", "cut after", "hang before", "hang after", "limit"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with the next request of a route: nothing happened yet, or it has."""

    route: str
    kind: FaultKind


@dataclass(slots=True)
class Kept:
    """What was answered under an idempotency key."""

    asked: tuple[str, str]
    status: int
    content: Object


@dataclass(slots=True)
class FakeStripe:
    """Stripe in this process, on a port of its own: `with FakeStripe() as fake`."""

    secret_key: str = "sk_test_fake"
    webhook_secret: str = "whsec_fake"
    books: Books = field(default_factory=Books)
    faults: deque[Fault] = field(default_factory=deque[Fault])
    asked: list[tuple[str, Object]] = field(default_factory=list[tuple[str, Object]])
    """Every request that came through: route and parameters."""
    released: threading.Event = field(default_factory=threading.Event)
    """Ends requests that hang."""
    hanging: threading.Event = field(default_factory=threading.Event)
    """Set once a request hangs."""
    acted: threading.Event = field(default_factory=threading.Event)
    """Set once a request that hung before it did anything has done it."""
    _kept: dict[str, Kept] = field(default_factory=dict[str, Kept], init=False)
    _busy: set[str] = field(default_factory=set[str], init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False)
    _server: ThreadingHTTPServer | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        fake = self

        class Handler(_Handler):
            stripe = fake

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.released.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def signed(self, event: Event, at_s: int | None = None) -> dict[str, str]:
        """The headers that an event is sent with."""
        kind = "application/json; charset=utf-8"
        return {"stripe-signature": signature(event.body, self.webhook_secret, at_s), "content-type": kind}

    def forget_keys(self) -> None:
        """Prune idempotency keys, as Stripe does after a day."""
        self._kept.clear()

    def requests(self, route: str) -> list[Object]:
        """The parameters of every request of a route."""
        return [params for one, params in self.asked if one == route]

    def fault_of(self, route: str) -> FaultKind | None:
        for fault in self.faults:
            if fault.route == route:
                self.faults.remove(fault)
                return fault.kind
        return None

    def answer(self, method: str, path: str, params: Object, key: str | None) -> tuple[int, Object]:
        """Act once for each key, and answer; a key that is used for something else is refused."""
        route = f"{method} {path}"
        asked = (route, msgspec.json.encode(params, order="sorted").decode())
        with self._lock:
            if key is not None and (kept := self._kept.get(key)) is not None:
                if kept.asked != asked:
                    raise Refused(
                        400,
                        "idempotency_error",
                        "Keys for idempotent requests can only be used with the same parameters",
                    )
                return kept.status, kept.content
            self.asked.append((route, params))
            try:
                status, content = 200, self._act(method, path, params)
            except Refused as refused:
                if refused.status != 402:
                    raise  # what does not get past the checks is not kept
                status, content = refused.status, refused.content
            if key is not None:
                self._kept[key] = Kept(asked, status, content)
            return status, content

    def spoil(self, key: str | None) -> Object:
        """Answer with a failure although it was done: that, too, is kept."""
        content = {"error": {"type": "api_error", "message": "Something went wrong on Stripe's end."}}
        if key is not None and key in self._kept:
            self._kept[key].status, self._kept[key].content = 500, content
        return content

    def _act(self, method: str, path: str, params: Object) -> Object:
        parts = path.removeprefix("/v1/").split("/")
        match method, parts:
            case "POST", ["customers"]:
                _check(CustomerCreateParams, params)
                return self.books.customer(params.get("metadata", {}))
            case "POST", ["checkout", "sessions"]:
                _check(SessionCreateParams, params)
                return self._open_session(params)
            case "GET", ["checkout", "sessions"]:
                _check(SessionListParams, params)
                return _list(path, self._sessions_of(params["payment_intent"]))
            case "GET", ["checkout", "sessions", session_id]:
                _check(SessionRetrieveParams, params)
                return shown(self.books.get(session_id, "checkout.session"))
            case "POST", ["payment_intents"]:
                _check(PaymentIntentCreateParams, params)
                return self._charge(params)
            case "GET", ["payment_intents"]:
                _check(PaymentIntentListParams, params)
                return _list(path, self._intents_of(params["customer"], int(params["created"]["gte"])))
            case "GET", ["payment_intents", intent_id]:
                _check(PaymentIntentRetrieveParams, params)
                return checked(self.books.get(intent_id, "payment_intent"))
        raise invalid(f"Unrecognized request URL ({method}: {path}).", status=404)

    def _open_session(self, params: Object) -> Object:
        for name in ("mode", "success_url", "line_items"):
            if not params.get(name):
                raise invalid(f"Missing required param: {name}.", name, "parameter_missing")
        for name in ("success_url", "cancel_url"):
            if name in params and not urlsplit(params[name]).hostname:
                raise invalid("Not a valid URL", name, "url_invalid")
        for number, line in enumerate(params["line_items"]):
            price = line.get("price_data") or {}
            _check_currency(price.get("currency"), f"line_items[{number}][price_data][currency]")
        if "customer" in params:
            self.books.get(params["customer"], "customer", "customer")
        total = sum(int(one["quantity"]) * int(one["price_data"]["unit_amount"]) for one in params["line_items"])
        if total < LEAST_MINOR:
            raise invalid(
                "The Checkout Session's total amount must convert to at least 50 cents.", code="amount_too_small"
            )
        return self.books.session(params)

    def _charge(self, params: Object) -> Object:
        _check_currency(params.get("currency"), "currency")
        if int(params["amount"]) < LEAST_MINOR:
            raise invalid("Amount must be at least $0.50 usd", "amount", "amount_too_small")
        if params.get("off_session") == "true" and params.get("confirm") != "true":
            raise invalid("`off_session` can only be used with `confirm=true`.", "off_session")
        customer = self.books.get(params["customer"], "customer", "customer")
        if params["payment_method"] not in customer["cards"]:
            message = f"No such PaymentMethod: '{params['payment_method']}'"
            raise invalid(message, "payment_method", "resource_missing")
        redirects = params.get("automatic_payment_methods", {}).get("allow_redirects")
        if redirects != "never" and "return_url" not in params:
            raise invalid("You must provide a `return_url` when confirming.", "return_url")
        intent = self.books.intent(params)
        self.books.confirm(intent)
        return checked(intent)

    def _sessions_of(self, payment_id: str) -> list[Object]:
        return [
            shown(one)
            for one in self.books.objects.values()
            if one["object"] == "checkout.session" and one["payment_intent"] == payment_id
        ]

    def _intents_of(self, customer_id: str, since_s: int) -> list[Object]:
        found = [
            checked(one)
            for one in self.books.objects.values()
            if one["object"] == "payment_intent" and one["customer"] == customer_id and one["created"] >= since_s
        ]
        return found[::-1]


def _check(kind: type, params: Object) -> None:
    try:
        check_params(kind, params)
    except WrongType as fault:
        code = "parameter_unknown" if "unknown" in fault.fault else None
        raise invalid(f"{fault.fault}: {fault.path}", fault.path, code) from None


def _check_currency(currency: str | None, param: str) -> None:
    if currency not in CURRENCIES:
        raise invalid(f"Invalid currency: {currency}.", param)


def _list(path: str, items: list[Object]) -> Object:
    return {"object": "list", "data": items, "has_more": False, "url": path}


class _Handler(BaseHTTPRequestHandler):
    """One request for each connection, so that nothing stays open."""

    stripe: FakeStripe

    def do_GET(self) -> None:
        target = urlsplit(self.path)
        self._serve("GET", target.path, target.query, None)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
        self._serve("POST", urlsplit(self.path).path, body, self.headers.get("idempotency-key"))

    def _serve(self, method: str, path: str, form: str, key: str | None) -> None:
        fault = self.stripe.fault_of(f"{method} {path}")
        if fault == "cut before":
            return
        if fault == "error before":
            self._send(500, {"error": {"type": "api_error", "message": "Something went wrong on Stripe's end."}})
            return
        if fault == "limit":
            self._send(429, {"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "Slow down."}})
            return
        if fault == "hang before":
            self._hang()
        try:
            self._check_head(method)
            status, content = self.stripe.answer(method, path, read_form(form), key)
        except Refused as refused:
            status, content = refused.status, refused.content
        if fault == "hang after":
            self._hang()
        if fault == "hang before":
            self.stripe.acted.set()
        if fault in ("cut after", "hang before", "hang after"):
            return
        if fault == "error after":
            status, content = 500, self.stripe.spoil(key)
        self._send(status, content)

    def _hang(self) -> None:
        self.stripe.hanging.set()
        self.stripe.released.wait(10)

    def _check_head(self, method: str) -> None:
        given = self.headers.get("authorization", "")
        if not given:
            raise Refused(401, "invalid_request_error", "You did not provide an API key.")
        if given != f"Bearer {self.stripe.secret_key}":
            raise Refused(401, "invalid_request_error", "Invalid API Key provided: sk_test_***ake")
        if method == "POST" and self.headers.get("content-type") != "application/x-www-form-urlencoded":
            raise invalid("Invalid request: the body is no form", status=400)

    def _send(self, status: int, content: Any) -> None:
        body = msgspec.json.encode(content)
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("request-id", "req_fake")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that it overrides
        """Say nothing."""
