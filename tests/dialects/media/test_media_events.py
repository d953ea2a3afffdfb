"""Pieces of what is made, as providers tell them in events and as callers are told."""

import base64
import json
from typing import Any

import pytest
from msgspec.structs import replace

from modelport.catalogue.facts import Model, Offer, Operation, Provider, Quirks
from modelport.dialects.media.answers import Given
from modelport.dialects.media.event_reading import MAX_LINE_BYTES, EventReader
from modelport.dialects.media.events import end_told, piece_told
from modelport.dialects.media.openai_audio import CALLED as AUDIO
from modelport.dialects.media.openai_images import CALLED as IMAGES
from modelport.dialects.media.wire import Order, PieceReader, Ticket
from modelport.dialects.wire import MalformedReply, Target, UpstreamFault
from modelport.operations.made import Draft, File, Heard, Pictures, Segment, Transcript
from modelport.operations.media import MediaCall, Upload

STREAM = "text/event-stream; charset=utf-8"
FINAL = {"type": "image_generation.completed", "b64_json": base64.b64encode(b"done").decode(), "output_format": "webp"}
USED = {"input_tokens": 3, "output_tokens": 300, "total_tokens": 303}


def order(operation: Operation = "images", **fields: object) -> Order:
    model = Model(id="acme/one", name="One", maker="acme", operation=operation, description="Makes.")
    provider = Provider("acme", "Acme", "https://acme.example", {}, "none")
    call = MediaCall("acme/one", fields, is_streamed=True)
    return Order(call, Target(Offer("acme/one", provider, "one"), model), operation)


