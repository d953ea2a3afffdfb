"""A stand-in for an engine: `python child.py SOCKET STARTS MODE`; ends when stdin closes, like the real one."""

import asyncio
import os
import sys
from pathlib import Path

socket, starts, mode = sys.argv[1:]


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    line = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0]
    if b"/die" in line:
        sys.stderr.write("something broke\n")
        sys.stderr.flush()
        os._exit(3)
    if b"/never" not in line:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()


async def serve() -> None:
    if mode == "deaf":
        await asyncio.Event().wait()
    async with await asyncio.start_unix_server(answer, socket):
        await asyncio.to_thread(sys.stdin.read)
        os._exit(0)


with Path(starts).open("a") as log:
    log.write(f"{os.getpid()}\n")
if mode == "broken":
    sys.exit("the file is no model")
Path(socket).unlink(missing_ok=True)
asyncio.run(serve())
