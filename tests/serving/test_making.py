"""A call for media that is made: asked for step by step, kept, paid for once, and answered in its caller's form."""

import base64
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.compile import Facts
from modelport.catalogue.facts import RATE_UNITS, Dialect, Model, Offer, Operation, Provider, Rates, Variant
from modelport.catalogue.parameters import Parameter, encoded
from modelport.core.clock import SystemClock
from modelport.core.counters import Counters
from modelport.core.errors import InvalidBody, Problem
from modelport.dialects.media import addresses
from modelport.dialects.media.addresses import Met
from modelport.dialects.wire import UpstreamFault
from modelport.ledger.book import Book
from modelport.ledger.problems import InsufficientFunds
from modelport.ledger.records import CallRecord, Receipt
from modelport.limits.limiter import Limiter
from modelport.operations.made import File
from modelport.routing.problems import Unpriced
from modelport.routing.router import Router
from modelport.serving.exchange import CallFailed
from modelport.serving.media import MediaRequest
from modelport.serving.ports import ConnectFailed, CutShort
from tests.fake.media.files import MP3, png
from tests.serving.stage import ACCOUNT, NotingClient, Routes, Script, ScriptedUpstream, key_of, refused
from tests.serving.studio import media_on
from tests.twins.files import HERE, TwinFiles
from tests.twins.ledger import Vault, VaultLedger

PICTURE = png(4, 4)
SIZE = {"width": 4, "height": 4}
DRAWN = "https://files.acme.example/drawn.png"
PICTURES: Mapping[str, Parameter] = {
    "prompt": Parameter(type="string", required=True),
    "n": Parameter(type="integer", minimum=1, maximum=4, default=1),
    "quality": Parameter(type="string", enum=("low", "high"), default="low"),
    "image_url": Parameter(type="string", format="uri"),
}
SPEECH: Mapping[str, Parameter] = {
    "text": Parameter(type="string", required=True),
    "stream": Parameter(type="boolean", default=False),
}
SOUNDS: Mapping[str, Parameter] = {"file": Parameter(type="file"), "url": Parameter(type="string", format="uri")}
OF: Mapping[Operation, Mapping[str, Parameter]] = {"images": PICTURES, "speech": SPEECH, "transcription": SOUNDS}


def model_of(operation: Operation, **changed: Any) -> Model:
    parameters = encoded(OF[operation])
    return Model("acme/one", "One", "acme", operation, "One.", parameters=parameters, **changed)


def offer_of(provider: str, dialect: Dialect, rates: Rates, operation: Operation) -> Offer:
    sold_by = Provider(provider, provider.title(), f"https://{provider}.example", {operation: (dialect,)}, "none")
    return Offer("acme/one", sold_by, "acme-1/one", (rates,))


def rate(per: Any, credits_each: int, variants: Sequence[Variant] = ()) -> Rates:
    return Rates(0, {per: credits_each * RATE_UNITS}, per=per, variants=tuple(variants))


def told(body: object, status: int = 200) -> Script:
    return Script([json.dumps(body).encode()], status=status)


def drawn(count: int = 1) -> Script:
    return told({"data": [{"b64_json": base64.b64encode(PICTURE).decode()}] * count})


@dataclass
class Studio:
    """Serving of media by scripted providers."""

    serve: Any
    upstream: ScriptedUpstream
    vault: Vault
    files: TwinFiles

    async def call(self, met: Met, client: NotingClient | None = None, **fields: object) -> NotingClient:
        client = client or NotingClient()
        body = json.dumps({"model": "acme/one", **fields}).encode()
        await self.serve(MediaRequest(body, "", met, "request-1", None), key_of(), client)
        return client

    async def failed(self, met: Met, **fields: object) -> Problem:
        with pytest.raises(CallFailed) as failed:
            await self.call(met, **fields)
        return failed.value.problem

    @property
    def row(self) -> tuple[CallRecord, Receipt]:
        [row] = self.vault.requests.values()
        return row

    @property
    def balance(self) -> int:
        return self.vault.balance(ACCOUNT)


