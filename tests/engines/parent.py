"""A serving process with one engine: `python -m tests.engines.parent FOLDER WEIGHTS_ID` prints its child and socket."""

import asyncio
import sys
from pathlib import Path

from modelport.engines.engine import EngineSettings
from modelport.engines.entries import CHAT
from modelport.engines.supervisor import Engines
from modelport.engines.weights import WeightsStore


async def main(folder: str, weights_id: str) -> None:
    settings = EngineSettings(context_tokens=256, slots=1)
    async with Engines(WeightsStore(Path(folder)), settings) as engines:
        async with engines.lease(CHAT, weights_id) as socket:
            sys.stdout.write(f"{socket}\n")
            sys.stdout.flush()
        await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
