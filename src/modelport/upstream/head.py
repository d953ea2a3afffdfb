"""The head of a request, built from parts of which none can start a line of its own."""

import re
from collections.abc import Iterable, Mapping

from modelport import __version__
from modelport.catalogue.facts import AuthScheme
from modelport.core.errors import Secret
from modelport.upstream.address import UnsafeRequest

USER_AGENT = f"modelport/{__version__}".encode()
_NAME = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")
_OURS = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection", b"expect", b"upgrade", b"te"})

Fields = Iterable[tuple[bytes, bytes]]


def request_head(method: str, path: str, authority: str, fields: Fields) -> bytes:
    """Write the request line, `host` and `fields`, each with its line end; raises `UnsafeRequest`.

    A later field replaces an earlier one of the same name. Framing is not among them: it is added last, per request.
    """
    unique: dict[bytes, bytes] = {}
    for name, value in fields:
        name = name.lower()
        if _NAME.fullmatch(name) is None or _VALUE.fullmatch(value) is None:
            raise UnsafeRequest(
                f"The header {name[:64]!r} has a character that headers cannot carry; nothing was sent."
            )
        if name in _OURS:
            raise UnsafeRequest(f"The header `{name.decode()}` belongs to the connection and cannot be set.")
        unique[name] = value
    lines = [f"{method} {path} HTTP/1.1\r\nhost: {authority}\r\n".encode("ascii")]
    lines += [b"%b: %b\r\n" % field for field in unique.items()]
    return b"".join(lines)


_WORDS: Mapping[AuthScheme, bytes] = {
    "bearer": b"Bearer ",
    "jwt": b"Bearer ",
    "basic": b"Basic ",
    "key": b"Key ",
    "token": b"Token ",
}
"""What stands before a credential in `Authorization`."""


def credential(scheme: AuthScheme, secret: Secret, owner: str) -> tuple[bytes, bytes]:
    """Write the header that carries a credential; the message of a secret that cannot be sent does not show it."""
    value = secret.reveal()
    if not value.isascii() or not value.isprintable() or not value or " " in value:
        raise UnsafeRequest(
            f"The credential of {owner} is empty or has a space, line end or other such character in it."
        )
    if scheme in _WORDS:
        return b"authorization", _WORDS[scheme] + value.encode("ascii")
    return scheme.encode("ascii"), value.encode("ascii")
