"""Files by their signed links."""

import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from modelport.api.request import Bodies
from modelport.core.clock import DAY_MS
from modelport.storage.assets import folder_assets
from tests.api.site import ACCOUNT, Site, bearer

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10
SIZE = len(PICTURE)
PAGE = b"<!doctype html><script>alert(1)</script>"
DRAWING = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


async def kept(site: Site, content: bytes = PICTURE) -> str:
    """Keep a file and return the path of its link."""
    return site.archive.path(await site.archive.keep(ACCOUNT, content))


async def answer_of(content: bytes = PICTURE, method: str = "GET", **headers: str) -> httpx.Response:
    """Ask for a file with headers, whose underscores are hyphens."""
    site = Site()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with site.running() as client:
        return await client.request(method, await kept(site, content), headers=named)


async def test_a_link_gives_the_file_to_whoever_has_it() -> None:
    answer = await answer_of()
    assert (answer.status_code, answer.content) == (200, PICTURE)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-length"] == str(SIZE)
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "private, max-age=86399, immutable"


async def test_a_file_runs_nothing_whatever_it_is() -> None:
    answer = await answer_of()
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["content-disposition"].startswith('inline; filename="')
    assert answer.headers["content-disposition"].endswith('.png"')


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PAGE, "text/html"),
        (DRAWING, "image/svg+xml"),
        (b"%PDF-1.7", "application/pdf"),
        (b"\0", "application/octet-stream"),
    ],
)
async def test_what_could_run_is_saved_and_not_shown(content: bytes, kind: str) -> None:
    answer = await answer_of(content)
    assert answer.headers["content-type"] == kind
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_head_says_all_and_reads_nothing() -> None:
    site = Site()
    async with site.running() as client:
        path = await kept(site)
        whole, part = await client.head(path), await client.head(path, headers={"range": "bytes=0-9"})
    assert (whole.status_code, whole.headers["content-length"], whole.content) == (200, str(SIZE), b"")
    assert (part.status_code, part.headers["content-length"]) == (206, "10")
    assert site.files.read_bytes == 0


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=2500-", 2500, SIZE),
        ("bytes=-5", SIZE - 5, SIZE),
        ("bytes=-999999", 0, SIZE),
        ("bytes=5-999999", 5, SIZE),
        ("Bytes=5-6", 5, 7),
    ],
)
async def test_a_part_is_given_and_named(asked: str, start: int, end: int) -> None:
    answer = await answer_of(range=asked)
    assert (answer.status_code, answer.content) == (206, PICTURE[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"


@pytest.mark.parametrize("asked", ["bytes=", "bytes=-", "bytes=9-5", "bytes=0-1,5-6", "items=0-1", "0-1", "bytes=a-b"])
async def test_what_is_no_single_range_of_bytes_is_answered_with_the_whole(asked: str) -> None:
    answer = await answer_of(range=asked)
    assert (answer.status_code, answer.content) == (200, PICTURE)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=999999-1000000", "bytes=-0"])
async def test_a_part_behind_the_end_is_refused_with_the_size(asked: str) -> None:
    answer = await answer_of(range=asked)
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{SIZE}"
    assert answer.json()["error"]["code"] == "range_not_satisfiable"


async def test_a_part_is_given_only_of_the_file_that_it_continues() -> None:
    site = Site()
    async with site.running() as client:
        path = await kept(site)
        etag = (await client.head(path)).headers["etag"]
        same = await client.get(path, headers={"range": "bytes=1-2", "if-range": etag})
        other = await client.get(path, headers={"range": "bytes=1-2", "if-range": '"another"'})
        dated = await client.get(path, headers={"range": "bytes=1-2", "if-range": "Wed, 21 Oct 2015 07:28:00 GMT"})
    assert [answer.status_code for answer in (same, other, dated)] == [206, 200, 200]


async def test_whoever_has_the_file_is_told_so() -> None:
    site = Site()
    async with site.running() as client:
        path = await kept(site)
        etag = (await client.head(path)).headers["etag"]
        answer = await client.get(path, headers={"if-none-match": etag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert site.files.read_bytes == 0


async def test_an_empty_file_is_empty_and_has_no_parts() -> None:
    site = Site()
    async with site.running() as client:
        path = await kept(site, b"")
        answer, part = await client.get(path), await client.get(path, headers={"range": "bytes=0-1"})
    assert (answer.status_code, answer.content, part.status_code) == (200, b"", 416)


async def test_a_link_that_has_ended_says_when() -> None:
    site = Site()
    async with site.running() as client:
        path = await kept(site)
        site.clock.ms += DAY_MS
        answer = await client.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "asset_link_expired")
    assert "2026-05-03T10:00:00" in answer.json()["message"]


async def test_a_link_that_was_changed_is_refused() -> None:
    site = Site()
    async with site.running() as client:
        path = await kept(site)
        digit = path[8]
        answer = await client.get(f"{path[:8]}{'2' if digit == '1' else '1'}{path[9:]}")
        other = await client.get(path.replace(".png", ".html"))
    for refused in (answer, other):
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "asset_link_invalid")


@pytest.mark.parametrize("tail", ["", "x", "../secret", "%2e%2e/secret", "1-2/3", "static/site.css"])
async def test_what_is_no_link_is_not_found(tail: str) -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.get(f"{site.url}/assets/{tail}")
    assert answer.status_code == 404


async def test_a_file_that_was_deleted_is_not_found() -> None:
    site = Site()
    async with site.running() as client:
        path = await kept(site)
        await site.archive.forget(ACCOUNT)
        answer = await client.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "asset_not_found")


async def test_a_large_file_is_streamed_in_and_out_without_being_in_memory(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(64):
            yield bytes([number]) * 2**20

    site = Site()
    site.archive = replace(site.archive, store=folder_assets(tmp_path / "assets"), limit_bytes=2**30)
    async with site.running() as client:
        tracemalloc.start()
        try:
            path = site.archive.path(await site.archive.keep(ACCOUNT, pieces()))
            received = 0
            async with client.stream("GET", path) as answer:
                async for piece in answer.aiter_raw(2**16):
                    received += len(piece)
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert received == 64 * 2**20
    assert peak_bytes < 32 * 2**20


async def test_what_a_body_grows_by_the_files_in_it_counts_as_memory_until_it_is_answered() -> None:
    async def inline(body: bytes, root: str) -> bytes:
        assert root == site.url
        return body + b" " * 1000

    site = Site(inline=inline, bodies=Bodies(memory_bytes=999))
    async with site.running() as client:
        headers = bearer(site.regular)
        refused = await client.post("/v1/chat/completions", content=b'{"about": "assets"}', headers=headers)
        site.bodies.memory_bytes = 1000
        for _ in range(3):
            answer = await client.post("/v1/chat/completions", content=b'{"about": "assets"}', headers=headers)
            assert answer.status_code == 200
        plain = await client.post("/v1/chat/completions", content=b'{"about": "nothing"}', headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
    assert [len(chat.body) for chat in site.chats] == [1019] * 3 + [20]
    assert (plain.status_code, site.bodies.held_bytes) == (200, 0)
