"""Deepgram's speech and transcripts.

Parameters: https://developers.deepgram.com/reference/text-to-speech/speak-request,
https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded and the official SDK's request types; what
is refused: https://developers.deepgram.com/docs/errors, https://developers.deepgram.com/docs/tts-media-output-settings
(read 2026-11-29).
"""

import re
from typing import Any
from urllib.parse import parse_qs

from tests.fake.media.files import SOUNDS
from tests.fake.media.seam import MediaAnswer, MediaAsked, Refused, bearer, only, reachable
from tests.fake.vendor import words

PREFIX = "/deepgram/v1"
_SPOKEN = words("callback callback_method mip_opt_out tag bit_rate container encoding model sample_rate speed")
_HEARD = words(
    "callback callback_method extra sentiment summarize tag topics custom_topic custom_topic_mode intents "
    "custom_intent custom_intent_mode detect_entities detect_language diarize diarize_model dictation encoding "
    "filler_words keyterm keywords language measurements model multichannel numerals paragraphs profanity_filter "
    "punctuate redact replace search smart_format utterances utt_split version mip_opt_out sample_rate"
)
_VOICE = re.compile(r"aura(-2)?-[a-z]+-(en|es|nl|fr|de|it|ja)")
_HEARERS = re.compile(
    r"nova-3(-general|-medical)?|nova-2(-[a-z]+)?|whisper(-(tiny|base|small|medium|large))?|enhanced|base"
)
_CONTAINERS = {
    "linear16": ("wav", "none"),
    "mulaw": ("wav", "none"),
    "alaw": ("wav", "none"),
    "opus": ("ogg",),
    "mp3": (),
    "flac": (),
    "aac": (),
}
_RATES = {
    "linear16": ("8000", "16000", "24000", "32000", "48000"),
    "mulaw": ("8000", "16000"),
    "alaw": ("8000", "16000"),
    "flac": ("8000", "16000", "22050", "32000", "48000"),
}
_SOUNDS = {"linear16": "wav", "mulaw": "wav", "alaw": "wav", "flac": "flac", "opus": "opus", "aac": "aac", "mp3": "mp3"}
_TRUTHS = words(
    "sentiment topics intents detect_entities diarize dictation filler_words measurements multichannel numerals "
    "paragraphs profanity_filter punctuate smart_format utterances mip_opt_out"
)
_MODES = words("strict extended")


def error(refused: Refused) -> MediaAnswer:
    """Write a refusal."""
    code = refused.code or "Bad Request"
    return MediaAnswer({"err_code": code, "err_msg": refused.message, "request_id": "r1"}, refused.status)


def answer(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request."""
    serve = {"/speak": _speak, "/listen": _listen}.get(asked.path)
    if serve is None:
        return None
    bearer(asked, "Token")
    if asked.method != "POST":
        raise Refused(405, "Method Not Allowed")
    return serve(asked, parse_qs(asked.query, keep_blank_values=True, strict_parsing=bool(asked.query)))


def _speak(asked: MediaAsked, query: dict[str, list[str]]) -> MediaAnswer:
    only(query, _SPOKEN)
    only(asked.json, words("text"), needs=("text",))
    one = {name: values[-1] for name, values in query.items()}
    if not _VOICE.fullmatch(one.get("model", "aura-asteria-en")):
        raise Refused(400, f"No such model/version combination found: {one['model']}.")
    encoding = one.get("encoding", "mp3")
    if encoding not in _CONTAINERS:
        raise Refused(400, f"Failed to deserialize query parameters: unknown encoding `{encoding}`.")
    if "container" in one and one["container"] not in _CONTAINERS[encoding]:
        raise Refused(400, "UNSUPPORTED_AUDIO_FORMAT: the container does not go with the encoding.")
    if "sample_rate" in one and one["sample_rate"] not in _RATES.get(encoding, ()):
        raise Refused(400, "UNSUPPORTED_AUDIO_FORMAT: `sample_rate` is not applicable.")
    asked.studio.made["deepgram"] += 1
    is_bare = one.get("container") == "none"
    data, kind = SOUNDS["pcm" if is_bare else _SOUNDS[encoding]]
    counted = ("dg-char-count", str(len(asked.json["text"])))
    return MediaAnswer(data, content_type=kind, headers=(counted, ("dg-request-id", "r1")))


def _listen(asked: MediaAsked, query: dict[str, list[str]]) -> MediaAnswer:
    only(query, _HEARD)
    for name in _TRUTHS & query.keys():
        if query[name] not in (["true"], ["false"]):
            raise Refused(400, f"Failed to deserialize query parameters: `{name}` is no boolean.")
    for name in ("custom_topic_mode", "custom_intent_mode"):
        if name in query and query[name][-1] not in _MODES:
            raise Refused(400, f"Failed to deserialize query parameters: unknown variant in `{name}`.")
    model = query.get("model", ["base"])[-1]
    if not _HEARERS.fullmatch(model):
        raise Refused(400, f"No such model/version combination found: {model}.")
    if "keyterm" in query and not model.startswith("nova-3"):
        raise Refused(400, "Keyterms are only supported with Nova-3.")
    if "keywords" in query and model.startswith("nova-3"):
        raise Refused(400, "Keywords are not supported with Nova-3.")
    _heard(asked)
    asked.studio.made["deepgram"] += 1
    return MediaAnswer(_said(query))


def _heard(asked: MediaAsked) -> None:
    if asked.headers.get("content-type", "").startswith("application/json"):
        body = asked.json
        only(body, words("url"), needs=("url",))
        if body["url"].startswith("data:"):
            raise Refused(400, "Could not determine if URL for media download is publicly routable.")
        reachable(body["url"])
    elif not asked.raw:
        raise Refused(400, "Bad Request: failed to process audio: corrupt or unsupported data")


def _said(query: dict[str, list[str]]) -> dict[str, Any]:
    spoken = [
        {"word": "hello", "start": 0.08, "end": 0.48, "confidence": 0.99, "punctuated_word": "Hello"},
        {"word": "there", "start": 0.48, "end": 0.98, "confidence": 0.99, "punctuated_word": "there."},
    ]
    heard = {"transcript": "Hello there.", "confidence": 0.99, "words": spoken}
    results: dict[str, Any] = {"channels": [{"alternatives": [heard]}]}
    if query.get("utterances") == ["true"]:
        results["utterances"] = [{"start": 0.08, "end": 0.98, "confidence": 0.99, "transcript": "Hello there."}]
    metadata = {"transaction_key": "deprecated", "request_id": "r1", "sha256": "0" * 64, "duration": 2.1, "channels": 1}
    return {"metadata": {**metadata, "created": "2026-11-29T00:00:00.000Z", "models": ["m"]}, "results": results}
