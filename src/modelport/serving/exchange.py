"""What serving is handed with a call, and how it reports one that failed."""

from typing import Protocol

from msgspec import Struct

from modelport.core.errors import Problem
from modelport.dialects.table import Format
from modelport.keys.key import Key
from modelport.ledger.records import Origin
from modelport.operations.chat import ChatCall


class Memory(Protocol):
    """Keeps answers for calls that go on from them."""

    async def recall(self, call: ChatCall, key: Key, now_ms: int) -> ChatCall:
        """Return the call with what it goes on from; raises `InvalidBody` when that is not known."""
        ...

    async def keep(self, call: ChatCall, key: Key, now_ms: int, answer: bytes) -> None:
        """Keep an answer, as its caller gets it, if the call asked for that."""
        ...


class CallRequest(Struct, frozen=True):
    """A call as it came in, after the key was verified."""

    body: bytes
    format: Format
    request_id: str
    client_request_id: str | None
    model: str | None = None
    """The model that the path names, which takes the place of the body's."""
    memory: Memory | None = None
    origin: Origin = "api"


class CallFailed(Exception):
    """A call ended in a problem before its answer began; its row, if any, is written."""

    def __init__(self, problem: Problem, inference_id: str) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.inference_id = inference_id


class CallerLeft(Problem):
    """The caller went away before anything was asked of a provider."""

    def __init__(self) -> None:
        super().__init__("the caller closed the connection before the call began")
