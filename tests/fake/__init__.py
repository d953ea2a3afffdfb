"""A provider to test against: speaks the wire formats of real vendors strictly, and misbehaves on request."""

from tests.fake.faults import FAILURES, FAULTS, HARMLESS
from tests.fake.server import FakeUpstream, Received, Served

__all__ = ["FAILURES", "FAULTS", "HARMLESS", "FakeUpstream", "Received", "Served"]