@asynccontextmanager
async def studio(
    scripts: Mapping[str, Sequence[Script]],
    rates: Rates,
    operation: Operation = "images",
    dialect: Dialect = "openai_images",
    credit: int = 1000,
) -> AsyncGenerator[Studio]:
    offers = tuple(offer_of(provider, dialect, rates, operation) for provider in scripts)
    facts = Facts((model_of(operation),), (), tuple(offer.provider for offer in offers), offers)
    vault, clock = Vault(), SystemClock()
    vault.entries.append(("BONUS", 1, ACCOUNT, credit))
    upstream, files = ScriptedUpstream(scripts), TwinFiles({DRAWN: File(data=PICTURE, content_type="image/png")})
    async with Book(VaultLedger(vault, "here"), clock, 0.2) as book, Limiter(clock, Counters()) as limiter:
        routes = Routes(Router(Catalogue(facts, "digest"), frozenset(scripts)))
        yield Studio(media_on(routes, book, limiter, upstream, files), upstream, vault, files)


async def test_pictures_are_kept_and_linked_to_and_paid_by_the_piece() -> None:
    async with studio({"acme": [drawn(2)]}, rate("image", 10)) as here:
        client = await here.call(addresses.IMAGES, prompt="a cat", n=2)
        assert (client.status, client.headers[b"x-aimlapi-credits-used"]) == (200, b"20")
        answer = json.loads(client.text)
        links = [one["url"] for one in answer["data"]]
        assert links == [f"{HERE}0", f"{HERE}1"]
        assert [here.files.kept[link].data for link in links] == [PICTURE, PICTURE]
        about = {"content_type": "image/png", "file_size": len(PICTURE), **SIZE}
        assert answer["images"] == [{"url": link, **about} for link in links]
        assert answer["meta"] == {"usage": {"credits_used": 20, "usd_spent": 0.00001}}
        record, paid = here.row
        assert (record.usage, record.status, paid.charged, here.balance) == ({"image": 2}, "succeeded", 20, 980)


async def test_base64_is_given_inside_of_the_answer_and_kept_nowhere() -> None:
    async with studio({"acme": [drawn()]}, rate("image", 10)) as here:
        client = await here.call(addresses.IMAGES, prompt="a cat", response_format="b64_json")
        answer = json.loads(client.text)
        encoded = base64.b64encode(PICTURE).decode()
        assert answer["data"] == [{"b64_json": encoded}], "clients take a picture with a url for a link, null or not"
        [one] = answer["images"]
        assert one == {"b64_json": encoded, "content_type": "image/png", "file_size": len(PICTURE), **SIZE}
        assert not here.files.kept


async def test_the_price_is_that_of_what_was_asked_for() -> None:
    dear = rate("image", 10, [Variant({"quality": "high"}, 70 * RATE_UNITS)])
    async with studio({"acme": [drawn()]}, dear) as here:
        await here.call(addresses.IMAGES, prompt="a cat", quality="high")
        assert here.balance == 930


async def test_a_call_that_no_price_fits_is_refused_and_costs_nothing() -> None:
    only_high = Rates(0, {}, per="image", variants=(Variant({"quality": "high"}, RATE_UNITS),))
    async with studio({"acme": [drawn()]}, only_high) as here:
        assert isinstance(await here.failed(addresses.IMAGES, prompt="a cat"), Unpriced)
        assert not here.upstream.sent


async def test_nothing_is_asked_of_a_provider_that_could_not_be_paid() -> None:
    async with studio({"acme": [drawn(4)]}, rate("image", 300)) as here:
        assert isinstance(await here.failed(addresses.IMAGES, prompt="a cat", n=4), InsufficientFunds)
        assert not here.upstream.sent


