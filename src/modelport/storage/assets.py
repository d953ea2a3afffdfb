"""Files in a folder, or in a store of objects such as S3."""

import asyncio
import contextlib
import logging
import os
import shutil
from collections.abc import AsyncIterator, Callable, Generator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from modelport.assets.store import AssetsUnavailable
from modelport.core.errors import Problem, Secret

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig, S3Config

_log = logging.getLogger(__name__)

PIECE_BYTES = 1024 * 1024
"""How much of a file is in memory while it is read."""
_AT_ONCE = 1000
_PARTS_AT_ONCE = 2
"""How many parts of a stream, of five megabytes each, are on their way to the store and in memory."""
_TIMEOUT = "60s"
_CONNECT = "5s"
_RETRIES: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}
"""A caller waits meanwhile."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A store of objects on the network. What is None comes from the usual variables of its maker."""

    url: str
    """`s3://bucket/folder`, or an address of Google's or Azure's store."""
    endpoint: str | None = None
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: Secret | None = None


@dataclass(slots=True)
class ObjectAssets:
    """Implements `AssetStore` over obstore, which is loaded when the first file is asked for."""

    open_store: Callable[[], "ObjectStore"]
    _opened: "ObjectStore | None" = field(default=None, init=False)

    async def put(self, name: str, content: bytes | AsyncIterator[bytes]) -> None:
        """Store a file, whole or not at all."""
        import obstore

        with _told():
            await obstore.put_async(self._store(), name, content, max_concurrency=_PARTS_AT_ONCE)

    async def move(self, name: str, to: str) -> None:
        """Give a file another name."""
        import obstore

        with _told():
            await obstore.rename_async(self._store(), name, to)

    async def size(self, name: str) -> int | None:
        """Return the size of a file; None where there is none."""
        import obstore

        with _told():
            try:
                return (await obstore.head_async(self._store(), name))["size"]
            except FileNotFoundError:
                return None

    async def read(self, name: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Read a part of a file in pieces of `PIECE_BYTES`, each by a request of its own: none is open for long."""
        import obstore

        store = self._store()
        for begin in range(start, end, PIECE_BYTES):
            stop = min(begin + PIECE_BYTES, end)
            with _told():
                piece = bytes(await obstore.get_range_async(store, name, start=begin, end=stop))
            yield piece

    async def parts(self, below: str = "") -> list[str]:
        """List what names go on with below a part."""
        import obstore

        with _told():
            found = await obstore.list_with_delimiter_async(  # pyright: ignore[reportUnknownMemberType]
                self._store(), below or None
            )
        return sorted(prefix.rpartition("/")[2] for prefix in found["common_prefixes"])

    async def delete_all(self, below: str) -> int:
        """Delete every file below a part."""
        import obstore

        store, deleted = self._store(), 0
        with _told():
            listing = obstore.list(store, below, chunk_size=_AT_ONCE)  # pyright: ignore[reportUnknownMemberType]
            async for found in listing:
                await obstore.delete_async(store, [one["path"] for one in found])
                deleted += len(found)
        return deleted

    def _store(self) -> "ObjectStore":
        if self._opened is None:
            with _told():
                try:
                    self._opened = self.open_store()
                except ValueError as error:
                    raise _unavailable(error) from error
        return self._opened


@dataclass(slots=True)
class FolderAssets(ObjectAssets):
    """Files in a folder of this machine, made when the first is stored; looking for old ones loads nothing."""

    folder: Path = Path()

    async def parts(self, below: str = "") -> list[str]:
        """List what names go on with below a part."""
        with _told():
            return await asyncio.to_thread(_folders, self.folder / below)

    async def delete_all(self, below: str) -> int:
        """Delete a folder, with whatever a crash left there."""
        with _told():
            return await asyncio.to_thread(_delete, self.folder / below)


def folder_assets(folder: Path) -> FolderAssets:
    """Keep files in a folder."""

    def opened() -> "ObjectStore":
        from obstore.store import LocalStore

        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return LocalStore(prefix=folder)

    return FolderAssets(opened, folder)


def bucket_assets(bucket: Bucket) -> ObjectAssets:
    """Keep files in a store on the network; whether it can be reached shows with the first file."""

    def opened() -> "ObjectStore":
        from obstore.store import from_url

        is_plain = (bucket.endpoint or "").startswith("http://")
        options: ClientConfig = {"timeout": _TIMEOUT, "connect_timeout": _CONNECT, "allow_http": is_plain}
        if bucket.url.startswith("s3://"):
            return from_url(bucket.url, config=_s3(bucket), client_options=options, retry_config=_RETRIES)
        return from_url(bucket.url, client_options=options, retry_config=_RETRIES)

    return ObjectAssets(opened)


def _s3(bucket: Bucket) -> "S3Config":
    config: S3Config = {}
    if bucket.endpoint is not None:
        config["endpoint"] = bucket.endpoint
    if bucket.region is not None:
        config["region"] = bucket.region
    if bucket.access_key_id is not None:
        config["access_key_id"] = bucket.access_key_id
    if bucket.secret_access_key is not None:
        config["secret_access_key"] = bucket.secret_access_key.reveal()
    return config


@contextlib.contextmanager
def _told() -> Generator[None]:
    """Tell what goes wrong in the store as `AssetsUnavailable`; what the store says of it is in the log alone."""
    try:
        yield
    except Problem:
        raise
    except OSError as error:
        raise _unavailable(error) from error
    except Exception as error:
        from obstore.exceptions import BaseError

        if not isinstance(error, BaseError):
            raise
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> AssetsUnavailable:
    _log.error("the store of files failed: %s", str(error).partition("\n\nDebug source:")[0])
    return AssetsUnavailable("this gateway's store of files cannot be used now: try again, its log says why")


def _folders(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []


def _delete(folder: Path) -> int:
    count = sum(len(files) for _, _, files in os.walk(folder))
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)
    return count
