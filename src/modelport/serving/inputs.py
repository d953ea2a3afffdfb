"""Reads the files that a call is about, from wherever its caller has them, and hands them on."""

import asyncio
import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

from modelport.assets.archive import Archive
from modelport.assets.kinds import Family, Kind, sniff
from modelport.assets.links import LinkExpired, LinkInvalid, UnknownAsset
from modelport.assets.store import TooLarge
from modelport.catalogue.facts import Timeouts
from modelport.core.errors import InvalidBody
from modelport.core.received import received
from modelport.egress.guard import AddressRefused
from modelport.operations.inputs import Input
from modelport.operations.media import Upload
from modelport.serving.ports import AnswerTooLarge, UpstreamProblem

Run = Callable[..., Awaitable[Any]]

_CONNECT_S = 10.0
_SMALL_CHARS = 1_000_000
"""A text up to this length is decoded at once, a longer one in a thread."""
_AT_ONCE = 16
_MOVED = frozenset({301, 302, 303, 307, 308})
_HTTP = re.compile(r"https?://", re.IGNORECASE)
_DATA = re.compile(r"data:(?P<head>[^,]{0,200}),", re.IGNORECASE)
_SCHEME = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]{1,30}):", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_UNNAMED = re.compile(r"[^A-Za-z0-9._-]+")
_URL_SAFE = str.maketrans("-_", "+/")
_NAME_MOST = 80
_ANYTHING = "an http or https address, a data URL or base64"


class InputRefused(InvalidBody):
    """A file that a caller points at or sent cannot be used; names the field (400)."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__((f"'{field}': {reason}",), field)


class InputUnreachable(InvalidBody):
    """A provider takes files by address alone, and there is none under which it could fetch this one (400)."""

    def __init__(self, field: str, provider: str, missing: str) -> None:
        reason = f"{provider} takes files only by an address that it can fetch, and this gateway has none"
        advice = f"its operator has to set {missing}; or give a public https address"
        super().__init__((f"'{field}': {reason}: {advice}",), field)


class Fetched(Protocol):
    """What a URL gave."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[bytes, bytes]: ...
    @property
    def body(self) -> bytes: ...


class Fetch(Protocol):
    """Fetches a caller's URL, if the egress guard lets it; a redirect is returned as it is."""

    async def fetch(self, url: str, limit_bytes: int, timeouts: Timeouts, total_s: float) -> Fetched:
        """GET a URL within bounds; raises `AddressRefused`, `UpstreamProblem`."""
        ...


