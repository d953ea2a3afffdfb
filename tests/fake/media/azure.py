"""Azure's speech, and its transcripts on another host.

https://learn.microsoft.com/azure/ai-services/speech-service/rest-text-to-speech,
https://learn.microsoft.com/azure/ai-services/speech-service/mai-transcribe (read 2026-11-29).
"""

import re
from xml.etree import ElementTree

import msgspec

from tests.fake.media.files import SOUNDS
from tests.fake.media.seam import FilePart, MediaAnswer, MediaAsked, Refused, bearer, only
from tests.fake.vendor import words

PREFIX = "/azure-speech/cognitiveservices"
SPACE = "{http://www.w3.org/2001/10/synthesis}"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_FORMATS = {"audio-": "mp3", "riff-": "wav", "raw-": "pcm"}
_FORMAT = re.compile(r"(audio|riff|raw)-(8|16|24|44\.1|48)khz-[a-z0-9-]+")
_VOICE = re.compile(r"[a-z]{2,3}-[A-Z]{2}-[A-Za-z]+(:[A-Za-z0-9-]+)?(Neural|MAI-Voice-\d)?")


def error(refused: Refused) -> MediaAnswer:
    """Write a refusal."""
    return MediaAnswer(
        {"error": {"code": refused.code or "InvalidArgument", "message": refused.message}}, refused.status
    )


def answer(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request for speech."""
    if asked.path != "/v1":
        return None
    bearer(asked, "", "ocp-apim-subscription-key")
    if asked.headers.get("content-type") != "application/ssml+xml":
        raise Refused(415, "Unsupported Media Type")
    wanted = asked.headers.get("x-microsoft-outputformat", "")
    if not _FORMAT.fullmatch(wanted):
        raise Refused(400, f"Unsupported output format {wanted}.")
    try:
        speak = ElementTree.fromstring(asked.raw)
    except ElementTree.ParseError as problem:
        raise Refused(400, f"Ssml parsing error: {problem}") from None
    voices = speak.findall(f"{SPACE}voice")
    if speak.tag != f"{SPACE}speak" or speak.get("version") != "1.0" or not speak.get(LANGUAGE) or len(voices) != 1:
        raise Refused(400, "Ssml should contain at least one [Voice] tag, a version and a language.")
    if not _VOICE.fullmatch(voices[0].get("name", "")) or not voices[0].text:
        raise Refused(400, f"Unsupported voice {voices[0].get('name')}.")
    asked.studio.made["azure-speech"] += 1
    data, kind = SOUNDS[next(form for begin, form in _FORMATS.items() if wanted.startswith(begin))]
    return MediaAnswer(data, content_type=kind)


def heard(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request for a transcript."""
    if asked.path != "/transcriptions:transcribe":
        return None
    bearer(asked, "", "ocp-apim-subscription-key")
    if asked.query != "api-version=2025-10-15":
        raise Refused(400, "The api-version is missing or unknown.")
    form = asked.form
    only(form, words("audio definition"), needs=("audio", "definition"))
    [sound] = form["audio"]
    if not isinstance(sound, FilePart) or not sound.data:
        raise Refused(400, "The audio file is empty.")
    definition = msgspec.json.decode(str(form["definition"][0]).encode())
    only(definition, words("locales profanityFilterMode diarization channels phraseList enhancedMode"))
    mode = definition.get("enhancedMode", {})
    only(mode, words("enabled model task targetLanguage prompt modelOptions"), needs=("enabled", "model"))
    if mode["model"] not in ("mai-transcribe-1.5", "MAI-Transcribe-2"):
        raise Refused(400, f"The model {mode['model']} does not exist.")
    asked.studio.made["azure-transcription"] += 1
    spoken = [
        {"text": "Hello", "offsetMilliseconds": 80, "durationMilliseconds": 400},
        {"text": "there.", "offsetMilliseconds": 480, "durationMilliseconds": 500},
    ]
    phrase = {"offsetMilliseconds": 80, "durationMilliseconds": 900, "text": "Hello there.", "words": spoken}
    said = {"durationMilliseconds": 2100, "combinedPhrases": [{"text": "Hello there."}]}
    return MediaAnswer({**said, "phrases": [{**phrase, "locale": "en-US", "confidence": 0.9}]})
