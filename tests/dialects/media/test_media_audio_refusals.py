"""What a provider of sounds or pages refuses is told as such, and what it cannot do is never asked of it."""

import pytest

from modelport.catalogue.facts import Dialect, Model, Offer, Operation, Provider
from modelport.dialects.media.table import media_dialect
from modelport.dialects.media.wire import Order, Ticket, Told
from modelport.dialects.wire import NotExpressible, Target, UpstreamFault
from modelport.operations.media import MediaCall, Upload

SOUND = Upload("said.wav", "audio/wav", b"RIFF")
PDF = Upload("read.pdf", "application/pdf", b"%PDF")
GLM: dict[str, object] = {"document": {"type": "document_url", "document_url": "https://files.example/a.pdf"}}


def order_of(dialect: Dialect, operation: Operation, fields: dict[str, object]) -> Order:
    provider = Provider("acme", "Acme", "https://acme.example", {operation: (dialect,)}, "none")
    model = Model(id="acme/one", name="One", maker="acme", operation=operation, description="One.")
    return Order(MediaCall("acme/one", fields), Target(Offer("acme/one", provider, "one"), model), operation)


@pytest.mark.parametrize(
    ("dialect", "operation", "stage", "body", "told", "is_worth_another"),
    [
        ("minimax_speech", "speech", "", b'{"base_resp":{"status_code":1002,"status_msg":"rate limit"}}', "1002", True),
        ("minimax_speech", "speech", "", b'{"base_resp":{"status_code":1008,"status_msg":"no balance"}}', "1008", True),
        ("minimax_speech", "speech", "", b'{"base_resp":{"status_code":2013,"status_msg":"bad"}}', "2013 bad", False),
        ("minimax_speech", "speech", "", b'{"base_resp":{"status_code":1026,"status_msg":"no"}}', "1026 no", False),
        (
            "assemblyai",
            "transcription",
            "poll",
            b'{"status":"error","error":"Download error"}',
            "Download error",
            False,
        ),
        ("dashscope_speech", "speech", "", b'{"code":"InvalidParameter","message":"too long"}', "too long", False),
        ("dashscope_speech", "speech", "", b'{"code":"Throttling","message":"slow down"}', "slow down", True),
        ("google_documentai", "ocr", "", b'{"error":{"code":8,"message":"quota"}}', "quota", True),
    ],
)
def test_a_failure_inside_of_a_success_is_told(
    dialect: Dialect, operation: Operation, stage: str, body: bytes, told: str, is_worth_another: bool
) -> None:
    order = order_of(dialect, operation, {"audio": SOUND} if operation == "transcription" else {})
    with pytest.raises(UpstreamFault, match=told) as raised:
        media_dialect(dialect).read(order, Ticket(stage, {"id": "1"}), Told(body, "application/json"))
    assert raised.value.retryable is is_worth_another


@pytest.mark.parametrize(
    ("dialect", "operation", "fields", "place"),
    [
        ("deepgram", "transcription", {"audio": SOUND, "translate": True}, "model"),
        ("assemblyai", "transcription", {"audio": SOUND, "translate": True}, "model"),
        ("azure_speech", "transcription", {"audio": SOUND, "translate": True}, "model"),
        ("elevenlabs", "speech", {"text": "a", "voice": "../../models"}, "voice"),
        ("zhipu_ocr", "ocr", {**GLM, "pages": [0, 2]}, "pages"),
        ("zhipu_ocr", "ocr", {**GLM, "pages": "0-2,5"}, "pages"),
        ("google_documentai", "ocr", {"document": PDF, "pages": {"type": "range", "start": 3, "end": 2}}, "pages"),
        ("google_documentai", "ocr", {"document": PDF, "pages": {"type": "range", "start": 1, "end": 16}}, "pages"),
    ],
)
def test_what_cannot_be_said_is_refused_with_its_place(
    dialect: Dialect, operation: Operation, fields: dict[str, object], place: str
) -> None:
    with pytest.raises(NotExpressible) as raised:
        media_dialect(dialect).ask(order_of(dialect, operation, fields), Ticket())
    assert raised.value.param == place


@pytest.mark.parametrize(
    ("dialect", "operation", "fields", "dropped"),
    [
        ("deepgram", "transcription", {"audio": SOUND, "diarize_version": "2021-07-14.0"}, ("diarize_version",)),
        ("assemblyai", "transcription", {"url": "https://files.example/a.wav", "boost_param": "low"}, ("boost_param",)),
        ("zhipu_ocr", "ocr", {**GLM, "image_limit": 3}, ("image_limit",)),
        ("azure_speech", "speech", {"text": "a", "top_p": 1, "stream": False}, ("top_p",)),
    ],
)
def test_what_is_left_out_is_told(
    dialect: Dialect, operation: Operation, fields: dict[str, object], dropped: tuple[str, ...]
) -> None:
    assert media_dialect(dialect).ask(order_of(dialect, operation, fields), Ticket()).dropped == dropped


@pytest.mark.parametrize(
    ("dialect", "fields", "kind"),
    [
        ("deepgram", {"encoding": "linear16"}, "audio/wav"),
        ("deepgram", {"encoding": "linear16", "container": "none"}, "audio/pcm"),
        ("deepgram", {"encoding": "opus"}, "audio/ogg"),
        ("deepgram", {}, "audio/mpeg"),
        ("elevenlabs", {"output_format": "ulaw_8000"}, "audio/basic"),
        ("elevenlabs", {"output_format": "opus_48000_32"}, "audio/ogg"),
        ("azure_speech", {"response_format": "pcm"}, "audio/pcm"),
    ],
)
def test_a_sound_that_does_not_say_what_it_is_is_what_was_asked_for(
    dialect: Dialect, fields: dict[str, object], kind: str
) -> None:
    reader = media_dialect(dialect).sound(order_of(dialect, "speech", fields), "application/octet-stream")
    assert reader is not None
    assert reader.content_type == kind


@pytest.mark.parametrize("dialect", ["deepgram", "elevenlabs", "azure_speech", "minimax_speech"])
def test_a_refusal_that_comes_instead_of_a_sound_is_read_whole(dialect: Dialect) -> None:
    assert media_dialect(dialect).sound(order_of(dialect, "speech", {}), "application/json") is None
