"""A worker that only plays one: `scripted.py FOLDER MODE`. It notes each start as `NUMBER OWNER PID` in the folder."""

import os
import socket
import sys
import time
from pathlib import Path

import msgspec

from modelport.bootstrap.channel import SAID_TO_WORKER, Assignment, Failed, Ready, ToSupervisor

_ENDLESS_S = 600.0


def main(folder: str, mode: str) -> int:
    """Play one start."""
    channel = socket.socket(fileno=0)
    lines = channel.makefile("rb")
    assignment = SAID_TO_WORKER.decode(lines.readline())
    assert isinstance(assignment, Assignment)
    with (Path(folder) / "starts").open("a", encoding="utf-8") as starts:
        starts.write(f"{assignment.number} {assignment.owner} {os.getpid()}\n")

    def say(message: ToSupervisor) -> None:
        channel.sendall(msgspec.json.encode(message) + b"\n")

    if mode == "refuses":
        say(Failed("there is no bread"))
        return 1
    if mode == "dies":
        return 3
    say(Ready())
    if mode == "fragile":
        return 4
    lines.readline()  # to stop
    if mode == "stubborn":
        time.sleep(_ENDLESS_S)
    return 0


sys.exit(main(*sys.argv[1:]))
