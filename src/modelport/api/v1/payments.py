"""Paying: a checkout, the settings of automatic top-ups, and the webhook by which we are told of money."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Protocol
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw, Struct

from modelport.api.body import parse
from modelport.api.request import Answer, Request, json_answer
from modelport.core.clock import iso_ms
from modelport.core.credits import Credits, from_usd, usd_json
from modelport.core.errors import InvalidBody
from modelport.ledger.payments import AutoTopUp, Bounds, auto_top_up_fault

BODY_MAX_BYTES = 65_536
EVENT_MAX_BYTES = 1024 * 1024
URL_MAX = 2048
_USD_MAX = 1_000_000_000
_NUMBER_MAX_BYTES = 32
_NUMBER_STARTS = frozenset(b"-0123456789")
_EXCERPT = 40


class CheckoutBody(Struct, forbid_unknown_fields=True):
    """`POST /v1/billing/checkout`."""

    amount_usd: Raw
    success_url: str
    cancel_url: str
    save_card: bool = False


class AutoTopUpBody(Struct, forbid_unknown_fields=True):
    """`PUT /v1/billing/auto-top-up`; to turn it off, `is_enabled` is enough."""

    is_enabled: bool
    threshold: Raw = Raw()
    amount: Raw = Raw()


_CHECKOUT = msgspec.json.Decoder(CheckoutBody)
_AUTO_TOP_UP = msgspec.json.Decoder(AutoTopUpBody)


class Begun(Protocol):
    """A checkout that waits for its customer."""

    @property
    def order_id(self) -> str: ...

    @property
    def url(self) -> str: ...

    @property
    def amount(self) -> Credits: ...


class Payments(Protocol):
    """Takes payments."""

    @property
    def bounds(self) -> Bounds: ...

    async def begin(
        self, account_id: int, amount: Credits, success_url: str, cancel_url: str, is_saving: bool
    ) -> Begun: ...

    async def receive(self, body: bytes, signature: bytes | None) -> None: ...

    async def auto_top_up(self, account_id: int) -> AutoTopUp: ...

    async def set_auto_top_up(
        self, account_id: int, is_enabled: bool, threshold: Credits, amount: Credits
    ) -> AutoTopUp: ...


@dataclass(frozen=True, slots=True)
class PaymentRoutes:
    """`/v1/billing/checkout`, `/v1/billing/auto-top-up` and `/webhooks/stripe`; they exist only where one can pay."""

    payments: Payments

    async def begin(self, request: Request) -> Answer:
        """Begin a payment and say where it is made."""
        body = parse(await request.json_body(BODY_MAX_BYTES), _CHECKOUT)
        amount = _credits(bytes(body.amount_usd), "amount_usd")
        if (fault := self.payments.bounds.fault(amount)) is not None:
            raise _invalid("amount_usd", f"{fault}, received {_shown(amount)}")
        success_url, cancel_url = _url(body.success_url, "success_url"), _url(body.cancel_url, "cancel_url")
        begun = await self.payments.begin(request.caller.account_id, amount, success_url, cancel_url, body.save_card)
        return json_answer({"id": begun.order_id, "url": begun.url, "amount_usd": Raw(usd_json(begun.amount))})

    async def show(self, request: Request) -> Answer:
        """Show when and with how much the account is topped up by itself."""
        return _answer(await self.payments.auto_top_up(request.caller.account_id))

    async def change(self, request: Request) -> Answer:
        """Set that anew."""
        account_id = request.caller.account_id
        body = parse(await request.json_body(BODY_MAX_BYTES), _AUTO_TOP_UP)
        now = await self.payments.auto_top_up(account_id)
        threshold = _credits(bytes(body.threshold), "threshold") if bytes(body.threshold) else now.threshold
        amount = _credits(bytes(body.amount), "amount") if bytes(body.amount) else now.amount
        is_named = body.is_enabled or bool(bytes(body.threshold) or bytes(body.amount))
        if is_named and (found := auto_top_up_fault(threshold, amount, self.payments.bounds)) is not None:
            field, fault = found
            raise _invalid(field, f"{fault}, received {_shown(threshold if field == 'threshold' else amount)}")
        return _answer(await self.payments.set_auto_top_up(account_id, body.is_enabled, threshold, amount))

    async def receive(self, request: Request) -> Answer:
        """Take in what the payment provider tells; only its signature lets it in."""
        body = await request.raw_body(EVENT_MAX_BYTES)
        await self.payments.receive(body, request.headers.get(b"stripe-signature"))
        return json_answer({"received": True})


def _answer(settings: AutoTopUp) -> Answer:
    return json_answer(
        {
            "is_enabled": settings.is_enabled,
            "threshold": Raw(usd_json(settings.threshold)),
            "amount": Raw(usd_json(settings.amount)),
            "currency": "USD",
            "has_card": settings.has_card,
            "paused_until": iso_ms(settings.paused_until_ms) if settings.paused_until_ms else None,
            "last_error": settings.last_error,
        }
    )


def _credits(text: bytes, field: str) -> Credits:
    """Read a JSON number of dollars exactly, without ever making it a float."""
    text = text.strip()
    if text[:1] and text[0] in _NUMBER_STARTS and len(text) <= _NUMBER_MAX_BYTES:
        try:
            if 0 <= (number := Decimal(text.decode())) <= _USD_MAX:
                return from_usd(number)
        except InvalidOperation:
            pass  # its exponent is beyond all that can be computed with
        except ValueError as error:
            raise _invalid(field, str(error)) from None
    raise _invalid(field, f"Expected number of USD, received {text[:_EXCERPT].decode(errors='replace')}")


def _url(value: str, field: str) -> str:
    try:
        parts = urlsplit(value)
        is_fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_fine = False
    if not is_fine or len(value) > URL_MAX or not value.isprintable() or " " in value:
        raise _invalid(field, f"Expected an address such as https://app.example.com/paid, received {value[:_EXCERPT]}")
    return value


def _shown(amount: Credits) -> str:
    return usd_json(amount).decode()


def _invalid(field: str, fault: str) -> InvalidBody:
    return InvalidBody((f"'{field}': {fault}",), field)
