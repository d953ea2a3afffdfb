"""A vendor: its paths, models and fields, and the words in which it refuses."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is an error, before it takes a vendor's form."""

    status: int
    message: str
    param: str | None = None
    code: str | None = None
    type: str = "invalid_request_error"


def _no_more(usage: Mapping[str, Any]) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Vendor:
    """How one vendor differs."""

    id: str
    prefix: str
    models: frozenset[str]
    error: Callable[[Refusal], Any]
    serves: frozenset[str] = frozenset({"/chat/completions"})
    """The paths below the prefix that are answered; `/models/` stands for Gemini's methods."""
    families: str = ""
    """A regular expression of more names of models."""
    key_header: str = "authorization"
    """The header that holds the key; in `authorization` it follows `Bearer`."""
    fields: frozenset[str] | None = None
    """The top-level fields that are taken; None when unknown ones are ignored."""
    message_fields: frozenset[str] | None = None
    refuses: frozenset[str] = frozenset()
    """Fields that are known and refused."""
    schemas: frozenset[str] = frozenset({"text", "json_object", "json_schema"})
    """The kinds of `response_format` that are taken."""
    tool_kinds: frozenset[str] = frozenset({"function", "custom"})
    phrases: Mapping[str, str] = field(default_factory=dict[str, str])
    statuses: Mapping[str, int] = field(default_factory=dict[str, int])
    unknown_code: str | None = None
    """The code of the refusal of an unknown field."""
    max_choices: int = 128
    temperature_below_two: bool = False
    temperature_limit: float = 2
    needs_key: bool = True
    reasoning_field: str = "reasoning_content"
    thinkers: frozenset[str] = frozenset()
    """Models that reason unless told not to."""
    thinks_on_effort: bool = False
    """Whether `reasoning_effort` makes any model reason."""
    always_sends_usage: bool = False
    sends_comments: bool = False
    always_searches: bool = False
    more_usage: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _no_more
    """What is added to the usage of a chat completion."""
    aliases: tuple[str, ...] = ()
    """Other prefixes under which it is found."""

    def has(self, model: str) -> bool:
        """Whether the vendor sells a model."""
        return model in self.models or bool(self.families and re.fullmatch(self.families, model))


DEFAULT_PHRASES: dict[str, str] = {
    "unknown_field": "Unrecognized request argument supplied: {name}",
    "unknown_message_field": "Unrecognized message argument supplied: {name}",
    "refused_field": "Unsupported parameter: '{name}' is not supported with this model.",
    "unknown_model": "The model `{model}` does not exist.",
    "no_key": "No API key was sent.",
    "wrong_key": "The API key is not valid.",
    "refused_format": "Invalid value for 'response_format.type': '{form}'.",
}


def phrase(vendor: Vendor, kind: str, **values: object) -> str:
    """Say something in a vendor's words."""
    return vendor.phrases.get(kind, DEFAULT_PHRASES[kind]).format(**values)


def error_body(vendor: Vendor, refusal: Refusal) -> bytes:
    """Encode a refusal in a vendor's form."""
    return msgspec.json.encode(vendor.error(refusal))


def words(text: str) -> frozenset[str]:
    """Cut a list of names at its spaces."""
    return frozenset(text.split())


def thinks(model: str) -> bool:
    """Whether a model reasons before it answers."""
    name = model.rpartition("/")[2].lower()
    return "thinking" in name or "speciale" in name or "gpt-oss" in name or name == "thinker" or hides_thoughts(model)


def hides_thoughts(model: str) -> bool:
    """Whether a model reasons without showing it, and so takes `max_completion_tokens` only."""
    name = model.rpartition("/")[2].lower()
    return re.fullmatch(r"o[134](-.*)?|gpt-([5-9](?!.*chat)).*", name) is not None
