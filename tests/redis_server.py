"""A real Redis of the tests' own: on a unix socket in a folder that goes with it, keeping nothing on disk."""

import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from modelport.core.errors import Secret

STOP_WITHIN_S = 10.0


class RedisServer:
    """`with RedisServer() as redis`, then connect to `redis.url`. It can be killed, started again and made to hang."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self._socket = self._folder / "socket"
        self.url = f"unix://{self._socket}"
        self.secret = Secret(self.url)
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start it, empty, and return once it takes connections."""
        settings = ("--port", "0", "--unixsocket", str(self._socket), "--dir", str(self._folder))
        self._process = subprocess.Popen(
            ["redis-server", *settings, "--save", "", "--appendonly", "no"], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if "Ready to accept connections" in line:
                return
        raise AssertionError("redis-server did not start")

    def kill(self) -> None:
        """End it at once; what it had is lost."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(STOP_WITHIN_S)
            assert process.stdout is not None
            process.stdout.close()

    def hang(self) -> None:
        """Let it take connections and answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
