"""What the samples of media and embeddings send, made of what a model's parameters allow."""

from collections.abc import Mapping

from modelport.catalogue.facts import Model
from modelport.catalogue.parameters import Parameter, Parameters
from modelport.console.asks import FILM, Ask
from modelport.console.things import PICTURE_URL

Json = Mapping[str, object]

_SOUND = "https://mdn.github.io/shared-assets/audio/t-rex-roar.mp3"
_DOCUMENT = "https://www.rfc-editor.org/rfc/pdfrfc/rfc9110.txt.pdf"
_LYRICS = "[Verse]\nThe tide comes in, the boats go out\n[Chorus]\nHarbour lights, carry me home"
_BY_NAME: Mapping[str, object] = {
    "prompt": "A lighthouse in the fog, in watercolour",
    "text": "The ferry leaves at nine from the second pier.",
    "script": "Speaker 0: The ferry leaves at nine.",
    "lyrics": _LYRICS,
    "input": "a harbour",
    "document": _DOCUMENT,
    "document_url": _DOCUMENT,
    "audio": _SOUND,
    "audio_url": _SOUND,
    "reference_audio_url": _SOUND,
    "video_url": FILM,
    "video_urls": [FILM],
    "mesh_url": "https://raw.githubusercontent.com/KhronosGroup/glTF-Sample-Assets/main/Models/Duck/glTF-Binary/Duck.glb",
}
_PICTURES = ("image", "image_url", "uri")
_PROMPTS = {
    "video": "A paper boat drifts down a rainy street",
    "music": "A slow waltz for accordion, like an evening in a harbour",
    "images": "A lighthouse in the fog, in watercolour",
}
_TELLING = ("size", "image_size", "aspect_ratio", "resolution", "duration", "voice", "quality", "dimensions")
"""Optional parameters that a reader looks for first."""
_SHOWN = 3
_MORE = (
    ("image", "From an image", ("image_url", "image_urls", "image", "first_frame_image", "reference_image_urls")),
    ("frames", "First and last frame", ("last_image_url", "tail_image_url")),
    ("video", "From a video", ("video_url", "video_urls")),
    ("audio", "With audio", ("audio_url", "audio_urls", "reference_audio_url")),
)
_FREE_TEXT = "harbour"
_REMARK = "What a lovely harbour!"


def media_asks(model: Model, parameters: Parameters) -> tuple[Ask, ...]:
    """List the calls to show of a model that is none for chat, the plainest first."""
    body = _plain(model, parameters)
    found = [Ask("call", "A call", body)]
    for key, title, names in _MORE:
        name = next((name for name in names if name in parameters), None)
        if name is not None and name not in body:
            more = {**body, name: fitting(name, parameters[name], model.operation)}
            if key == "frames" and "image_url" in parameters:
                more["image_url"] = fitting("image_url", parameters["image_url"], model.operation)
            found.append(Ask(key, title, more))
    if model.operation == "moderation" and "image" in model.inputs:
        parts = [{"type": "text", "text": _REMARK}, {"type": "image_url", "image_url": {"url": PICTURE_URL}}]
        found.append(Ask("image", "A text and a picture", {**body, "input": parts}))
    stream = parameters.get("stream")
    if stream is not None and stream.enum != (False,):
        note = "The sound comes as bytes while it is made."
        found.append(Ask("streaming", "Streaming", {**body, "stream": True}, "bytes", note))
    return tuple(found)


def _plain(model: Model, parameters: Parameters) -> dict[str, object]:
    operation = model.operation
    body: dict[str, object] = {"model": model.id}
    for name, parameter in parameters.items():
        if parameter.required:
            body[name] = fitting(name, parameter, operation)
    if operation == "transcription":
        body["url"] = _SOUND
    prompt = parameters.get("prompt")
    if prompt is not None and operation in _PROMPTS:
        body["prompt"] = fitting("prompt", prompt, operation)
    if operation == "speech" and "stream" in parameters and parameters["stream"].enum != (False,):
        body["stream"] = False
    for name in [name for name in _TELLING if name in parameters and name not in body][:_SHOWN]:
        body[name] = fitting(name, parameters[name], operation)
    return body


def fitting(name: str, parameter: Parameter, operation: str = "") -> object:
    """Return a value that the parameter allows, one that tells something where the name says what is meant."""
    if parameter.default is not None and not parameter.required:
        return parameter.default
    if parameter.enum:
        return parameter.enum[0]
    if parameter.any_of:
        return fitting(name, parameter.any_of[0], operation)
    match parameter.type:
        case "object":
            return _object(parameter, operation)
        case "array":
            return _array(name, parameter, operation)
        case "integer" | "number":
            return _number(name, parameter)
        case "boolean":
            return True
        case _:
            return _text(name, parameter, operation)


def _object(parameter: Parameter, operation: str) -> object:
    inner = parameter.properties or {}
    return {name: fitting(name, one, operation) for name, one in inner.items() if one.required}


def _array(name: str, parameter: Parameter, operation: str) -> object:
    if name in _BY_NAME and isinstance(_BY_NAME[name], list):
        return _BY_NAME[name]
    item = parameter.items or Parameter(type="string")
    singular = "audio_url" if name.startswith("audio") else "image_url" if _is_picture(name) else name
    return [fitting(singular, item, operation)] * max(1, parameter.min_items or 1)


def _number(name: str, parameter: Parameter) -> object:
    least = 1 if parameter.minimum is None else parameter.minimum
    if name == "dimensions" and parameter.maximum is not None:
        return min(256, int(parameter.maximum))
    if name == "duration" and parameter.maximum is not None:
        return min(5, int(parameter.maximum)) if least <= 5 else least
    return least


def _text(name: str, parameter: Parameter, operation: str) -> object:
    if name == "prompt":
        value = _PROMPTS.get(operation, str(_BY_NAME["prompt"]))
    elif _is_picture(name):
        value = PICTURE_URL
    else:
        value = str(_BY_NAME.get(name, _FREE_TEXT))
    return value if parameter.max_length is None else value[: parameter.max_length]


def _is_picture(name: str) -> bool:
    return "image" in name or "picture" in name or name == "uri"
