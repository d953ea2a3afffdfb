"""Names and values that mean the same, and how files are wanted."""

from collections.abc import Mapping
from typing import cast

import pytest

from modelport.catalogue.facts import Model
from modelport.catalogue.load import load
from modelport.catalogue.validation import complete
from modelport.core.errors import InvalidBody
from modelport.dialects.media.addresses import (
    IMAGE_EDITS,
    IMAGE_LINKS,
    IMAGES,
    MINIMAX_MUSIC,
    MODERATION,
    MUSIC,
    OCR,
    SPEECH,
    SPEECH_BYTES,
    TRANSCRIPTION,
    VIDEO,
    Met,
    video_of,
)
from modelport.dialects.media.call import Sent, checked, taken_by
from modelport.operations.media import Delivery, MediaCall, Upload
from tests.catalogue.drawn import media_models, required_of

CATALOGUE = load()
MET: dict[str, Met] = {
    "images": IMAGES,
    "3d": IMAGES,
    "video": VIDEO,
    "music": MUSIC,
    "speech": SPEECH,
    "transcription": TRANSCRIPTION,
    "ocr": OCR,
    "moderation": MODERATION,
}
LINK = "https://files.example/a.png"
SOUND = "https://files.example/a.mp3"


def read(model: str, sent: Mapping[str, object], met: Met | None = None, accepted: Delivery | None = None) -> MediaCall:
    """Read a request to a model of ours."""
    found = CATALOGUE.find(model)
    return checked(Sent(model, None, sent), found, met or MET[found.operation], accepted)


@pytest.mark.parametrize("model", media_models(), ids=lambda model: model.id)
def test_what_a_model_documents_is_not_changed_by_any_spelling(model: Model) -> None:
    met = next(
        met for met in (*MET.values(), MINIMAX_MUSIC, video_of("kling/generation")) if met and met.answers(model)
    )
    parameters = taken_by(model, met)
    sent = required_of(parameters)
    if model.operation == "transcription":
        sent["url"] = SOUND
    call = checked(Sent(model.id, None, dict(sent)), model, met)
    assert call.fields == complete(parameters, sent).fields
    assert not call.dropped


@pytest.mark.parametrize(
    ("model", "sent", "taken"),
    [
        ("bytedance/seedance-1-0-pro-t2v", {"camera_fixed": True}, {"camerafixed": True}),
        ("luma/ray-3.2", {"tail_image_url": LINK}, {"last_image_url": LINK}),
        ("runway-gen3/turbo/image-to-video", {"image_url": LINK, "tail_image_url": LINK}, {"last_image_url": LINK}),
        ("minimax/h3", {"aspect_ratio": "16:9"}, {"ratio": "16:9"}),
        ("openai/tts-1", {"input": "hello"}, {"text": "hello"}),
        ("openai/tts-1", {"input": "hello", "instructions": "softly"}, {"text": "hello", "style": "softly"}),
        ("microsoft/vibevoice-7b", {"text": "Speaker 0: hello"}, {"script": "Speaker 0: hello"}),
        ("microsoft/vibevoice-7b", {"input": "Speaker 0: hello"}, {"script": "Speaker 0: hello"}),
        ("nova-3", {"url": SOUND, "multi_channel": True}, {"multichannel": True}),
        ("whisper-large", {"url": SOUND, "multichannel": True}, {"multi_channel": True}),
        (
            "minimax/music-2.6",
            {"prompt": "a waltz", "audio_setting": {"sample_rate": 16000}},
            {"audio_setting": {"audio_sample_rate": 16000, "bitrate": 256000, "format": "mp3"}},
        ),
        ("alibaba/qwen-image-edit", {"prompt": "x", "image_url": LINK}, {"image": LINK}),
        ("alibaba/qwen-image-edit", {"prompt": "x", "image_urls": [LINK]}, {"image": LINK}),
        ("bytedance/uso", {"prompt": "x", "image_url": LINK}, {"image_urls": [LINK]}),
        ("flux-pro", {"prompt": "x", "safety_tolerance": 3}, {"safety_tolerance": "3"}),
        ("beeble/switchx-image-to-image", {"image_url": LINK, "max_resolution": "720"}, {"max_resolution": 720}),
        ("alibaba/wan2.5-t2v-preview", {"prompt": "x", "duration": "10"}, {"duration": 10}),
        ("alibaba/wan2.5-t2v-preview", {"prompt": "x", "resolution": "720P"}, {"resolution": "720p"}),
        ("deepgram/aura-2", {"text": "hello", "sample_rate": 24000}, {"sample_rate": "24000"}),
    ],
)
def test_what_means_the_same_is_taken_under_the_name_of_the_model(
    model: str, sent: dict[str, object], taken: dict[str, object]
) -> None:
    if CATALOGUE.find(model).operation == "video":
        sent = {"prompt": "x", **sent}
    call = read(model, sent)
    assert {name: call.fields.get(name) for name in taken} == taken
    assert not call.dropped


