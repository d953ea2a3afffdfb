"""Requests and answers by hand, on a bare connection."""

import asyncio
import json

from modelport.api.protocol import Limits
from tests.api.site import Site, head

CHAT = "/v1/chat/completions"
QUICK = Limits(header_s=0.6, body_idle_s=0.6, body_s=1.0, keep_alive_s=1.0, linger_s=0.5, write_stall_s=0.5)


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Read one answer that has a length."""
    lines = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return int(lines[0].split()[1]), headers, body


def post(site: Site, length: int, *more: str) -> bytes:
    key = f"authorization: Bearer {site.regular}"
    return head("POST", CHAT, [key, f"content-length: {length}", "content-type: application/json", *more])


def assert_error(answer: tuple[int, dict[str, str], bytes], status: int, code: str) -> None:
    assert answer[0] == status
    assert answer[1]["access-control-allow-origin"] == "*"
    body = json.loads(answer[2])
    assert body["statusCode"] == status
    assert body["error"]["code"] == code
    assert len(body["requestId"]) == 36
