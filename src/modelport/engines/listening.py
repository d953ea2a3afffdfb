"""What the child process of any engine does: it listens on its own socket, and ends with its parent."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Generator, Sequence
from pathlib import Path

import uvicorn

from modelport.engines.asgi import App

KEEP_ALIVE_S = 3600


class _Server(uvicorn.Server):
    """Leaves signals alone: Ctrl-C is for the parent, and whoever ends us means it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Do nothing."""
        yield


def settle_in(sockets: Sequence[Path], nice: int) -> None:
    """Prepare the process: private sockets, none of them stale, gone as soon as the pipe on stdin closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o177)
    if nice:
        os.nice(nice)
    threading.Thread(target=_end_with_parent, args=(sockets,), daemon=True).start()
    for stale in sockets:
        stale.unlink(missing_ok=True)


def listen(app: App, path: Path) -> None:
    """Serve `app` on the unix socket `path` for as long as the process lives."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        asyncio.run(_server(app).serve(sockets=[listener]))


def _end_with_parent(sockets: Sequence[Path]) -> None:
    """Wait for stdin to close, then leave at once, whatever is running."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    for path in sockets:
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        sockets[0].parent.rmdir()  # others may still live in it, or our parent may have been first
    os._exit(0)


def _server(app: App) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
    )
