"""A job: what was asked, how far it is, and what came of it."""

from typing import Literal

from msgspec import Struct

from modelport.catalogue.facts import Operation, Rates
from modelport.jobs.deliveries import Delivery
from modelport.ledger.records import Attempt
from modelport.ledger.store import Fund

State = Literal["queued", "generating", "completed", "error"]
"""What a caller is told; the last two are final."""
FINAL: frozenset[State] = frozenset({"completed", "error"})

Mark = Literal["new", "submitting", "taken", "made"]
"""How far the work is. `submitting` is committed before the first byte of a submission leaves: whoever finds it later
cannot know whether the provider has the work."""


class Planned(Struct, frozen=True):
    """An offer that may make it, and the price that held when the job was made."""

    provider: str
    upstream: str
    rates: Rates


class Asked(Struct, frozen=True):
    """What does not change about a job."""

    request_id: str
    client_request_id: str | None
    key_prefix: str
    endpoint: str
    """The canonical path at which it was asked for."""
    call: bytes
    """The call, packed: see `serving/jobs/packing.py`."""
    offers: tuple[Planned, ...]
    dropped: tuple[str, ...] = ()


class Sent(Struct, frozen=True):
    """Where the work was sent to, and what it would use as far as that was known."""

    offer: Planned
    expected: dict[str, int]
    is_exact: bool
    dropped: tuple[str, ...] = ()


class Standing(Struct, frozen=True):
    """Where the work is at its provider."""

    stage: str = ""
    facts: dict[str, str] = {}
    after_s: float = 0.0


class Progress(Struct, frozen=True):
    """What is known of the work so far; all that another process needs to go on."""

    attempts: tuple[Attempt, ...] = ()
    sent: Sent | None = None
    standing: Standing = Standing()
    first_byte_ms: int | None = None


class Failure(Struct, frozen=True):
    """Why a job ended in `error`, as its caller is told."""

    name: str
    message: str


class Job(Struct, frozen=True, kw_only=True):
    """One job as it is kept."""

    id: str
    """Also the inference id of its request row."""
    account_id: int
    key_id: int
    model: str
    operation: Operation
    state: State = "queued"
    mark: Mark = "new"
    asked: Asked
    progress: Progress = Progress()
    made: bytes | None = None
    """What was made, packed, between its making and the settlement."""
    result: bytes | None = None
    """What the caller is told of a completed job: JSON."""
    failure: Failure | None = None
    held: int
    """What is set aside for it."""
    limit: Fund | None = None
    """What of a limited key it counts against."""
    charged: int = 0
    is_cancelled: bool = False
    """Whether its caller does not want it any more: what is not sent ends, what is under way is paid and dropped."""
    created_at_ms: int
    deadline_ms: int
    """When it ends in any case."""
    expires_at_ms: int
    """When nobody is told of it any more."""
    ended_at_ms: int | None = None
    delivery: Delivery | None = None
    """How far the event of its end is on its way to its webhook; None where nobody wants it."""

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.state in FINAL
