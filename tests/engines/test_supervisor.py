import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from modelport.engines.child import Launch
from modelport.engines.engine import EngineSettings
from modelport.engines.entries import CHAT, EMBEDDINGS
from modelport.engines.machine import Machine
from modelport.engines.supervisor import Engines
from modelport.engines.weights import WeightsStore
from modelport.serving.ports import ProviderBusy, ProviderUnavailable
from tests.engines.made import CONTENT, weights

FIT = Machine(missing_flags=(), library_version="1", threads=1)


@dataclass
class Site:
    """Two models in a store, and a stand-in for their engine."""

    store: WeightsStore
    starts: Path
    mode: str = "good"

    def command(self, launch: Launch) -> tuple[str, ...]:
        script = Path(__file__).with_name("child.py")
        return (sys.executable, str(script), str(launch.socket), str(self.starts), self.mode)

    def engines(self, machine: Machine = FIT, **settings: object) -> Engines:
        return Engines(self.store, EngineSettings(**settings), machine=machine, command=self.command)  # type: ignore[arg-type]

    def pids(self) -> list[int]:
        return [int(line) for line in self.starts.read_text().split()] if self.starts.exists() else []


@pytest.fixture
def site(tmp_path: Path) -> Site:
    other = bytes(reversed(CONTENT))
    entries = (weights(), weights(other, id="other", file="other.gguf"), weights(b"absent", id="absent"))
    store = WeightsStore(tmp_path / "weights", entries)
    for entry, content in zip(entries, (CONTENT, other), strict=False):
        own = tmp_path / entry.file
        own.write_bytes(content)
        store.pull(entry.id, file=own)
    return Site(store, tmp_path / "starts")


async def ask(socket: str, path: str = "/") -> bytes:
    """Return the answer; empty when the connection is cut."""
    reader, writer = await asyncio.open_unix_connection(socket)
    writer.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
    try:
        return await reader.read()
    except ConnectionError:  # cut while it answered, or before it could be asked
        return b""
    finally:
        writer.close()


async def until(happened: Callable[[], bool]) -> None:
    """Wait for what another process does."""
    async with asyncio.timeout(20):
        while not happened():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_callers_at_once_share_one_start_and_the_child_stays_for_the_next(site: Site) -> None:
    async def call(engines: Engines) -> bytes:
        async with engines.lease(CHAT, "tiny") as socket:
            return await ask(socket)

    async with site.engines() as engines:
        answers = await asyncio.gather(*(call(engines) for _ in range(6)))
        assert all(answer.endswith(b"ok") for answer in answers)
        await call(engines)
        assert len(site.pids()) == 1


async def test_leaving_ends_every_child_and_removes_the_sockets(site: Site) -> None:
    async with site.engines() as engines:
        async with engines.lease(CHAT, "tiny") as socket:
            folder = Path(socket).parent
            assert folder.stat().st_mode & 0o777 == 0o700
            assert len(socket.encode()) <= 103
        await engines.preload("other")
        assert len(site.pids()) == 2
    assert all(is_gone(pid) for pid in site.pids())
    assert not folder.exists()


async def test_the_serving_process_does_not_load_the_library(site: Site) -> None:
    async with site.engines() as engines:
        await engines.preload("tiny")
    assert "xllamacpp" not in sys.modules


async def test_weights_that_are_not_there_are_told_with_the_command(site: Site) -> None:
    async with site.engines() as engines:
        with pytest.raises(ProviderUnavailable, match="modelport models pull absent"):
            await engines.preload("absent")
    assert site.pids() == []


async def test_a_processor_that_is_too_old_is_told_before_anything_starts(site: Site) -> None:
    async with site.engines(Machine(("avx2", "f16c"), "1", 1)) as engines:
        with pytest.raises(ProviderUnavailable, match="lacks AVX2, F16C"):
            await engines.preload("tiny")
        assert {state.missing_flags for state in engines.describe()} == {("avx2", "f16c")}
    assert site.pids() == []


async def test_a_machine_without_the_library_is_told_what_to_install(site: Site) -> None:
    async with site.engines(Machine((), None, 1)) as engines:
        with pytest.raises(ProviderUnavailable, match="pip install xllamacpp"):
            await engines.preload("tiny")


async def test_a_machine_without_the_extra_is_told_what_to_install(site: Site) -> None:
    entry = weights(CONTENT, id="vectors", file="vectors.onnx", engine=EMBEDDINGS)
    store = WeightsStore(site.starts.parent / "weights", (entry,))
    async with Engines(store, machine=FIT, command=site.command) as engines:
        with pytest.raises(ProviderUnavailable, match=r"pip install 'modelport\[embeddings\]'"):
            await engines.preload("vectors")


