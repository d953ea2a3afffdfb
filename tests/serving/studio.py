"""Serving of media on parts in memory."""

from modelport.api.errors import code_of, status_of
from modelport.core.clock import SystemClock
from modelport.core.ids import IdSource
from modelport.ledger.book import Book
from modelport.limits.limiter import Limiter
from modelport.serving.calls import Routes
from modelport.serving.carrying import Files
from modelport.serving.health import Health
from modelport.serving.media import ServeMedia
from modelport.serving.pacing import Pacing
from modelport.serving.ports import Upstream


def media_on(routes: Routes, book: Book, limiter: Limiter, upstream: Upstream, files: Files) -> ServeMedia:
    """Serve media with these parts."""
    clock = SystemClock()
    return ServeMedia(
        routes=routes,
        pacing=Pacing(limiter),
        ledger=book,
        upstream=upstream,
        health=Health(clock.monotonic_s),
        files=lambda root, account_id: files,
        clock=clock,
        new_id=IdSource(),
        status_of=status_of,
        code_of=code_of,
        drain_s=5.0,
    )
