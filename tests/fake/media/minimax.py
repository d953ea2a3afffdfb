"""MiniMax's speech.

Fields: https://platform.minimax.io/docs/api-reference/speech-t2a-http (read 2026-11-29). Refusals have status 200.
"""

from typing import Any

import msgspec

from tests.fake.media.files import SOUNDS
from tests.fake.media.seam import MediaAnswer, MediaAsked, Refused, bearer, only
from tests.fake.vendor import words

PREFIX = "/minimax/v1"
_TAKEN = words(
    "model text stream stream_options voice_setting audio_setting pronunciation_dict timbre_weights language_boost "
    "voice_modify subtitle_enable subtitle_type output_format aigc_watermark continuous_sound"
)
_VOICED = words("voice_id speed vol pitch emotion text_normalization latex_read")
_SET = words("sample_rate bitrate format channel force_cbr")
_MODIFIED = words("pitch intensity timbre sound_effects")
_MODELS = words("speech-2.8-hd speech-2.8-turbo speech-2.6-hd speech-2.6-turbo speech-02-hd speech-02-turbo")
_CODES = {401: 1004, 429: 1002}


def error(refused: Refused) -> MediaAnswer:
    """Write a refusal."""
    code = int(refused.code or _CODES.get(refused.status, 2013))
    return MediaAnswer({"base_resp": {"status_code": code, "status_msg": refused.message}, "trace_id": "t1"})


def answer(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request."""
    if asked.path != "/t2a_v2":
        return None
    bearer(asked)
    body = asked.json
    only(body, _TAKEN, needs=("model", "text"))
    if body["model"] not in _MODELS:
        raise Refused(400, "invalid params, model is not supported")
    for name, known in (("voice_setting", _VOICED), ("audio_setting", _SET), ("voice_modify", _MODIFIED)):
        only(body.get(name, {}), known)
    if not body.get("voice_setting", {}).get("voice_id") and not body.get("timbre_weights"):
        raise Refused(400, "invalid params, voice_id or timbre_weights is required")
    if body.get("output_format", "hex") not in ("hex", "url"):
        raise Refused(400, "invalid params, output_format")
    form = body.get("audio_setting", {}).get("format", "mp3")
    data, _ = SOUNDS[form]
    asked.studio.made["minimax"] += 1
    return _events(data) if body.get("stream") else MediaAnswer(_whole(body, data, form))


def _whole(body: dict[str, Any], data: bytes, form: str) -> dict[str, Any]:
    told: dict[str, Any] = {"audio": data.hex(), "status": 2}
    if body.get("subtitle_enable"):
        told["subtitle_file"] = "https://minimax-algeng-chat-tts-us.oss-us-east-1.aliyuncs.com/audio/titles.json"
    used = {"audio_length": 200, "audio_format": form, "usage_characters": len(body["text"])}
    fine = {"status_code": 0, "status_msg": "success"}
    return {"data": told, "trace_id": "t1", "extra_info": used, "base_resp": fine}


def _events(data: bytes) -> MediaAnswer:
    half = len(data) // 2
    fine = {"base_resp": {"status_code": 0, "status_msg": ""}, "trace_id": "t1"}
    pieces = [{"data": {"audio": part.hex(), "status": 1}, **fine} for part in (data[:half], data[half:])]
    last = {"data": {"audio": "", "status": 2}, "extra_info": {"usage_characters": 5}, **fine}
    body = b"".join(b"data: " + msgspec.json.encode(one) + b"\n\n" for one in (*pieces, last))
    return MediaAnswer(body, content_type="text/event-stream")
