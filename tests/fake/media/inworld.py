"""Inworld's speech: https://docs.inworld.ai/api-reference/ttsAPI/texttospeech/synthesize-speech (read 2026-11-29)."""

import base64

import msgspec

from tests.fake.media.files import SOUNDS
from tests.fake.media.seam import MediaAnswer, MediaAsked, Refused, bearer, only
from tests.fake.vendor import words

PREFIX = "/inworld"
_TAKEN = words(
    "text voiceId modelId audioConfig language deliveryMode temperature timestampType applyTextNormalization"
)
_CONFIG = words("audioEncoding sampleRateHertz bitRate speakingRate")
_MODELS = words("inworld-tts-1.5-max inworld-tts-1.5-mini inworld-tts-2")
_SOUNDS = {"LINEAR16": "wav", "WAV": "wav", "MP3": "mp3", "OGG_OPUS": "opus", "FLAC": "flac", "PCM": "pcm"}
LONGEST = 2000


def error(refused: Refused) -> MediaAnswer:
    """Write a refusal."""
    code = 16 if refused.status == 401 else 3
    return MediaAnswer({"code": code, "message": refused.message, "details": []}, refused.status)


def answer(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request."""
    if asked.path not in ("/tts/v1/voice", "/tts/v1/voice:stream"):
        return None
    bearer(asked, "Basic")
    body = asked.json
    only(body, _TAKEN, needs=("text", "voiceId", "modelId"))
    only(body.get("audioConfig", {}), _CONFIG)
    if body["modelId"] not in _MODELS:
        raise Refused(400, f"Unknown model: {body['modelId']} not found!")
    if len(body["text"]) > LONGEST:
        raise Refused(400, f"text exceeds {LONGEST} characters")
    encoding = body.get("audioConfig", {}).get("audioEncoding", "MP3")
    if encoding not in _SOUNDS:
        raise Refused(400, f"invalid value for enum field audioEncoding: {encoding}")
    data, _ = SOUNDS[_SOUNDS[encoding]]
    asked.studio.made["inworld"] += 1
    used = {"processedCharactersCount": len(body["text"]), "modelId": body["modelId"]}
    if asked.path.endswith("voice"):
        return MediaAnswer({"audioContent": base64.b64encode(data).decode(), "usage": used})
    half = len(data) // 2
    pieces = [{"result": {"audioContent": base64.b64encode(part).decode()}} for part in (data[:half], data[half:])]
    lines = b"".join(msgspec.json.encode(one) + b"\n" for one in (*pieces, {"result": {"usage": used}}))
    return MediaAnswer(lines, content_type="application/json")
