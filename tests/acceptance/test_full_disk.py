"""The disk of the data folder runs full: nobody is served for nothing, and once there is room all is as before."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from tests.acceptance.gateway import Gateway, command
from tests.acceptance.outages import CREDIT, MAX_TOKENS, check, check_refusals, load, readiness, until_ready
from tests.acceptance.traffic import Town, town

SIZE_MB = 160
"""More than what `doctor` wants to be free."""
FULL = "the disk of this gateway's data folder or database is full"


@contextmanager
def small_disk(folder: Path) -> Generator[Path]:
    """A file system in memory; whoever may not mount one gets a user namespace in which a process keeps it alive."""
    folder.mkdir()
    mount = f"mount -t tmpfs -o size={SIZE_MB}m,mode=0777 tmpfs {folder}"
    if os.geteuid() == 0 and subprocess.run(mount.split(), check=False).returncode == 0:
        try:
            yield folder
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)
        return
    keeper = f"{mount} && echo mounted && exec sleep infinity"
    told = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", keeper]
    with subprocess.Popen(told, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "mounted\n", "neither mount nor user namespaces are allowed here"
        try:
            yield Path(f"/proc/{process.pid}/root{folder}")
        finally:
            process.kill()


def fill(folder: Path) -> None:
    """Leave not a byte."""
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while file.write(b"." * size):
                    pass
            except OSError:
                continue


@asynccontextmanager
async def crowded(tmp_path: Path) -> AsyncGenerator[tuple[Town, Path]]:
    with small_disk(tmp_path / "disk") as folder:
        async with town(folder, latency_ms=20) as place:
            yield place, folder


async def test_while_the_disk_is_full_nobody_is_served_for_nothing_and_afterwards_all_is_as_before(
    tmp_path: Path,
) -> None:
    async with crowded(tmp_path) as (place, folder):
        account, key = place.customer("full", CREDIT)
        async with load(place, account, key) as under:
            await under.until_answered(100)
            fill(folder)
            await under.until(lambda reply: reply.status == 503, 100)
            asked = place.fake.served["meter"].completed
            await under.until(lambda reply: reply.status == 503, 100)
            assert place.fake.served["meter"].completed - asked <= 20  # no provider is paid for what cannot be charged
            status, reason = await readiness(place)
            assert (status, "the disk of the data folder" in reason) == (503, True)
            broken = await asyncio.to_thread(place.gateway.run, "doctor", "--json", check=False)
            assert broken.returncode == 1
            [found] = [one for one in json.loads(broken.stdout)["findings"] if one["state"] == "broken"]
            assert (found["name"], "only 0.0 MB are free" in found["detail"]) == ("room", True)
            (folder / "filler").unlink()
            await until_ready(place)
            await under.until_answered(100)
        check_refusals(under.refused, FULL)
        check(under)
        said = place.gateway.stderr
        assert "Traceback" not in said
        assert said.count("ERROR modelport.storage.writer: the disk of the data folder") == 1
        assert (await asyncio.to_thread(place.gateway.run, "doctor", "--json")).returncode == 0


async def test_a_gateway_without_traffic_finds_out_by_itself_that_there_is_room_again(tmp_path: Path) -> None:
    async with crowded(tmp_path) as (place, folder):
        _, key = place.customer("idle", CREDIT)
        fill(folder)
        async with asyncio.timeout(30):
            while (await place.call(key, max_tokens=MAX_TOKENS)).status == 200:
                pass
        assert (await readiness(place))[0] == 503
        (folder / "filler").unlink()
        await until_ready(place)
        assert (await place.call(key, max_tokens=MAX_TOKENS)).status == 200


@pytest.mark.parametrize("has_been_used", [False, True])
def test_a_start_on_a_full_disk_ends_with_what_is_wrong(tmp_path: Path, *, has_been_used: bool) -> None:
    with small_disk(tmp_path / "disk") as folder:
        gateway = Gateway(folder / "data")
        if has_been_used:
            gateway.run("accounts", "create", "somebody")
        fill(folder)
        refused = command(gateway.environment, "serve", "--port", "0", check=False)
        assert refused.returncode == 1
        assert refused.stdout == ""
        assert refused.stderr.count("Error: ") == 1
        assert "full" in refused.stderr or "No space left on device" in refused.stderr
        assert str(folder / "data") in refused.stderr
        assert "Traceback" not in refused.stderr