def test_of_two_names_of_one_thing_the_models_own_holds() -> None:
    call = read("openai/tts-1", {"text": "said", "input": "not said"})
    assert (call.fields["text"], call.dropped) == ("said", ("input",))


def test_a_fault_names_the_field_as_it_was_sent() -> None:
    with pytest.raises(InvalidBody) as refused:
        read("openai/tts-1", {"input": "x" * 5000})
    assert refused.value.param == "input"


@pytest.mark.parametrize(
    ("model", "sent", "delivery", "own"),
    [
        ("flux/schnell", {}, None, {}),
        ("flux/schnell", {"response_format": "b64_json"}, "base64", {}),
        ("flux/schnell", {"response_format": "url"}, "url", {}),
        ("flux/schnell", {"convert_base64_to_url": False}, "base64", {}),
        ("flux-pro", {"output_format": "b64_json"}, "base64", {"output_format": "jpeg"}),
        ("openai/gpt-image-1", {"response_format": "b64_json"}, "base64", {"response_format": "b64_json"}),
        ("reve/create-image", {"response_format": "b64_json"}, "base64", {"convert_base64_to_url": False}),
        ("reve/create-image", {"convert_base64_to_url": False}, "base64", {"convert_base64_to_url": False}),
    ],
)
def test_how_pictures_are_wanted_may_be_said_of_every_model(
    model: str, sent: dict[str, object], delivery: str | None, own: dict[str, object]
) -> None:
    call = read(model, {"prompt": "x", **sent})
    switches = ("response_format", "convert_base64_to_url", "output_format")
    assert call.delivery == delivery
    assert not call.dropped
    assert {name: call.fields[name] for name in switches if name in call.fields and name in own} == own
    assert "response_format" in own or "response_format" not in call.fields


def test_a_form_of_pictures_that_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidBody, match=r"'response_format': Expected one of 'url', 'b64_json', received \"webp\""):
        read("flux/schnell", {"prompt": "x", "response_format": "webp"})


def test_pictures_come_as_links_where_the_address_says_so() -> None:
    assert read("flux/schnell", {"prompt": "x"}, IMAGE_LINKS).delivery == "url"


@pytest.mark.parametrize(
    ("model", "met", "accepted", "sent", "delivery"),
    [
        ("openai/tts-1", SPEECH, None, {}, "url"),
        ("openai/tts-1", SPEECH, None, {"stream": True}, "bytes"),
        ("openai/tts-1", SPEECH, "bytes", {}, "bytes"),
        ("openai/tts-1", SPEECH, "bytes", {"stream": False}, "url"),
        ("openai/tts-1", SPEECH_BYTES, None, {}, "bytes"),
        ("deepgram/aura-2", SPEECH, None, {}, "bytes"),
        ("deepgram/aura-2", SPEECH, None, {"stream": False}, "url"),
        ("deepgram/aura-2", SPEECH, "url", {}, "url"),
        ("#g1_aura-zeus-en", SPEECH, None, {"stream": True}, "bytes"),
    ],
)
def test_speech_comes_as_sound_where_that_is_wanted_of_whatever_model(
    model: str, met: Met, accepted: Delivery | None, sent: dict[str, object], delivery: str
) -> None:
    call = read(model, {"text": "hello", **sent}, met, accepted)
    assert (call.delivery, call.dropped) == (delivery, ())


