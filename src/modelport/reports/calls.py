"""Single calls, as their caller may see them."""

from collections.abc import Sequence
from dataclasses import dataclass

from modelport.core.credits import Credits
from modelport.ledger.records import CallStatus, Origin
from modelport.operations.usage import NOTHING_USED, Usage


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """The part of a request row that concerns its caller."""

    created_at_ms: int
    status: CallStatus
    origin: Origin
    model: str
    charged: Credits
    usage: Usage
    request_id: str
    inference_id: str
    client_request_id: str | None

    @property
    def shown_usage(self) -> Usage:
        """Return what the call used; of a failed one only what the provider itself reported."""
        return NOTHING_USED if self.status == "failed" and self.usage.source != "provider" else self.usage


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are wanted; None wants all."""

    models: frozenset[str] | None = None
    """Models by id, or by what follows the maker in it."""
    statuses: frozenset[CallStatus] | None = None


@dataclass(frozen=True, slots=True)
class CallPage:
    """Some calls, newest first, and how many there are in all."""

    calls: Sequence[LoggedCall]
    total: int


def named(models: frozenset[str], known: Sequence[str]) -> list[str]:
    """Pick the models that were named: by id, or by what follows the first slash in it."""
    return [model for model in known if model in models or model.partition("/")[2] in models]
