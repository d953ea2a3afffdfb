"""DashScope's speech: https://www.alibabacloud.com/help/en/model-studio/qwen-tts-api (read 2026-11-29)."""

from tests.fake.media.files import wav
from tests.fake.media.seam import MediaAnswer, MediaAsked, Refused, only
from tests.fake.vendor import words

MODEL = "qwen3-tts-flash"
LONGEST = 600
_VOICES = words(
    "Cherry Ethan Nofish Jennifer Ryan Katerina Elias Jada Dylan Sunny Li Marcus Roy Peter Rocky Kiki Eric Serena "
    "Chelsie"
)


def spoken(asked: MediaAsked) -> MediaAnswer:
    """Answer a request for speech."""
    body = asked.json
    only(body, words("model input parameters"), needs=("model", "input"))
    said = body["input"]
    only(said, words("text voice language_type instructions optimize_instructions"), needs=("text", "voice"))
    if said["voice"] not in _VOICES:
        raise Refused(400, f"Voice '{said['voice']}' is not supported.")
    if len(said["text"]) > LONGEST:
        raise Refused(400, f"Range of input length should be [0, {LONGEST}]")
    asked.studio.made["dashscope"] += 1
    link = asked.studio.file(wav(), "audio/wav", "said.wav")
    audio = {"data": "", "url": link, "id": "audio_1", "expires_at": 1_790_000_000}
    output = {"finish_reason": "stop", "audio": audio}
    return MediaAnswer({"output": output, "usage": {"characters": len(said["text"])}, "request_id": "r1"})
