"""Fetch weights from a plain HTTPS address: resumed, redirected only to HTTPS, never more bytes than known."""

import base64
import http.client
import ssl
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from modelport.engines.entries import SourceFailed, WrongHash
from modelport.engines.joining import CHUNK_BYTES, Known, Progress, sha256_of

REDIRECTS = 5
_MOVED = (301, 302, 303, 307, 308)
_LOST = (OSError, http.client.HTTPException)


@dataclass(frozen=True, slots=True)
class HubFile:
    """Downloads an entry's file from its addresses; what has come stays for the next try."""

    tls: ssl.SSLContext | None = None
    proxy_url: str | None = None
    timeout_s: float = 30.0
    tries: int = 4
    """How often in a row a connection may bring nothing."""
    pause_s: float = 1.0

    def needed_bytes(self, entry: Known, folder: Path) -> int:
        """Tell what a fetch will take on disk beyond what is there."""
        return entry.size_bytes - _size(_part(folder))

    def fetch(self, url: str, entry: Known, folder: Path, target: Path, progress: Progress) -> None:
        """Write the entry's file to `target`."""
        part = _part(folder)
        lost = 0
        while (before := _size(part)) != entry.size_bytes:
            try:
                self._go_on(url, entry, part, progress)
            except _LOST as problem:
                lost = 0 if _size(part) > before else lost + 1
                if lost >= self.tries:
                    raise SourceFailed(f"{url}: {problem or type(problem).__name__}") from problem
                time.sleep(self.pause_s * lost)
        if (found := sha256_of(part)) != entry.sha256:
            part.unlink()
            raise WrongHash(f"The file at {url}", entry.sha256, found)
        part.replace(target)

    def _go_on(self, url: str, entry: Known, part: Path, progress: Progress) -> None:
        have = _size(part)
        if have > entry.size_bytes:
            part.unlink()
            have = 0
        with self._answer(url, have) as answer:
            start = _start(answer, have, entry, url)
            with part.open("r+b" if start else "wb") as out:
                out.seek(start)
                while chunk := answer.read(min(CHUNK_BYTES, entry.size_bytes - start + 1)):
                    start += len(chunk)
                    if start > entry.size_bytes:
                        raise SourceFailed(f"{url}: sends more than the {entry.size_bytes} bytes of {entry.file}")
                    out.write(chunk)
                    progress(start, entry.size_bytes)
            if start < entry.size_bytes:
                raise ConnectionResetError("the connection ended early")

    @contextmanager
    def _answer(self, url: str, have: int) -> Generator[http.client.HTTPResponse]:
        """Ask for the bytes from `have` on, and follow redirects."""
        for _ in range(REDIRECTS + 1):
            connection = self._connect(url)
            try:
                answer = _get(connection, url, have)
                if answer.status not in _MOVED:
                    yield answer
                    return
                url = urljoin(url, answer.getheader("location") or "")
            finally:
                connection.close()
        raise SourceFailed(f"{url}: redirects more than {REDIRECTS} times")

    def _connect(self, url: str) -> http.client.HTTPSConnection:
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise SourceFailed(f"{url}: is not an https address")
        tls = self.tls or ssl.create_default_context()
        if self.proxy_url is None:
            return http.client.HTTPSConnection(parts.hostname, parts.port or 443, timeout=self.timeout_s, context=tls)
        proxy = urlsplit(self.proxy_url)
        connection = http.client.HTTPSConnection(
            proxy.hostname or "", proxy.port or 8080, timeout=self.timeout_s, context=tls
        )
        connection.set_tunnel(parts.hostname, parts.port or 443, _credentials(proxy))
        return connection


def _get(connection: http.client.HTTPSConnection, url: str, have: int) -> http.client.HTTPResponse:
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"user-agent": "modelport", "accept-encoding": "identity"}
    connection.request("GET", path, headers={**headers, "range": f"bytes={have}-"} if have else headers)
    return connection.getresponse()


def _start(answer: http.client.HTTPResponse, have: int, entry: Known, url: str) -> int:
    """Tell at which byte the answer begins; raises when it cannot be the file."""
    start = have if answer.status == 206 else 0
    if answer.status not in (200, 206):
        raise SourceFailed(f"{url}: answered {answer.status} {answer.reason}")
    if answer.status == 206 and not (answer.getheader("content-range") or "").startswith(f"bytes {have}-"):
        raise SourceFailed(f"{url}: answered with another range than was asked for")
    if answer.length is not None and start + answer.length != entry.size_bytes:
        raise SourceFailed(f"{url}: has {start + answer.length} bytes, {entry.file} has {entry.size_bytes}")
    return start


def _credentials(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
    return {"proxy-authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _part(folder: Path) -> Path:
    return folder / "hub.part"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
