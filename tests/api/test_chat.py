"""The chat route: what it accepts, what it hands to serving, and what its answers look like."""

import json
from collections.abc import Sequence

import pytest

from modelport.core.errors import InvalidBody
from modelport.dialects.sse import event_of
from modelport.keys.key import Key
from modelport.serving.exchange import CallFailed, CallRequest
from modelport.serving.ports import Client, CutShort, ProviderBusy
from tests.api.site import REPLY, Site, bearer

CHAT = "/v1/chat/completions"
TWINS = ("/v1/chat/completions", "/api/v1/chat/completions", "/v2/chat/completions", "/chat/completions")
VARIANTS = ("//v1//chat/completions/", "/chat/completions/", "/v1/chat/completions//", "/v1/%63hat/completions")
TRACING = ("x-inference-id", "x-client-request-id", "x-aimlapi-credits-used", "x-aimlapi-usd-spent")


@pytest.mark.parametrize("path", [*TWINS, *VARIANTS])
async def test_every_spelling_of_the_path_is_served_without_a_redirect(path: str) -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.post(f"{site.url}{path}", content=b"{}", headers=bearer(site.regular))
    assert (answer.status_code, answer.content) == (200, REPLY)
    assert site.chats[0].format.endpoint == CHAT


async def test_a_whole_answer_has_its_length_and_the_cross_origin_headers() -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.post(CHAT, content=b"{}", headers=bearer(site.regular))
    assert answer.headers["content-length"] == str(len(REPLY))
    assert answer.headers["access-control-allow-origin"] == "*"
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert set(exposed) >= {*TRACING, "retry-after", "etag", "x-modelport-dropped-params"}


@pytest.mark.parametrize(
    "header", ["authorization: Bearer {}", "authorization: bearer {}", "x-api-key: {}", "api-key: {}"]
)
async def test_each_of_the_three_credential_headers_works(header: str) -> None:
    site = Site()
    name, value = header.format(site.regular).split(": ")
    async with site.running() as client:
        assert (await client.post(CHAT, content=b"{}", headers={name: value})).status_code == 200


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("run-7:a.b_c", "run-7:a.b_c"),
        ("x" * 128, "x" * 128),
        ("x" * 129, None),
        ("", None),
        ("no spaces", None),
        ("ö", None),
        (None, None),
    ],
)
async def test_the_callers_own_id_is_handed_on_only_when_it_is_valid(sent: str | None, seen: str | None) -> None:
    site = Site()
    headers = bearer(site.regular) | ({} if sent is None else {"x-client-request-id": sent})
    async with site.running() as client:
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        assert (await client.post(CHAT, content=b"{}", headers=encoded)).status_code == 200
    assert site.chats[0].client_request_id == seen


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/vnd.api+json",
        "text/plain",
        "application/x-www-form-urlencoded",
        None,
    ],
)
async def test_json_is_read_under_every_type_that_clients_send_it_with(kind: str | None) -> None:
    site = Site()
    headers = bearer(site.regular) | ({} if kind is None else {"content-type": kind})
    async with site.running() as client:
        answer = await client.post(CHAT, content=b' {"a":1}', headers=headers)
    assert answer.status_code == 200
    assert site.chats[0].body == b' {"a":1}'


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({"content-type": "multipart/form-data; boundary=x"}, b"--x--"),
        ({"content-type": "application/xml"}, b"<a/>"),
        ({"content-type": "application/x-www-form-urlencoded"}, b"model=m"),
        ({"content-type": "application/json", "content-encoding": "gzip"}, b"\x1f\x8b"),
    ],
)
async def test_other_types_and_compressed_bodies_are_refused(headers: dict[str, str], content: bytes) -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.post(CHAT, content=content, headers=bearer(site.regular) | headers)
    assert answer.status_code == 415
    assert "send" in answer.json()["message"]


async def test_the_key_is_judged_before_the_body() -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.post(CHAT, content=b"\xff", headers={"content-type": "application/xml"})
        assert answer.status_code == 401
        answer = await client.post(CHAT, content=b"\xff", headers=bearer(site.management))
        assert answer.status_code == 403


