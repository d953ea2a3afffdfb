"""Verifies keys from memory, and from the store when memory does not know them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from modelport.core.clock import Clock, SystemClock, iso_ms
from modelport.core.errors import Problem
from modelport.keys.issue import KeyHasher
from modelport.keys.key import DisabledKey, ExpiredKey, Key, MissingKey, UnknownKey
from modelport.keys.store import KeyStore

Find = Callable[[bytes], Key | None]

REMEMBERED = 50_000
SECRET_MAX_BYTES = 512
_LOOK_UPS_AT_ONCE = 4
_WAITING_MAX = 1_000


class KeysBusy(Problem):
    """Too many keys that memory does not know are being looked up at once (503)."""

    retry_after_s = 1

    def __init__(self) -> None:
        super().__init__("too many unknown keys are being looked up: try again in a second")


async def _nothing_new() -> None:
    return


async def _in_thread(find: Find, secret: bytes) -> Key | None:
    return await asyncio.to_thread(find, secret)


class KeyRing:
    """Says whose a secret is. Cached by the whole digest, bounded; `forget` has to follow every change of a key.

    `refresh` asks, cheaply, for changes that were not heard of yet: it runs before a key is refused from memory, so
    that a key made or enabled by another process works on its very next call.
    """

    def __init__(
        self,
        store: KeyStore,
        hasher: KeyHasher,
        *,
        refresh: Callable[[], Awaitable[None]] = _nothing_new,
        run: Callable[[Find, bytes], Awaitable[Key | None]] = _in_thread,
        remembered: int = REMEMBERED,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._hasher = hasher
        self._refresh = refresh
        self._run = run
        self._remembered = remembered
        self._clock = clock or SystemClock()
        self._known: dict[bytes, Key] = {}
        self._unknown: dict[bytes, None] = {}
        self._look_ups: dict[bytes, asyncio.Task[Key | None]] = {}
        self._slots = asyncio.Semaphore(_LOOK_UPS_AT_ONCE)
        self._epoch = 0

    async def authenticate(self, secret: bytes | str | None) -> Key:
        """Return the key of a secret; raises `MissingKey`, `UnknownKey`, `DisabledKey` or `ExpiredKey`."""
        if not secret:
            raise MissingKey("a valid API key is required, sent as 'Authorization: Bearer …'")
        if isinstance(secret, str):
            secret = secret.encode("utf-8", "surrogateescape")
        digest = self._hasher.digest(secret)
        key = self._known.get(digest)
        if key is None or key.is_disabled or (key.expires_at_ms is not None and self._is_over(key.expires_at_ms)):
            key = await self._second_look(digest, secret)
        return key

    async def _second_look(self, digest: bytes, secret: bytes) -> Key:
        if digest in self._unknown or digest in self._known:
            await self._refresh()
        key = self._known.get(digest)
        if key is None and digest not in self._unknown and len(secret) <= SECRET_MAX_BYTES:
            key = await self._look_up(digest, secret)
        if key is None:
            raise UnknownKey("no key has this secret: a valid API key is required")
        if key.is_disabled:
            raise DisabledKey(f"the API key {key.prefix} is disabled")
        if key.expires_at_ms is not None and self._is_over(key.expires_at_ms):
            raise ExpiredKey(f"the API key {key.prefix} expired at {iso_ms(key.expires_at_ms)}")
        return key

    def _is_over(self, expires_at_ms: int) -> bool:
        return self._clock.now_ms() >= expires_at_ms

    async def _look_up(self, digest: bytes, secret: bytes) -> Key | None:
        task = self._look_ups.get(digest)
        if task is None:
            if len(self._look_ups) >= _WAITING_MAX:
                raise KeysBusy
            task = asyncio.create_task(self._ask_store(digest, secret))
            self._look_ups[digest] = task
            task.add_done_callback(lambda done: self._looked_up(digest, done))
        return await asyncio.shield(task)

    def _looked_up(self, digest: bytes, task: asyncio.Task[Key | None]) -> None:
        if self._look_ups.get(digest) is task:
            del self._look_ups[digest]
        if not task.cancelled():
            task.exception()  # noted, so that one whose callers have all left is not reported as forgotten

    async def _ask_store(self, digest: bytes, secret: bytes) -> Key | None:
        async with self._slots:
            epoch = self._epoch
            key = await self._run(self._find, secret)
        # what changed while the store was being asked may have made the answer old
        if epoch == self._epoch:
            if key is None:
                _remember(self._unknown, digest, None, self._remembered)
            else:
                _remember(self._known, digest, key, self._remembered)
        return key

    def _find(self, secret: bytes) -> Key | None:
        for digest in self._hasher.digests(secret):
            key = self._store.by_digest(digest)
            if key is not None:
                return key
        return None

    def forget(self, key_id: int | None = None) -> None:
        """Drop what is remembered about a key, or about all keys, and every memory of an unknown one."""
        self._epoch += 1
        self._unknown.clear()
        self._look_ups.clear()
        if key_id is None:
            self._known.clear()
            return
        for digest in [digest for digest, key in self._known.items() if key.id == key_id]:
            del self._known[digest]

    def forget_account(self, account_id: int) -> None:
        """Drop what is remembered about the keys of an account, because something of the account changed."""
        self._epoch += 1
        self._look_ups.clear()
        for digest in [digest for digest, key in self._known.items() if key.account_id == account_id]:
            del self._known[digest]


K = TypeVar("K")
V = TypeVar("V")


def _remember(memory: dict[K, V], name: K, value: V, bound: int) -> None:
    if len(memory) >= bound:
        del memory[next(iter(memory))]
    memory[name] = value
