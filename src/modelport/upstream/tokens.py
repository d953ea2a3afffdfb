"""Tokens for providers that want one signed with a key in place of the key: JWTs by HS256 (RFC 7519)."""

import base64
import hashlib
import hmac
from collections.abc import Mapping

import msgspec

from modelport.core.errors import Secret

VALID_S = 1800
"""How long a token holds. No longer is taken by Kling AI, whose example also lets it hold since a moment ago:
https://app.klingai.com/global/dev/document-api/apiReference/commonInfo (read 2026-11-29)."""
USED_S = 1500
"""How long a token is sent before another one is signed."""
AGO_S = 5
"""How much the clock there may be behind ours."""


def signed(pair: Secret, now_ms: int) -> Secret:
    """Sign a token that holds from now on; `pair` is who issues it, a colon, and the key."""
    issuer, _, key = pair.reveal().partition(":")
    now_s = now_ms // 1000
    claims = {"iss": issuer, "exp": now_s + VALID_S, "nbf": now_s - AGO_S}
    said = f"{_written({'alg': 'HS256', 'typ': 'JWT'})}.{_written(claims)}"
    return Secret(f"{said}.{_packed(hmac.digest(key.encode(), said.encode(), hashlib.sha256))}")


def _written(value: Mapping[str, object]) -> str:
    return _packed(msgspec.json.encode(value))


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
