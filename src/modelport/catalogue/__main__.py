"""Compile a catalogue into a cache for a process that serves: `python -m modelport.catalogue OVERLAY CACHE < applied`.

Compiling takes several times the memory of what comes of it, and a process never gives all of that back; nor can it
serve meanwhile. What is wrong with the files is told by the process that asked, which then compiles them itself.
"""

import gc
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from modelport.catalogue.load import load
from modelport.catalogue.problems import CatalogueInvalid
from modelport.catalogue.sources import Source

if __name__ == "__main__":
    gc.disable()
    with suppress(CatalogueInvalid):
        load(
            Path(sys.argv[1]),
            Path(sys.argv[2]),
            applied=msgspec.msgpack.decode(sys.stdin.buffer.read(), type=tuple[Source, ...]),
        )
