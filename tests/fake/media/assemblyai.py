"""AssemblyAI's transcripts.

Fields: https://www.assemblyai.com/docs/api-reference/transcripts/submit, …/files/upload (read 2026-11-29).
"""

import re
from typing import Any
from uuid import uuid4

from tests.fake.media.seam import MediaAnswer, MediaAsked, Refused, bearer, only, reachable
from tests.fake.vendor import words

PREFIX = "/assemblyai/v2"
_UPLOADED = "https://cdn.assemblyai.com/upload/"
_TAKEN = words(
    "audio_url audio_end_at audio_start_from auto_chapters auto_highlights content_safety content_safety_confidence "
    "custom_spelling disfluencies domain entity_detection filter_profanity format_text iab_categories keyterms_prompt "
    "language_code language_codes language_confidence_threshold language_detection language_detection_options "
    "multichannel prompt punctuate redact_pii redact_pii_audio redact_pii_audio_options redact_pii_audio_quality "
    "redact_pii_policies redact_pii_sub sentiment_analysis speaker_labels speaker_options speakers_expected "
    "speech_models speech_threshold speech_understanding summarization summary_model summary_type temperature "
    "webhook_auth_header_name webhook_auth_header_value webhook_url"
)
_MODELS = words("universal-2 universal-3-pro universal-3-5-pro")
_JOB = re.compile(r"/transcript/([0-9a-f-]+)")


def error(refused: Refused) -> MediaAnswer:
    """Write a refusal."""
    return MediaAnswer({"error": refused.message}, refused.status)


def answer(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request."""
    job = _JOB.fullmatch(asked.path)
    if job is None and asked.path not in ("/upload", "/transcript"):
        return None
    bearer(asked, "")
    if asked.method != ("POST" if job is None else "GET"):
        raise Refused(405, "Method Not Allowed")
    if job is not None:
        return _told(asked, job[1])
    return _uploaded(asked) if asked.path == "/upload" else _taken(asked)


def _uploaded(asked: MediaAsked) -> MediaAnswer:
    if not asked.raw or asked.headers.get("content-type") != "application/octet-stream":
        raise Refused(422, "Upload failed: no bytes as application/octet-stream")
    return MediaAnswer({"upload_url": f"{_UPLOADED}{uuid4()}"})


def _taken(asked: MediaAsked) -> MediaAnswer:
    body = asked.json
    only(body, _TAKEN, needs=("audio_url", "speech_models"))
    if not set(body["speech_models"]) <= _MODELS:
        raise Refused(400, '"speech_models" must be a list of known models')
    if not body["audio_url"].startswith(_UPLOADED):
        reachable(body["audio_url"])
    if body.get("language_code") and body.get("language_detection"):
        raise Refused(400, "language_code and language_detection cannot be used together")
    if body.get("auto_chapters") and body.get("summarization"):
        raise Refused(400, "Only one of the following models can be enabled at a time: auto_chapters, summarization.")
    if not all(isinstance(one.get("from"), list) for one in body.get("custom_spelling", [])):
        raise Refused(400, '"custom_spelling.from" must be a list')
    asked.studio.made["assemblyai"] += 1
    job = str(uuid4())
    asked.studio.jobs[job] = {"body": body, "polls": asked.studio.polls}
    return MediaAnswer({"id": job, "status": "queued", "text": None, "error": None, **body})


def _told(asked: MediaAsked, job: str) -> MediaAnswer:
    found = asked.studio.jobs.get(job)
    if found is None:
        raise Refused(404, "Transcript lookup error, transcript id not found")
    told: dict[str, Any] = {"id": job, "error": None, **found["body"]}
    if found["polls"] > 0:
        found["polls"] -= 1
        return MediaAnswer({**told, "status": "processing", "text": None, "words": None})
    said = [
        {"text": "Hello", "start": 80, "end": 480, "confidence": 0.99, "speaker": None},
        {"text": "there.", "start": 480, "end": 980, "confidence": 0.98, "speaker": None},
    ]
    whole = {"status": "completed", "text": "Hello there.", "words": said, "audio_duration": 2, "utterances": None}
    return MediaAnswer({**told, **whole, "language_code": found["body"].get("language_code", "en_us")})
