"""What a request may hold beside `model`: one parameter each, in the words of JSON Schema."""

from collections.abc import Mapping
from typing import Literal

import msgspec

Kind = Literal["string", "integer", "number", "boolean", "array", "object", "file"]
Scalar = str | int | float | bool


class Parameter(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, rename="camel"):
    """What one field, or one value inside a field, may be; what is not said is not bounded."""

    type: Kind | None = None
    """`file` is an upload; None where `any_of` says it, or anything goes."""
    required: bool = False
    nullable: bool = False
    enum: tuple[Scalar, ...] | None = None
    default: Scalar | list[Scalar] | dict[str, Scalar] | None = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    exclusive_minimum: int | float | None = None
    multiple_of: int | float | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    pattern: str | None = None
    format: str | None = None
    items: "Parameter | None" = None
    properties: "Mapping[str, Parameter] | None" = None
    additional_properties: "Parameter | None" = None
    any_of: "tuple[Parameter, ...]" = ()
    description: str = ""
    needs: str = ""
    """The capability without which a model does not take it; of top-level parameters."""


Parameters = Mapping[str, Parameter]

_decoder = msgspec.json.Decoder(dict[str, Parameter])


def encoded(parameters: Parameters) -> bytes:
    """Write parameters as JSON, in their order."""
    return msgspec.json.encode(parameters)


def decoded(data: bytes) -> Parameters:
    """Read what `encoded` wrote."""
    return _decoder.decode(data) if data else {}
