"""Documents of the API, as tests read them."""

from typing import Any

import msgspec
from openapi_spec_validator import OpenAPIV31SpecValidator

Json = dict[str, Any]


def faults(document: Json) -> list[str]:
    """Say what is wrong with a document by the letter of OpenAPI 3.1."""
    found = OpenAPIV31SpecValidator(document).iter_errors()
    return [f"{'/'.join(map(str, fault.path))}: {fault.message}" for fault in found]


def plain(document: object) -> Json:
    """Return a document as a reader of its JSON has it."""
    read: Json = msgspec.json.decode(msgspec.json.encode(document))
    return read
