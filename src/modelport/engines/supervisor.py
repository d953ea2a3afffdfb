"""Engines of the serving process: started on first use, bounded, restarted, ended with it."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from modelport.engines.child import Child, Command, EngineFailed, Launch, own_command
from modelport.engines.engine import Engine, EngineSettings
from modelport.engines.entries import (
    CHAT,
    EMBEDDINGS,
    MODERATION,
    OCR,
    SPEECH,
    TRANSCRIPTION,
    UnknownWeights,
    Weights,
)
from modelport.engines.machine import Machine, this_machine
from modelport.engines.weights import WeightsStore
from modelport.serving.ports import ProviderBusy, ProviderUnavailable

ENGINES = (CHAT, EMBEDDINGS, SPEECH, TRANSCRIPTION, OCR, MODERATION)
"""Each NAME of `base_url = "unix:NAME"`."""
SOCKET_PATH_BYTES = 103
"""The system's bound on the path of a socket: 107 on Linux, 103 on macOS."""
_SOCKET_NAME_BYTES = 24
_RETRY_RESIDENT_S = 10
_REAP_SHARE = 4


@dataclass(frozen=True, slots=True)
class EngineState:
    """One line of what `doctor` says about local models."""

    weights_id: str
    is_present: bool
    is_running: bool
    running_calls: int
    waiting_calls: int
    missing_flags: tuple[str, ...]
    library: str
    """What its engine runs on, with the version."""
    obstacle: str | None
    """Why it cannot serve and what to do, or None."""


class Engines:
    """The engines of one serving process. A context: on the way out every child is ended."""

    def __init__(
        self,
        store: WeightsStore,
        settings: EngineSettings | None = None,
        *,
        machine: Machine | None = None,
        command: Command = own_command,
    ) -> None:
        self._store = store
        self._settings = settings or EngineSettings()
        self._given = machine
        self._command = command
        self._engines: dict[str, Engine] = {}
        self._room = asyncio.Lock()
        self._folder: Path | None = None
        self._reaping: asyncio.Task[None] | None = None

    @cached_property
    def _machine(self) -> Machine:
        return self._given or this_machine()

    async def __aenter__(self) -> Self:
        self._reaping = asyncio.create_task(self._reap())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reaping is not None:
            self._reaping.cancel()
        await asyncio.gather(*(engine.stop() for engine in self._engines.values()))
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    @contextlib.asynccontextmanager
    async def lease(self, name: str, weights_id: str) -> AsyncGenerator[str]:
        """Hold a slot of the engine of `weights_id` and yield the path of its socket.

        Raises `ProviderUnavailable` where it cannot run, `ProviderBusy` where too many wait.
        """
        engine = self._engine(name, weights_id)
        if not engine.is_resident:
            self._check_can_run(self._store.entry(weights_id))
        async with engine.slot():
            if not engine.is_resident:
                await self._begin(engine)
            yield await engine.ready()

    async def preload(self, weights_id: str) -> None:
        """Load an engine before its first call; raises `ProviderUnavailable`."""
        async with self.lease(self._entry(weights_id).engine, weights_id):
            pass

    def describe(self) -> tuple[EngineState, ...]:
        """Tell the state of every engine that could be."""
        return tuple(self._state(stored.entry, stored.path) for stored in self._store.list())

    def _state(self, entry: Weights, path: Path | None) -> EngineState:
        engine = self._engines.get(entry.id)
        return EngineState(
            weights_id=entry.id,
            is_present=path is not None,
            is_running=engine is not None and engine.is_running,
            running_calls=engine.running_calls if engine else 0,
            waiting_calls=engine.waiting_calls if engine else 0,
            missing_flags=self._machine.missing_flags,
            library=self._machine.library(entry.engine),
            obstacle=self._obstacle(entry),
        )

    def _obstacle(self, entry: Weights) -> str | None:
        if (obstacle := self._machine.obstacle(entry.engine)) is not None:
            return obstacle
        if self._store.path(entry.id) is None:
            return f"its weights are not on this machine. Run `modelport models pull {entry.id}`"
        return None

    def _check_can_run(self, entry: Weights) -> None:
        if (obstacle := self._obstacle(entry)) is not None:
            raise ProviderUnavailable(f"The local model '{entry.id}' cannot run here: {obstacle}.")

    def _engine(self, name: str, weights_id: str) -> Engine:
        if self._reaping is None:
            raise RuntimeError("Engines must be entered before they are used")
        if name not in ENGINES:
            raise ProviderUnavailable(
                f"There is no local engine named '{name}'; those there are: {', '.join(ENGINES)}."
            )
        entry = self._entry(weights_id)
        if entry.engine != name:
            raise ProviderUnavailable(f"The weights '{weights_id}' are for the engine '{entry.engine}', not '{name}'.")
        if (engine := self._engines.get(weights_id)) is not None:
            return engine
        if self._folder is None:
            self._folder = _socket_folder()  # not before: a server killed without engines leaves nothing behind
        socket = self._folder / f"{entry.sha256[:12]}.sock"
        engine = Engine(entry.id, self._settings, socket, lambda path: self._start(entry, path))
        return self._engines.setdefault(weights_id, engine)

    def _entry(self, weights_id: str) -> Weights:
        try:
            return self._store.entry(weights_id)
        except UnknownWeights as problem:
            raise ProviderUnavailable(problem.message) from problem

    async def _start(self, entry: Weights, socket: Path) -> Child:
        file = self._store.path(entry.id)
        if file is None:
            raise EngineFailed(f"The local model '{entry.id}' cannot run here: {self._obstacle(entry)}.")
        launch = Launch(
            entry=entry,
            file=file,
            socket=socket,
            context_tokens=self._settings.context_tokens or entry.context_tokens,
            output_tokens=entry.output_tokens,
            slots=self._settings.slots,
            threads=self._settings.threads or self._machine.threads,
            nice=self._settings.nice,
        )
        return await Child.start(launch, self._command, self._settings.load_timeout_s)

    async def _begin(self, engine: Engine) -> None:
        """Start an engine, after unloading the one idle longest where one more would be too many.

        Those whose weights are included are small, and do not count.
        """
        async with self._room:
            others = [one for one in self._engines.values() if one is not engine and self._is_large(one)]
            resident = [one for one in others if one.is_resident]
            if self._is_large(engine) and len(resident) >= self._settings.resident:
                idle = [one for one in resident if one.is_idle]
                if not idle:
                    raise ProviderBusy(
                        f"{len(resident)} local models are in use, and no more may be loaded; try again later, or "
                        "allow more with engine.resident.",
                        _RETRY_RESIDENT_S,
                    )
                await min(idle, key=lambda one: one.used_at_s).stop()
            engine.begin()

    def _is_large(self, engine: Engine) -> bool:
        return not self._store.entry(engine.weights_id).is_included

    async def _reap(self) -> None:
        """Unload what nobody has used for long."""
        while True:
            await asyncio.sleep(self._settings.idle_s / _REAP_SHARE)
            before_s = asyncio.get_running_loop().time() - self._settings.idle_s
            for engine in [*self._engines.values()]:
                if engine.is_resident and engine.is_idle and engine.used_at_s < before_s:
                    await engine.stop()


def _socket_folder() -> Path:
    """Make a private folder whose sockets have paths that are short enough."""
    folder = Path(tempfile.mkdtemp(prefix="modelport-"))
    if len(str(folder)) + _SOCKET_NAME_BYTES <= SOCKET_PATH_BYTES:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="modelport-", dir="/tmp"))
