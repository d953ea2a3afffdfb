"""The header by which callers of Messages switch on what is not part of the format yet.

It goes on to providers of the same format only, with the fields that it brings; others could make nothing of either.
The header: https://github.com/anthropics/anthropic-sdk-python 2.12.0 (read 2026-11-22).
"""

import re

import msgspec
from msgspec.structs import replace

from modelport.catalogue.facts import Quirks
from modelport.core.errors import InvalidBody
from modelport.dialects.anthropic_messages.request import parse
from modelport.dialects.wire import Headers
from modelport.operations.chat import ChatCall

HEADER = "anthropic-beta"
MAX_HEADER_BYTES = 1024
_NAMES = re.compile(r"[A-Za-z0-9._\-]+(?:[ \t]*,[ \t]*[A-Za-z0-9._\-]+)*")


class WithBetas:
    """Reads requests of callers who sent the header; it becomes an option of the call."""

    def __init__(self, header: bytes) -> None:
        """Take the header's value as it came."""
        self._header = header

    def parse(self, body: bytes, model: str | None = None) -> ChatCall:
        """Read and validate a request and its header; raises `InvalidBody` for either."""
        call = parse(body, model)
        named = self._header.decode("latin-1").strip(" \t,")
        if not named:
            return call
        if len(named) > MAX_HEADER_BYTES or not _NAMES.fullmatch(named):
            told = f"'{HEADER}': Expected names with commas between them, at most {MAX_HEADER_BYTES} bytes"
            raise InvalidBody((told,), HEADER)
        return replace(call, options={**call.options, HEADER: msgspec.json.encode(named)})


def has_betas(call: ChatCall) -> bool:
    """Whether the caller switched something on."""
    return HEADER in call.options


def beta_header(call: ChatCall, quirks: Quirks) -> Headers:
    """Write the caller's header after the offer's own, which it thus takes in; none where the caller sent none."""
    if not has_betas(call):
        return ()
    own = next((value for name, value in quirks.headers.items() if name.lower() == HEADER), "")
    known = _names(own)
    asked = [name for name in _names(msgspec.json.decode(call.options[HEADER], type=str)) if name not in known]
    return ((HEADER.encode(), ",".join([own, *asked] if own else asked).encode("latin-1", "replace")),)


def _names(listed: str) -> dict[str, None]:
    """Split a list of names; each is kept once."""
    return dict.fromkeys(name.strip() for name in listed.split(","))