async def test_a_failed_call_is_told_with_its_inference_id_and_the_callers_own() -> None:
    async def refuse(request: CallRequest, key: Key, client: Client) -> None:
        raise CallFailed(InvalidBody(("'n': Expected integer at least 1, received 0",), "n"), "V1StGXR8Z5jdHi6BmyT8k")

    site = Site(serve_chat=refuse)
    async with site.running() as client:
        headers = bearer(site.regular) | {"x-client-request-id": "mine"}
        answer = await client.post(CHAT, content=b"{}", headers=headers)
    assert answer.status_code == 400
    assert answer.headers["x-inference-id"] == "V1StGXR8Z5jdHi6BmyT8k"
    assert answer.headers["x-client-request-id"] == "mine"
    body = answer.json()
    assert body["message"] == "Body validation error\n'n': Expected integer at least 1, received 0"
    assert body["error"]["param"] == "n"
    assert body["requestId"] == site.chats[0].request_id


async def test_a_busy_provider_says_when_to_come_back() -> None:
    async def busy(request: CallRequest, key: Key, client: Client) -> None:
        raise CallFailed(ProviderBusy("the local engine is busy", 5), "i" * 21)

    site = Site(serve_chat=busy)
    async with site.running() as client:
        answer = await client.post(CHAT, content=b"{}", headers=bearer(site.regular))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_an_unexpected_failure_tells_nothing_but_the_request_id(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(request: CallRequest, key: Key, client: Client) -> None:
        raise RuntimeError("a path /srv/private and a secret")

    site = Site(serve_chat=broken)
    async with site.running() as client:
        answer = await client.post(CHAT, content=b'{"prompt":"private words"}', headers=bearer(site.regular))
    assert answer.status_code == 500
    assert answer.json()["message"] == "Internal server error"
    assert "private" not in answer.text
    assert answer.json()["requestId"] in caplog.text
    assert site.regular not in caplog.text
    assert "private words" not in caplog.text


def streaming(pieces: Sequence[bytes], problem: CutShort | None = None) -> Site:
    async def stream(request: CallRequest, key: Key, client: Client) -> None:
        await client.start(200, [(b"content-type", b"text/event-stream"), (b"x-inference-id", b"i" * 21)])
        for piece in pieces:
            await client.send(piece)
        if problem is None:
            await client.finish(b"data: [DONE]\n\n")
        else:
            await client.fail(problem, event_of)

    return Site(serve_chat=stream)


async def test_a_stream_is_passed_on_piece_by_piece_with_the_cross_origin_headers() -> None:
    site = streaming([b"data: 1\n\n", b"data: 2\n\n"])
    async with site.running() as client:
        answer = await client.post(CHAT, content=b"{}", headers=bearer(site.regular))
    assert answer.content == b"data: 1\n\ndata: 2\n\ndata: [DONE]\n\n"
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_a_stream_that_fails_ends_with_one_error_event_and_without_done() -> None:
    site = streaming([b"data: 1\n\n"], CutShort("acme ended the stream early"))
    async with site.running() as client:
        answer = await client.post(CHAT, content=b"{}", headers=bearer(site.regular))
    first, last, end = answer.content.split(b"\n\n")
    assert (answer.status_code, first, end) == (200, b"data: 1", b"")
    body = json.loads(last.removeprefix(b"data: "))
    assert body["statusCode"] == 502
    assert body["error"]["origin"] == "provider"


async def test_a_stream_that_fails_before_its_first_piece_is_a_plain_error() -> None:
    site = streaming([], CutShort("acme ended the stream early"))
    async with site.running() as client:
        answer = await client.post(CHAT, content=b"{}", headers=bearer(site.regular))
    assert answer.status_code == 502
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-inference-id"] == "i" * 21
    assert answer.json()["error"]["code"] == "provider_cut_short"


@pytest.mark.parametrize("kind", ["text/html", "application/xml", "text/xml; charset=utf-8", "multipart/form-data"])
async def test_a_body_of_a_type_that_cannot_be_json_is_refused(kind: str) -> None:
    site = Site()
    async with site.running() as client:
        headers = {**bearer(site.regular), "content-type": kind}
        answer = await client.post("/v1/chat/completions", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_content")
    assert site.chats == []
