"""Keeps files for accounts: stores them under their content, links to them, and forgets them in time."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from modelport.assets.kinds import BINARY, SNIFFED_BYTES, TEXT, Kind, sniff, sniff_head
from modelport.assets.links import Granted, Links, UnknownAsset
from modelport.assets.names import AssetKey, Shares, day_of, end_ms, parse_day
from modelport.assets.store import AssetStore, TooLarge
from modelport.core.clock import Clock

Run = Callable[..., Awaitable[Any]]

_SMALL_BYTES = 1_000_000
"""A file up to this size is hashed at once, a larger one in a thread."""


@dataclass(frozen=True, slots=True)
class Archive:
    """The files of all accounts."""

    store: AssetStore
    links: Links
    shares: Shares
    clock: Clock
    new_id: Callable[[], str]
    limit_bytes: int
    run: Run = asyncio.to_thread

    async def keep(
        self, account_id: int, content: bytes | AsyncIterator[bytes], known_as: Kind | None = None
    ) -> AssetKey:
        """Store a file of an account and return its name; the same content has the same name all day.

        What it is, its bytes say; only where these say nothing does `known_as`. Raises `TooLarge`, `AssetsUnavailable`.
        """
        if not isinstance(content, bytes):
            return await self._keep_stream(account_id, content, known_as)
        if len(content) > self.limit_bytes:
            raise TooLarge(self.limit_bytes)
        digest = await self.run(_digest, content) if len(content) > _SMALL_BYTES else _digest(content)
        key = self._key(account_id, digest, _judged(sniff(content), known_as))
        await self.store.put(str(key), content)
        return key

    def path(self, key: AssetKey) -> str:
        """Return the signed path of a file, to be put behind the address of the gateway."""
        return self.links.path(key, self.clock.now_ms())

    def granted(self, tail: str) -> Granted:
        """Read what follows `/assets/`; raises `UnknownAsset`, `LinkInvalid`, `LinkExpired`."""
        return self.links.read(tail, self.clock.now_ms())

    def find(self, address: str, roots: Iterable[str] = ()) -> AssetKey | None:
        """Return the file that an address of ours leads to; None where it is not ours. Raises as `granted`."""
        found = self.links.find(address, self.clock.now_ms(), tuple(roots))
        return None if found is None else found.key

    async def size(self, key: AssetKey) -> int:
        """Return the size of a file; raises `UnknownAsset`."""
        size = await self.store.size(str(key))
        if size is None:
            raise UnknownAsset
        return size

    def read(self, key: AssetKey, start: int, end: int) -> AsyncIterator[bytes]:
        """Read a part of a file, piece by piece."""
        return self.store.read(str(key), start, end)

    async def load(self, key: AssetKey, limit_bytes: int) -> bytes:
        """Read a whole file; raises `UnknownAsset`, and `TooLarge` when it has more than so many bytes."""
        size = await self.size(key)
        if size > limit_bytes:
            raise TooLarge(limit_bytes)
        return b"".join([piece async for piece in self.read(key, 0, size)])

    async def sweep(self) -> int:
        """Delete the files of all days to which no link leads any more; return how many."""
        old_ms = self.clock.now_ms() - self.links.lifetime_ms
        days = [(part, parse_day(part)) for part in await self.store.parts()]
        old = [part for part, day in days if day is not None and end_ms(day) <= old_ms]
        return sum([await self.store.delete_all(part) for part in old])

    async def forget(self, account_id: int) -> int:
        """Delete all files of an account; return how many."""
        days = [part for part in await self.store.parts() if parse_day(part) is not None]
        shares = self.shares.all_of(account_id)
        return sum([await self.store.delete_all(f"{day}/{share}") for day in days for share in shares])

    def _key(self, account_id: int, digest: str, kind: Kind) -> AssetKey:
        return AssetKey(day_of(self.clock.now_ms()), self.shares.of(account_id), digest, kind)

    async def _keep_stream(self, account_id: int, content: AsyncIterator[bytes], known_as: Kind | None) -> AssetKey:
        """Store a file before its name is known, in the folder of its account, and name it when it has ended."""
        share = self.shares.of(account_id)
        draft = f"{day_of(self.clock.now_ms()):%Y%m%d}/{share}/{self.new_id()}.draft"
        passed = _Passed(self.limit_bytes)
        async with aclosing(passed.through(content)) as pieces:
            await self.store.put(draft, pieces)
        key = self._key(account_id, passed.digest, _judged(sniff_head(bytes(passed.head)), known_as))
        await self.store.move(draft, str(key))  # a draft that is left behind is swept with its day
        return key


class _Passed:
    """What is known of a stream once it has passed by."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._hash = hashlib.sha256()
        self._size_bytes = 0
        self.head = bytearray()

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    async def through(self, content: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
        async for piece in content:
            self._size_bytes += len(piece)
            if self._size_bytes > self._limit_bytes:
                raise TooLarge(self._limit_bytes)
            if len(self.head) < SNIFFED_BYTES:
                self.head += piece[: SNIFFED_BYTES - len(self.head)]
            self._hash.update(piece)
            yield piece


def _judged(kind: Kind, known_as: Kind | None) -> Kind:
    """Believe what is said of a file only where its bytes do not speak against it."""
    return known_as if known_as is not None and kind in (BINARY, TEXT) else kind


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