async def test_a_queue_is_asked_until_the_work_is_done_and_its_files_are_brought_here() -> None:
    steps = [
        told({"request_id": "job-1"}),
        told({"status": "IN_PROGRESS"}, 202),
        told({"status": "COMPLETED"}),
        told({"images": [{"url": DRAWN, "width": 4, "height": 4}], "seed": 7}),
    ]
    async with studio({"acme": steps}, rate("image", 10), dialect="fal_queue") as here:
        client = await here.call(addresses.IMAGES, prompt="a cat")
        answer = json.loads(client.text)
        assert answer["seed"] == 7
        assert here.files.kept[answer["data"][0]["url"]].data == PICTURE
        assert [request.path for _, request in here.upstream.sent] == [
            "/acme-1/one",
            "/acme-1/one/requests/job-1/status",
            "/acme-1/one/requests/job-1/status",
            "/acme-1/one/requests/job-1",
        ]


async def test_work_that_was_taken_on_is_asked_after_in_spite_of_failures_and_never_sent_again() -> None:
    steps = [
        told({"request_id": "job-1"}),
        Script(refusal=ConnectFailed("gone")),
        refused(503),
        told({"status": "COMPLETED"}),
        told({"images": [{"url": DRAWN}]}),
    ]
    async with studio({"acme": steps}, rate("image", 10), dialect="fal_queue") as here:
        await here.call(addresses.IMAGES, prompt="a cat")
        assert [request.method for _, request in here.upstream.sent] == ["POST", "GET", "GET", "GET", "GET"]


async def test_work_that_a_provider_says_has_failed_is_not_asked_after_again_but_another_offer_is() -> None:
    failed = [told({"request_id": "job-1"}), told({"status": "FAILED"}), told({"status": "FAILED"})]
    works = [told({"request_id": "job-2"}), told({"status": "COMPLETED"}), told({"images": [{"url": DRAWN}]})]
    async with studio({"a": failed, "b": works}, rate("image", 10), dialect="fal_queue") as here:
        await here.call(addresses.IMAGES, prompt="a cat")
        assert here.upstream.asked == ["a", "a", "b", "b", "b"]
        assert here.balance == 990


async def test_another_offer_is_asked_where_one_fails_and_none_where_the_request_is_wrong() -> None:
    async with studio({"a": [refused(500)], "b": [drawn()]}, rate("image", 10)) as here:
        await here.call(addresses.IMAGES, prompt="a cat")
        assert here.upstream.asked == ["a", "b"]
        assert [one.provider for one in here.row[0].attempts] == ["a", "b"]
    async with studio({"a": [refused(400, "indecent")], "b": [drawn()]}, rate("image", 10)) as here:
        problem = await here.failed(addresses.IMAGES, prompt="a cat")
        assert isinstance(problem, UpstreamFault)
        assert "indecent" in problem.message
        assert (here.upstream.asked, here.balance, here.row[0].status) == (["a"], 1000, "failed")


async def test_what_cannot_be_fetched_is_not_charged() -> None:
    steps = [
        told({"request_id": "j"}),
        told({"status": "COMPLETED"}),
        told({"images": [{"url": "https://x.example/"}]}),
    ]
    async with studio({"acme": steps}, rate("image", 10), dialect="fal_queue") as here:
        assert isinstance(await here.failed(addresses.IMAGES, prompt="a cat"), ConnectFailed)
        assert here.balance == 1000


async def test_our_own_files_go_inside_of_the_request_and_public_links_go_as_they_are() -> None:
    steps = [told({"request_id": "j"}), told({"status": "COMPLETED"}), told({"images": [{"url": DRAWN}]})]
    async with studio({"acme": steps}, rate("image", 10), dialect="fal_queue") as here:
        ours = await here.files.keep(File(data=PICTURE, content_type="image/png"))
        await here.call(addresses.IMAGES, prompt="a cat", image_url=ours)
        assert here.upstream.body(0)["image_url"].startswith("data:image/png;base64,")
    async with studio({"acme": steps}, rate("image", 10), dialect="fal_queue") as here:
        await here.call(addresses.IMAGES, prompt="a cat", image_url="https://pictures.example/a.png")
        assert here.upstream.body(0)["image_url"] == "https://pictures.example/a.png"
        assert not here.files.read_places