@pytest.mark.parametrize(
    ("model", "voice", "taken", "dropped"),
    [
        ("openai/tts-1", "onyx", {"voice": "onyx"}, ()),
        ("elevenlabs/v3_alpha", "alloy", {"voice": "Rachel"}, ("voice",)),
        ("#g1_aura-zeus-en", "alloy", {}, ("voice",)),
        ("minimax/speech-2.8-hd", "Calm_Woman", {"voice_setting": "Calm_Woman"}, ()),
        ("minimax/speech-2.8-hd", "alloy", {"voice_setting": "Wise_Woman"}, ("voice",)),
    ],
)
def test_voices_of_openai_may_be_asked_of_every_model(
    model: str, voice: str, taken: dict[str, object], dropped: tuple[str, ...]
) -> None:
    call = read(model, {"text": "hello", "voice": voice})
    found = {name: call.fields.get(name) for name in taken}
    for name, value in found.items():
        found[name] = cast("dict[str, object]", value)["voice_id"] if isinstance(value, dict) else value
    assert (found, call.dropped) == (taken, dropped)


def test_a_voice_that_nobody_knows_is_refused_with_those_of_the_model() -> None:
    with pytest.raises(InvalidBody, match=r"'voice': Expected one of 'alloy', .*, received \"Bob\""):
        read("openai/tts-1", {"text": "hello", "voice": "Bob"})


@pytest.mark.parametrize(
    ("model", "form", "taken", "dropped"),
    [
        ("openai/tts-1", "opus", {"response_format": "opus"}, ()),
        ("microsoft/mai-voice-2", "opus", {"response_format": "mp3"}, ("response_format",)),
        ("hume/octave-2", "mp3", {"format": "mp3"}, ()),
        ("hume/octave-2", "flac", {"format": "wav"}, ("response_format",)),
        ("deepgram/aura-2", "mp3", {"encoding": "mp3"}, ()),
        ("deepgram/aura-2", "wav", {"encoding": "linear16", "container": "wav"}, ()),
        ("elevenlabs/v3_alpha", "mp3", {"output_format": "mp3_44100_128"}, ()),
        ("minimax/speech-2.6-hd", "flac", {"audio_setting": {"format": "flac"}}, ()),
        ("bytedance/seed-audio-1-0", "opus", {}, ("response_format",)),
    ],
)
def test_formats_of_openai_may_be_asked_of_every_model(
    model: str, form: str, taken: dict[str, object], dropped: tuple[str, ...]
) -> None:
    call = read(model, {"text": "hello", "response_format": form})
    assert {name: call.fields.get(name) for name in taken} == taken
    assert call.dropped == dropped


@pytest.mark.parametrize("sent", [{}, {"url": SOUND, "audio": Upload("a", "audio/wav", b"x")}])
@pytest.mark.parametrize("model", ["nova-3", "openai/gpt-4o-transcribe", "#g1_whisper-large"])
def test_a_transcription_has_exactly_one_source(model: str, sent: dict[str, object]) -> None:
    with pytest.raises(InvalidBody, match="Expected either a link in 'url' or a file in 'audio'") as refused:
        read(model, sent)
    assert refused.value.param == "url"


@pytest.mark.parametrize("name", ["audio", "file"])
@pytest.mark.parametrize("model", ["nova-3", "openai/gpt-4o-transcribe", "#g1_whisper-large"])
def test_a_sound_may_be_sent_under_either_name_to_every_model(model: str, name: str) -> None:
    sound = Upload("a", "audio/wav", b"x")
    call = read(model, {name: sound})
    assert sound in call.fields.values()
    assert not call.dropped


def test_an_edit_takes_pictures_by_link_too_and_up_to_ten_results() -> None:
    call = read("openai/gpt-image-1", {"prompt": "x", "image_url": LINK, "n": 10}, IMAGE_EDITS)
    assert (call.fields["image"], call.fields["n"]) == ([LINK], 10)
    with pytest.raises(InvalidBody, match="'image': Required"):
        read("openai/gpt-image-1", {"prompt": "x"}, IMAGE_EDITS)


def test_every_fault_is_told_whoever_found_it() -> None:
    with pytest.raises(InvalidBody) as refused:
        read("flux/schnell", {"size": "1x1", "n": 9})
    assert [line.partition(":")[0] for line in refused.value.faults] == ["'size'", "'prompt'", "'n'"]
    assert refused.value.param == "size"


def test_a_provider_of_videos_has_an_address_and_others_have_none() -> None:
    met = video_of("kling/generation")
    assert met is not None
    assert met.answers(CATALOGUE.find("runway-gen3/turbo/image-to-video"))
    assert met.answers(CATALOGUE.find("klingai/video-v2-6-pro-text-to-video"))
    assert not met.answers(CATALOGUE.find("veo2"))
    assert [video_of(tail) for tail in ("acme/generation", "kling", "kling/generation/1", "")] == [None] * 4
