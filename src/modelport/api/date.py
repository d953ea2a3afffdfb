"""The `Date` header, rendered when the second changes rather than for every answer."""

import time
from email.utils import formatdate


class DateLine:
    """Holds the header of this moment; whoever has a timer calls `refresh`."""

    __slots__ = ("line",)
    line: bytes
    """The header with its line end."""

    def __init__(self) -> None:
        self.refresh(time.time())

    def refresh(self, now_s: float) -> None:
        """Render the header of a moment."""
        self.line = b"date: %b\r\n" % formatdate(now_s, usegmt=True).encode("ascii")
