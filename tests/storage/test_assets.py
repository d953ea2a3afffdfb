"""The store of files: in a folder, in S3, and its twin in memory."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from modelport.assets.store import AssetStore, AssetsUnavailable
from modelport.core.errors import Problem, Secret
from modelport.storage.assets import PIECE_BYTES, Bucket, bucket_assets, folder_assets
from tests.house.test_layers import loaded_by
from tests.twins.assets import TwinAssets

BUCKET = "files"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """An S3 on a free port, with one bucket."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://127.0.0.1:{port}" if host in ("0.0.0.0", "::") else f"http://{host}:{port}"
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="id", aws_secret_access_key="secret"
    )
    client.create_bucket(Bucket=BUCKET)
    client.close()
    yield endpoint
    server.stop()


def over(endpoint: str, bucket: str = BUCKET) -> Bucket:
    """Name a folder in the bucket."""
    return Bucket(f"s3://{bucket}/below", endpoint, "us-east-1", "id", Secret("secret"))


@pytest.fixture(params=["folder", "s3", "twin"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[AssetStore]:
    """Each store in turn, empty."""
    if request.param == "s3":
        kept = bucket_assets(over(request.getfixturevalue("s3")))
        for part in await kept.parts():
            await kept.delete_all(part)
        yield kept
    elif request.param == "folder":
        yield folder_assets(tmp_path / "assets")
    else:
        yield TwinAssets()


async def read(store: AssetStore, name: str, start: int, end: int) -> bytes:
    return b"".join([piece async for piece in store.read(name, start, end)])


async def in_pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_what_is_stored_is_read_whole_and_in_part(store: AssetStore) -> None:
    await store.put("20260501/a/one.png", b"0123456789")
    assert await store.size("20260501/a/one.png") == 10
    assert await read(store, "20260501/a/one.png", 0, 10) == b"0123456789"
    assert await read(store, "20260501/a/one.png", 3, 5) == b"34"


async def test_a_file_that_is_not_there_has_no_size(store: AssetStore) -> None:
    assert await store.size("20260501/a/none.png") is None


async def test_a_file_larger_than_a_piece_is_stored_from_a_stream_and_read_in_pieces(store: AssetStore) -> None:
    pieces = [bytes([number]) * 700_000 for number in range(10)]
    await store.put("20260501/a/draft", in_pieces(*pieces))
    await store.move("20260501/a/draft", "20260501/a/large.bin")
    assert await store.size("20260501/a/draft") is None
    whole = b"".join(pieces)
    assert await read(store, "20260501/a/large.bin", 0, len(whole)) == whole
    assert await read(store, "20260501/a/large.bin", PIECE_BYTES - 1, PIECE_BYTES + 1) == whole[PIECE_BYTES - 1 :][:2]


async def test_a_stream_that_fails_leaves_nothing(store: AssetStore) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"x" * 6_000_000
        raise Problem("the provider left")

    with pytest.raises(Problem, match="the provider left"):
        await store.put("20260501/a/half.bin", failing())
    assert await store.size("20260501/a/half.bin") is None


async def test_days_are_listed_and_deleted_one_by_one(store: AssetStore) -> None:
    for name in ("20260501/a/1.png", "20260501/b/2.png", "20260502/a/1.png"):
        await store.put(name, b"x")
    assert await store.parts() == ["20260501", "20260502"]
    assert await store.parts("20260501") == ["a", "b"]
    assert await store.delete_all("20260501/b") == 1
    assert await store.delete_all("20260501") == 1
    assert await store.delete_all("20260501") == 0
    assert await store.parts() == ["20260502"]
    assert await store.size("20260502/a/1.png") == 1


async def test_a_store_that_cannot_be_reached_is_told_without_its_details(
    s3: str, caplog: pytest.LogCaptureFixture
) -> None:
    away = bucket_assets(over(s3, "no-such-bucket"))
    with pytest.raises(AssetsUnavailable) as told:
        await away.put("20260501/a/one.png", b"x")
    assert "no-such-bucket" not in told.value.message
    assert "no-such-bucket" in caplog.text
    assert "secret" not in caplog.text


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "assets").write_text("in the way")
    with pytest.raises(AssetsUnavailable):
        await folder_assets(tmp_path / "assets").put("20260501/a/one.png", b"x")


async def test_only_its_owner_can_look_into_the_folder(tmp_path: Path) -> None:
    await folder_assets(tmp_path / "assets").put("20260501/a/one.png", b"x")
    assert (tmp_path / "assets").stat().st_mode & 0o077 == 0


async def test_what_a_crash_left_goes_with_its_day(tmp_path: Path) -> None:
    kept = folder_assets(tmp_path / "assets")
    await kept.put("20260501/a/one.png", b"x")
    (tmp_path / "assets/20260501/a/two.png#1").write_bytes(b"half")
    await kept.delete_all("20260501")
    assert list((tmp_path / "assets").iterdir()) == []


def test_looking_for_old_files_loads_nothing() -> None:
    asked = (
        "import asyncio, pathlib; from modelport.storage.assets import folder_assets; "
        "store = folder_assets(pathlib.Path('no-such-folder')); "
        "assert asyncio.run(store.parts()) == []; assert asyncio.run(store.delete_all('20260501')) == 0"
    )
    assert "obstore" not in loaded_by(asked)
