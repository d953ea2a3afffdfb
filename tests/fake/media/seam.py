"""What a vendor of media is asked, and how it answers."""

import ipaddress
import re
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

_BOUNDARY = re.compile(r'boundary="?([^";]+)')
_NAME = re.compile(r'[; ]name="([^"]*)"')
_FILE = re.compile(r'filename="([^"]*)"')


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file in a form."""

    name: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class MediaAnswer:
    """An answer: JSON, bytes of a kind, or pieces of a stream; with a status."""

    body: Any
    status: int = 200
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def pieces(self) -> list[bytes]:
        """The body as it goes out."""
        if isinstance(self.body, tuple):
            return list(self.body)
        return [self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)]

    @property
    def bytes(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces)


@dataclass(slots=True)
class MediaStudio:
    """What vendors of media remember, and how they are told to misbehave."""

    base_url: str = ""
    """Where the fake is found."""
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    files: dict[str, tuple[bytes, str]] = field(default_factory=dict[str, tuple[bytes, str]])
    """By name: what `/_files/{name}` gives."""
    made: Counter[str] = field(default_factory=Counter[str])
    """By vendor: how often work was taken on."""
    fetched: Counter[str] = field(default_factory=Counter[str])
    """By name of a file: how often it was fetched."""
    troubles: dict[str, deque[MediaAnswer]] = field(default_factory=dict[str, deque[MediaAnswer]])
    """By vendor: what is answered next instead of what was asked for."""
    polls: int = 1
    """How often a job is asked after before it is done."""

    def file(self, data: bytes, content_type: str, name: str) -> str:
        """Put a file where everybody can fetch it; return its address."""
        place = f"{len(self.files)}-{name}"
        self.files[place] = data, content_type
        return f"{self.base_url}/_files/{place}"

    def trouble(self, vendor: str, *answers: MediaAnswer) -> None:
        """Have a vendor answer so next."""
        self.troubles.setdefault(vendor, deque()).extend(answers)


@dataclass(frozen=True, slots=True)
class MediaAsked:
    """A request to a vendor of media."""

    method: str
    path: str
    """Below the vendor's prefix."""
    query: str
    headers: Mapping[str, str]
    raw: bytes
    studio: MediaStudio

    @property
    def json(self) -> dict[str, Any]:
        """The body; raises `Refused` where it is no JSON object that says so."""
        kind = self.headers.get("content-type", "").partition(";")[0]
        try:
            body = msgspec.json.decode(self.raw)
        except msgspec.DecodeError:
            body = None
        if kind != "application/json" or not isinstance(body, dict):
            raise Refused(400, "expected a JSON object as application/json")
        return body

    @property
    def form(self) -> dict[str, list[str | FilePart]]:
        """The fields of a form; raises `Refused` where it is none."""
        found = _BOUNDARY.search(self.headers.get("content-type", ""))
        if found is None or not self.headers["content-type"].startswith("multipart/form-data"):
            raise Refused(415, "expected multipart/form-data")
        fields: dict[str, list[str | FilePart]] = {}
        for part in self.raw.split(b"--" + found[1].encode())[1:-1]:
            head, _, data = part.strip(b"\r\n").partition(b"\r\n\r\n")
            lines = head.decode()
            name, file = _NAME.search(lines), _FILE.search(lines)
            if name is None:
                raise Refused(400, "a part has no name")
            kind = next((line[14:] for line in lines.split("\r\n") if line.lower().startswith("content-type: ")), "")
            value = FilePart(file[1], kind, data) if file is not None else data.decode()
            fields.setdefault(name[1], []).append(value)
        return fields


def events(*told: Mapping[str, Any], are_named: bool) -> MediaAnswer:
    """Answer with a stream of events, each of which says what it is."""
    pieces = tuple(
        (f"event: {one['type']}\n".encode() if are_named else b"") + b"data: " + msgspec.json.encode(one) + b"\n\n"
        for one in told
    )
    return MediaAnswer(pieces, content_type="text/event-stream; charset=utf-8")


class Refused(Exception):
    """A request that the vendor refuses."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


class MediaVendor(Protocol):
    """One vendor of media: a module with these."""

    PREFIX: str
    """The path below which it is found; longest first."""

    def answer(self, asked: MediaAsked) -> MediaAnswer | None:
        """Answer a request; None for a path that is not one of media. Raises `Refused`."""
        ...

    def error(self, refused: Refused) -> MediaAnswer:
        """Write a refusal in the vendor's form."""
        ...


Answer = Callable[[MediaAsked], MediaAnswer | None]


def bearer(asked: MediaAsked, scheme: str = "Bearer", header: str = "authorization") -> None:
    """Refuse who has no key of the fake."""
    sent = asked.headers.get(header, "")
    word, _, key = sent.partition(" ") if scheme else ("", "", sent)
    if word != scheme or not key.startswith("sk-fake"):
        raise Refused(401, "the key is missing or wrong")


def only(body: Mapping[str, Any], known: frozenset[str], *, needs: tuple[str, ...] = ()) -> None:
    """Refuse fields that the vendor does not know, and those that it misses."""
    for name in body:
        if name not in known:
            raise Refused(400, f"Unknown parameter: '{name}'.")
    for name in needs:
        if body.get(name) in (None, "", []):
            raise Refused(400, f"Missing required parameter: '{name}'.")


def reachable(address: str) -> str:
    """Return an address that could be fetched from outside, or a data URL; refuses anything else."""
    if address.startswith("data:"):
        if ";base64," not in address:
            raise Refused(400, "the data URL is not base64")
        return address
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or host in ("", "localhost") or host.endswith(".local"):
        raise Refused(400, f"Failed to download the file at {address[:80]}")
    try:
        is_public = ipaddress.ip_address(host).is_global
    except ValueError:
        is_public = "." in host
    if not is_public or "/assets/" in parts.path:
        raise Refused(400, f"Failed to download the file at {address[:80]}")
    return address
