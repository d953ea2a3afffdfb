"""What a gateway does beside its calls."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from modelport.bootstrap.background import Follower, background, publish
from modelport.ledger.problems import StoreAway
from modelport.reports.traffic import Series, Traffic
from modelport.storage.changes import Change
from tests.twins.traffic import TwinTraffic
from tests.twins.worlds import call


@dataclass
class ToldChanges:
    """Changes that a test tells."""

    told: Sequence[Change]
    is_quick: bool = True

    def poll(self) -> Sequence[Change]:
        return self.told


@dataclass
class Memory:
    """In place of what remembers keys and money: writes down what it was told."""

    heard: list[object] = field(default_factory=list)

    def forget(self, key_id: int | None = None) -> None:
        self.heard.append(("forget", key_id))

    def key_changed(self, key_id: int) -> None:
        self.heard.append(("key", key_id))

    def hear(self) -> None:
        self.heard.append("catalogue")

    def everything_changed(self) -> None:
        self.heard.append("everything")


async def test_who_missed_changes_forgets_all_keys_and_gives_back_all_money() -> None:
    memory = Memory()
    told: Any = ToldChanges([Change(6, "everything", ""), Change(7, "key", "3")])
    anything: Any = memory
    await Follower(told, anything, anything, anything).poll()
    assert memory.heard == [("forget", None), "everything", "catalogue", ("forget", 3), ("key", 3)]


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that is about to happen."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0)


async def test_what_was_measured_is_told_again_and_again() -> None:
    traffic, store = Traffic(), TwinTraffic()
    async with background(publish(traffic, store, 0.001)):
        for number in range(3):
            traffic.record(call(7, 0, number))
            await until(lambda wanted=number: traffic.told > wanted)
    assert [sum(one.whole().duration_ms.values()) for one in store.published] == [1, 1, 1]
    assert traffic.so_far() == []


async def test_what_was_measured_since_is_told_on_the_way_out_and_nothing_when_nothing_was() -> None:
    traffic, store = Traffic(), TwinTraffic()
    async with background(publish(traffic, store)):
        traffic.record(call(7, 0, 1))
        await asyncio.sleep(0)
    assert len(store.published) == 1
    async with background(publish(traffic, store, 0.001)):
        await asyncio.sleep(0.01)
    assert len(store.published) == 1


class Away(TwinTraffic):
    """A store whose database is not there."""

    def publish(self, measured: list[Series]) -> None:
        raise StoreAway("gone")


async def test_what_cannot_be_told_is_lost_and_calls_go_on(caplog: pytest.LogCaptureFixture) -> None:
    traffic = Traffic()
    async with background(publish(traffic, Away(), 0.001)):
        traffic.record(call(7, 0, 1))
        await until(lambda: traffic.told > 0)
    assert traffic.so_far() == []
    assert "could not be published: the database cannot be reached" in caplog.text


class Slow(TwinTraffic):
    """A store that is still writing when its process is told to end."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.may_end = threading.Event(), threading.Event()

    def publish(self, measured: list[Series]) -> None:
        self.begun.set()
        assert self.may_end.wait(30)
        super().publish(measured)


async def test_what_is_being_told_at_the_end_is_told_once() -> None:
    traffic, store = Traffic(), Slow()
    telling = asyncio.create_task(publish(traffic, store, 0.001))
    traffic.record(call(7, 0, 1))
    assert await asyncio.to_thread(store.begun.wait, 30)
    telling.cancel()
    store.may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await telling
    assert len(store.published) == 1