async def test_a_file_that_cannot_be_read_is_told_under_its_name() -> None:
    async with studio({"acme": [drawn()]}, rate("image", 10)) as here:
        problem = await here.failed(addresses.IMAGES, prompt="a cat", image_url="https://nothing.example/a.png")
        assert isinstance(problem, InvalidBody)
        assert problem.param == "image_url"
        assert not here.upstream.sent


def said(*pieces: Any) -> Script:
    return Script(pieces or (MP3[:100], MP3[100:]), headers={b"content-type": b"audio/mpeg"})


async def test_speech_comes_as_it_is_made_and_ends_when_it_is_paid_for() -> None:
    async with studio({"acme": [said()]}, rate("character", 2), "speech", "openai_audio") as here:
        client = await here.call(addresses.SPEECH_BYTES, text="Hello")
        assert (client.status, client.headers[b"content-type"]) == (200, b"audio/mpeg")
        assert b"".join(client.pieces) == MP3
        assert client.is_finished
        assert (here.row[0].usage, here.row[1].charged, here.balance) == ({"character": 5}, 10, 990)


async def test_speech_that_is_not_streamed_is_kept_and_linked_to() -> None:
    async with studio({"acme": [said()]}, rate("character", 2), "speech", "openai_audio") as here:
        answer = json.loads((await here.call(addresses.SPEECH, text="Hello")).text)
        assert answer["audio"]["url"] == answer["audio_url"]
        assert here.files.kept[answer["audio_url"]].data == MP3
        assert answer["meta"]["usage"]["credits_used"] == 10


async def test_speech_that_is_cut_is_told_as_cut_and_free() -> None:
    async with studio(
        {"acme": [said(MP3[:50], CutShort("gone"))]}, rate("character", 2), "speech", "openai_audio"
    ) as here:
        client = await here.call(addresses.SPEECH_BYTES, text="Hello")
        assert isinstance(client.problem, CutShort)
        assert not client.is_finished
        record, paid = here.row
        assert (record.status, paid.charged, paid.on_house, here.balance) == ("failed", 0, 10, 1000)


async def test_speech_without_a_sound_is_a_failure_before_anything_was_sent() -> None:
    async with studio({"acme": [said(b"")]}, rate("character", 2), "speech", "openai_audio") as here:
        await here.failed(addresses.SPEECH_BYTES, text="Hello")
        assert here.balance == 1000


HEARD = {
    "text": "Hello there.",
    "duration": 61.2,
    "language": "english",
    "segments": [{"start": 0, "end": 1.2, "text": " Hello there."}],
}


async def test_transcripts_are_paid_by_the_second_of_what_was_said() -> None:
    async with studio({"acme": [told(HEARD)]}, rate("minute", 60), "transcription", "openai_audio") as here:
        sound = "data:audio/mpeg;base64," + base64.b64encode(MP3).decode()
        answer = json.loads((await here.call(addresses.CAPTIONS, url=sound)).text)
        assert answer["text"] == "Hello there."
        assert (here.row[0].usage, here.balance) == ({"second": 62}, 938)


@pytest.mark.parametrize(
    ("form", "kind", "text"),
    [
        ("text", "text/plain", "Hello there.\n"),
        ("srt", "application/x-subrip", "1\n00:00:00,000 --> 00:00:01,200\nHello there.\n\n"),
        ("vtt", "text/vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:01.200\nHello there.\n\n"),
    ],
)
async def test_transcripts_come_in_the_form_that_was_asked_for(form: str, kind: str, text: str) -> None:
    async with studio({"acme": [told(HEARD)]}, rate("minute", 60), "transcription", "openai_audio") as here:
        client = await here.call(addresses.CAPTIONS, url="data:audio/mpeg;base64,SGk=", response_format=form)
        assert client.headers[b"content-type"].decode().startswith(kind)
        assert client.text == text


async def test_what_costs_nothing_is_made_for_accounts_that_have_nothing() -> None:
    free = Rates(0, {"input": 0, "output": 0})
    async with studio({"acme": [drawn()]}, free, credit=0) as here:
        client = await here.call(addresses.IMAGES, prompt="a cat")
        assert (client.status, here.row[0].usage) == (200, {"request": 1})
