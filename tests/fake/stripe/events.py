"""Events, and how they are signed: https://docs.stripe.com/webhooks, "verify manually", read on 2026-11-29."""

import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.fake.stripe.typed import check_object


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it is sent."""

    id: str
    type: str
    body: bytes

    @property
    def object(self) -> dict[str, Any]:
        """What it is about."""
        return msgspec.json.decode(self.body)["data"]["object"]

    def changed(self, **members: Any) -> "Event":
        """The same event about another object: what only somebody with the signing secret can send."""
        content = msgspec.json.decode(self.body)
        content["data"]["object"] |= members
        return Event(self.id, self.type, msgspec.json.encode(content))

    def renamed(self, event_id: str) -> "Event":
        """The same under another id: Stripe may make two events of one change."""
        content = msgspec.json.decode(self.body) | {"id": event_id}
        return Event(event_id, self.type, msgspec.json.encode(content))


def signature(body: bytes, secret: str, at_s: int | None = None) -> str:
    """Sign a body as of now, or of another second."""
    at_s = int(time.time()) if at_s is None else at_s
    signed = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={signed}"


def make_event(event_id: str, kind: str, about: dict[str, Any], version: str, at_s: int) -> Event:
    """Make an event about an object."""
    import stripe

    content = {
        "id": event_id,
        "object": "event",
        "api_version": version,
        "created": at_s,
        "data": {"object": about},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }
    check_object(stripe.Event, content)
    return Event(event_id, kind, msgspec.json.encode(content))
