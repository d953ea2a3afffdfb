"""Keeping files for accounts."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from modelport.assets.kinds import BINARY, PCM, PNG
from modelport.assets.links import UnknownAsset
from modelport.assets.store import TooLarge
from modelport.core.clock import DAY_MS
from tests.twins.assets import TwinAssets, twin_archive

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(20)


@dataclass
class Hands:
    """A clock that is set by hand."""

    ms: int = 1_777_716_000_123

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.ms / 1000


async def in_pieces(content: bytes, size: int = 7) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def test_the_same_content_of_an_account_is_stored_once_a_day_whole_or_streamed() -> None:
    clock, store = Hands(), TwinAssets()
    archive = twin_archive(clock, store)
    key = await archive.keep(7, PICTURE)
    assert key.kind is PNG
    assert await archive.keep(7, in_pieces(PICTURE)) == key
    assert list(store.files.values()) == [PICTURE]
    assert await archive.keep(8, PICTURE) != key
    clock.ms += DAY_MS
    assert await archive.keep(7, PICTURE) != key
    assert len(store.files) == 3


async def test_a_kept_file_is_read_by_its_link() -> None:
    archive = twin_archive(Hands())
    path = archive.path(await archive.keep(7, PICTURE))
    key = archive.find(f"http://here.example{path}")
    assert key is not None
    assert await archive.load(key, 1000) == PICTURE


async def test_what_is_said_of_a_file_counts_only_where_its_bytes_say_nothing() -> None:
    archive = twin_archive(Hands())
    sound = bytes(range(256))
    assert (await archive.keep(7, sound)).kind is BINARY
    assert (await archive.keep(7, sound, PCM)).kind is PCM
    assert (await archive.keep(7, in_pieces(sound), PCM)).kind is PCM
    assert (await archive.keep(7, PICTURE, PCM)).kind is PNG


async def test_a_file_beyond_the_bound_is_refused_whole_or_streamed() -> None:
    store = TwinAssets()
    archive = twin_archive(Hands(), store, limit_bytes=100)
    await archive.keep(7, bytes(100))
    with pytest.raises(TooLarge, match="100 bytes"):
        await archive.keep(7, bytes(101))
    with pytest.raises(TooLarge, match="100 bytes"):
        await archive.keep(7, in_pieces(bytes(101)))
    assert len(store.files) == 1
    key = await archive.keep(7, bytes(50))
    with pytest.raises(TooLarge, match="49 bytes"):
        await archive.load(key, 49)


async def test_files_are_swept_when_no_link_leads_to_them_any_more() -> None:
    clock, store = Hands(), TwinAssets()
    archive = twin_archive(clock, store)
    key = await archive.keep(7, PICTURE)
    clock.ms = archive.links.gone_ms(key) - 1
    assert archive.granted(archive.path(key).removeprefix("/assets/")).key == key
    assert await archive.sweep() == 0
    clock.ms += 1
    assert await archive.sweep() == 1
    assert store.files == {}
    with pytest.raises(UnknownAsset):
        await archive.size(key)


async def test_a_sweep_leaves_alone_what_is_not_named_for_a_day() -> None:
    store = TwinAssets({"backup/notes/mine.txt": b"x", "20260101/a/b.png": b"x"})
    assert await twin_archive(Hands(), store).sweep() == 1
    assert list(store.files) == ["backup/notes/mine.txt"]


async def test_an_account_that_is_forgotten_takes_its_files_along_and_no_others() -> None:
    clock = Hands()
    archive = twin_archive(clock)
    mine = [await archive.keep(7, PICTURE)]
    others = await archive.keep(8, PICTURE)
    clock.ms += DAY_MS
    mine.append(await archive.keep(7, PICTURE))
    assert await archive.forget(7) == 2
    assert await archive.size(others) == len(PICTURE)
    for key in mine:
        with pytest.raises(UnknownAsset):
            await archive.size(key)
