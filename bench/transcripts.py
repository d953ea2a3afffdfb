"""A provider of transcripts that takes its time, as AssemblyAI's routes have it: `python -m bench.transcripts`.

Prints its port, then answers until it is stopped. A transcript is never done before the process is told so by SIGUSR1.
"""

import asyncio
import itertools
import json
import signal


class Transcripts:
    """Answers uploads, orders and questions after them."""

    def __init__(self) -> None:
        self.is_done = False
        self._ids = itertools.count(1)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, one after another."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                method, path = head.split(b" ", 2)[:2]
                await reader.readexactly(_length(head))
                body = json.dumps(self._answer(method, path.decode())).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
                writer.write(b"content-length: %d\r\n\r\n%b" % (len(body), body))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, method: bytes, path: str) -> dict[str, object]:
        if path.endswith("/upload"):
            return {"upload_url": "https://cdn.assemblyai.com/upload/1"}
        if method == b"POST":
            return {"id": f"t{next(self._ids)}", "status": "queued"}
        status = "completed" if self.is_done else "processing"
        return {"id": path.rpartition("/")[2], "status": status, "text": "Hello.", "audio_duration": 1}


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)


async def _main() -> None:
    transcripts = Transcripts()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, setattr, transcripts, "is_done", True)
    server = await asyncio.start_server(transcripts.serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
