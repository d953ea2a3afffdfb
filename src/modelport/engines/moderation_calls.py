"""What the engine of moderation is asked and answers, in OpenAI's shape. Pure."""

import hashlib
from collections.abc import Sequence

import msgspec

from modelport.engines.refusals import wrong
from modelport.operations.moderation import Verdict

MOST_INPUTS = 2048
MOST_CHARACTERS = 200_000
"""Of all inputs of a call together: about a second of one processor."""


class _Part(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    text: str | None = None
    image_url: object = None


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    input: str | list[str | _Part]
    model: str = ""


class _Answer(msgspec.Struct):
    id: str
    model: str
    results: Sequence[Verdict]


def read_moderation_call(body: bytes) -> Sequence[str]:
    """Return the texts to judge, one for each verdict; raises `Refusal` naming what does not fit."""
    try:
        given = msgspec.json.decode(body, type=_Asked).input
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise wrong(f"The body is not a call for moderation: {problem}.") from problem
    texts = [given] if isinstance(given, str) else _texts(given)
    if not texts:
        raise wrong("'input' is empty; send a text, a list of texts, or a list of parts.", "input")
    if len(texts) > MOST_INPUTS:
        raise wrong(f"'input' has {len(texts)} entries; at most {MOST_INPUTS} fit into one call.", "input")
    if (length := sum(map(len, texts))) > MOST_CHARACTERS:
        raise wrong(
            f"'input' has {length} characters, and at most {MOST_CHARACTERS} fit into one call: split it.",
            "input",
            "too_long",
        )
    return texts


def _texts(given: Sequence[str | _Part]) -> list[str]:
    """Tell texts of their own from the parts of one input, whose texts belong together."""
    texts = [one for one in given if isinstance(one, str)]
    if texts and len(texts) != len(given):
        raise wrong("'input' mixes texts and parts; send a list of texts or a list of parts.", "input")
    parts = [_text(index, one) for index, one in enumerate(given) if isinstance(one, _Part)]
    return ["\n".join(parts)] if parts else texts


def _text(index: int, part: _Part) -> str:
    if part.type != "text" or part.text is None:
        raise wrong(
            f"'input[{index}]' is of the type '{part.type[:100]}', and this model judges only texts: use a model that "
            "sees, such as openai/omni-moderation-latest.",
            f"input[{index}]",
        )
    return part.text


def moderation_body(model: str, texts: Sequence[str], verdicts: Sequence[Verdict]) -> bytes:
    """Write the answer; its id is that of what was asked."""
    asked = hashlib.sha256(msgspec.json.encode((model, texts))).hexdigest()
    return msgspec.json.encode(_Answer(f"modr-{asked[:24]}", model, verdicts))
