"""Writes forms (`multipart/form-data`) for providers that take files in them."""

import hashlib
from collections.abc import Iterable, Sequence

from modelport.dialects.wire import Headers
from modelport.operations.media import Upload

FormField = tuple[str, str | Upload]
_ESCAPED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


def form(fields: Sequence[FormField]) -> tuple[Headers, bytes]:
    """Write a form; return its headers and its body. The boundary is in none of the parts: it is made of them."""
    boundary = b"modelport" + _digest(fields).encode()
    lines: list[bytes] = []
    for name, value in fields:
        lines.append(b"--" + boundary + b"\r\n")
        label = f'form-data; name="{name.translate(_ESCAPED)}"'
        if isinstance(value, Upload):
            file = (value.name or "file").translate(_ESCAPED)
            lines.append(f'Content-Disposition: {label}; filename="{file}"\r\n'.encode())
            lines.append(f"Content-Type: {value.content_type or 'application/octet-stream'}\r\n\r\n".encode())
            lines.append(value.data)
        else:
            lines.append(f"Content-Disposition: {label}\r\n\r\n{value}".encode())
        lines.append(b"\r\n")
    lines.append(b"--" + boundary + b"--\r\n")
    kind = b"multipart/form-data; boundary=" + boundary
    return ((b"content-type", kind), (b"accept", b"application/json")), b"".join(lines)


def _digest(fields: Iterable[FormField]) -> str:
    digest = hashlib.sha256()
    for name, value in fields:
        digest.update(name.encode() + b"\0")
        digest.update(value.data if isinstance(value, Upload) else value.encode())
    return digest.hexdigest()[:32]
