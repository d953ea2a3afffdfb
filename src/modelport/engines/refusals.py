"""Calls that an engine does not answer, told the way OpenAI does."""

import msgspec


class Refusal(Exception):
    """A call that is not answered, and why."""

    def __init__(self, status: int, message: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param


def error_body(refusal: Refusal) -> bytes:
    """Write an error the way OpenAI does."""
    kind = "invalid_request_error" if refusal.status < 500 else "server_error"
    error = {"message": refusal.message, "type": kind, "param": refusal.param, "code": refusal.code}
    return msgspec.json.encode({"error": error})


def wrong(message: str, param: str | None = None, code: str = "invalid_body") -> Refusal:
    """Make the refusal of a call that is itself at fault."""
    return Refusal(400, message, code, param)
