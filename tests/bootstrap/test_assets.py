"""Files as they are configured, and what is done about them beside calls."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from modelport.bootstrap.assets import guarded_of, sweep_assets
from modelport.bootstrap.background import background
from modelport.bootstrap.office import office
from modelport.bootstrap.parts import archive_of
from modelport.core.errors import Problem
from modelport.settings import Settings, SettingsInvalid, load
from modelport.storage.assets import folder_assets
from modelport.storage.database import Database
from modelport.storage.duties import take_duty
from modelport.upstream.pool import Pool
from tests.assets.test_archive import Hands
from tests.twins.assets import SECRETS, TwinAssets, twin_archive

WITHIN_S = 30.0


def settings(folder: Path, **environment: str) -> Settings:
    named = {f"MODELPORT_{name}": value for name, value in environment.items()}
    return load(named, given={"data_dir": folder})


@contextmanager
def database(folder: Path) -> Iterator[Database]:
    with office(settings(folder)) as desk:
        yield desk.database


@dataclass
class Looked(TwinAssets):
    """Files of long ago, and whether all of them were looked for and deleted."""

    files: dict[str, bytes] = field(default_factory=lambda: {"20200101/a/b.png": b"x"})
    swept: asyncio.Event = field(default_factory=asyncio.Event)
    looked: asyncio.Event = field(default_factory=asyncio.Event)
    is_away: bool = False

    async def parts(self, below: str = "") -> list[str]:
        self.looked.set()
        if self.is_away:
            raise Problem("the store is away")
        return await TwinAssets.parts(self, below)

    async def delete_all(self, below: str) -> int:
        gone = await TwinAssets.delete_all(self, below)
        self.swept.set()
        return gone


async def test_nothing_is_made_or_loaded_before_the_first_file(tmp_path: Path) -> None:
    archive = archive_of(settings(tmp_path), SECRETS)
    assert await archive.sweep() == 0
    assert not os.path.lexists(tmp_path / "assets")  # noqa: ASYNC240 — one look
    key = await archive.keep(7, b"a text")
    assert await folder_assets(tmp_path / "assets").size(str(key)) == 6


async def test_links_last_as_long_as_the_setting_says(tmp_path: Path) -> None:
    archive = archive_of(settings(tmp_path, ASSETS_KEEP_HOURS="0.5"), SECRETS)
    granted = archive.granted(archive.path(await archive.keep(7, b"a text")).removeprefix("/assets/"))
    assert 1_790_000 < granted.expires_at_ms - archive.clock.now_ms() <= 1_800_000


@pytest.mark.parametrize("is_shared", [False, True])
async def test_old_files_are_swept_and_in_a_shared_store_by_whoever_has_that_duty(
    tmp_path: Path, is_shared: bool
) -> None:
    store = Looked()
    with database(tmp_path) as opened:
        work = sweep_assets(twin_archive(Hands(), store), opened, "me", is_shared=is_shared, first_s=0)
        async with background(work), asyncio.timeout(WITHIN_S):
            await store.swept.wait()
            assert take_duty(opened, "assets", "another", 3600) is not is_shared
    assert store.files == {}


async def test_a_store_that_is_away_does_not_end_the_sweeps(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Looked(is_away=True)
    with database(tmp_path) as opened:
        work = sweep_assets(twin_archive(Hands(), store), opened, "me", is_shared=False, first_s=0)
        async with background(work), asyncio.timeout(WITHIN_S):
            await store.looked.wait()
    assert "old files could not be deleted: the store is away" in caplog.text
    assert "background work failed" not in caplog.text


async def test_a_range_that_cannot_be_read_stops_the_start_by_its_name(tmp_path: Path) -> None:
    async with Pool() as pool:
        with pytest.raises(SettingsInvalid, match=r"`egress\.allow`.*10\.0\.0\.1/8"):
            guarded_of(settings(tmp_path, EGRESS_ALLOW="10.0.0.1/8"), pool)
