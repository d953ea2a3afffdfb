"""What can be wrong with a request before any part below has seen it."""

from modelport.core.errors import Problem


class CallerLeft(Exception):
    """The connection ended while the request was still coming in; there is nobody to answer."""


class UnknownRoute(Problem):
    """No route has this path (404)."""


class UnknownPage(Problem):
    """The route exists, what it names does not (404)."""


class WrongMethod(Problem):
    """The path exists, but not with this method (405)."""

    def __init__(self, method: str, allowed: tuple[str, ...]) -> None:
        useful = [one for one in allowed if one not in ("HEAD", "OPTIONS")]
        super().__init__(f"{method[:40]} is not possible here: use {' or '.join(useful)}")
        self.allowed = allowed


class NotBuilt(Problem):
    """The route is documented but this version does not have it (501)."""


class MalformedBody(Problem):
    """The body is not JSON, or not UTF-8, or nested too deeply (400)."""


class InvalidQuery(Problem):
    """A parameter of the query does not match (400)."""

    def __init__(self, message: str, param: str | None) -> None:
        super().__init__(message)
        self.param = param


class BodyTooLarge(Problem):
    """The body is beyond the bound (413)."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"the request body is larger than {limit_bytes} bytes: send less, or files by URL")


class UnsupportedContent(Problem):
    """The body's type or encoding is not one that this route reads (415)."""


class Overloaded(Problem):
    """The bound on bodies held in memory is reached (503)."""

    retry_after_s = 1


class WrongMetricsToken(Problem):
    """Metrics were asked for without their token, or with another (401)."""


class NotReady(Problem):
    """The server is alive but cannot serve yet or any more (503)."""

    retry_after_s = 1


class MalformedRequest(Problem):
    """What came is not HTTP (400)."""


class RequestTimeout(Problem):
    """The request did not arrive in time (408)."""


class UrlTooLong(Problem):
    """The request line is beyond the bound (414)."""


class HeadersTooLarge(Problem):
    """The request's header is beyond the bound (431)."""


class RangeUnsatisfiable(Problem):
    """The part that was asked for lies behind the file's end (416)."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"the file has {size_bytes} bytes, and the part that was asked for lies behind them")
