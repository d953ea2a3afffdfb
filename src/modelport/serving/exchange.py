"""What serving is handed with a call, and how it reports one that failed."""

from msgspec import Struct

from modelport.core.errors import Problem
from modelport.ledger.records import Origin


class ChatRequest(Struct, frozen=True):
    """A chat call as it came in, after the key was verified."""

    body: bytes
    endpoint: str
    """The canonical path of the operation: `/v1/chat/completions`."""
    request_id: str
    client_request_id: str | None
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
