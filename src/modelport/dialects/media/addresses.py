"""The addresses at which media is asked for, and which models answer at each."""

from collections.abc import Mapping

from msgspec import Struct

from modelport.catalogue.facts import Model, Operation
from modelport.operations.media import Delivery

MAKERS: Mapping[str, str] = {
    "alibaba": "Alibaba Cloud",
    "bytedance": "ByteDance",
    "google": "Google",
    "kling": "Kling AI",
    "luma-ai": "Luma AI",
    "minimax": "MiniMax",
    "pixverse": "PixVerse",
    "runway": "Runway",
}
"""Whose videos are made under `/v2/generate/video/{provider}/generation`."""


class Met(Struct, frozen=True):
    """An address at which media is asked for."""

    operations: tuple[Operation, ...]
    """What may be asked for there; the first names it."""
    endpoint: str
    """The canonical path, as models name it among theirs."""
    is_edit: bool = False
    takes_forms: bool = False
    delivery: Delivery | None = None
    """How files are delivered there to callers who do not say; None for as the model does."""
    maker: str = ""
    """Whose models answer there beside those that name the path."""
    is_captioned: bool = False
    """Whether transcripts come there in OpenAI's forms, and can be asked for as in its API."""
    streams: bool = False
    """Whether what is made can be told there in events, as far as it is made."""
    is_translated: bool = False
    """Whether what is said is told in English there."""
    is_job: bool = False
    """Whether what is asked for there is made later, and its end told where the caller says."""

    def answers(self, model: Model) -> bool:
        """Whether a model is asked here: it names this path, or all of its kind and maker are."""
        if model.operation not in self.operations:
            return False
        return self.endpoint in model.endpoints or (bool(self.maker) and model.maker == self.maker)


IMAGES = Met(("images", "3d"), "/v1/images/generations", streams=True)
IMAGE_LINKS = Met(("images",), "/v1/images/generations/with-url", delivery="url")
IMAGE_EDITS = Met(("images",), "/v1/images/edits", is_edit=True, takes_forms=True, streams=True)
VIDEO = Met(("video",), "/v2/video/generations", is_job=True)
MUSIC = Met(("music",), "/v2/generate/audio", is_job=True)
MINIMAX_MUSIC = Met(("music",), "/v2/generate/audio/minimax/generate", is_job=True)
SPEECH = Met(("speech",), "/v1/tts", delivery="url")
SPEECH_BYTES = Met(("speech",), "/v1/tts", delivery="bytes")
"""`/v1/audio/speech`, whose clients read the sound itself."""
TRANSCRIPTION = Met(("transcription",), "/v1/stt/create", takes_forms=True, is_job=True)
TRANSCRIPTION_NOW = Met(("transcription",), "/v1/stt", takes_forms=True)
CAPTIONS = Met(("transcription",), "/v1/stt/create", takes_forms=True, is_captioned=True)
"""`/v1/audio/transcriptions`."""
TRANSLATIONS = Met(("transcription",), "/v1/stt/create", takes_forms=True, is_captioned=True, is_translated=True)
"""`/v1/audio/translations`."""
OCR = Met(("ocr",), "/v1/ocr")
MODERATION = Met(("moderation",), "/v1/moderations")


def video_of(tail: str) -> Met | None:
    """Return the address behind `/v2/generate/video/`: `{provider}/generation`."""
    provider, slash, end = tail.partition("/")
    maker = MAKERS.get(provider)
    if maker is None or not slash or end != "generation":
        return None
    return Met(("video",), f"/v2/generate/video/{provider}/generation", maker=maker, is_job=True)


_WHERE: Mapping[str, Met] = {
    met.endpoint: met
    for met in (IMAGES, IMAGE_EDITS, VIDEO, MUSIC, MINIMAX_MUSIC, SPEECH, TRANSCRIPTION, OCR, MODERATION)
}
_VIDEO_OF = "/v2/generate/video/"


def met_at(endpoint: str) -> Met:
    """Return the address that a job was asked for at, by its canonical path."""
    return video_of(endpoint.removeprefix(_VIDEO_OF)) or _WHERE[endpoint]
