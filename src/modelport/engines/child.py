"""One child process of an engine: started, waited for until it answers, ended."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelport.core.errors import Problem
from modelport.engines import openmp
from modelport.engines.entries import CHAT, EMBEDDINGS, MODERATION, OCR, SPEECH, TRANSCRIPTION, Weights

TERM_WAIT_S = 3.0
_HEALTH_POLL_S = 0.05
_HEALTH_ANSWER_S = 5.0
_TAIL_BYTES = 4096
_KEPT_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Launch:
    """What a child is started with."""

    entry: Weights
    file: Path
    socket: Path
    context_tokens: int
    output_tokens: int
    slots: int
    threads: int
    nice: int


Command = Callable[[Launch], Sequence[str]]
"""Makes the command line of a child; it serves on `launch.socket` and ends when its stdin closes."""


class EngineFailed(Problem):
    """A child ended, or did not answer in time, while it was being started."""


def own_command(launch: Launch) -> Sequence[str]:
    """Start the engine of ours that the weights are for."""
    return llama_command(launch) if launch.entry.engine == CHAT else plain_command(launch)


def llama_command(launch: Launch) -> Sequence[str]:
    """Start our own chat engine."""
    sampling = launch.entry.sampling
    options = {
        "socket": launch.socket,
        "weights": launch.file,
        "alias": launch.entry.id,
        "context": launch.context_tokens,
        "output": launch.output_tokens,
        "slots": launch.slots,
        "threads": launch.threads,
        "nice": launch.nice,
        "temperature": sampling.temperature,
        "top-p": sampling.top_p,
        "top-k": sampling.top_k,
        "repeat-penalty": sampling.repeat_penalty,
    }
    return _python("modelport.engines.llama", options)


_MODULES = {
    EMBEDDINGS: "modelport.engines.embed",
    SPEECH: "modelport.engines.speech",
    TRANSCRIPTION: "modelport.engines.transcription",
    OCR: "modelport.engines.ocr",
    MODERATION: "modelport.engines.moderation",
}


def plain_command(launch: Launch) -> Sequence[str]:
    """Start one of our own engines that need no more than their weights."""
    options = {
        "socket": launch.socket,
        "weights": launch.file,
        "alias": launch.entry.id,
        "threads": launch.threads,
        "nice": launch.nice,
    }
    return _python(_MODULES[launch.entry.engine], options)


def _python(module: str, options: Mapping[str, object]) -> Sequence[str]:
    return (sys.executable, "-P", "-m", module, *(f"--{name}={value}" for name, value in options.items()))


def _environment(folder: Path) -> dict[str, str]:
    """Hand down little, and where the system has no OpenMP runtime, the place of the one that we bring."""
    environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    if (brought := openmp.offer(folder)) is not None:
        inherited = environment.get("LD_LIBRARY_PATH")
        environment["LD_LIBRARY_PATH"] = f"{brought}:{inherited}" if inherited else str(brought)
    return environment


class Child:
    """A running child. Its stdin is the pipe that ties its life to ours."""

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        self._process = process
        self._name = name
        self._tail = b""
        self._reading = asyncio.create_task(self._keep_tail())

    @classmethod
    async def start(cls, launch: Launch, command: Command, timeout_s: float) -> "Child":
        """Start a child and wait until it is healthy; raises `EngineFailed`."""
        process = await asyncio.create_subprocess_exec(
            *command(launch),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(launch.socket.parent),
            start_new_session=True,
        )
        child = cls(process, launch.entry.id)
        try:
            await child._wait_until_healthy(launch.socket, timeout_s)
        except BaseException:
            await child.stop()
            raise
        return child

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def ended(self) -> str:
        """Wait for the process to end and tell how it did."""
        code = await self._process.wait()
        await asyncio.wait({self._reading})
        said = self._tail.decode(errors="replace").strip().splitlines()[-1:]
        how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
        return f"The engine of '{self._name}' {how}" + (f": {said[0]}" if said else "")

    async def stop(self) -> None:
        """End the process; kills it when asking does not help."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), TERM_WAIT_S)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        await asyncio.wait({self._reading})

    async def _wait_until_healthy(self, socket: Path, timeout_s: float) -> None:
        health = asyncio.ensure_future(_until_healthy(socket))
        death = asyncio.ensure_future(self.ended())
        try:
            done, _ = await asyncio.wait({health, death}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            health.cancel()
            death.cancel()
        if death in done:
            raise EngineFailed(f"{death.result()} while it was loading.")
        if not done:
            raise EngineFailed(
                f"The engine of '{self._name}' did not answer within {timeout_s:.0f} s of its start: the machine is "
                "too busy or too small; try again, or choose a smaller model."
            )

    async def _keep_tail(self) -> None:
        """Drain what the child says and keep its last words."""
        stderr = self._process.stderr
        while stderr is not None and (piece := await stderr.read(_TAIL_BYTES)):
            self._tail = (self._tail + piece)[-_TAIL_BYTES:]


async def _until_healthy(socket: Path) -> None:
    while True:
        if await _is_healthy(socket):
            return
        await asyncio.sleep(_HEALTH_POLL_S)


async def _is_healthy(socket: Path) -> bool:
    try:
        reader, writer = await asyncio.open_unix_connection(str(socket))
    except OSError:
        return False
    try:
        writer.write(b"GET /health HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n")
        line = await asyncio.wait_for(reader.readline(), _HEALTH_ANSWER_S)
        return b" 200 " in line
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
