"""Parts windows into whole quarter hours, which are summed up, and the rest, which is counted from rows."""

from dataclasses import dataclass

from modelport.core.clock import QUARTER_MS
from modelport.reports.usage import Window


@dataclass(frozen=True, slots=True)
class Cut:
    """Whole quarter hours, from `first` up to but without `end`, and what of the window lies outside them."""

    first: int
    end: int
    older: Window | None
    newer: Window | None

    @property
    def edges(self) -> list[Window]:
        """Return what lies outside."""
        return [edge for edge in (self.older, self.newer) if edge is not None]


def cut(window: Window, swept_ms: int = 0) -> Cut:
    """Cut a window; a quarter hour with swept rows is summed up whole, as of its beginning.

    Windows that part a span of time therefore never count a call twice, nor leave one out.
    """
    start_ms, end_ms = window.start_ms, window.end_ms
    first, end = -(-start_ms // QUARTER_MS), end_ms // QUARTER_MS
    if end < first:  # all within one quarter hour
        return Cut(first, first, None, None if end * QUARTER_MS < swept_ms or start_ms >= end_ms else window)
    older = newer = None
    if start_ms % QUARTER_MS and (first - 1) * QUARTER_MS >= swept_ms:
        older = Window(start_ms, first * QUARTER_MS)
    if end_ms % QUARTER_MS:
        if end * QUARTER_MS < swept_ms:
            end += 1
        else:
            newer = Window(end * QUARTER_MS, end_ms)
    return Cut(first, end, older, newer)
