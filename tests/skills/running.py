"""Running the scripts of skills as their users do: a process of its own, against a gateway or something like one."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.gateway import environment

RUN_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Caller:
    """Who runs a script: with a key, at an address, from a folder."""

    script: Path
    base_url: str
    key: str
    folder: Path

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the script with nothing of ours in its environment but the key and the address."""
        told = {"AIMLAPI_API_KEY": self.key, "AIMLAPI_BASE_URL": self.base_url, **variables}
        return subprocess.run(
            [sys.executable, "-I", self.script, *arguments],
            env=environment(self.folder, {name: value for name, value in told.items() if value}),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_WITHIN_S,
            check=False,
        )


@contextmanager
def answering(*pieces: bytes, closes: bool = True) -> Iterator[str]:
    """Answer one connection with some bytes, and with nothing more; gives the address."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                for piece in pieces:
                    connection.sendall(piece)
                if not closes:
                    done.wait(RUN_WITHIN_S)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        done.set()
        thread.join(RUN_WITHIN_S)


def http(body: bytes, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """Write an answer."""
    return f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
