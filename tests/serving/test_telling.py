"""Calls for media that are told in events: pieces as they come, the end once it is paid for, and that it goes on."""

import asyncio
import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from modelport.catalogue.facts import RATE_UNITS, Rates
from modelport.core.errors import InvalidBody
from modelport.dialects.media import addresses
from modelport.dialects.wire import UpstreamFault
from modelport.keys.key import DisconnectPolicy
from modelport.ledger.problems import InsufficientFunds
from modelport.serving.media import MediaRequest
from modelport.serving.ports import CutShort, MalformedAnswer
from tests.fake.media.files import png
from tests.serving.stage import STREAM_TYPE, NotingClient, Piece, Script, key_of, refused
from tests.serving.test_making import PICTURE, Studio, drawn, rate, studio, told

ENCODED = base64.b64encode(PICTURE).decode()
WAITING = b": it goes on\n\n"
SOUND = "data:audio/mpeg;base64,SGk="


def priced(each: int = 10, draft: int | None = 2) -> Rates:
    drafts = None if draft is None else draft * RATE_UNITS
    return replace(rate("image", each), drafts=drafts)


def event(what: str, **more: object) -> bytes:
    body = {"type": f"image_generation.{what}", "b64_json": ENCODED, "output_format": "png", **more}
    return b"data: %b\n\n" % json.dumps(body).encode()


def draft(number: int) -> bytes:
    return event("partial_image", partial_image_index=number)


def stream(*pieces: Piece) -> Script:
    return Script([*pieces], headers=STREAM_TYPE)


def events(client: NotingClient) -> list[dict[str, Any]]:
    """What a caller was told, its names and data alike."""
    blocks = [block for block in client.text.split("\n\n") if block and not block.startswith(":")]
    found = [json.loads(block.partition("data: ")[2]) for block in blocks]
    for block, one in zip(blocks, found, strict=True):
        assert block.startswith((f"event: {one['type']}\n", "data: "))
    return found


async def asked(here: Studio, client: NotingClient | None = None, **more: object) -> NotingClient:
    return await here.call(addresses.IMAGES, client, prompt="a cat", stream=True, **more)


async def test_unfinished_pictures_are_told_as_they_come_and_paid_for_one_by_one() -> None:
    rest = asyncio.Event()
    script = stream(draft(0), rest, draft(1), event("completed", usage={"total_tokens": 9}))
    async with studio({"acme": [script]}, priced()) as here:
        client = NotingClient()
        call = asyncio.create_task(asked(here, client, partial_images=3))
        await client.got.wait()
        assert events(client)[0]["partial_image_index"] == 0
        rest.set()
        await call
        first, _, last = events(client)
        assert (here.upstream.body()["stream"], here.upstream.body()["partial_images"]) == (True, 3)
        assert client.headers[b"content-type"].startswith(b"text/event-stream")
        assert (first["size"], first["b64_json"], last["type"]) == ("4x4", ENCODED, "image_generation.completed")
        assert (last["usage"], last["meta"]["usage"]["credits_used"]) == ({"total_tokens": 9}, 14)
        record, paid = here.row
        assert (record.usage, record.usage_source) == ({"image": 1, "partial_image": 2}, "counted")
        assert (paid.charged, here.balance, record.is_streaming, client.is_finished) == (14, 986, True, True)
        assert not here.files.kept


async def test_as_much_is_held_as_all_that_was_asked_for_may_cost() -> None:
    async with studio({"acme": [stream(event("completed"))]}, priced(), credit=15) as here:
        problem = await here.failed(addresses.IMAGES, prompt="a cat", stream=True, partial_images=3)
        assert isinstance(problem, InsufficientFunds)
        assert not here.upstream.sent
        await asked(here, partial_images=2)
        assert here.balance == 5, "fewer came, so fewer are paid for"


async def test_a_provider_that_sends_nothing_unfinished_is_asked_as_usual_and_the_end_is_told() -> None:
    async with studio({"acme": [drawn(2)]}, priced(draft=None)) as here:
        client = await asked(here, n=2, partial_images=2)
        assert not {"stream", "partial_images"} & here.upstream.body().keys()
        assert [one["type"] for one in events(client)] == ["image_generation.completed"] * 2
        assert ("meta" in events(client)[0], events(client)[1]["meta"]["usage"]["credits_used"]) == (False, 20)
        assert client.headers[b"x-modelport-dropped-params"] == b"partial_images"
        assert here.row[0].dropped == ("partial_images",)


