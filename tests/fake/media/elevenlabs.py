"""ElevenLabs' speech and music.

Fields: https://elevenlabs.io/docs/api-reference/text-to-speech/convert, …/stream,
https://elevenlabs.io/docs/api-reference/music/compose (read 2026-11-29). Voices are known by id alone.
"""

import re
from urllib.parse import parse_qs

from modelport.dialects.media.elevenlabs import VOICES
from tests.fake.media.files import SOUNDS
from tests.fake.media.seam import MediaAnswer, MediaAsked, Refused, bearer, only
from tests.fake.vendor import words

PREFIX = "/elevenlabs/v1"
_PATH = re.compile(r"/text-to-speech/([A-Za-z0-9]+)(/stream)?")
_QUERY = words("output_format enable_logging optimize_streaming_latency")
_SPOKEN = words(
    "text model_id language_code voice_settings pronunciation_dictionary_locators seed previous_text next_text "
    "previous_request_ids next_request_ids use_pvc_as_ivc apply_text_normalization apply_language_text_normalization"
)
_SETTINGS = words("stability use_speaker_boost similarity_boost style speed")
_COMPOSED = words("prompt composition_plan music_length_ms model_id seed force_instrumental")
_FORMAT = re.compile(r"(mp3|opus)_\d+_\d+|(pcm|ulaw|alaw)_\d+")
_MODELS = words("eleven_multilingual_v2 eleven_turbo_v2_5 eleven_v3")
_SOUNDS = {"mp3": "mp3", "pcm": "pcm", "opus": "opus", "ulaw": "pcm", "alaw": "pcm"}


def error(refused: Refused) -> MediaAnswer:
    """Write a refusal."""
    return MediaAnswer(
        {"detail": {"status": refused.code or "bad_request", "message": refused.message}}, refused.status
    )


def answer(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request."""
    spoken = _PATH.fullmatch(asked.path)
    if spoken is None and asked.path != "/music":
        return None
    bearer(asked, "", "xi-api-key")
    if asked.method != "POST":
        raise Refused(405, "Method Not Allowed")
    query = parse_qs(asked.query, strict_parsing=bool(asked.query))
    only(query, _QUERY)
    form = query.get("output_format", ["mp3_44100_128"])[-1]
    if not _FORMAT.fullmatch(form):
        raise Refused(400, f"output_format '{form}' is invalid")
    body = asked.json
    if spoken is None:
        only(body, _COMPOSED, needs=("prompt",))
    else:
        only(body, _SPOKEN, needs=("text",))
        only(body.get("voice_settings", {}), _SETTINGS)
        if spoken[1] not in VOICES.values():
            raise Refused(404, f"A voice with voice_id {spoken[1]} was not found.", "voice_not_found")
        if body.get("model_id") not in _MODELS:
            raise Refused(400, "A model with this id does not exist.", "model_not_found")
        if body["model_id"] == "eleven_v3" and not {"previous_text", "next_text"}.isdisjoint(body):
            raise Refused(400, "Providing previous_text or next_text is not yet supported with the 'eleven_v3' model.")
    asked.studio.made["elevenlabs"] += 1
    data, kind = SOUNDS[_SOUNDS[form.partition("_")[0]]]
    return MediaAnswer(data, content_type=kind if form.startswith("mp3") else "application/octet-stream")
