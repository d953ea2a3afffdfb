"""Answers in JSON that hold a schema: a grammar for the sampler, and a check of what came out. Pure.

The sampler's grammar (llguidance, inside xllamacpp) leaves out keywords that it cannot enforce, and writes freely,
without a word, where it cannot read a schema at all (tried with xllamacpp 2026.10.11549 on 2026-11-22).
So a schema is read by a validator before, and every whole answer after.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import jsonschema_rs
import msgspec

from modelport.engines.refusals import Refusal, wrong

GRAMMAR = "%llguidance {}\n"
_SPELLING = {
    "lenient": True,
    "coerce_one_of": True,
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
}
_REASON_LETTERS = 300
_JSON_BEGINS = frozenset('{["-0123456789tfn')


class _Validator(Protocol):
    def validate(self, instance: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema that was found to be one."""

    rule: str
    """What a grammar takes for it."""
    validator: _Validator

    @property
    def grammar(self) -> str:
        """Return the grammar of answers that are one value of this schema."""
        return f"{GRAMMAR}start: {self.rule}\n"

    def check(self, text: str, what: str) -> None:
        """Raise `Refusal` unless `text` is a value of the schema."""
        try:
            self.validator.validate(msgspec.json.decode(text))
        except (msgspec.DecodeError, jsonschema_rs.ValidationError) as problem:
            reason = str(problem)[:_REASON_LETTERS].splitlines()[0]
            raise not_held(f"{what} does not hold its schema: {reason}") from problem

    def check_start(self, text: str, what: str) -> None:
        """Raise `Refusal` unless `text`, cut off somewhere, may have been the beginning of a value."""
        if text and text[0] not in _JSON_BEGINS:
            raise not_held(f"{what} is not JSON")


def compiled(schema: Mapping[str, object], param: str) -> Schema:
    """Read a schema; raises `Refusal` naming `param` when it is none, or points outside of itself."""
    try:
        validator: _Validator = jsonschema_rs.validator_for(dict(schema), offline=True)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as problem:
        reason = str(problem)[:_REASON_LETTERS].splitlines()[0]
        raise wrong(f"'{param}' is no JSON schema that the local engine can hold: {reason}.", param) from problem
    rule = msgspec.json.encode({**schema, "x-guidance": _SPELLING}).decode()
    return Schema(f"%json {rule}", validator)


def not_held(message: str) -> Refusal:
    """Say that the engine wrote something else than it had to."""
    return Refusal(
        502,
        f"{message}. The local engine could not enforce all of the schema; try again, give it more tokens, or use a "
        "simpler schema.",
        "schema_not_held",
    )