async def test_several_pictures_at_once_come_finished_alone() -> None:
    async with studio({"acme": [drawn(2)]}, priced()) as here:
        client = await asked(here, n=2, partial_images=2)
        assert "stream" not in here.upstream.body()
        assert (len(events(client)), here.balance, here.row[0].dropped) == (2, 980, ("partial_images",))


async def test_a_link_is_told_beside_the_picture_where_links_are_asked_for() -> None:
    async with studio({"acme": [drawn()]}, priced()) as here:
        [one] = events(await asked(here, response_format="url"))
        assert (here.files.kept[one["url"]].data, one["b64_json"]) == (PICTURE, ENCODED)


async def test_edits_are_told_as_edits() -> None:
    async with studio({"acme": [stream(draft(0), event("completed"))]}, priced()) as here:
        body = json.dumps({"model": "acme/one", "prompt": "a hat", "image": SOUND, "stream": True, "partial_images": 1})
        client = NotingClient()
        met = structs.replace(addresses.IMAGE_EDITS, endpoint=addresses.IMAGES.endpoint)
        await here.serve(MediaRequest(body.encode(), "", met, "r", None), key_of(), client)
        assert [one["type"] for one in events(client)] == ["image_edit.partial_image", "image_edit.completed"]
        assert here.upstream.sent[0][1].path == "/images/edits"
        assert b'name="stream"\r\n\r\ntrue' in here.upstream.sent[0][1].body


async def test_unfinished_pictures_are_not_for_callers_who_want_no_stream() -> None:
    async with studio({"acme": [drawn()]}, priced()) as here:
        client = await here.call(addresses.IMAGES, prompt="a cat", partial_images=2)
        assert (json.loads(client.text)["data"][0]["b64_json"], here.row[0].dropped) == (None, ("partial_images",))


@pytest.mark.parametrize("count", [4, -1, 1.5, "many"])
async def test_a_number_that_is_none_is_refused_before_anything_is_asked(count: object) -> None:
    async with studio({"acme": [drawn()]}, priced()) as here:
        problem = await here.failed(addresses.IMAGES, prompt="a cat", stream=True, partial_images=count)
        assert isinstance(problem, InvalidBody)
        assert problem.param == "partial_images"
        assert "from 0 to 3" in problem.message


async def test_what_fails_before_anything_was_told_has_a_status_and_another_offer_is_asked_first() -> None:
    async with studio({"a": [refused(500)], "b": [refused(400, "indecent")]}, priced()) as here:
        problem = await here.failed(addresses.IMAGES, prompt="a cat", stream=True, partial_images=1)
        assert isinstance(problem, UpstreamFault)
        assert (here.upstream.asked, here.balance, here.row[0].status) == (["a", "b"], 1000, "failed")


@pytest.mark.parametrize(
    ("end", "kind"), [((CutShort("gone"),), CutShort), ((), MalformedAnswer)], ids=["cut", "without its picture"]
)
async def test_a_stream_that_breaks_off_ends_with_an_error_and_is_free(end: tuple[Piece, ...], kind: type) -> None:
    async with studio({"acme": [stream(draft(0), *end)]}, priced()) as here:
        client = await asked(here, partial_images=2)
        assert isinstance(client.problem, kind)
        assert client.last_event == b"event: error\ndata: {}\n\n"
        record, paid = here.row
        assert (record.status, paid.charged, paid.on_house, here.balance) == ("failed", 0, 2, 1000)


async def left(here: Studio, policy: DisconnectPolicy, rest: asyncio.Event) -> NotingClient:
    """Make a call and leave when the first piece has come; the rest comes afterwards."""
    client = NotingClient()
    body = json.dumps({"model": "acme/one", "prompt": "a cat", "stream": True, "partial_images": 2}).encode()
    request = MediaRequest(body, "", addresses.IMAGES, "request-1", None)
    call = asyncio.create_task(here.serve(request, key_of(on_disconnect=policy), client))
    await client.got.wait()
    client.leave()
    if policy == "drain_and_bill":
        rest.set()
    await call
    return client


