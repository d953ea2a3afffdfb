"""Each fault shows in each format as its sentence says."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.fake import FAILURES, HARMLESS, FakeUpstream
from tests.fake.faults import STREAM_ONLY, WHOLE_ONLY
from tests.test_fake.calling import FORMS, call

TOO_LARGE_HERE = frozenset({"huge-body"})
STALLS = frozenset({"no-answer", "stall-headers", "stall-after-2"})
ENDS: dict[str, str] = {"messages": "message_stop", "responses": "response.completed"}
NEW = ["messages", "responses", "gemini"]
SAID = "You said: one two three"


@pytest.fixture
async def fake() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as upstream:
        yield upstream


def events(text: str) -> list[Any]:
    """The data of every event, decoded."""
    return [json.loads(line[5:]) for line in text.splitlines() if line.startswith("data:")]


def text_of_stream(form: str, told: list[Any]) -> str:
    if form == "messages":
        return "".join(event["delta"].get("text", "") for event in told if event["type"] == "content_block_delta")
    if form == "responses":
        return "".join(event["delta"] for event in told if event["type"] == "response.output_text.delta")
    parts = [part for chunk in told for part in chunk["candidates"][0]["content"].get("parts", ())]
    return "".join(part["text"] for part in parts)


def text_of_whole(form: str, told: Any) -> str:
    if form == "messages":
        return told["content"][0]["text"]
    if form == "responses":
        return told["output"][0]["content"][0]["text"]
    return told["candidates"][0]["content"]["parts"][0]["text"]


def ends(form: str, told: list[Any]) -> int:
    """How often a stream says that it is over."""
    if form == "gemini":
        return sum("finishReason" in chunk["candidates"][0] for chunk in told if "candidates" in chunk)
    return sum(event.get("type") == ENDS[form] for event in told)


@pytest.mark.parametrize("form", NEW)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", sorted(HARMLESS.keys() - {"slow-first"}))
async def test_harmless_faults_give_the_whole_answer(fake: FakeUpstream, fault: str, form: str, stream: bool) -> None:
    response = await call(fake, form, f"fault/{fault}", stream=stream)
    expected = "".join(f"word{i} " for i in range(2000)) if fault == "long" else SAID
    assert fake.served[f"fault/{fault}"].completed == 1
    if not stream:
        assert text_of_whole(form, response.json()) == expected
        return
    told = events(response.text)
    assert text_of_stream(form, told) == expected
    wanted = {"no-done": int(form != "messages"), "double-done": 2}.get(fault, 1)
    if fault == "duplicate-usage" and form != "messages":
        wanted = 2
    assert ends(form, told) == wanted


@pytest.mark.parametrize("form", NEW)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", sorted(FAILURES.keys() - TOO_LARGE_HERE))
async def test_failures_never_look_complete(fake: FakeUpstream, fault: str, form: str, stream: bool) -> None:
    if fault in STALLS:
        with pytest.raises(httpx.ReadTimeout):
            await call(fake, form, f"fault/{fault}", stream=stream, timeout_s=0.1)
        return
    is_good = fault in (WHOLE_ONLY if stream else STREAM_ONLY)
    try:
        response = await call(fake, form, f"fault/{fault}", stream=stream)
    except httpx.HTTPError:
        assert not is_good
        return
    if fault.isdigit():
        assert response.status_code == int(fault)
        assert f"told to answer {fault}" in response.json()["error"]["message"]
        assert (response.headers.get("retry-after") == "7") == (fault == "429")
        return
    if fault == "huge-header":
        assert len(response.headers["x-huge"]) == 1024 * 1024
        return
    assert is_complete(form, response, stream=stream) == is_good


def is_complete(form: str, response: httpx.Response, *, stream: bool) -> bool:
    """Whether an answer could be taken for a whole one."""
    try:
        if response.status_code != 200:
            return False
        if not stream:
            return text_of_whole(form, response.json()) == SAID
        told = events(response.text)
        return ends(form, told) > 0 and text_of_stream(form, told) == SAID
    except (ValueError, KeyError):
        return False


@pytest.mark.parametrize("form", NEW)
async def test_errors_inside_a_stream_take_the_vendors_form(fake: FakeUpstream, form: str) -> None:
    later = (await call(fake, form, "fault/stream-error", stream=True)).text
    first = (await call(fake, form, "fault/error-first", stream=True)).text
    if form == "messages":
        assert later.rpartition("event: ")[2].startswith("error\n")
        assert events(first)[0]["type"] == "error"
        assert events(first)[0]["error"]["type"] == "api_error"
    elif form == "responses":
        assert events(later)[-1]["response"]["error"]["code"] == "server_error"
        assert events(first)[0]["type"] == "error"
    else:
        assert events(later)[-1]["error"]["status"] == "INTERNAL"
        assert events(first)[0]["error"]["status"] == "UNAVAILABLE"
    assert text_of_stream(form, [e for e in events(later) if "error" not in e]) == "You said: "


def usages(form: str, told: list[Any]) -> list[Any]:
    if form == "gemini":
        return [chunk["usageMetadata"] for chunk in told if chunk.get("usageMetadata")]
    if form == "responses":
        return [event["response"]["usage"] for event in told if event.get("response", {}).get("usage")]
    found = [event.get("usage") or event.get("message", {}).get("usage") for event in told]
    return [usage for usage in found if usage]


@pytest.mark.parametrize("form", NEW)
async def test_usage_goes_missing_wrong_and_twice(fake: FakeUpstream, form: str) -> None:
    async def told(fault: str) -> list[Any]:
        return usages(form, events((await call(fake, form, f"fault/{fault}", stream=True)).text))

    good = usages(form, events((await call(fake, form, "fault/crlf", stream=True)).text))
    assert await told("no-usage") == []
    assert all("seven" in usage.values() for usage in await told("wrong-usage"))
    assert len(await told("duplicate-usage")) == len(good) + 1
    whole = (await call(fake, form, "fault/no-usage")).json()
    assert not whole.get("usage")
    assert not whole.get("usageMetadata")
    if form == "messages":
        growing = [usage["output_tokens"] for usage in await told("usage-every-chunk")]
        assert growing == sorted(growing)
        assert len(growing) > len(good)


async def test_the_first_byte_can_come_late_in_every_form(fake: FakeUpstream) -> None:
    begun_s = time.monotonic()
    calls = [call(fake, form, "fault/slow-first", stream=stream) for form in NEW for stream in (False, True)]
    answers = await asyncio.gather(*calls)
    assert time.monotonic() - begun_s >= 1.0
    assert {answer.status_code for answer in answers} == {200}


async def test_every_form_can_be_paced(fake: FakeUpstream) -> None:
    for form in FORMS:
        response = await call(fake, form, "late-1-pieces-30", stream=True)
        assert response.text.count("word29 ") >= 1
