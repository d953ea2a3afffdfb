"""Stripe, as far as the gateway uses it: the same forms, refusals, objects and signed events, and faults on demand.

Built from https://docs.stripe.com/api and the types of the official client (stripe 16.1), read on 2026-11-29.
"""

from tests.fake.stripe.events import Event, signature
from tests.fake.stripe.server import FakeStripe, Fault

__all__ = ["Event", "FakeStripe", "Fault", "signature"]