async def test_a_caller_who_leaves_pays_for_what_was_delivered_where_the_key_says_so() -> None:
    script = stream(draft(0), asyncio.Event())
    async with studio({"acme": [script]}, priced()) as here:
        await left(here, "cancel_and_bill_delivered", asyncio.Event())
        record, paid = here.row
        assert (record.error, record.usage, paid.charged) == ("client_left", {"partial_image": 1}, 2)
        assert script.left == 1


async def test_a_caller_who_leaves_pays_for_all_where_the_key_says_so() -> None:
    rest = asyncio.Event()
    async with studio({"acme": [stream(draft(0), rest, event("completed"))]}, priced()) as here:
        client = await left(here, "drain_and_bill", rest)
        record, paid = here.row
        assert (record.status, record.usage, paid.charged) == ("succeeded", {"image": 1, "partial_image": 1}, 12)
        assert not client.is_finished


async def another_piece(client: NotingClient) -> None:
    client.got.clear()
    async with asyncio.timeout(10):
        await client.got.wait()


async def test_a_stream_says_that_it_goes_on_while_nothing_has_come_and_between_pieces() -> None:
    head, rest = asyncio.Event(), asyncio.Event()
    async with studio({"acme": [stream(head, draft(0), rest, event("completed"))]}, priced()) as here:
        serve, client = replace(here.serve, keep_alive_s=0.01), NotingClient()
        body = json.dumps({"model": "acme/one", "prompt": "a cat", "stream": True, "partial_images": 1}).encode()
        call = asyncio.create_task(serve(MediaRequest(body, "", addresses.IMAGES, "r", None), key_of(), client))
        await client.got.wait()
        assert (client.status, client.pieces[0]) == (200, WAITING)
        head.set()
        while not events(client):
            await another_piece(client)
        await another_piece(client)
        assert client.pieces[-1] == WAITING
        rest.set()
        await call
        assert [one["type"].rpartition(".")[2] for one in events(client)] == ["partial_image", "completed"]
        told_in_the_end = len(client.pieces)
        await asyncio.sleep(0.05)
        assert len(client.pieces) == told_in_the_end, "nothing follows the end"


async def test_what_fails_after_the_stream_has_said_that_it_goes_on_is_told_in_it() -> None:
    fails = asyncio.Event()
    async with studio({"acme": [Script([fails, b"{}"])]}, priced()) as here:
        serve, client = replace(here.serve, keep_alive_s=0.01), NotingClient()
        body = json.dumps({"model": "acme/one", "prompt": "a cat", "stream": True}).encode()
        call = asyncio.create_task(serve(MediaRequest(body, "", addresses.IMAGES, "r", None), key_of(), client))
        await client.got.wait()
        fails.set()
        await call
        assert isinstance(client.problem, MalformedAnswer)
        assert (here.row[0].status, here.row[1].charged, here.balance) == ("failed", 0, 1000)


HEARD = {"text": "Hello there.", "duration": 61.2, "segments": [{"start": 0, "end": 1.2, "text": " Hello there."}]}


async def test_a_transcript_is_told_in_events_whoever_made_it() -> None:
    async with studio({"acme": [told(HEARD)]}, rate("minute", 60), "transcription", "openai_audio") as here:
        client = await here.call(addresses.CAPTIONS, url=SOUND, stream=True)
        delta, done = events(client)
        assert delta == {"type": "transcript.text.delta", "delta": "Hello there."}
        assert (done["text"], done["meta"]["usage"]["credits_used"], here.balance) == ("Hello there.", 62, 938)
        assert b"stream" not in here.upstream.sent[0][1].body


@pytest.mark.parametrize("form", ["srt", "vtt", "verbose_json"])
async def test_events_tell_text_alone(form: str) -> None:
    async with studio({"acme": [told(HEARD)]}, rate("minute", 60), "transcription", "openai_audio") as here:
        problem = await here.failed(addresses.CAPTIONS, url=SOUND, stream=True, response_format=form)
        assert isinstance(problem, InvalidBody)
        assert problem.param == "response_format"
        assert "where 'stream' is true" in problem.message


async def test_a_picture_that_was_measured_says_its_size_in_every_event() -> None:
    wide = base64.b64encode(png(8, 2)).decode()
    script = stream(event("partial_image", b64_json=wide), event("completed", b64_json=wide, size="auto"))
    async with studio({"acme": [script]}, priced()) as here:
        assert [one["size"] for one in events(await asked(here, partial_images=1))] == ["8x2", "auto"]
