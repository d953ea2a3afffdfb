"""Run the fake alone: `python -m tests.fake --port 0`."""

import argparse
import asyncio
import ssl
import sys

from tests.fake.server import FakeUpstream


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.fake", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--unix", metavar="PATH", help="listen on a unix socket instead")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), help="serve HTTPS")
    parser.add_argument("--latency-ms", type=int, default=0, help="wait before each answer")
    parser.add_argument("--piece-interval-ms", type=int, default=0, help="wait between the pieces of a stream")
    parser.add_argument("--model", action="append", default=[], help="a further model that every vendor has")
    options = parser.parse_args()
    context = None
    if options.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*options.tls)
    fake = FakeUpstream(
        host=options.host,
        port=options.port,
        unix_path=options.unix,
        tls=context,
        latency_ms=options.latency_ms,
        piece_interval_ms=options.piece_interval_ms,
        extra_models=frozenset(options.model),
        keep_requests=0,
    )
    try:
        _runner()(_serve(fake))
    except KeyboardInterrupt:
        sys.exit(0)


def _runner():
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run


async def _serve(fake: FakeUpstream) -> None:
    async with fake:
        address = f"unix:{fake.unix_path}" if fake.unix_path else fake.base_url
        sys.stdout.write(f"listening on {address}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    main()
