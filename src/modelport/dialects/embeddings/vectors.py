"""Vectors in both forms of OpenAI's: JSON numbers, and base64 of little-endian 32-bit floats."""

import sys
from array import array
from base64 import b64encode
from binascii import Error, a2b_base64

import msgspec
from msgspec import Raw

from modelport.dialects.wire import MalformedReply
from modelport.operations.embeddings import Encoding

_NUMBERS = msgspec.json.Decoder(list[float])
_TEXT = msgspec.json.Decoder(str)
_FLOAT_BYTES = 4


def is_in(raw: Raw, encoding: Encoding) -> bool:
    """Whether a vector is in a form already."""
    return bytes(memoryview(raw)[:1]) == (b'"' if encoding == "base64" else b"[")


def converted(raw: Raw, encoding: Encoding) -> Raw:
    """Return a vector (JSON) in the form that is wanted, untouched where it is in it; raises `MalformedReply`."""
    if is_in(raw, encoding):
        return raw
    try:
        if encoding == "base64":
            return Raw(b'"' + _packed(_NUMBERS.decode(raw)) + b'"')
        return Raw(msgspec.json.encode(_unpacked(_TEXT.decode(raw))))
    except (msgspec.DecodeError, Error, ValueError, OverflowError):
        raise MalformedReply("an embedding of the provider's is neither numbers nor base64 of 32-bit floats") from None


def _packed(numbers: list[float]) -> bytes:
    packed = array("f", numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return b64encode(packed.tobytes())


def _unpacked(text: str) -> list[float]:
    data = a2b_base64(text, strict_mode=True)
    if len(data) % _FLOAT_BYTES:
        raise ValueError("not a whole number of 32-bit floats")
    packed = array("f")
    packed.frombytes(data)
    if sys.byteorder == "big":
        packed.byteswap()
    short = [float(f"{number:.7g}") for number in packed]
    told = array("f", short)
    return [
        one if told[place] == number else float(f"{number:.9g}")  # nine digits tell all 32-bit floats apart
        for place, (one, number) in enumerate(zip(short, packed, strict=True))
    ]
