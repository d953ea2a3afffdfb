"""How a file is wanted: what the gateway does itself, for every model, whatever the model's own switches are."""

from collections.abc import Mapping, Sequence

from modelport.catalogue.validation import Fault, shown
from modelport.catalogue.wording import one_of
from modelport.dialects.media.reading import Reading, members_of, texts_of
from modelport.operations.media import Delivery

PICTURE_FORMS: Mapping[str, Delivery] = {"url": "url", "b64_json": "base64"}
OPENAI_VOICES = frozenset(
    {
        "alloy",
        "ash",
        "ballad",
        "cedar",
        "coral",
        "echo",
        "fable",
        "marin",
        "nova",
        "onyx",
        "sage",
        "shimmer",
        "verse",
    }
)
"""Voices that clients ask of any model; one that has others speaks with its own."""
OPENAI_FORMATS = frozenset({"mp3", "opus", "aac", "flac", "wav", "pcm"})
_WRITTEN: Mapping[str, Mapping[str, str]] = {
    "format": {},
    "encoding": {"wav": "linear16", "pcm": "linear16"},
    "output_format": {"mp3": "mp3_44100_128", "opus": "opus_48000_128", "pcm": "pcm_24000"},
}
"""How a format is called in fields that have words of their own for it."""
_CONTAINERS = {"wav": "wav", "pcm": "none"}
_NESTED: Sequence[str] = ("audio_setting", "audio_config")


def pictures_delivered(reading: Reading) -> None:
    """Read whether pictures are wanted as links or as base64, in any of the three spellings."""
    fields, known = reading.fields, reading.parameters
    asked = fields.get("response_format")
    form = fields.get("output_format")
    if asked is None and isinstance(form, str) and form in PICTURE_FORMS:
        asked = fields.pop("output_format")
    if asked is None:
        linked = fields.get("convert_base64_to_url")
        if isinstance(linked, bool):
            reading.delivery = "url" if linked else "base64"
            if "convert_base64_to_url" not in known:
                del fields["convert_base64_to_url"]
        return
    if not isinstance(asked, str) or asked not in PICTURE_FORMS:
        reading.faults.append(Fault("response_format", one_of(tuple(PICTURE_FORMS)), shown(asked)))
        fields.pop("response_format", None)
        return
    reading.delivery = PICTURE_FORMS[asked]
    fields.pop("response_format", None)
    if "response_format" in known:
        fields["response_format"] = asked
    if "convert_base64_to_url" in known:
        fields["convert_base64_to_url"] = asked == "url"


def speech_delivered(reading: Reading) -> None:
    """Read how speech is wanted, and find the model's own words for OpenAI's voices and formats."""
    _streamed(reading)
    _voiced(reading)
    _formatted(reading)


def _streamed(reading: Reading) -> None:
    """A stream is the sound itself, and every model can give it: those that cannot stream are read to their end."""
    stream, parameter = reading.fields.get("stream"), reading.parameters.get("stream")
    if isinstance(stream, bool):
        reading.delivery = "bytes" if stream else "url"
        if parameter is None or not reading.fits("stream", stream):
            del reading.fields["stream"]


def _voiced(reading: Reading) -> None:
    voice, parameter = reading.fields.get("voice"), reading.parameters.get("voice")
    if not isinstance(voice, str) or (parameter is not None and reading.fits("voice", voice)):
        return
    if voice in OPENAI_VOICES:
        reading.drop("voice")
    elif "voice_id" in members_of(reading.parameters.get("voice_setting")) and not reading.has("voice_setting"):
        reading.put("voice", "voice_setting", {"voice_id": voice})


def _formatted(reading: Reading) -> None:
    wanted, parameter = reading.fields.get("response_format"), reading.parameters.get("response_format")
    if not isinstance(wanted, str) or wanted not in OPENAI_FORMATS:
        return
    if parameter is not None:
        if not reading.fits("response_format", wanted):
            reading.drop("response_format")
        return
    for name, written in _WRITTEN.items():
        word = written.get(wanted, wanted)
        if word in texts_of(reading.parameters.get(name)) and not reading.has(name):
            reading.put("response_format", name, word)
            if name == "encoding" and "container" in reading.parameters and wanted in _CONTAINERS:
                reading.fields.setdefault("container", _CONTAINERS[wanted])
            return
    for name in _NESTED:
        if wanted in texts_of(members_of(reading.parameters.get(name)).get("format")) and not reading.has(name):
            reading.put("response_format", name, {"format": wanted})
            return
    reading.drop("response_format")