async def test_old_processors_and_a_missing_xllamacpp_do_not_keep_embeddings_from_running(site: Site) -> None:
    entry = weights(CONTENT, id="vectors", file="vectors.onnx", engine=EMBEDDINGS)
    store = WeightsStore(site.starts.parent / "weights", (entry,))
    own = site.starts.parent / "tiny.gguf"
    await asyncio.to_thread(store.pull, "vectors", file=own)
    machine = Machine(("avx2",), None, 1, has_openmp=False, extras={EMBEDDINGS: "onnxruntime 1"})
    async with Engines(store, machine=machine, command=site.command) as engines:
        await engines.preload("vectors")
        assert [(state.library, state.obstacle) for state in engines.describe()] == [("onnxruntime 1", None)]


@pytest.mark.parametrize(("name", "weights_id"), [("other", "tiny"), (CHAT, "nope"), (EMBEDDINGS, "tiny")])
async def test_an_engine_nobody_knows_is_refused(site: Site, name: str, weights_id: str) -> None:
    async with site.engines() as engines:
        with pytest.raises(ProviderUnavailable, match=r"There |are for the engine 'llama'"):
            async with engines.lease(name, weights_id):
                pytest.fail("there is no such engine")


async def test_calls_beyond_slots_and_queue_are_refused_and_those_in_the_queue_served(site: Site) -> None:
    async with site.engines(slots=1, queue=1) as engines:

        async def call() -> bytes:
            async with engines.lease(CHAT, "tiny") as socket:
                return await ask(socket)

        async with engines.lease(CHAT, "tiny"):
            waiting = asyncio.create_task(call())
            await until(lambda: engines.describe()[0].waiting_calls == 1)
            with pytest.raises(ProviderBusy, match="its queue is full") as busy:
                await call()
            assert busy.value.retry_after_s >= 1
            assert not busy.value.was_sent
        assert (await waiting).endswith(b"ok")
        state = engines.describe()[0]
        assert (state.running_calls, state.waiting_calls, state.is_running) == (0, 0, True)


async def test_waiting_for_a_slot_is_bounded_and_leaving_the_queue_frees_it(site: Site) -> None:
    async with site.engines(slots=1, queue=1, queue_wait_s=0.05) as engines, engines.lease(CHAT, "tiny"):
        for _ in range(2):
            with pytest.raises(ProviderBusy, match="no slot came free"):
                await engines.preload("tiny")


async def test_a_child_that_dies_cuts_its_calls_and_another_takes_its_place(site: Site) -> None:
    async with site.engines() as engines:
        async with engines.lease(CHAT, "tiny") as socket:
            in_flight = asyncio.create_task(ask(socket, "/never"))
            assert await ask(socket, "/die") == b""
            assert await in_flight == b""
        await until(lambda: len(site.pids()) == 2)  # without waiting for a call
        async with engines.lease(CHAT, "tiny") as socket:
            assert (await ask(socket)).endswith(b"ok")
        assert len(site.pids()) == 2


async def test_an_engine_that_keeps_dying_is_left_alone(site: Site) -> None:
    site.mode = "broken"
    async with site.engines(deaths_per_minute=2) as engines:
        for _ in range(2):
            with pytest.raises(ProviderUnavailable, match="ended with 1: the file is no model while it was loading"):
                await engines.preload("tiny")
        with pytest.raises(ProviderUnavailable, match="died 2 times within a minute"):
            await engines.preload("tiny")
    assert len(site.pids()) == 2


async def test_loading_is_bounded(site: Site) -> None:
    site.mode = "deaf"
    async with site.engines(load_timeout_s=0.5) as engines:
        with pytest.raises(ProviderUnavailable, match="did not answer within"):
            await engines.preload("tiny")
        assert all(is_gone(pid) for pid in site.pids())


async def test_a_caller_who_leaves_during_the_start_does_not_stop_it(site: Site) -> None:
    async with site.engines() as engines:
        leaving = asyncio.create_task(engines.preload("tiny"))
        await until(lambda: len(site.pids()) == 1)
        leaving.cancel()
        await engines.preload("tiny")
        assert len(site.pids()) == 1


async def test_the_engine_idle_longest_makes_room_and_one_in_use_does_not(site: Site) -> None:
    async with site.engines(resident=1) as engines:
        await engines.preload("tiny")
        async with engines.lease(CHAT, "other") as socket:
            assert is_gone(site.pids()[0])
            with pytest.raises(ProviderBusy, match=r"engine\.resident"):
                await engines.preload("tiny")
            assert (await ask(socket)).endswith(b"ok")
        await engines.preload("tiny")
        assert [state.is_running for state in engines.describe()] == [True, False, False]


async def test_an_engine_nobody_uses_is_unloaded(site: Site) -> None:
    async with site.engines(idle_s=0.1) as engines:
        await engines.preload("tiny")
        await until(lambda: not engines.describe()[0].is_running)
        await until(lambda: is_gone(site.pids()[0]))
        await engines.preload("tiny")


async def test_what_is_there_is_described(site: Site) -> None:
    async with site.engines() as engines:
        await engines.preload("tiny")
        tiny, _, absent = engines.describe()
    assert (tiny.weights_id, tiny.is_present, tiny.is_running, tiny.obstacle) == ("tiny", True, True, None)
    assert (absent.is_present, absent.is_running) == (False, False)
    assert absent.obstacle is not None
    assert "modelport models pull absent" in absent.obstacle
