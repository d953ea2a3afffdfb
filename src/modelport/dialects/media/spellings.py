"""Names and values that mean the same: brings what was sent into the words of the model."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from modelport.catalogue.facts import Operation
from modelport.catalogue.parameters import Parameter
from modelport.catalogue.validation import Fault, shown
from modelport.dialects.media.delivery import pictures_delivered, speech_delivered
from modelport.dialects.media.reading import Reading, members_of, texts_of
from modelport.dialects.media.sizes import sized
from modelport.operations.media import Upload
from modelport.operations.units import COUNTS

SAME: Mapping[Operation, Sequence[Sequence[str]]] = {
    "video": (("tail_image_url", "last_image_url"), ("camera_fixed", "camerafixed"), ("aspect_ratio", "ratio")),
    "speech": (("text", "script", "input"), ("style", "instructions")),
    "transcription": (("audio", "file"), ("multichannel", "multi_channel")),
}
"""Names of one thing: each model takes one of them, a caller may use any."""
SAME_INSIDE = ("sample_rate", "audio_sample_rate")
"""Two names of one member of `audio_setting`."""
PICTURES = ("image", "image_urls", "image_url")
MAX_PICTURES_UNSAID = 1
"""So many pictures a model makes that does not say."""
ANY_CASE = frozenset({"resolution", "image_size"})
"""Fields whose words are the same in any case."""
AS_NUMBERS = frozenset({"duration", "max_resolution"})
"""Fields in which a number may be written as text."""
AS_TEXTS = frozenset({"steps", "sample_rate"})
"""Fields of text in which numbers stand."""
SHOTS = frozenset({"intelligent", "intelligence"})
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


def renamed(reading: Reading) -> None:
    """Give every field the name that the model has for it."""
    for names in SAME.get(reading.operation, ()):
        own = next((name for name in names if name in reading.parameters), None)
        for name in names:
            if own is None or name == own or name in reading.parameters or not reading.has(name):
                continue
            if reading.has(own):
                reading.drop(name)
            else:
                reading.rename(name, own)
    if reading.operation == "images":
        _counted(reading)


def respelled(reading: Reading) -> None:
    """Bring values into the words of the model."""
    for step in (*_STEPS.get(reading.operation, ()), _loosened):
        step(reading)


def _counted(reading: Reading) -> None:
    """Say how many pictures are wanted under the model's own name."""
    sent = [name for name in COUNTS if reading.has(name)]
    if not sent:
        return
    for other in sent[1:]:
        reading.drop(other)
    name = sent[0]
    own = next((count for count in COUNTS if count in reading.parameters), None)
    value = reading.fields[name]
    if own is not None:
        if name != own:
            reading.rename(name, own)
    elif isinstance(value, int | float | str) and value in (1, "1"):
        del reading.fields[name]
    else:
        expected = f"{MAX_PICTURES_UNSAID}, since the model makes one picture in a call"
        reading.faults.append(Fault(name, expected, shown(value)))
        del reading.fields[name]


def _pictured(reading: Reading) -> None:
    """Give pictures under the name, and in the number, in which the model takes them."""
    own = next((name for name in PICTURES if name in reading.parameters), None)
    sent = [name for name in PICTURES if reading.has(name)]
    if own is None or not sent:
        return
    if own not in sent and not any(name in reading.parameters for name in sent):
        reading.rename(sent[0], own)
    value, parameter = reading.fields.get(own), reading.parameters[own]
    if isinstance(value, str | Upload) and parameter.type == "array":
        reading.fields[own] = [value]
    elif isinstance(value, list) and parameter.type == "string" and len(cast("list[object]", value)) == 1:
        reading.fields[own] = cast("list[object]", value)[0]


def _automatic(reading: Reading) -> None:
    """Leave out an `auto` where that is what the model does unasked."""
    for name in ("size", "quality"):
        if reading.fields.get(name) == "auto" and "auto" not in texts_of(reading.parameters.get(name)):
            del reading.fields[name]


def _loosened(reading: Reading) -> None:
    """Take numbers for text and text for numbers where callers mix them up, and words in any case."""
    for name, value in reading.fields.items():
        parameter = reading.parameters.get(name)
        if parameter is None:
            continue
        if isinstance(value, str) and parameter.type in ("integer", "number"):
            if name in AS_NUMBERS and _NUMBER.fullmatch(value):
                reading.fields[name] = float(value) if "." in value else int(value)
        elif isinstance(value, str):
            reading.fields[name] = _word(name, parameter, value)
        elif type(value) in (int, float) and parameter.type == "string" and _is_of_numbers(name, parameter):
            reading.fields[name] = str(value)


def _word(name: str, parameter: Parameter, value: str) -> str:
    known = texts_of(parameter)
    if value in known:
        return value
    if name == "shot_type" and value in SHOTS:
        return next((shot for shot in known if shot in SHOTS), value)
    if name in ANY_CASE and len(value) <= MAX_WORD:
        return next((word for word in known if word.casefold() == value.casefold()), value)
    return value


MAX_WORD = 100


def _is_of_numbers(name: str, parameter: Parameter) -> bool:
    """Whether a text is a number by what is known of it."""
    known = [*texts_of(parameter), *([parameter.default] if isinstance(parameter.default, str) else [])]
    return name in AS_TEXTS or (bool(known) and all(_NUMBER.fullmatch(word) for word in known))


def _set_up(reading: Reading) -> None:
    """Rename what is spelt in two ways inside of `audio_setting`."""
    setting, known = reading.fields.get("audio_setting"), members_of(reading.parameters.get("audio_setting"))
    if not isinstance(setting, dict):
        return
    members = dict(cast("Mapping[str, object]", setting))
    for name, other in (SAME_INSIDE, SAME_INSIDE[::-1]):
        if name in members and name not in known and other in known:
            value = members.pop(name)
            members.setdefault(other, value)
    reading.fields["audio_setting"] = members


Step = Callable[[Reading], None]
_STEPS: Mapping[Operation, Sequence[Step]] = {
    "images": (_pictured, _automatic, pictures_delivered, sized),
    "video": (sized,),
    "speech": (speech_delivered,),
    "music": (_set_up,),
}
