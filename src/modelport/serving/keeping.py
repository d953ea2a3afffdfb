"""Responses that are kept for calls that go on from them, for every model alike."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import msgspec

from modelport.keys.key import Key
from modelport.operations.chat import ChatCall
from modelport.serving.remembered import Remembered, Responses

_DAY_MS = 24 * 60 * 60 * 1000
SWEPT_AT_ONCE = 500
MAX_RECENT_BYTES = 64 * 1024 * 1024
_MOST_OF_IT = 16
"""An item that is larger than this part of the whole is not remembered: it would push out too many others."""
_ENTRY_BYTES = 350
"""What an item takes beside its JSON: its key, its id, its place in the table."""


class _Named(msgspec.Struct):
    id: str


class RecentItems:
    """Items of recent answers by account and id, in memory, so that later calls may name them.

    Bounded in bytes: what was not named for the longest time is forgotten first. Nothing of it reaches the disk.
    """

    __slots__ = ("_items", "_most_bytes", "held_bytes")

    def __init__(self, most_bytes: int = MAX_RECENT_BYTES) -> None:
        self._most_bytes = most_bytes
        self._items: dict[tuple[int, str], bytes] = {}
        self.held_bytes = 0
        """How much is remembered."""

    def put(self, account_id: int, item_id: str, item: bytes) -> None:
        """Remember an item in place of an earlier one of that id."""
        key = (account_id, item_id)
        self._forget(key)
        size = _size_of(item_id, item)
        if size > self._most_bytes // _MOST_OF_IT:
            return
        self._items[key] = item
        self.held_bytes += size
        while self.held_bytes > self._most_bytes:
            self._forget(next(iter(self._items)))

    def find(self, account_id: int, item_id: str) -> bytes | None:
        """Return an item of the account, and remember it longer."""
        key = (account_id, item_id)
        item = self._items.pop(key, None)
        if item is not None:
            self._items[key] = item
        return item

    def _forget(self, key: tuple[int, str]) -> None:
        item = self._items.pop(key, None)
        if item is not None:
            self.held_bytes -= _size_of(key[1], item)


def _size_of(item_id: str, item: bytes) -> int:
    return len(item) + len(item_id) + _ENTRY_BYTES


@dataclass(frozen=True, slots=True)
class Keeping:
    """Looks up what a call goes on from, and keeps answers whose calls said `store: true`.

    The output items of every answer whose call did not say `store: false` are remembered for a while as well: clients
    that were written for a provider which stores by default name them in place of sending them.
    """

    responses: Responses
    days: float
    in_thread: Callable[..., Awaitable[object]]
    """Runs work that waits for the disk, as `asyncio.to_thread` does."""
    recent: RecentItems = field(default_factory=RecentItems)

    async def recall(self, call: ChatCall, key: Key, now_ms: int) -> ChatCall:
        """Return the call with the conversation so far; raises `InvalidBody` for one that is not known (any more)."""
        from modelport.dialects.openai_responses import stored

        previous = stored.previous_of(call)
        find = partial(self.recent.find, key.account_id)
        if previous is None:
            return stored.resolved(call, find)
        found = await self.in_thread(self.responses.find, previous, key.account_id, now_ms)
        if not isinstance(found, Remembered):
            raise stored.not_remembered(previous)
        return stored.continued(call, found.input, found.output, find)

    async def keep(self, call: ChatCall, key: Key, now_ms: int, answer: bytes) -> None:
        """Keep an answer, as its caller gets it, with all that led to it, as far as the call allows."""
        from modelport.dialects.openai_responses import stored

        if stored.wants_recalling(call):
            for item_id, item in stored.named_items(answer):
                self.recent.put(key.account_id, item_id, item)
        if not stored.wants_storing(call):
            return
        name = msgspec.json.decode(answer, type=_Named).id
        until_ms = now_ms + int(self.days * _DAY_MS)
        kept = Remembered(
            name, key.account_id, now_ms, until_ms, stored.items_of(call), stored.output_of(answer), answer
        )
        await self.in_thread(self.responses.save, kept)

    async def sweep(self, now_ms: int) -> None:
        """Forget what is kept beyond its time, some at a time."""
        while await self.in_thread(self.responses.sweep, now_ms, SWEPT_AT_ONCE) == SWEPT_AT_ONCE:
            pass