@dataclass(frozen=True, slots=True)
class InputLimits:
    """What reading a file is kept to."""

    max_bytes: int = 64 * 1024 * 1024
    timeout_s: float = 30.0
    redirects: int = 3


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether providers can fetch files from us, and whether what callers point at is for everybody."""

    public_url: str | None = None
    is_reachable: bool = False
    """`assets.reachable`: the operator says that providers can call `public_url`."""
    passes_on: bool = True
    """Whether a caller's address may go to a provider: not where the operator lets it lead into his own network."""

    @property
    def missing(self) -> str | None:
        """Name the settings without which providers cannot fetch files from us."""
        if self.public_url is None:
            return "`public_url` and `assets.reachable`"
        return None if self.is_reachable else "`assets.reachable`"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a field takes."""

    field: str
    """Its name, for messages."""
    families: frozenset[Family] | None = None
    """What the file may be; None for anything."""
    limit_bytes: int | None = None
    """At most so many bytes, where that is less than callers may send at all."""


class Inputs:
    """Reads files from addresses, data URLs, base64, uploads, and from the archive where they are our own."""

    def __init__(
        self,
        fetch: Fetch,
        archive: Archive,
        limits: InputLimits | None = None,
        reach: Reach | None = None,
        run: Run = asyncio.to_thread,
    ) -> None:
        self._fetch = fetch
        self._archive = archive
        self.limits = limits or InputLimits()
        self._reach = reach or Reach()
        self._run = run
        self._fetching = asyncio.Semaphore(_AT_ONCE)

    @property
    def passes_on(self) -> bool:
        """Whether a caller's address may go to a provider."""
        return self._reach.passes_on

    async def read(self, value: object, wanted: Wanted, root: str = "") -> Input:
        """Read one file; `root` is the address under which its caller knows us.

        Raises `InputRefused`, naming the field, and `AssetsUnavailable`.
        """
        limit_bytes = self._limit_bytes(wanted)
        address = ""
        if isinstance(value, Upload):
            data, stem = value.data, value.name
        elif not isinstance(value, str):
            raise InputRefused(wanted.field, f"Expected {_ANYTHING}, received {received(value)}")
        elif (own := await self._own(value, wanted.field, root, limit_bytes)) is not None:
            data, stem = own
        elif _HTTP.match(value):
            data, stem = await self._fetched(value, wanted.field, limit_bytes)
            address = value if self._reach.passes_on else ""
        else:
            data, stem = await self._written(value, wanted.field, limit_bytes), ""
        return await self._recognised(data, stem, wanted, address)

    async def own(self, value: str, wanted: Wanted, root: str = "") -> Input | None:
        """Read a file of ours by its link; None where that is somebody else's address. Raises as `read`."""
        found = await self._own(value, wanted.field, root, self._limit_bytes(wanted))
        return None if found is None else await self._recognised(*found, wanted, "")

    async def address(self, given: Input, field: str, provider: str, account_id: int) -> str:
        """Return an address under which a provider can fetch a file: the caller's own, else one of ours.

        Raises `InputUnreachable` and as `Archive.keep`.
        """
        if given.address:
            return given.address
        missing = self._reach.missing
        if missing is not None:
            raise InputUnreachable(field, provider, missing)
        key = await self._archive.keep(account_id, given.data)
        return f"{self._reach.public_url}{self._archive.path(key)}"

    def _limit_bytes(self, wanted: Wanted) -> int:
        return min(wanted.limit_bytes or self.limits.max_bytes, self.limits.max_bytes)

    async def _recognised(self, data: bytes, stem: str, wanted: Wanted, address: str) -> Input:
        """See what a file is, and whether that is what the field takes."""
        limit_bytes = self._limit_bytes(wanted)
        if len(data) > limit_bytes:
            raise _too_large(wanted.field, limit_bytes)
        kind = await self._run(sniff, data) if len(data) > _SMALL_CHARS else sniff(data)
        _check_kind(kind, wanted)
        return Input(data, kind.content_type, _named(stem, kind), address)

    async def _own(self, value: str, field: str, root: str, limit_bytes: int) -> tuple[bytes, str] | None:
        """Read a file of ours by its address; None where it is somebody else's."""
        roots = [one for one in (root, self._reach.public_url) if one]
        try:
            key = self._archive.find(value, roots)
            return None if key is None else (await self._archive.load(key, limit_bytes), key.name)
        except (LinkExpired, LinkInvalid, UnknownAsset) as problem:
            raise InputRefused(field, problem.message) from problem
        except TooLarge as problem:
            raise _too_large(field, limit_bytes) from problem

    async def _fetched(self, url: str, field: str, limit_bytes: int) -> tuple[bytes, str]:
        """Fetch a file, following redirects: each address on the way is judged as the first one."""
        try:
            async with asyncio.timeout(self.limits.timeout_s), self._fetching:
                return await self._followed(url, field, limit_bytes)
        except TimeoutError as error:
            limit_s = self.limits.timeout_s
            raise InputRefused(field, f"the address given could not be fetched within {limit_s:g} s") from error
        except AnswerTooLarge as problem:
            raise _too_large(field, limit_bytes) from problem
        except (AddressRefused, UpstreamProblem) as problem:
            raise InputRefused(field, problem.message) from problem

    async def _followed(self, url: str, field: str, limit_bytes: int) -> tuple[bytes, str]:
        limit_s = self.limits.timeout_s
        timeouts = Timeouts(min(_CONNECT_S, limit_s), limit_s, limit_s)
        for _ in range(self.limits.redirects + 1):
            fetched = await self._fetch.fetch(url, limit_bytes, timeouts, limit_s)
            if fetched.status not in _MOVED:
                break
            url = _moved(url, fetched.headers.get(b"location", b""), field)
        else:
            raise InputRefused(field, f"the address given is redirected more than {self.limits.redirects} times")
        if fetched.status != 200:
            raise InputRefused(field, f"the address given was answered with status {fetched.status}")
        return fetched.body, urlsplit(url).path.rpartition("/")[2]

    async def _written(self, value: str, field: str, limit_bytes: int) -> bytes:
        """Read a file that is written out in the request."""
        found = _DATA.match(value)
        scheme = _SCHEME.match(value[:40])
        if found is None and scheme is not None:
            raise InputRefused(field, f"Expected {_ANYTHING}, received an address of the kind '{scheme['scheme']}:'")
        is_base64 = found is None or found["head"].lower().rstrip().endswith(";base64")
        start = 0 if found is None else found.end()
        if len(value) - start > limit_bytes * (2 if is_base64 else 3) + 1000:
            raise _too_large(field, limit_bytes)
        decoded = _from_base64 if is_base64 else _from_percents
        try:
            if len(value) <= _SMALL_CHARS:
                return decoded(value, start)
            return await self._run(decoded, value, start)
        except (binascii.Error, ValueError):
            raise InputRefused(field, f"Expected {_ANYTHING}, received {received(value)}") from None


def _check_kind(kind: Kind, wanted: Wanted) -> None:
    if wanted.families is not None and not kind.families & wanted.families:
        families = " or ".join(_ARTICLES[one] for one in sorted(wanted.families))
        content_type = kind.content_type.partition(";")[0]
        raise InputRefused(wanted.field, f"Expected {families}, received a file that is {content_type} by its content")


_ARTICLES: Mapping[Family, str] = {
    "image": "an image",
    "audio": "a sound file",
    "video": "a video",
    "document": "a document",
    "model": "a 3D model",
}


def _too_large(field: str, limit_bytes: int) -> InputRefused:
    return InputRefused(field, f"the file is larger than {limit_bytes} bytes")


def _moved(url: str, location: bytes, field: str) -> str:
    try:
        if location:
            return urljoin(url, location.decode("latin-1"))
    except ValueError:
        pass
    raise InputRefused(field, "the address given is redirected to nowhere")


def _from_base64(text: str, start: int) -> bytes:
    packed = _SPACE.sub("", text[start:]).translate(_URL_SAFE)
    if not packed:
        raise ValueError(text[:1])
    return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)


def _from_percents(text: str, start: int) -> bytes:
    return unquote_to_bytes(text[start:])


def _named(stem: str, kind: Kind) -> str:
    """Make a name that any provider takes and that says what the file is."""
    plain = _UNNAMED.sub("_", stem.rpartition("/")[2].rpartition(".")[0] or stem).strip("._")[:_NAME_MOST]
    return f"{plain or 'file'}.{kind.extension}"