def event(told: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (told["type"].encode(), json.dumps(told).encode())


def draft(number: int) -> bytes:
    picture = base64.b64encode(b"draft%d" % number).decode()
    return event({"type": "image_generation.partial_image", "b64_json": picture, "partial_image_index": number})


def drawing() -> PieceReader:
    reader = IMAGES.pieces(order(), STREAM)
    assert reader is not None
    return reader


def test_unfinished_pictures_come_as_they_do_wherever_the_stream_is_cut() -> None:
    stream = draft(0) + b": nothing yet\n\n" + draft(1) + event({**FINAL, "usage": USED}) + b"data: [DONE]\n\n"
    for size in (1, 7, len(stream)):
        reader = drawing()
        pieces = [one for at in range(0, len(stream), size) for one in reader.feed(stream[at : at + size])]
        assert pieces == [
            Draft(file=File(data=b"draft0", content_type="image/png"), number=0),
            Draft(file=File(data=b"draft1", content_type="image/png"), number=1),
        ]
        done = File(data=b"done", content_type="image/webp")
        assert reader.end() == Pictures(files=(done,), facts={"output_format": "webp", "usage": USED})


def test_a_stream_that_ends_before_the_picture_does_is_no_answer() -> None:
    reader = drawing()
    assert len(reader.feed(draft(0))) == 1
    with pytest.raises(MalformedReply, match="before the picture was finished"):
        reader.end()


def test_an_error_inside_of_a_stream_is_the_providers_fault() -> None:
    error = {"type": "error", "error": {"type": "image_generation_user_error", "message": "indecent", "code": "no"}}
    with pytest.raises(UpstreamFault, match="indecent"):
        drawing().feed(event(error))


def test_an_event_without_an_end_is_given_up() -> None:
    reader = EventReader()
    with pytest.raises(MalformedReply, match="exceeds"):
        for _ in range(MAX_LINE_BYTES // 2**20 + 1):
            list(reader.feed(b"x" * 2**20))


def test_an_answer_that_is_no_stream_is_read_whole() -> None:
    assert IMAGES.pieces(order(), "application/json") is None
    assert AUDIO.pieces(order("transcription"), "application/json") is None
    assert AUDIO.pieces(order("speech"), STREAM) is None


def test_words_come_as_they_are_heard_and_the_whole_in_the_end() -> None:
    reader = AUDIO.pieces(order("transcription"), STREAM)
    assert reader is not None
    told = [{"type": "transcript.text.delta", "delta": word} for word in ("Hello", " there.")]
    usage = {"type": "duration", "seconds": 2}
    stream = b"".join(map(event, (*told, {"type": "transcript.text.done", "text": "Hello there.", "usage": usage})))
    assert reader.feed(stream) == [Heard("Hello"), Heard(" there.")]
    made = reader.end()
    assert isinstance(made, Transcript)
    assert (made.text, made.duration_s) == ("Hello there.", 2)


@pytest.mark.parametrize(
    ("address", "drop", "is_told"),
    [
        ("https://acme.example", (), False),
        ("https://acme.example", ("verbose_json",), True),
        ("https://acme.example", ("verbose_json", "stream"), False),
        ("unix:transcription", (), True),
    ],
)
def test_words_are_asked_for_as_they_are_heard_of_those_who_tell_them_so(
    address: str, drop: tuple[str, ...], is_told: bool
) -> None:
    plain = order("transcription", file=Upload("said.mp3", "audio/mpeg", b"sound"))
    provider = Provider("acme", "Acme", address, {}, "none")
    offer = Offer("acme/one", provider, "one", quirks=Quirks(drop=frozenset(drop)))
    asked = AUDIO.ask(replace(plain, target=Target(offer, plain.target.model)), Ticket())
    assert (b'name="stream"\r\n\r\ntrue' in asked.body) is is_told
    assert (b"verbose_json" in asked.body) is not (is_told or bool(drop))


def test_a_transcript_that_breaks_off_is_no_answer() -> None:
    reader = AUDIO.pieces(order("transcription"), STREAM)
    assert reader is not None
    reader.feed(event({"type": "transcript.text.delta", "delta": "Hel"}))
    with pytest.raises(MalformedReply, match="before the transcript was complete"):
        reader.end()


def read(told: bytes) -> list[dict[str, Any]]:
    return [json.loads(block.partition(b"data: ")[2]) for block in told.strip().split(b"\n\n")]


def test_a_transcript_that_came_whole_is_told_part_by_part() -> None:
    parts = (Segment(start=0, end=1, text=" Hello"), Segment(start=1, end=2, text=" there."))
    made = Transcript(text="Hello there.", segments=parts, duration_s=1.2)
    told = read(end_told(made, (), MediaCall("m", {}), 7, 5, is_edit=False, is_untold=True))
    assert [one.get("delta") for one in told] == ["Hello", " there.", None]
    assert told[-1] == {
        "type": "transcript.text.done",
        "text": "Hello there.",
        "usage": {"type": "duration", "seconds": 2},
        "meta": {"usage": {"credits_used": 5, "usd_spent": 0.0000025}},
    }
    other = Transcript(text="Hello there!", segments=parts)
    told = read(end_told(other, (), MediaCall("m", {}), 7, 5, is_edit=False, is_untold=True))
    assert [one.get("delta") for one in told] == ["Hello there!", None], "parts that do not add up are not told"


def test_pictures_are_told_one_by_one_and_the_last_says_what_they_cost() -> None:
    files = [File(data=b"1", content_type="image/jpeg", facts={"width": 30, "height": 20}), File(data=b"2")]
    made, call = Pictures(files=files, facts={"usage": USED}), MediaCall("m", {"quality": "low"})
    first, last = read(end_told(made, [Given(one) for one in files], call, 7, 5, is_edit=True, is_untold=True))
    told = {"type": "image_edit.completed", "background": "auto", "quality": "low", "created_at": 7}
    assert first == {**told, "b64_json": "MQ==", "output_format": "jpeg", "size": "30x20", "usage": None}
    meta = {"usage": {"credits_used": 5, "usd_spent": 0.0000025}}
    assert (last["usage"], last["meta"], last["size"]) == (USED, meta, "auto")


def test_an_unfinished_picture_says_which_one_it_is() -> None:
    [told] = read(piece_told(Draft(file=File(data=b"1"), number=2), MediaCall("m", {}), 7, is_edit=False))
    assert told["type"] == "image_generation.partial_image"
    assert (told["partial_image_index"], told["b64_json"]) == (2, "MQ==")
